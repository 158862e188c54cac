"""Panels of windows on one axis: input above, kernel where it lies, output below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from convariant.drawing._board import Board
from convariant.drawing._canvas import Place
from convariant.drawing._cells import canvas_grid, cell, grid, number
from convariant.drawing._numbers import short
from convariant.drawing._scatter import Scatter
from convariant.drawing._scene import Line, Panel, Point, Polygon, Shape, Step, Text, Track
from convariant.drawing._sheet import UNIT, Words
from convariant.drawing._sweep import Sweep

LEFT = 140.0  # for what stands beside the rows
BETWEEN = 46.0
ROW_GAP = 6.0


@dataclass(frozen=True)
class Strip:
    """Three rows of cells: the fine one may stand above (a sweep) or below (a scatter)."""

    upper: Board
    kernel: Board
    lower: Board
    values: bool

    @property
    def width(self) -> float:
        """Up to the end of the longest row."""
        return max(board.at[0] + board.width for board in (self.upper, self.lower))

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.lower.at[1] + self.lower.height

    def captions(self, upper: str, kernel: str, lower: str, second: str = "") -> list[Shape]:
        """What each row is, to its left."""
        rows = ((self.upper, upper), (self.kernel, kernel), (self.lower, lower))
        shapes: list[Shape] = []
        for board, text in rows:
            y = board.at[1] + board.height / 2
            shapes.append(Text((0, y), text, 12.5, "ink", "start", bold=True))
        if second:
            y = self.upper.at[1] + self.upper.height / 2 + 17
            shapes.append(Text((0, y), second, 11, "muted", "start"))
        return shapes

    def kernel_at(self, positions: Iterable[tuple[int, int, float | None]]) -> list[Shape]:
        """The kernel's cells (plane, position on the fine row, weight) where they lie."""
        shapes: list[Shape] = []
        for plane, position, weight in positions:
            spot = (plane, 0, position)
            shapes.append(Polygon(self.kernel.corners(*spot), "kernel"))
            if weight is not None and self.values:
                shapes.append(number(self.kernel, spot, weight))
        return shapes

    def cell_on(
        self, board: Board, spot: tuple[int, int, int], style: str, value: float
    ) -> list[Shape]:
        """One marked cell and its number."""
        shapes: list[Shape] = [Polygon(board.corners(*spot), style)]
        if self.values:
            ink = {"copy-on": "ink", "padding": "faint", "output-part": "ink"}.get(style, "on")
            shapes.append(number(board, spot, value, ink))
        return shapes


def _layout(
    fine: tuple[int, int],
    coarse: tuple[int, int],
    kernel_planes: int,
    stride: int,
    shift: float,
    *,
    fine_above: bool,
    top: float,
    values: bool,
) -> Strip:
    """Rows of (channels, length); the coarse row has `stride` fine cells from cell to cell."""
    fine_board = Board.of((fine[0], 1, fine[1]), UNIT)
    fine_board = replace(fine_board, plane_pitch=UNIT + ROW_GAP)
    kernel = replace(fine_board, planes=kernel_planes, per_group=kernel_planes)
    coarse_board = Board.of((coarse[0], 1, coarse[1]), UNIT)
    coarse_board = replace(coarse_board, plane_pitch=UNIT + ROW_GAP, pitch=float(stride))
    above, below = (fine_board, coarse_board) if fine_above else (coarse_board, fine_board)
    left = LEFT, LEFT + shift * UNIT
    x_above, x_below = left if fine_above else left[::-1]
    above = replace(above, at=(x_above, top))
    kernel = replace(kernel, at=(LEFT, top + above.height + BETWEEN))
    below = replace(below, at=(x_below, kernel.at[1] + kernel.height + BETWEEN))
    return Strip(above, kernel, below, values)


def _lean(extent: int, begin: int, end: int) -> float:
    """How far into its window an output stands: the middle, or where the padding puts it."""
    return (extent - 1) * (begin / (begin + end) if begin + end else 0.5)


