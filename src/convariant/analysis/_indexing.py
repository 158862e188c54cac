"""Indices and paddings of the last axes of a tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def on_last_axes(index: Iterable[slice | int]) -> tuple[Any, ...]:
    """An index of the last axes that takes everything of those before."""
    return (..., *index)


def every(steps: Iterable[int]) -> tuple[Any, ...]:
    """Every s-th element of each of the last axes."""
    return on_last_axes(slice(None, None, s) for s in steps)


def last_first(pads: Sequence[tuple[int, int]]) -> list[int]:
    """(begin, end) pairs in the order of torch.nn.functional.pad: the last axis first."""
    return [n for pair in reversed(pads) for n in pair]
