"""Moving images and feature maps: one backward map of coordinates, sampled bilinearly.

A motion says where each output pixel comes from: `q = M p + t` in pixels of the input image. A
feature map whose position o stands over the input place `b + j o` moves by the same motion in its
own coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

Pair = tuple[float, float]

# coordinates closer than this to a whole number are that number: a quarter turn then moves exactly
_WHOLE = 1e-9


@dataclass(frozen=True)
class Grid:
    """Where the positions of a map stand over the input: `start + jump * position`, by axis."""

    size: tuple[int, int]
    start: Pair = (0.0, 0.0)
    jump: Pair = (1.0, 1.0)


@dataclass(frozen=True)
class Motion:
    """The backward map `q = matrix p + offset` of one image, rows first."""

    matrix: tuple[Pair, Pair] = ((1.0, 0.0), (0.0, 1.0))
    offset: Pair = (0.0, 0.0)

    @classmethod
    def about(cls, centre: Pair, matrix: tuple[Pair, Pair]) -> Motion:
        """A linear map that leaves `centre` where it is."""
        (a, b), (c, d) = matrix
        y, x = centre
        return cls(matrix, (y - a * y - b * x, x - c * y - d * x))

    @property
    def quarters(self) -> tuple[int, bool] | None:
        """`(quarter turns, mirrored)` for `torch.rot90` after a left-right flip, or None."""
        for mirrored in (False, True):
            for turns in range(4):
                expected = quarter_matrix(turns, mirrored)
                pairs = zip(sum(self.matrix, ()), sum(expected, ()), strict=True)
                if all(abs(m - e) < _WHOLE for m, e in pairs):
                    return turns, mirrored
        return None

    def on(self, grid: Grid) -> Motion:
        """The same motion in the coordinates of a feature map."""
        rows = []
        for axis in range(2):
            rows.append(
                tuple(self.matrix[axis][k] * grid.jump[k] / grid.jump[axis] for k in range(2))
            )
        offset = tuple(
            (
                sum(self.matrix[axis][k] * grid.start[k] for k in range(2))
                + self.offset[axis]
                - grid.start[axis]
            )
            / grid.jump[axis]
            for axis in range(2)
        )
        return Motion((rows[0], rows[1]), (offset[0], offset[1]))  # type: ignore[arg-type]


def quarter_matrix(turns: int, mirrored: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """The backward matrix of a left-right flip (or not) followed by `torch.rot90(x, turns)`."""
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns % 4]
    sign = -1.0 if mirrored else 1.0
    return ((float(cosine), float(sine)), (-sine * sign, cosine * sign))


def rotation_matrix(degrees: float) -> tuple[Pair, Pair]:
    """The backward matrix of a rotation; whole quarters are exact and equal `torch.rot90`."""
    turns, rest = divmod(degrees, 90.0)
    if rest == 0:
        return quarter_matrix(int(turns), False)
    angle = math.radians(degrees)
    return ((math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle)))


def move(x: Tensor, motion: Motion, *, circular: bool = False, background: float = 0.0) -> Tensor:
    """`(n, c, h, w)` moved; bilinear between pixels, exact where the motion meets pixels.

    What comes from outside is `background`, or, where the image is closed to a circle, its other
    side.

    >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> move(x, Motion(offset=(0.0, -1.0)), circular=True)
    tensor([[[[1., 0.],
              [3., 2.]]]])
    """
    rows, columns = _sources(motion, (x.shape[-2], x.shape[-1]))
    result = torch.zeros_like(x)
    covered = torch.zeros((), dtype=torch.float64)
    (top, below), (left, right) = _neighbours(rows), _neighbours(columns)
    for y, wy in (top, below):
        for z, wz in (left, right):
            weight = wy * wz
            if not bool(weight.any()):
                continue
            values, inside = _gather(x, y, z, circular)
            weight = weight * inside
            result = result + values * weight.to(x)
            covered = covered + weight
    if background and not circular:
        result = result + background * (1 - covered).to(x)
    return result


def seen(motion: Motion, size: tuple[int, int], *, circular: bool = False) -> Tensor:
    """`(h, w)` booleans: which positions of the moved map come from inside the map alone."""
    if circular:
        return torch.ones(size, dtype=torch.bool)
    rows, columns = _sources(motion, size)
    h, w = size
    slack = 1e-6
    far_enough = (rows >= -slack) & (columns >= -slack)
    return far_enough & (rows <= h - 1 + slack) & (columns <= w - 1 + slack)


def _sources(motion: Motion, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The source row and column of every position, in float64."""
    p, q = torch.meshgrid(
        torch.arange(size[0], dtype=torch.float64),
        torch.arange(size[1], dtype=torch.float64),
        indexing="ij",
    )
    (a, b), (c, d) = motion.matrix
    return a * p + b * q + motion.offset[0], c * p + d * q + motion.offset[1]


def _neighbours(position: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The two pixels beside a position with their weights; a whole position has weight one."""
    nearest = position.round()
    position = torch.where((position - nearest).abs() < _WHOLE, nearest, position)
    low = position.floor()
    part = position - low
    return (low.long(), 1 - part), (low.long() + 1, part)


def _gather(x: Tensor, rows: Tensor, columns: Tensor, circular: bool) -> tuple[Tensor, Tensor]:
    """The pixels at these places, and which places lie inside."""
    h, w = x.shape[-2:]
    if circular:
        return x[..., rows % h, columns % w], torch.ones_like(rows, dtype=torch.float64)
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    values = x[..., rows.clamp(0, h - 1), columns.clamp(0, w - 1)]
    return values, inside.double()
