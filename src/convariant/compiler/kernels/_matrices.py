"""Winograd's matrices, and a product with one of them as few vector operations.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. What the points
of interpolation do to the error: Barabasz et al., "Error Analysis and Improving the Accuracy of
Winograd Convolution for Deep Neural Networks", 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from convariant.compiler.llvm import Builder, Vector

__all__ = ["Rows", "combine", "winograd_matrices"]

Rows: TypeAlias = tuple[tuple[float, ...], ...]

# Interpolation points, beside the one at infinity: among pairs and triples of simple fractions
# close to those with the least error in float32. 1 and 2 for m = 4 would lose half a digit more.
_POINTS = {
    2: (0.0, 1.0, -1.0),
    4: (0.0, 0.75, -0.75, 1.5, -1.5),
    6: (0.0, 0.625, -0.625, 1.0, -1.0, 2.0, -2.0),
}


def winograd_matrices(m: int) -> tuple[Rows, Rows, Rows]:
    """A^T (m x m+2), G (m+2 x 3) and B^T (m+2 x m+2): `y = A^T ((G g) * (B^T d))`.

    By Toom-Cook interpolation at the points of the table and at infinity.

    >>> winograd_matrices(2)[0]
    ((1.0, 1.0, 1.0, 0.0), (0.0, 1.0, -1.0, 1.0))
    """
    points = np.array(_POINTS[m])
    size = m + 2
    powers = np.vander(points, size, increasing=True)
    infinity = np.zeros((1, size))
    infinity[0, -1] = 1
    # column e of a polynomial's coefficients: its value at each point, and its leading one
    scale = np.array([np.prod([p - q for q in points if q != p]) for p in points])
    output = np.concatenate((powers[:, :m], infinity[:, -m:])).T
    kernel = np.concatenate((powers[:, :3] / scale[:, None], infinity[:, -3:]))
    data = np.zeros((size, size))
    for i, p in enumerate(points):
        data[i, : size - 1] = np.poly([q for q in points if q != p])[::-1]
    data[-1] = np.poly(points)[::-1]
    return _as_rows(output), _as_rows(kernel), _as_rows(data)


def _as_rows(matrix: npt.NDArray[np.float64]) -> Rows:
    return tuple(tuple(row) for row in (matrix + 0.0).tolist())  # + 0.0 turns -0.0 into 0.0


def combine(b: Builder, matrix: Rows, inputs: Sequence[Vector]) -> list[Vector]:
    """`matrix @ inputs`, with the sums shared that the points +p and -p have in common."""
    matrix, inputs = _shared_inputs(matrix, list(inputs))
    results: dict[int, Vector] = {}
    for i, row in enumerate(matrix):
        if i in results:
            continue
        mirror = tuple(-w if k % 2 else w for k, w in enumerate(row))
        partner = next((j for j in range(i + 1, len(matrix)) if matrix[j] == mirror), None)
        if partner is None:
            results[i] = _weighted(b, row, inputs)
            continue
        even = _weighted(b, [0.0 if k % 2 else w for k, w in enumerate(row)], inputs)
        odd = _weighted(b, [w if k % 2 else 0.0 for k, w in enumerate(row)], inputs)
        results[i], results[partner] = even + odd, even - odd
    return [results[i] for i in range(len(matrix))]


def _shared_inputs(matrix: Rows, inputs: list[Vector]) -> tuple[Rows, list[Vector]]:
    """Columns that differ in signs only become two columns, for the inputs' sum and difference.

    before: `a + b, 2a - 2b` of (a, b)  -->  `s, 2d` of (s, d) = (a + b, a - b)
    """
    columns = [list(column) for column in zip(*matrix, strict=True)]
    for j in range(len(columns) - 1):
        left, right = columns[j], columns[j + 1]
        same = [w if w == v else 0.0 for w, v in zip(left, right, strict=True)]
        opposite = [w if w == -v else 0.0 for w, v in zip(left, right, strict=True)]
        if [abs(w) for w in left] == [abs(v) for v in right] and any(same) and any(opposite):
            columns[j], columns[j + 1] = same, opposite
            inputs[j], inputs[j + 1] = inputs[j] + inputs[j + 1], inputs[j] - inputs[j + 1]
    return tuple(zip(*columns, strict=True)), inputs


def _weighted(b: Builder, weights: Sequence[float], inputs: Sequence[Vector]) -> Vector:
    """The sum of weights times inputs; ones cost an addition, zeros nothing."""
    # start from a weight of one where there is one, so that the rest are multiply-adds
    terms = sorted(
        ((w, x) for w, x in zip(weights, inputs, strict=True) if w), key=lambda term: term[0] != 1
    )
    first, x = terms[0]
    total = x if first == 1 else x * b.constant(first)
    for w, x in terms[1:]:
        if abs(w) == 1:
            total = total + x if w > 0 else total - x
        else:
            total = b.fma(x, b.constant(w), total)
    return total
