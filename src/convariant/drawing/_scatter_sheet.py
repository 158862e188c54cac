"""The panel of a transposed convolution as a gradient, on two and three axes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from convariant.drawing._board import Board
from convariant.drawing._canvas import Place
from convariant.drawing._cells import caption, cell, grid, number, places_of
from convariant.drawing._numbers import by, short
from convariant.drawing._scatter import Scatter
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
from convariant.drawing._sheet import GAP, SLANTED_UNIT, UNIT

Spot = tuple[int, int, int]


@dataclass(frozen=True)
class ScatterSheet:
    """The boards of one scatter on the paper: input, kernel, and the room that stamps fall on."""

    scatter: Scatter
    x: Board
    kernel: Board
    y: Board
    heading: str
    values: bool

    @classmethod
    def of(cls, scatter: Scatter, heading: str, *, values: bool) -> ScatterSheet:
        """Set the boards side by side, their middles on one height."""
        axes = len(scatter.stamps.size)
        ci, co = scatter.x.shape[0], scatter.y.shape[0]
        deep = axes == 3 or max(ci, co) > 1
        unit = SLANTED_UNIT if deep else UNIT
        by_group = scatter.groups if axes < 3 else 1
        x = Board.of(scatter.x.shape, unit, per_group=ci // by_group * (axes < 3), slanted=deep)
        y = Board.of(scatter.room, unit, per_group=co // by_group * (axes < 3), slanted=deep)
        kernel_shape = (co // scatter.groups, *scatter.stamps.window.kernel_size)
        kernel = Board.of(kernel_shape, unit, slanted=deep)
        top = HEADING
        height = max(x.height, kernel.height, y.height)
        x = replace(x, at=(0.0, top + (height - x.height) / 2))
        kernel = replace(kernel, at=(x.width + GAP, top + (height - kernel.height) / 2))
        y_x = kernel.at[0] + kernel.width + GAP
        y = replace(y, at=(y_x, top + (height - y.height) / 2))
        return cls(scatter, x, kernel, y, heading, values)

    def panel(self, still: Place) -> Panel:
        """The panel, standing still at one output element's most central origin."""
        scatter = self.scatter
        inputs = list(scatter.inputs())
        stamps = [
            self._stamp(source, *sums) for source, sums in zip(inputs, scatter.sums(), strict=True)
        ]
        asides = [self._origins(output) for output in scatter.outputs()]
        origins = scatter.origins(still)
        at = inputs.index(origins[len(origins) // 2][0]) if origins else len(inputs) // 2
        track = Track((*stamps, *asides), still=at, played=len(stamps))
        shapes = tuple(self._still_part(len(stamps)))
        height = bottom_of(shapes) + 10
        boards = (self.x, self.kernel, self.y)
        edges = [(board.at[0], board.at[0] + board.width) for board in boards]
        regions = row_of(edges, height, self.heading)
        return Panel(edges[-1][1], height, shapes, (track,), tuple(regions))

    def _still_part(self, first_aside: int) -> list[Shape]:
        scatter = self.scatter
        axes = len(scatter.stamps.size)
        outputs = {o: first_aside + i for i, o in enumerate(scatter.outputs())}
        inputs = {source: i for i, source in enumerate(scatter.inputs())}

        def shows(spot: Spot) -> tuple[int, int] | None:
            channel, position = places_of(axes, spot)
            if not scatter.stamps.kept(position):
                return None
            return 0, outputs[(channel, *scatter.stamps.output(position))]

        def x_value(spot: Spot) -> float | None:
            channel, place = places_of(axes, spot)
            return float(scatter.x[(channel, *place)]) if self.values else None

        def x_shows(spot: Spot) -> tuple[int, int]:
            channel, place = places_of(axes, spot)
            return 0, inputs[(channel, *place)]

        shapes: list[Shape] = [Text((0, 9), self.heading, 13.5, "ink", "start", bold=True)]
        shapes += grid(self.x, lambda _: "input", x_value, x_shows)
        shapes += self._kernel(0, "kernel")
        shapes += grid(self.y, self._room_style, lambda _: None, shows)
        shapes += caption(self.x, f"input {by(scatter.x.shape[1:])}")
        shapes += caption(self.kernel, f"kernel {by(scatter.stamps.window.kernel_size)}")
        cropped = "dashed: cropped" if scatter.room[1:] != scatter.y.shape[1:] else ""
        shapes += caption(self.y, f"output {by(scatter.y.shape[1:])}", cropped)
        return shapes + self._arrows()

    def _arrows(self) -> list[Shape]:
        middle = self.x.at[1] + self.x.height / 2
        boards = (self.x, self.kernel, self.y)
        return [
            Line(((a.at[0] + a.width + 13, middle), (b.at[0] - 11, middle)), arrow=True)
            for a, b in itertools.pairwise(boards)
        ]

    def _room_style(self, spot: Spot) -> str:
        _, position = places_of(len(self.scatter.stamps.size), spot)
        return "output" if self.scatter.stamps.kept(position) else "padding"

    def _kernel(self, channel: int, style: str) -> list[Shape]:
        """The weights of one input channel."""
        axes = len(self.scatter.stamps.size)

        def value(spot: Spot) -> float | None:
            plane, place = places_of(axes, spot)
            return float(self.scatter.weight[(channel, plane, *place)]) if self.values else None

        return grid(self.kernel, lambda _: style, value)

    def _input(self, source: Place) -> list[Shape]:
        spot = cell(source[0], source[1:])
        shapes: list[Shape] = [Polygon(self.x.corners(*spot), "input-on")]
        if self.values:
            shapes.append(number(self.x, spot, float(self.scatter.x[source]), "on"))
        return shapes

    def _stamp(self, source: Place, gathered: np.ndarray, reached: np.ndarray) -> Step:
        """One input's stamp, over what the inputs before it have left."""
        scatter = self.scatter
        shapes = self._input(source)
        if scatter.x.shape[0] > 1:
            shapes += self._kernel(source[0], "kernel-on")
        under = {(c, *tap.position): w for c, tap, w in scatter.stamp(source)}
        for index in np.argwhere(reached).tolist():
            element = tuple(index)
            spot = cell(element[0], element[1:])
            kept = scatter.stamps.kept(element[1:])
            style = "padding" if not kept else "output-on" if element in under else "output-part"
            shapes.append(Polygon(self.y.corners(*spot), style))
            if self.values:
                ink = "on" if style == "output-on" else "ink" if kept else "faint"
                shapes.append(number(self.y, spot, float(gathered[element]), ink))
        for element in under:
            shapes.append(Polygon(self.y.corners(*cell(element[0], element[1:])), "window"))
        return Step(tuple(shapes), scatter.note(source), frozenset({source}))

    def _origins(self, output: Place) -> Step:
        """One output and all inputs whose stamps reach it, shown on pointing."""
        scatter = self.scatter
        origins = scatter.origins(output)
        shapes: list[Shape] = []
        for source, weight in origins:
            shapes += self._input(source)
            if self.values and not self.x.slanted:
                corner = self.x.spot(*cell(source[0], source[1:]), 0.9, 0.8)
                shapes.append(Text(corner, f"×{short(weight)}", 8.5, "weight", "end"))
        spot = cell(output[0], scatter.stamps.position(output[1:]))
        shapes.append(Polygon(self.y.corners(*spot), "output-on"))
        if self.values:
            shapes.append(number(self.y, spot, float(scatter.y[output]), "on"))
        marked = frozenset(source for source, _ in origins)
        return Step(tuple(shapes), scatter.sum_note(output), marked)
