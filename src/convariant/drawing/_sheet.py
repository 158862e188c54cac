"""Panels of windows on two and three axes: canvas, kernel and output from left to right."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convariant.drawing._board import Board
from convariant.drawing._canvas import Place
from convariant.drawing._cells import canvas_grid, caption, cell, grid, number, places_of
from convariant.drawing._numbers import by, short
from convariant.drawing._scene import (
    HEADING,
    Line,
    Panel,
    Polygon,
    Shape,
    Step,
    Text,
    Track,
    bottom_of,
    row_of,
)
from convariant.drawing._sweep import Meeting, Sweep

UNIT, SLANTED_UNIT = 32.0, 30.0
GAP = 54.0


@dataclass(frozen=True)
class Words:
    """What stands under the three boards of a panel, and over it."""

    heading: str = ""
    x: str = "input"
    x_second: str = ""
    kernel: str = "kernel"
    y: str = "output"


@dataclass(frozen=True)
class Sheet:
    """The boards of one sweep on the paper."""

    sweep: Sweep
    x: Board
    filters: tuple[Board, ...]
    y: Board
    words: Words
    values: bool

    @classmethod
    def of(cls, sweep: Sweep, words: Words, *, values: bool) -> Sheet:
        """Set the boards side by side, their middles on one height."""
        axes = len(sweep.canvas.size)
        deep = axes == 3 or max(sweep.x.shape[0], sweep.y.shape[0]) > 1
        unit = SLANTED_UNIT if deep else UNIT
        x = Board.of(
            (sweep.x.shape[0], *sweep.canvas.size),
            unit,
            per_group=sweep.filter_channels if axes < 3 else 0,
            slanted=deep,
        )
        kernel = Board.of(
            (sweep.filter_channels, *sweep.canvas.window.kernel_size), unit, slanted=deep
        )
        y_groups = sweep.filters_per_group if axes < 3 else 0
        y = Board.of(sweep.y.shape, unit, per_group=y_groups, slanted=deep)
        if axes < 3:
            kernel = replace(kernel, plane_pitch=x.step)
        height = max(x.height, kernel.height, y.height)
        top = HEADING if words.heading else 0.0
        x = replace(x, at=(0.0, top + (height - x.height) / 2))
        kernel_x = x.width + GAP
        filters = _filters(sweep, kernel, x, kernel_x, top + (height - kernel.height) / 2)
        y_x = kernel_x + sweep.filters_per_group * (kernel.width + 14) - 14 + GAP
        y = replace(y, at=(y_x, top + (height - y.height) / 2))
        return cls(sweep, x, filters, y, words, values)

    def panel(self, still: Place) -> Panel:
        """The panel, standing still at one output element."""
        outputs = list(self.sweep.outputs())
        track = Track(tuple(self._step(o) for o in outputs), still=outputs.index(still))
        width = self.y.at[0] + self.y.width
        shapes = tuple(self._still_part(outputs))
        height = bottom_of(shapes) + 10
        first, last = self.filters[0], self.filters[-1]
        edges = [
            (self.x.at[0], self.x.at[0] + self.x.width),
            (first.at[0], last.at[0] + last.width),
            (self.y.at[0], width),
        ]
        regions = row_of(edges, height, self.words.heading)
        return Panel(width, height, shapes, (track,), tuple(regions))

    def _still_part(self, outputs: list[Place]) -> list[Shape]:
        sweep, words = self.sweep, self.words
        axes = len(sweep.canvas.size)
        numbers = {o: i for i, o in enumerate(outputs)}
        shapes: list[Shape] = []
        if words.heading:
            shapes.append(Text((0, 9), words.heading, 13.5, "ink", "start", bold=True))
        shapes += canvas_grid(self.x, sweep.canvas, sweep.x, values=self.values)
        for index, board in enumerate(self.filters):
            shapes += self._filter(index, board, "kernel")
        shapes += grid(
            self.y,
            lambda _: "output",
            lambda spot: self._output_value(places_of(axes, spot)),
            lambda spot: (0, numbers[_joined(places_of(axes, spot))]),
        )
        shapes += caption(self.x, f"{words.x} {by(sweep.x.shape[1:])}", words.x_second)
        shapes += self._kernel_caption()
        shapes += caption(self.y, f"{words.y} {by(sweep.y.shape[1:])}", _channels(sweep.y.shape))
        return shapes + self._arrows()

    def _kernel_caption(self) -> list[Shape]:
        sweep = self.sweep
        size = by(sweep.canvas.window.kernel_size)
        first, last = self.filters[0], self.filters[-1]
        bottom = max(board.at[1] + board.height for board in self.filters)
        middle = (first.at[0] + last.at[0] + last.width) / 2
        filters = sweep.y.shape[0]
        second = f"{filters} filters of {sweep.filter_channels} channel" if filters > 1 else ""
        second += "s" if second and sweep.filter_channels > 1 else ""
        if sweep.reducer is not None:
            second = f"takes the {sweep.reducer}"
        shapes: list[Shape] = [
            Text((middle, bottom + 18), f"{self.words.kernel} {size}", 12.5, "ink", bold=True)
        ]
        if second:
            shapes.append(Text((middle, bottom + 35), second, 11.5, "muted"))
        return shapes

    def _arrows(self) -> list[Shape]:
        middle = self.x.at[1] + self.x.height / 2
        left = min(board.at[0] for board in self.filters)
        right = max(board.at[0] + board.width for board in self.filters)
        ends = ((self.x.at[0] + self.x.width, left), (right, self.y.at[0]))
        return [Line(((a + 13, middle), (b - 11, middle)), arrow=True) for a, b in ends]

    def _filter(self, index: int, board: Board, style: str) -> list[Shape]:
        """One filter; `index` is its output channel."""
        weight = self.sweep.weight
        axes = len(self.sweep.canvas.size)

        def value(spot: tuple[int, int, int]) -> float | None:
            if weight is None or not self.values:
                return None
            channel, place = places_of(axes, spot)
            return float(weight[(index, channel, *place)])

        shown = index if weight is not None else 0
        return grid(board, lambda _: style, value) if shown == index else []

    def _output_value(self, place: tuple[int, Place]) -> float | None:
        return float(self.sweep.y[_joined(place)]) if self.values else None

    def _step(self, output: Place) -> Step:
        """What is drawn over the still part for one output element."""
        sweep = self.sweep
        meetings = sweep.meetings(output)
        shapes: list[Shape] = []
        direct = {cell(m.channel, m.tap.position) for m in meetings}
        for meeting in meetings:
            shapes += self._met(meeting)
        for mark in sorted(sweep.marked(output)):
            spot = cell(mark[0], sweep.canvas.home(mark[1:]))
            if spot not in direct:  # the element that a copy in the border shows
                shapes += self._lit(spot, "input-on", float(sweep.x[mark]), None)
        if len(self.filters) > 1:
            shapes += self._filter(output[0], self.filters[output[0]], "kernel-on")
        spot = cell(output[0], output[1:])
        shapes.append(Polygon(self.y.corners(*spot), "output-on"))
        if self.values:
            shapes.append(number(self.y, spot, float(sweep.y[output]), "on"))
        return Step(tuple(shapes), sweep.note(output, meetings), sweep.marked(output))

    def _met(self, meeting: Meeting) -> list[Shape]:
        """One element under the kernel, lit where an input stands, and the kernel's outline."""
        spot = cell(meeting.channel, meeting.tap.position)
        shapes: list[Shape] = []
        if meeting.contributes:
            copied = self.sweep.canvas.kind(meeting.tap.position) == "copy"
            style = "copy-on" if copied else "input-on"
            shapes += self._lit(spot, style, meeting.value, meeting.weight)
        return [*shapes, Polygon(self.x.corners(*spot), "window")]

    def _lit(
        self, spot: tuple[int, int, int], style: str, value: float, weight: float | None
    ) -> list[Shape]:
        shapes: list[Shape] = [Polygon(self.x.corners(*spot), style)]
        if not self.values:
            return shapes
        ink = "ink" if style == "copy-on" else "on"
        shapes.append(number(self.x, spot, value, ink))
        if weight is not None and not self.x.slanted:
            corner = self.x.spot(*spot, 0.9, 0.8)
            shapes.append(
                Text(
                    corner, f"×{short(weight)}", 8.5, "orange" if ink == "ink" else "weight", "end"
                )
            )
        return shapes


def _filters(sweep: Sweep, kernel: Board, x: Board, left: float, top: float) -> tuple[Board, ...]:
    """One board per filter, level with the planes of its group; pooling has one."""
    boards = []
    count = sweep.y.shape[0] if sweep.weight is not None else 1
    for index in range(count):
        group, within = divmod(index, sweep.filters_per_group)
        y = top
        if kernel.plane_pitch:
            plane = group * sweep.filter_channels
            y = x.plane_middle(plane) - kernel.plane_height / 2
            if count == 1 and sweep.x.shape[0] > 1 and sweep.weight is None:
                y = top
        boards.append(replace(kernel, at=(left + within * (kernel.width + 14), y)))
    return tuple(boards)


def _joined(place: tuple[int, Place]) -> Place:
    return (place[0], *place[1])


def _channels(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} channels" if shape[0] > 1 else ""
