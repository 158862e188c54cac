"""Winograd's minimal filtering on one tile, with its own matrices and all numbers in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from convariant.compiler.kernels import winograd_matrices
from convariant.drawing._picture import Picture
from convariant.drawing._scene import (
    HEADING,
    Panel,
    Polygon,
    Shape,
    Text,
    beside,
    rectangle,
    stacked,
)

CELL, SLOT = 35.0, 4 * 35.0


@dataclass(frozen=True)
class Filtering:
    """`y = A^T ((G g G^T) * (B^T d B)) A` of one tile and kernel, step by step."""

    m: int
    d: np.ndarray
    g: np.ndarray

    @property
    def matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A^T, G and B^T, as the kernel has them."""
        output, kernel, data = map(np.array, winograd_matrices(self.m))
        return output, kernel, data

    @property
    def v(self) -> np.ndarray:
        """The tile transformed."""
        data = self.matrices[2]
        return np.asarray(data @ self.d @ data.T)

    @property
    def u(self) -> np.ndarray:
        """The kernel transformed: once, when the network is compiled."""
        kernel = self.matrices[1]
        return np.asarray(kernel @ self.g @ kernel.T)

    @property
    def products(self) -> np.ndarray:
        """One product for each position, here of one channel: the kernel adds those of all."""
        return np.asarray(self.u * self.v)

    @property
    def y(self) -> np.ndarray:
        """The outputs."""
        output = self.matrices[0]
        return np.asarray(output @ self.products @ output.T)


def minimal_filtering(m: int = 2) -> Picture:
    """Draw F(m x m, 3 x 3) of one channel on a tile of small numbers."""
    random = np.random.default_rng(3)
    tile = Filtering(m, random.integers(0, 4, (m + 2, m + 2)), random.integers(-1, 3, (3, 3)))
    counts = [f"{(m + 2) ** 2} products for {m * m} outputs, not {9 * m * m}"]
    counts += [f"F({n},3) {(n + 2) ** 2} for {n * n}, not {9 * n * n}" for n in (2, 4, 6) if n != m]
    return Picture(
        f"winograd_f{m}",
        f"Winograd's F({m},3): {m} × {m} outputs of a 3 × 3 kernel",
        "; ".join(counts),
        _panel(tile),
        legend=False,
    )


def _panel(tile: Filtering) -> Panel:
    output, kernel, data = tile.matrices
    last = "one product for each position, summed over the channels; then back"
    return stacked(
        [
            _row(
                "once, when compiling: the kernel",
                _grid(kernel, "box", "G"),
                _grid(tile.g, "kernel", "g"),
                "Gᵀ",
                _grid(tile.u, "kernel-side", "U = G g Gᵀ"),
            ),
            _row(
                "for every tile of the input",
                _grid(data, "box", "Bᵀ"),
                _grid(tile.d, "input", "d"),
                "B",
                _grid(tile.v, "input-side", "V = Bᵀ d B"),
            ),
            _row(
                last,
                _grid(output, "box", "Aᵀ"),
                _grid(tile.products, "point-soft", "M = U ⊙ V"),
                "A",
                _grid(tile.y, "output", "Y = Aᵀ M A"),
            ),
        ],
        gap=22,
    )


def _row(heading: str, left: Panel, middle: Panel, right: str, result: Panel) -> Panel:
    """`left · middle · right = result` under a heading, all middles on one height."""
    panels = [left, _sign("·", 26.0), middle, _sign(f"· {right}  =", 60.0), result]
    body = beside(panels, gap=14).moved(0, HEADING)
    title = Text((0, 9), heading, 12.5, "ink", "start", bold=True)
    return Panel(620.0, body.height + HEADING, (title, *body.shapes))


def _grid(matrix: np.ndarray, style: str, caption: str) -> Panel:
    rows, columns = matrix.shape
    shapes: list[Shape] = []
    for r in range(rows):
        for c in range(columns):
            corner = (c * CELL, r * CELL)
            shapes.append(Polygon(rectangle(*corner, CELL, CELL), style))
            middle = (corner[0] + CELL / 2, corner[1] + CELL / 2)
            shapes.append(Text(middle, exactly(float(matrix[r, c])), 11, "ink"))
    shapes.append(Text((columns * CELL / 2, rows * CELL + 15), caption, 12, "muted"))
    body = Panel(columns * CELL, rows * CELL + 24, tuple(shapes))
    slot = max(SLOT, body.width)
    return replace(body.moved((slot - body.width) / 2, 0), width=slot)


def _sign(text: str, width: float) -> Panel:
    """What stands between two matrices, at the height of their middles."""
    return Panel(width, 24.0, (Text((width / 2, 0), text, 13, "ink"),))


def exactly(value: float) -> str:
    """A number as a fraction.

    >>> exactly(-0.5), exactly(2.0), exactly(2.25)
    ('−1/2', '2', '9/4')
    """
    return str(Fraction(value).limit_denominator(10**6)).replace("-", "−")
