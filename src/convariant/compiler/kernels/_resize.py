"""Resizing: each output pixel a weighted sum of a few input pixels."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import Floats, Layout
from convariant.compiler.llvm import Builder, Cell, Index, Pointer, Target, Vector

__all__ = ["Resize", "resize_table"]

# Taps that are unrolled; more of them are walked in loops.
_UNROLLED = 16


@dataclass(frozen=True)
class Resize:
    """`y[n,c,h,i,j] = epilogue(sum over taps t, a, b of w[h,t] u[i,a] v[j,b] x[n,c,..])`.

    Arguments: x, table, y, then the epilogue's operands. The table holds, for each output plane,
    its taps' input planes and weights, then the same for rows and for columns: see `resize_table`.
    A single tap is a copy, which leaves infinities alone. `taps` are those of planes, rows and
    columns. One work item is one row of one block. Registers: the sum, a pixel and its weight.
    """

    x: Layout
    y: Layout
    taps: tuple[int, int, int]
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        x, table = b.argument(0), b.argument(1)
        output = Output(b, y, self.epilogue, first=2)
        line = self._unrolled if math.prod(self.taps) <= _UNROLLED else self._walked
        with b.share(y.planes * y.blocks * y.height) as item:
            there, row = item // y.height, item % y.height
            plane, block = there // y.blocks, there % y.blocks
            source = address(x, self.x, plane // y.depth * self.x.depth, block)
            with b.loop(0, y.width) as column:
                entries = self._entries(table, plane % y.depth, row, column)
                output.at(plane, block, row, column).store(line(b, source, entries))
        return b.finish()

    def _entries(self, table: Pointer, *place: Index) -> list[Pointer]:
        """Where the taps of an output plane, row and column stand in the table."""
        entries, start = [], table
        sizes = (self.y.depth, self.y.height, self.y.width)
        for at, size, taps in zip(place, sizes, self.taps, strict=True):
            entries.append(start + at * (2 * taps))
            start = start + 2 * size * taps
        return entries

    def _unrolled(self, b: Builder, source: Pointer, entries: list[Pointer]) -> Vector:
        if math.prod(self.taps) == 1:
            value, _ = self._tap(b, source, entries)
            return value
        total = b.constant(0.0)
        for taps in itertools.product(*map(range, self.taps)):
            moved = [entry + 2 * tap for entry, tap in zip(entries, taps, strict=True)]
            total = b.fma(*self._tap(b, source, moved), total)
        return total

    def _walked(self, b: Builder, source: Pointer, entries: list[Pointer]) -> Vector:
        total: Cell = b.cell(b.constant(0.0))
        deep, down, across = self.taps
        with b.loop(0, deep) as h, b.loop(0, down) as i, b.loop(0, across) as j:
            moved = [entry + tap * 2 for entry, tap in zip(entries, (h, i, j), strict=True)]
            total.set(b.fma(*self._tap(b, source, moved), total.get()))
        value: Vector = total.get()
        return value

    def _tap(self, b: Builder, source: Pointer, entries: list[Pointer]) -> tuple[Vector, Vector]:
        """An input pixel and its weight."""
        apart = (self.x.plane, self.x.row, self.x.column)
        weight = None
        for entry, step, taps in zip(entries, apart, self.taps, strict=True):
            source = source + b.load_index(entry) * step
            if taps > 1:
                factor = b.splat(entry + 1)
                weight = factor if weight is None else weight * factor
        return b.load(source), b.constant(1.0) if weight is None else weight


def resize_table(*axes: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]) -> Floats:
    """Input index (a 32-bit integer's bits) and weight of each tap of each output, axis by axis."""
    pairs = [
        np.stack((index.astype(np.int32).view(np.float32), weight.astype(np.float32)), axis=-1)
        for index, weight in axes
    ]
    return np.concatenate([pair.ravel() for pair in pairs])
