"""Functions of tensors as PyTorch lays them out, of any many axes, broadcast in any way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from convariant.compiler.kernels._epilogue import Epilogue
from convariant.compiler.kernels._lines import load, store
from convariant.compiler.llvm import Builder, Index, Pointer, Target, Vector

__all__ = ["Map"]

# Size of one axis, then the distance along it in y, in x and in each operand, in floats.
Walk: TypeAlias = tuple[int, ...]

# Vectors that one work item takes of a line, so that threads can share a single one.
_PIECE = 64


@dataclass(frozen=True)
class Map:
    """`y[i] = epilogue(x[i])` for every index i of y; a distance of 0 repeats a tensor.

    The operands of the epilogue lie as the walks say, whatever layouts its steps name. Arguments:
    x, y, then the operands, each where index 0 lies. Along the last walk every tensor is contiguous
    or stands still. `walks`, made by `of`, go from the longest distance in y to the shortest.
    Registers: one vector of each tensor.
    """

    walks: tuple[Walk, ...]
    epilogue: Epilogue

    @classmethod
    def of(cls, sizes: Sequence[int], strides: Sequence[Sequence[int]], epilogue: Epilogue) -> Map:
        """The kernel for tensors with these strides (y, x, operands), as few axes as will do.

        >>> Map.of((2, 3, 4), ((12, 4, 1), (12, 4, 1), (0, 0, 1)), ()).walks
        ((6, 4, 4, 0), (4, 1, 1, 1))
        """
        walks: list[Walk] = []
        for size, *apart in zip(sizes, *strides, strict=True):
            if size == 1:
                continue
            turns = 1
            if walks and walks[-1][1:] == tuple(size * distance for distance in apart):
                turns = walks.pop()[0]
            walks.append((turns * size, *apart))
        return cls(tuple(walks) or ((1, *(1 for _ in strides)),), epilogue)

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, line = Builder(target, name), self.walks[-1]
        x, y, *operands = (b.argument(i) for i in range(len(line) - 1))
        starts = [y, x, *operands]
        whole = line[0] // b.lanes * b.lanes
        lines = math.prod(walk[0] for walk in self.walks[:-1])
        pieces = -(-whole // (_PIECE * b.lanes))
        with b.share(lines * pieces) as item:
            places = self._places(starts, item // max(pieces, 1))
            first = item % max(pieces, 1) * (_PIECE * b.lanes)
            with b.loop(first, b.minimum_index(first + _PIECE * b.lanes, whole), b.lanes) as i:
                self._vector(b, places, i, b.lanes)
        if whole < line[0]:
            with b.share(lines) as item:
                self._vector(b, self._places(starts, item), b.index(whole), line[0] - whole)
        return b.finish()

    def _places(self, starts: list[Pointer], item: Index) -> list[Pointer]:
        """Where the line of that number begins in each tensor."""
        for size, *apart in reversed(self.walks[:-1]):
            index, item = item % size, item // size
            starts = [
                start + index * distance for start, distance in zip(starts, apart, strict=True)
            ]
        return starts

    def _vector(self, b: Builder, places: list[Pointer], i: Index, lanes: int) -> None:
        """So many numbers of a line, from the i-th on."""
        steps = self.walks[-1][2:]
        given = [
            load(b, place + i, lanes) if step else b.splat(place)
            for place, step in zip(places[1:], steps, strict=True)
        ]
        store(b, self._applied(b, given), places[0] + i, lanes)

    def _applied(self, b: Builder, given: list[Vector]) -> Vector:
        value, *operands = given
        following = iter(operands)
        for step in self.epilogue:
            value = step.apply(b, value, [next(following) for _ in step.operands])
        return value
