"""Where the elements of a tensor stand on the paper: one flat grid, or slanted planes in a pile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from convariant.drawing._scene import Point, rectangle

INSET = 0.75  # half of the gap between neighbouring elements
LEAN, FLATTEN, RISE = 0.42, 0.56, 14.0  # of slanted planes: shear, height of a row, gap
APART = 16.0  # further gap between groups of planes


@dataclass(frozen=True)
class Board:
    """A tensor of planes, rows and columns drawn with its upper left corner at `at`.

    More than one plane of more than one row are drawn slanted, one above the other, so that every
    element can be seen. `per_group` planes belong together. `pitch` is the distance between
    columns in elements, for tensors aligned with a finer one.
    """

    planes: int
    rows: int
    columns: int
    unit: float
    at: Point = (0.0, 0.0)
    per_group: int = 0
    pitch: float = 1.0
    slanted: bool = False
    plane_pitch: float = 0.0

    @classmethod
    def of(
        cls, shape: tuple[int, ...], unit: float, *, per_group: int = 0, slanted: bool = False
    ) -> Board:
        """The board of a tensor (channels, *size); three axes of size become planes of depth."""
        planes, rows, columns = (1, 1, 1, *shape)[-3:]
        return cls(planes, rows, columns, unit, per_group=per_group or planes, slanted=slanted)

    @property
    def plane_height(self) -> float:
        """The height of one plane on the paper."""
        return self.rows * self.unit * (FLATTEN if self.slanted else 1.0)

    @property
    def step(self) -> float:
        """From one plane to the next of its group."""
        return self.plane_pitch or self.plane_height + RISE

    @property
    def width(self) -> float:
        """The width of the whole."""
        lean = self.rows * self.unit * LEAN if self.slanted else 0.0
        return ((self.columns - 1) * self.pitch + 1) * self.unit + lean

    @property
    def height(self) -> float:
        """The height of the whole."""
        return self._top(self.planes - 1) + self.plane_height

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Every (plane, row, column)."""
        return itertools.product(range(self.planes), range(self.rows), range(self.columns))

    def corners(self, plane: int, row: int, column: int) -> tuple[Point, ...]:
        """The outline of one element."""
        x, y = column * self.pitch * self.unit, row * self.unit
        side = self.unit - 2 * INSET
        flat = rectangle(x + INSET, y + INSET, side, side)
        return tuple(self._project(plane, point) for point in flat)

    def centre(self, plane: int, row: int, column: int) -> Point:
        """The middle of one element."""
        return self.spot(plane, row, column, 0.5, 0.5)

    def spot(self, plane: int, row: int, column: int, across: float, down: float) -> Point:
        """A point within one element, both fractions from its upper left corner."""
        return self._project(
            plane, ((column * self.pitch + across) * self.unit, (row + down) * self.unit)
        )

    def plane_middle(self, plane: int) -> float:
        """The height of the middle of a plane."""
        return self.at[1] + self._top(plane) + self.plane_height / 2

    def _top(self, plane: int) -> float:
        groups = plane // self.per_group if self.per_group else 0
        return plane * self.step + groups * APART

    def _project(self, plane: int, point: Point) -> Point:
        x, y = point
        if self.slanted:
            x, y = x + (self.rows * self.unit - y) * LEAN, y * FLATTEN
        return round(self.at[0] + x, 2), round(self.at[1] + self._top(plane) + y, 2)
