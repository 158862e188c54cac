"""Placing buffers in one arena so that those alive at the same time do not overlap."""

from __future__ import annotations

from collections.abc import Sequence

from convariant.compiler.plan._model import Buffer

__all__ = ["liveness_bound", "place_buffers"]

# floats; a cache line, which is also the widest vector
_LINE = 16


def place_buffers(buffers: Sequence[Buffer]) -> int:
    """Give each buffer its offset, the largest first in the lowest gap; the size of the arena."""
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: -b.size):
        others = sorted((b for b in placed if _overlap(b, buffer)), key=lambda b: b.offset)
        offset = 0
        for other in others:
            if offset + buffer.size <= other.offset:
                break
            offset = max(offset, other.offset + _round(other.size))
        buffer.offset = offset
        placed.append(buffer)
    return max((b.offset + _round(b.size) for b in placed), default=0)


def liveness_bound(buffers: Sequence[Buffer]) -> int:
    """The most floats alive at any one step: no arena can be smaller."""
    steps = {b.first for b in buffers}
    return max((sum(b.size for b in buffers if b.first <= s <= b.last) for s in steps), default=0)


def _overlap(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


def _round(size: int) -> int:
    return -(-size // _LINE) * _LINE