def sweep_strip(sweep: Sweep, words: Words, still: Place, *, values: bool) -> Panel:
    """A convolution or pooling on one axis."""
    window = sweep.canvas.window
    kinds = sweep.canvas.kinds[0]
    begin, end = kinds.index("input"), kinds[::-1].index("input")
    top = 34.0 if words.heading else 0.0
    strip = _layout(
        (sweep.x.shape[0], len(kinds)),
        (sweep.y.shape[0], sweep.y.shape[1]),
        sweep.filter_channels,
        window.stride[0],
        _lean(window.extent[0], begin, end),
        fine_above=True,
        top=top,
        values=values,
    )
    outputs = list(sweep.outputs())
    shapes: list[Shape] = []
    if words.heading:
        shapes.append(Text((0, 9), words.heading, 13.5, "ink", "start", bold=True))
    shapes += canvas_grid(strip.upper, sweep.canvas, sweep.x, values=values)
    shapes += grid(
        strip.lower,
        lambda _: "output",
        lambda spot: float(sweep.y[spot[0], spot[2]]) if values else None,
        lambda spot: (0, outputs.index((spot[0], spot[2]))),
    )
    shapes += strip.captions(
        f"{words.x} {sweep.x.shape[1]}",
        f"{words.kernel} {window.kernel_size[0]}",
        f"{words.y} {sweep.y.shape[1]}",
        words.x_second,
    )
    track = Track(tuple(_swept(strip, sweep, o) for o in outputs), outputs.index(still))
    return Panel(strip.width, strip.bottom, tuple(shapes), (track,))


def _swept(strip: Strip, sweep: Sweep, output: Place) -> Step:
    """One output, the kernel above it, and the inputs above that."""
    meetings = sweep.meetings(output)
    goal = _top(strip.lower, output[0], output[1])
    shapes: list[Shape] = []
    direct = {cell(m.channel, m.tap.position) for m in meetings}
    for m in meetings:
        position = m.tap.position[0]
        if m.filter_channel == sweep.filter_channels - 1:
            start = _bottom(strip.upper, strip.upper.planes - 1, position)
            style = "link" if m.contributes else "line"
            shapes.append(Line((start, _top(strip.kernel, 0, position)), style))
            shapes.append(Line((_bottom(strip.kernel, m.filter_channel, position), goal), style))
    shapes += strip.kernel_at((m.filter_channel, m.tap.position[0], m.weight) for m in meetings)
    for m in meetings:
        spot = cell(m.channel, m.tap.position)
        if m.contributes:
            copied = sweep.canvas.kind(m.tap.position) == "copy"
            style = "copy-on" if copied else "input-on"
            shapes += strip.cell_on(strip.upper, spot, style, m.value)
        shapes.append(Polygon(strip.upper.corners(*spot), "window"))
    for mark in sorted(sweep.marked(output)):
        spot = cell(mark[0], sweep.canvas.home(mark[1:]))
        if spot not in direct:
            shapes += strip.cell_on(strip.upper, spot, "input-on", float(sweep.x[mark]))
    shapes += strip.cell_on(
        strip.lower, cell(output[0], output[1:]), "output-on", float(sweep.y[output])
    )
    return Step(tuple(shapes), sweep.note(output, meetings), sweep.marked(output))


