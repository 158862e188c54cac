"""Lanes of several vectors brought together in one."""

from __future__ import annotations

from collections.abc import Sequence

from convariant.compiler.llvm import Builder, Vector

__all__ = ["picked"]


def picked(b: Builder, vectors: Sequence[Vector], places: Sequence[int]) -> Vector:
    """The vector whose lane l is lane `places[l]` of all the vectors in line; -1 gives zero.

    One permutation for two vectors, and one for each further one.
    """
    lanes = vectors[0].value.type.count
    numbers = sorted({place // lanes for place in places})
    sources = [vectors[n] if n >= 0 else b.constant(0.0) for n in numbers]
    if len(sources) == 1:
        return b.permute(sources[0], [place % lanes for place in places])
    first = [p % lanes if p // lanes == numbers[0] else lanes + p % lanes for p in places]
    value = b.permute(sources[0], first, sources[1])
    for number, source in zip(numbers[2:], sources[2:], strict=True):
        moved = [lanes + p % lanes if p // lanes == number else i for i, p in enumerate(places)]
        value = b.permute(value, moved, source)
    return value
