"""What stands outside the input: padding of four modes, and the adjoint of padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from convariant.errors import GeometryError

PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]


def source_index(size: int, begin: int, end: int, mode: PaddingMode = "zeros") -> np.ndarray:
    """For each position of one padded axis, the input index it shows; -1 where it shows zero.

    With a size of 4 and a padding of 2 on both sides, in pictures:
    zeros `..0123..`, reflect `21 0123 21`, replicate `00 0123 33`, circular `23 0123 01`.

    Raises GeometryError for an unknown mode, or a border that wants more than the input has.

    >>> source_index(4, 2, 2, "reflect").tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    position = np.arange(-begin, size + end)
    if mode == "zeros":
        return np.where((position >= 0) & (position < size), position, -1)
    if mode == "replicate":
        return position.clip(0, size - 1)
    if mode not in ("reflect", "circular"):
        raise GeometryError(
            "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got "
            f"padding_mode={mode!r}"
        )
    most = size - 1 if mode == "reflect" else size
    if max(begin, end) > most:
        raise GeometryError(
            f"padding ({begin}, {end}) is too large for padding_mode={mode!r} on an axis of size "
            f"{size}, which can show {most} more on each side; use padding_mode='replicate'"
        )
    if mode == "circular":
        return position % size
    mirrored = np.abs(position)
    return np.where(mirrored < size, mirrored, 2 * (size - 1) - mirrored)


def pad(x: np.ndarray, pads: Sequence[tuple[int, int]], mode: PaddingMode = "zeros") -> np.ndarray:
    """Surround the last axes of an array: `(n, c, h, w) -> (n, c, b + h + e, b + w + e)`.

    >>> pad(np.array([1, 2, 3]), [(1, 2)], "circular").tolist()
    [3, 1, 2, 3, 1, 2]
    """
    for axis, (begin, end) in enumerate(pads, start=x.ndim - len(pads)):
        index = source_index(x.shape[axis], begin, end, mode)
        shown = np.take(x, index, axis=axis)
        outside = (index == -1).reshape(-1, *[1] * (x.ndim - axis - 1))
        x = np.where(outside, 0, shown)
    return x


def unpad(
    x: np.ndarray, pads: Sequence[tuple[int, int]], mode: PaddingMode = "zeros"
) -> np.ndarray:
    """The adjoint of `pad`: every border element is added to the input element that it showed.

    `<pad(x), y> = <x, unpad(y)>`. For zeros the border is cut off.

    >>> unpad(np.array([1, 1, 1, 1, 1, 1]), [(1, 2)], "circular").tolist()
    [2, 2, 2]
    """
    for axis, (begin, end) in enumerate(pads, start=x.ndim - len(pads)):
        size = x.shape[axis] - begin - end
        index = source_index(size, begin, end, mode)
        rows = np.moveaxis(x, axis, 0)
        folded = np.zeros((size, *rows.shape[1:]), x.dtype)
        np.add.at(folded, index[index >= 0], rows[index >= 0])
        x = np.moveaxis(folded, 0, axis)
    return x