def scatter_strip(scatter: Scatter, heading: str, still: Place, *, values: bool) -> Panel:
    """A transposed convolution on one axis, as a gradient."""
    stamps = scatter.stamps
    begin, room, kept = stamps.begin[0], stamps.size[0], stamps.output_size[0]
    window = stamps.window
    strip = _layout(
        (scatter.y.shape[0], room),
        (scatter.x.shape[0], scatter.x.shape[1]),
        scatter.y.shape[0] // scatter.groups,
        window.stride[0],
        _lean(window.extent[0], begin, room - begin - kept),
        fine_above=False,
        top=34.0,
        values=values,
    )
    inputs, outputs = list(scatter.inputs()), list(scatter.outputs())

    def shows(spot: tuple[int, int, int]) -> tuple[int, int] | None:
        if not stamps.kept((spot[2],)):
            return None
        return 0, len(inputs) + outputs.index((spot[0], spot[2] - begin))

    shapes: list[Shape] = [Text((0, 9), heading, 13.5, "ink", "start", bold=True)]
    shapes += grid(
        strip.upper,
        lambda _: "input",
        lambda spot: float(scatter.x[spot[0], spot[2]]) if values else None,
        lambda spot: (0, inputs.index((spot[0], spot[2]))),
    )
    shapes += grid(
        strip.lower,
        lambda spot: "output" if stamps.kept((spot[2],)) else "padding",
        lambda _: None,
        shows,
    )
    shapes += strip.captions(
        f"input {scatter.x.shape[1]}", f"kernel {window.kernel_size[0]}", f"output {kept}"
    )
    played = [
        _stamped(strip, scatter, source, *sums)
        for source, sums in zip(inputs, scatter.sums(), strict=True)
    ]
    asides = [_origins(strip, scatter, output) for output in outputs]
    origins = scatter.origins(still)
    at = inputs.index(origins[len(origins) // 2][0]) if origins else len(inputs) // 2
    track = Track((*played, *asides), at, len(played))
    return Panel(strip.width, strip.bottom, tuple(shapes), (track,))


def _stamped(
    strip: Strip, scatter: Scatter, source: Place, gathered: np.ndarray, reached: np.ndarray
) -> Step:
    """One input, the kernel under it, and what has gathered under that."""
    stamp = scatter.stamp(source)
    start = _bottom(strip.upper, source[0], source[1])
    first = min(channel for channel, _, _ in stamp)
    shapes: list[Shape] = []
    for channel, tap, _ in stamp:
        if channel == first:
            position = tap.position[0]
            plane = strip.kernel.planes - 1
            shapes.append(Line((start, _top(strip.kernel, 0, position)), "link"))
            ends = _bottom(strip.kernel, plane, position), _top(strip.lower, 0, position)
            shapes.append(Line(ends, "link", arrow=True))
    shapes += strip.kernel_at((c - first, tap.position[0], w) for c, tap, w in stamp)
    shapes += strip.cell_on(
        strip.upper, cell(source[0], source[1:]), "input-on", float(scatter.x[source])
    )
    under = {(channel, *tap.position) for channel, tap, _ in stamp}
    for index in np.argwhere(reached).tolist():
        place = tuple(index)
        kept = scatter.stamps.kept(place[1:])
        style = "padding" if not kept else "output-on" if place in under else "output-part"
        shapes += strip.cell_on(
            strip.lower, cell(place[0], place[1:]), style, float(gathered[place])
        )
    shapes += [Polygon(strip.lower.corners(*cell(p[0], p[1:])), "window") for p in sorted(under)]
    return Step(tuple(shapes), scatter.note(source), frozenset({source}))


def _origins(strip: Strip, scatter: Scatter, output: Place) -> Step:
    """One output and all inputs whose stamps reach it, shown on pointing."""
    origins = scatter.origins(output)
    position = scatter.stamps.position(output[1:])
    goal = _top(strip.lower, output[0], position[0])
    shapes: list[Shape] = []
    for source, weight in origins:
        start = _bottom(strip.upper, source[0], source[1])
        shapes.append(Line((start, goal), "link", arrow=True))
        if strip.values:
            middle = ((start[0] + goal[0]) / 2, (start[1] + goal[1]) / 2)
            shapes.append(
                Text((middle[0] + 8, middle[1]), f"×{short(weight)}", 11, "orange", "start")
            )
        spot = cell(source[0], source[1:])
        shapes += strip.cell_on(strip.upper, spot, "input-on", float(scatter.x[source]))
    spot = cell(output[0], position)
    shapes += strip.cell_on(strip.lower, spot, "output-on", float(scatter.y[output]))
    marked = frozenset(source for source, _ in origins)
    return Step(tuple(shapes), scatter.sum_note(output), marked)


def _top(board: Board, plane: int, column: int) -> Point:
    return board.spot(plane, 0, column, 0.5, 0.02)


def _bottom(board: Board, plane: int, column: int) -> Point:
    return board.spot(plane, 0, column, 0.5, 0.98)
