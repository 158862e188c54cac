"""Padding of four modes, and its adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import GeometryError

PaddingMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]
Pads: TypeAlias = Sequence[tuple[int, int]]

_MODES = ("zeros", "reflect", "replicate", "circular")


def check_mode(operator: str, mode: str) -> None:
    if mode not in _MODES:
        raise GeometryError(
            "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got "
            f"padding_mode={mode!r} ({operator})"
        )


def check_border(operator: str, size: Sequence[int], pads: Pads, mode: PaddingMode) -> None:
    """Refuse an unknown mode, and a border that shows more of the input than there is."""
    check_mode(operator, mode)
    for axis, (i, pair) in enumerate(zip(size, pads, strict=True)):
        if mode == "reflect" and max(pair) >= i:
            raise GeometryError(
                "Padding size should be less than the corresponding input dimension, but got: "
                f"padding {pair} on axis {axis} of size {tuple(size)} ({operator}); reflection "
                f"shows at most {i - 1} on each side: use padding_mode='replicate'"
            )
        if mode == "circular" and max(pair) > i:
            raise GeometryError(
                "Padding value causes wrapping around more than once: "
                f"padding {pair} on axis {axis} of size {tuple(size)} ({operator}); one turn shows "
                f"at most {i} on each side: use less padding"
            )


def pad(x: Tensor, pads: Pads, mode: PaddingMode = "zeros", value: float = 0.0) -> Tensor:
    """Surround the last axes: `(n, c, h, w) -> (n, c, b + h + e, b + w + e)`."""
    if not any(begin or end for begin, end in pads):
        return x
    flat = [p for pair in reversed(pads) for p in pair]  # the last axis first
    if mode == "zeros":
        return F.pad(x, flat, value=value)
    if x.dim() == len(pads) + 1:  # torch wants a batch here
        return F.pad(x.unsqueeze(0), flat, mode).squeeze(0)
    return F.pad(x, flat, mode)


def unpad(x: Tensor, pads: Pads, mode: PaddingMode = "zeros") -> Tensor:
    """The adjoint of `pad`: each border element is added to the element that it shows.

    `<pad(x), y> = <x, unpad(y)>`. For zeros the border is cut off.
    """
    for axis, (begin, end) in enumerate(pads, start=x.dim() - len(pads)):
        if begin or end:
            x = _unpad_axis(x, axis, begin, end, mode)
    return x


def _unpad_axis(x: Tensor, axis: int, begin: int, end: int, mode: PaddingMode) -> Tensor:
    size = x.shape[axis] - begin - end
    inside = x.narrow(axis, begin, size)
    if mode == "zeros":
        return inside
    head, tail = x.narrow(axis, 0, begin), x.narrow(axis, begin + size, end)
    if mode == "circular":
        return inside + _placed(head, axis, size - begin, size) + _placed(tail, axis, 0, size)
    if mode == "replicate":
        head, tail = head.sum(axis, keepdim=True), tail.sum(axis, keepdim=True)
        return inside + _placed(head, axis, 0, size) + _placed(tail, axis, size - 1, size)
    head, tail = head.flip(axis), tail.flip(axis)
    return inside + _placed(head, axis, 1, size) + _placed(tail, axis, size - 1 - end, size)


def _placed(part: Tensor, axis: int, start: int, size: int) -> Tensor:
    """The part at `start` of an axis of `size` zeros."""
    pairs = [(0, 0)] * part.dim()
    pairs[axis] = (start, size - start - part.shape[axis])
    return F.pad(part, [p for pair in reversed(pairs) for p in pair])


def lowest(dtype: torch.dtype) -> float:
    """The value below all others, which a maximum never chooses."""
    return float("-inf") if dtype.is_floating_point else torch.iinfo(dtype).min
