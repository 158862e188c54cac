"""Which taps of a window meet an input at all."""

from __future__ import annotations

from typing import TypeAlias

from convariant.compiler.layout import Axis
from convariant.compiler.llvm import Builder, Index

__all__ = ["Span", "useful_taps"]

# Numbers [start, stop), known now or at run time.
Span: TypeAlias = tuple["Index | int", "Index | int"]


def useful_taps(b: Builder, axis: Axis, first: Index, count: int, size: int) -> Span:
    """The taps [start, stop) that meet an input in range(size) from any of `count` outputs.

    The others read nothing but the zeros around the image: with a padding of 18 on 32 pixels, as
    in dilated networks, more than half of all products.
    """

    def span(first: Index | int) -> Span:
        low = first * axis.stride + axis.offset
        high = low + (count - 1) * axis.stride
        apart = abs(axis.step)
        # how far before and behind the image the window's first tap lies, in the taps' direction
        before, left = (0 - high, size - 1 - low) if axis.step > 0 else (low - size + 1, high)
        start = (b.maximum_index(before, 0) + (apart - 1)) // apart
        stop = b.maximum_index(left + apart, 0) // apart
        return start, b.minimum_index(stop, axis.taps)

    every: Span = (0, axis.taps)
    ends = (span(0), span(axis.count - count))
    if all((b.index(start).value, b.index(stop).value) == every for start, stop in ends):
        return every
    return span(first)
