"""Numbers moved from one grid of addresses to another: permuting, slicing, padding, joining."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from convariant.compiler.kernels._elementwise import transposed
from convariant.compiler.llvm import Builder, Index, Pointer, Target, Vector

__all__ = ["Copy"]

# (size, distance in x, distance in y) of one axis, in floats.
Walk: TypeAlias = tuple[int, int, int]

# Work items that are enough for any number of threads to share evenly.
_ITEMS = 256


@dataclass(frozen=True)
class Copy:
    """`y[i . y_strides] = x[i . x_strides]` for every index i below the sizes, of any many axes.

    A distance of 0 in x repeats, a negative one walks backwards. Arguments: x, y, each where index
    0 lies. Runs that are contiguous in both go by vectors; where x is contiguous along another axis
    than y, squares are transposed in registers. `walks`, made by `of`, go from the longest distance
    in y to the shortest. One work item is an index of the outer axes.
    """

    walks: tuple[Walk, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], x: Sequence[int], y: Sequence[int]) -> Copy:
        """The copy with those sizes and strides, as few axes as will do.

        >>> Copy.of((2, 3, 4, 5), (60, 20, 5, 1), (120, 40, 5, 1)).walks
        ((6, 20, 40), (20, 1, 1))
        """
        walks = [walk for walk in zip(sizes, x, y, strict=True) if walk[0] > 1]
        walks.sort(key=lambda walk: -abs(walk[2]))
        merged: list[Walk] = []
        for size, dx, dy in walks:
            goes_on = merged and merged[-1][1:] == (size * dx, size * dy)
            turns = merged.pop()[0] if goes_on else 1
            merged.append((turns * size, dx, dy))
        return cls(tuple(merged) or ((1, 1, 1),))

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, y = b.argument(0), b.argument(1)
        *outer, line = self.walks
        turned = self._turned(b.lanes)
        if turned is None:
            self._shared(b, outer, x, y, lambda x, y: _line(b, line, x, y))
            return b.finish()
        outer.remove(turned)
        size, dx, dy = turned
        whole = size // b.lanes * b.lanes
        tiles = (size // b.lanes, dx * b.lanes, dy * b.lanes)
        self._shared(b, [*outer, tiles], x, y, lambda x, y: _squares(b, line, dy, x, y))
        if whole < size:
            rest = (size - whole, dx, dy)
            start = x + whole * dx, y + whole * dy
            self._shared(b, [*outer, rest], *start, lambda x, y: _line(b, line, x, y))
        return b.finish()

    def _turned(self, lanes: int) -> Walk | None:
        """The axis along which x is contiguous, if y is so along another; both longer than a
        vector.
        """
        *outer, line = self.walks
        if line[2] != 1 or line[1] in (-1, 0, 1) or line[0] < lanes:
            return None
        return next((walk for walk in outer if walk[1] == 1 and walk[0] >= lanes), None)

    def _shared(
        self,
        b: Builder,
        outer: list[Walk],
        x: Pointer,
        y: Pointer,
        body: Callable[[Pointer, Pointer], None],
    ) -> None:
        """The body at every index of the outer axes; the first of them are shared by threads."""
        items, first = 1, 0
        while first < len(outer) and items < _ITEMS:
            items *= outer[first][0]
            first += 1
        with b.share(items) as item:
            rest = item
            for size, dx, dy in reversed(outer[:first]):
                index, rest = rest % size, rest // size
                x, y = x + index * dx, y + index * dy
            _nest(b, outer[first:], x, y, body)


def _nest(
    b: Builder,
    walks: list[Walk],
    x: Pointer,
    y: Pointer,
    body: Callable[[Pointer, Pointer], None],
) -> None:
    """One loop in the other."""
    if not walks:
        body(x, y)
        return
    size, dx, dy = walks[0]
    with b.loop(0, size) as i:
        _nest(b, walks[1:], x + i * dx, y + i * dy, body)


def _line(b: Builder, walk: Walk, x: Pointer, y: Pointer) -> None:
    """The last axis: by vectors where y is contiguous, and x too or a single number."""
    size, dx, dy = walk
    whole = size // b.lanes * b.lanes if dy == 1 and dx in (-1, 0, 1) else 0
    if whole:
        with b.loop(0, whole, b.lanes) as i:
            b.store(_vector(b, dx, x, i), y + i)
    with b.loop(whole, size) as i:
        b.store(b.load_one(x + i * dx), y + i * dy)


def _vector(b: Builder, step: int, x: Pointer, i: Index) -> Vector:
    """A vector of numbers from the i-th on: forwards, backwards or all the same."""
    if step == 0:
        return b.splat(x)
    if step == 1:
        return b.load(x + i)
    last = x + (0 - i - (b.lanes - 1))
    return b.permute(b.load(last), [b.lanes - 1 - lane for lane in range(b.lanes)])


def _squares(b: Builder, walk: Walk, apart: int, x: Pointer, y: Pointer) -> None:
    """A vector's width of lines of y, which lie `apart`: their numbers stand side by side in x."""
    size, dx, _ = walk
    whole = size // b.lanes * b.lanes
    with b.loop(0, whole, b.lanes) as i:
        rows = [b.load(x + (i + row) * dx) for row in range(b.lanes)]
        for lane, value in enumerate(transposed(b, rows)):
            b.store(value, y + (i + lane * apart))
    with b.loop(whole, size) as i:
        value = b.load(x + i * dx)
        for lane in range(b.lanes):
            b.store(b.extract(value, lane), y + (i + lane * apart))
