"""Placing buffers in one arena so that those alive at the same time do not overlap."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from convariant.compiler.layout import LINE
from convariant.compiler.plan._model import Buffer

__all__ = ["liveness_bound", "place_buffers"]

# Orders of placing that are tried, and how near the bound an arena is good enough.
_ATTEMPTS = 24
_NEAR = 1.02


def place_buffers(buffers: Sequence[Buffer]) -> int:
    """Give each buffer its offset; the size of the arena.

    Each goes in the lowest gap, the largest first. While the arena is not near its bound, what
    reaches its top is placed again before everything that it meets.
    """
    enough = _NEAR * liveness_bound(buffers)
    order = sorted(buffers, key=lambda b: -b.size)
    best, offsets = _place(order), [b.offset for b in buffers]
    for _ in range(_ATTEMPTS):
        if best <= enough:
            break
        order = _raised(order)
        size = _place(order)
        if size < best:
            best, offsets = size, [b.offset for b in buffers]
    for buffer, offset in zip(buffers, offsets, strict=True):
        buffer.offset = offset
    return best


def liveness_bound(buffers: Sequence[Buffer]) -> int:
    """The most floats alive at any one step: no arena can be smaller."""
    steps = {b.first for b in buffers}
    return max((sum(b.size for b in buffers if b.first <= s <= b.last) for s in steps), default=0)


def _place(order: Sequence[Buffer]) -> int:
    """Each buffer, in this order, in the lowest gap; the size of the arena."""
    placed: list[Buffer] = []  # from the lowest offset on
    for buffer in order:
        offset = 0
        for other in placed:
            if not _meet(other, buffer):
                continue
            if offset + buffer.size <= other.offset:
                break
            offset = max(offset, _end(other))
        buffer.offset = offset
        bisect.insort(placed, buffer, key=lambda b: b.offset)
    return max(map(_end, placed), default=0)


def _raised(order: Sequence[Buffer]) -> list[Buffer]:
    """The order with what reaches the top of the arena before all that it meets."""
    top = max(map(_end, order))
    result = list(order)
    for buffer in order:
        if _end(buffer) == top:
            result.remove(buffer)
            places = (place for place, other in enumerate(result) if _meet(other, buffer))
            result.insert(next(places, 0), buffer)
    return result


def _meet(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


def _end(buffer: Buffer) -> int:
    """Where the next may start."""
    return buffer.offset + -(-buffer.size // LINE) * LINE
