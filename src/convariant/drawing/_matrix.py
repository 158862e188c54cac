"""The Toeplitz matrix of a window as a picture, with the structure of its blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from convariant.drawing._names import file_name, title
from convariant.drawing._numbers import by, element, product_sum, short
from convariant.drawing._operator import Numbers, Operator, prepare
from convariant.drawing._picture import Picture
from convariant.drawing._scene import (
    Line,
    Panel,
    Polygon,
    Shape,
    Step,
    Text,
    Track,
    rectangle,
    with_notes,
)
from convariant.errors import OptionError
from convariant.geometry import Geometry
from convariant.reference import PaddingMode
from convariant.reference import toeplitz as toeplitz_matrix

if TYPE_CHECKING:
    import torch

MOST_ENTRIES = 20_000  # that are not zero
LARGEST, SMALLEST, WIDEST = 26.0, 2.0, 900.0
VECTOR_GAP, LEFT = 40.0, 34.0


def toeplitz(
    operator: Geometry | torch.nn.Module,
    input_size: Sequence[int],
    *,
    in_channels: int | None = None,
    out_channels: int | None = None,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    x: Numbers | None = None,
    weight: Numbers | None = None,
    values: bool = True,
    output: Sequence[int] | None = None,
) -> Picture:
    """Draw the matrix W of `y = W x`: a convolution as one product, a row per output element.

    Thin lines part the rows of the image, heavy ones the channels, so that the bands of the
    kernel, the blocks of the groups and, of a transposed geometry, the transpose can be seen.
    One step per row shows the sum of products. Arguments as `arithmetic` has them.

    Raises GeometryError, ShapeError or OptionError where these do not fit, or are too large to see.

    >>> toeplitz(Geometry(3), (4, 4)).title
    'Toeplitz matrix 4 × 16: convolution 4 × 4 → 2 × 2'

    Source: lecture, "Matrix Multiplication Views".
    """
    prepared = prepare(
        operator,
        input_size,
        in_channels=in_channels,
        out_channels=out_channels,
        groups=groups,
        padding_mode=padding_mode,
        reducer=None,
        x=x,
        weight=weight,
    )
    if prepared.weight is None:
        raise OptionError(
            "pooling has no Toeplitz matrix of weights; draw it with cv.draw.arithmetic"
        )
    sparse = toeplitz_matrix(
        prepared.weight,
        prepared.geometry,
        prepared.input_size,
        prepared.groups,
        padding_mode=prepared.padding_mode,
    )
    if sparse.nnz > MOST_ENTRIES:
        raise OptionError(
            f"the matrix {by(sparse.shape)} has {sparse.nnz:,} entries, more than the "
            f"{MOST_ENTRIES:,} that can be seen; use a smaller input_size"
        )
    still = int(np.ravel_multi_index(prepared.place(output), prepared.y.shape))
    panel = _Drawing(prepared, sparse.toarray(), values).panel(still)
    what = title(prepared)
    heading = f"Toeplitz matrix {by(sparse.shape)}: {what[0].lower()}{what[1:]}"
    full = math.prod(sparse.shape)
    subtitle = (
        f"y = W x; {sparse.nnz:,} of {full:,} entries ({100 * sparse.nnz / full:.3g} %) hold "
        f"{prepared.weight.size:,} weights, the others are zero"
    )
    return Picture(f"toeplitz_{file_name(prepared)}", heading, subtitle, panel, legend=False)


class _Drawing:
    """The vectors y and x around their matrix, all with cells of one size."""

    def __init__(self, operator: Operator, matrix: np.ndarray, values: bool) -> None:
        self.operator, self.matrix = operator, matrix
        rows, columns = matrix.shape
        room = min(WIDEST / columns, WIDEST * 0.8 / rows)
        self.unit = max(min(LARGEST, room), SMALLEST)
        self.values = values and self.unit >= 14
        self.top = self.unit + VECTOR_GAP  # x lies above the matrix, y stands to its right
        self.right = LEFT + columns * self.unit + VECTOR_GAP

    def panel(self, still: int) -> Panel:
        rows, columns = self.matrix.shape
        shapes: list[Shape] = [
            Polygon(rectangle(LEFT, self.top, columns * self.unit, rows * self.unit), "background")
        ]
        shapes += self._vector(self.operator.x.ravel(), across=True, style="input")
        shapes += self._vector(self.operator.y.ravel(), across=False, style="output")
        for row, column in np.argwhere(self.matrix).tolist():
            shapes += self._entry(row, column, "kernel")
        shapes += self._rulers(self.operator.x.shape, across=True)
        shapes += self._rulers(self.operator.y.shape, across=False)
        shapes += self._letters()
        track = Track(tuple(self._row(r) for r in range(rows)), still)
        width, height = self.right + self.unit, self.top + rows * self.unit
        return with_notes(Panel(width, height, tuple(shapes), (track,)))

    def _letters(self) -> list[Shape]:
        rows, columns = self.matrix.shape
        middle_x, middle_y = LEFT + columns * self.unit / 2, self.top + rows * self.unit / 2
        return [
            Text((LEFT - 18, self.unit / 2), "x", 15, "blue", bold=True),
            Text((LEFT - 18, middle_y), "W", 15, "orange", bold=True),
            Text((self.right - VECTOR_GAP / 2, middle_y), "=", 17, "muted"),
            Text((self.right + self.unit / 2, self.top - 16), "y", 15, "green", bold=True),
            Text((middle_x, self.unit + VECTOR_GAP / 2), "×", 15, "muted"),
        ]

    def _square(self, row: float, column: float, style: str, shows: int | None = None) -> Polygon:
        corners = rectangle(
            round(LEFT + column * self.unit, 2),
            round(self.top + row * self.unit, 2),
            round(self.unit, 2),
            round(self.unit, 2),
        )
        return Polygon(corners, style, None if shows is None else (0, shows))

    def _entry(self, row: int, column: int, style: str) -> list[Shape]:
        shapes: list[Shape] = [self._square(row, column, style, row)]
        if self.values:
            text = short(float(self.matrix[row, column]))
            at = (LEFT + (column + 0.5) * self.unit, self.top + (row + 0.5) * self.unit)
            shapes.append(Text(at, text, self._size(text)))
        return shapes

    def _size(self, text: str) -> float:
        return round(min(12.0, self.unit * 0.5, self.unit * 1.3 / len(text)), 1)

    def _vector(self, vector: np.ndarray, *, across: bool, style: str) -> list[Shape]:
        shapes: list[Shape] = []
        for index, value in enumerate(vector.tolist()):
            shapes += self._component(index, value, across=across, style=style)
        return shapes

    def _component(self, index: int, value: float, *, across: bool, style: str) -> list[Shape]:
        """One element of x, above its column, or of y, beside its row."""
        u = self.unit
        x, y = (LEFT + index * u, 0.0) if across else (self.right, self.top + index * u)
        shows = None if across else (0, index)
        shapes: list[Shape] = [
            Polygon(rectangle(round(x, 2), round(y, 2), round(u, 2), round(u, 2)), style, shows)
        ]
        if self.values:
            text = short(value)
            ink = "on" if style.endswith("-on") else "ink"
            shapes.append(Text((x + u / 2, y + u / 2), text, self._size(text), ink))
        return shapes

    def _rulers(self, shape: tuple[int, ...], *, across: bool) -> list[Shape]:
        """Lines between the rows of the image and, heavier, between its channels."""
        rows, columns = self.matrix.shape
        count, other = (columns, rows) if across else (rows, columns)
        line, plane = shape[-1], math.prod(shape[1:])
        shapes: list[Shape] = []
        for index in range(0, count + 1, line if self.unit * line >= 6 else plane):
            at, span = index * self.unit, other * self.unit
            start = (LEFT + at, self.top) if across else (LEFT, self.top + at)
            end = (LEFT + at, self.top + span) if across else (LEFT + span, self.top + at)
            heavy = index % plane == 0
            shapes.append(Line((_rounded(start), _rounded(end)), "block" if heavy else "frame"))
        return shapes

    def _row(self, row: int) -> Step:
        """One row of W against x, and the element of y that they make."""
        operator = self.operator
        place = tuple(int(i) for i in np.unravel_index(row, operator.y.shape))
        columns = np.flatnonzero(self.matrix[row]).tolist()
        x = operator.x.ravel()
        shapes: list[Shape] = []
        for column in columns:
            shapes += self._entry(row, column, "kernel-on")
            shapes += self._component(column, float(x[column]), across=True, style="input-on")
        y = float(operator.y.ravel()[row])
        shapes += self._component(row, y, across=False, style="output-on")
        corners = rectangle(
            LEFT, round(self.top + row * self.unit, 2), self.matrix.shape[1] * self.unit, self.unit
        )
        shapes.append(Polygon(corners, "window"))
        terms = product_sum((float(self.matrix[row, c]), float(x[c])) for c in columns)
        name = element("y", place[1:] if operator.y.shape[0] == 1 else place)
        marked = frozenset(_places(columns, operator.x.shape))
        return Step(tuple(shapes), f"{name} = {terms} = {short(y)}", marked)


def _places(columns: list[int], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    every = list(itertools.product(*(range(n) for n in shape)))
    return [every[column] for column in columns]


def _rounded(point: tuple[float, float]) -> tuple[float, float]:
    return round(point[0], 2), round(point[1], 2)
