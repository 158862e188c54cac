"""Pooling: one number from each window of each channel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import SINGLE, Axis, Floats, Layout
from convariant.compiler.llvm import Builder, Cell, Index, Pointer, Target, Vector
from convariant.compiler.llvm.deal import deal

__all__ = ["Pool"]

# Output pixels whose windows are walked together away from the edges.
_TOGETHER = 4


@dataclass(frozen=True)
class Pool:
    """`y[n,c,p] = epilogue(max or sum / count of x[n,c,i] for i in the window of p, inside x)`.

    Arguments: x, scales, y, then the epilogue's operands. Windows are clipped at the edges of x, so
    padding is never read. `scales` holds, for an average, one factor for each output plane, then
    for each row, then for each column, whose product is 1 / count (see `pack`); a maximum does not
    read it. Registers: a few sums and one input.
    """

    mode: Literal["max", "avg"]
    x: Layout
    y: Layout
    rows: Axis
    columns: Axis
    epilogue: Epilogue = ()
    planes: Axis = SINGLE

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, scales = b.argument(0), b.argument(1)
        output = Output(b, self.y, self.epilogue, first=2)
        with deal(b, self.y.planes * self.y.blocks * self.rows.count) as item:
            there, row = item // self.rows.count, item % self.rows.count
            plane, block = there // self.y.blocks, there % self.y.blocks
            source = address(x, self.x, plane // self.y.depth * self.x.depth, block)
            line = _Line(self, b, output, source, scales, plane, block, row)
            first, last = inside(self.columns, self.x.width)
            whole = first + (last - first) // _TOGETHER * _TOGETHER
            with b.loop(0, first) as column:
                line.clipped(column)
            with b.loop(first, whole, _TOGETHER) as column:
                line.unclipped(column, _TOGETHER)
            with b.loop(whole, self.columns.count) as column:
                line.clipped(column)
        return b.finish()

    def pack(self, counts: tuple[Floats, ...] | None) -> Floats:
        """The factors of an average whose window counts (planes, rows, columns) elements; else
        nothing.
        """
        if counts is None:
            return np.zeros(1, np.float32)
        return (1.0 / np.concatenate(counts)).astype(np.float32)


def inside(axis: Axis, size: int) -> tuple[int, int]:
    """The range of outputs whose whole window lies within the input.

    >>> inside(Axis(5, taps=3, stride=2, offset=-1), size=9)
    (1, 4)
    """
    span = (axis.taps - 1) * axis.step
    first = max(0, -(axis.offset // axis.stride))
    last = max(0, (size - 1 - span - axis.offset) // axis.stride + 1)
    first, last = min(first, axis.count), min(last, axis.count)
    return first, max(first, last)


@dataclass(frozen=True)
class _Line:
    """One output row of one channel block."""

    pool: Pool
    b: Builder
    output: Output
    x: Pointer
    scales: Pointer
    plane: Index
    block: Index
    row: Index

    @property
    def z(self) -> Index:
        """The plane within its volume."""
        return self.plane % self.pool.y.depth

    def clipped(self, column: Index) -> None:
        """One output whose window may reach beyond the left or right edge."""
        b, axis, size = self.b, self.pool.columns, self.pool.x.width
        total = b.cell(self._start())
        first, last = self._taps(column, axis, size)
        with self._rows() as line, b.loop(first, last) as j:
            place = column * axis.stride + j * axis.step + axis.offset
            self._gather(total, line + place * self.pool.x.column)
        self._finish(column, [total])

    def unclipped(self, column: Index, count: int) -> None:
        """Neighbouring outputs whose windows lie within the row."""
        b, axis, apart = self.b, self.pool.columns, self.pool.x.column
        totals = [b.cell(self._start()) for _ in range(count)]
        with self._rows() as line, b.loop(0, axis.taps) as j:
            start = line + (column * axis.stride + j * axis.step + axis.offset) * apart
            for c, total in enumerate(totals):
                self._gather(total, start + c * axis.stride * apart)
        self._finish(column, totals)

    @contextlib.contextmanager
    def _rows(self) -> Iterator[Pointer]:
        """Each row of the input inside the window."""
        b, x, planes, rows = self.b, self.pool.x, self.pool.planes, self.pool.rows
        deep = self._taps(self.z, planes, x.depth)
        down = self._taps(self.row, rows, x.height)
        with b.loop(*deep) as h, b.loop(*down) as i:
            plane = self.z * planes.stride + h * planes.step + planes.offset
            row = self.row * rows.stride + i * rows.step + rows.offset
            yield self.x + (plane * x.plane + row * x.row)

    def _taps(self, at: Index, axis: Axis, size: int) -> tuple[Index, Index]:
        """The taps that fall inside the input."""
        b = self.b
        start = at * axis.stride + axis.offset
        # the lowest tap t with start + t * step >= 0, and the first with start + t * step >= size
        first = b.maximum_index(0, axis.step - 1 - start) // axis.step
        last = b.maximum_index(0, size + axis.step - 1 - start) // axis.step
        return first, b.minimum_index(last, axis.taps)

    def _start(self) -> Vector:
        return self.b.constant(float("-inf") if self.pool.mode == "max" else 0.0)

    def _gather(self, total: Cell, place: Pointer) -> None:
        value = self.b.load(place)
        old = total.get()
        total.set(self.b.maximum(old, value) if self.pool.mode == "max" else old + value)

    def _finish(self, column: Index, totals: list[Cell]) -> None:
        b, planes, rows = self.b, self.pool.planes.count, self.pool.rows.count
        place = self.output.at(self.plane, self.block, self.row, column)
        for c, total in enumerate(totals):
            value = total.get()
            if self.pool.mode == "avg":
                behind = b.splat(self.scales + self.z)
                down = b.splat(self.scales + (self.row + planes))
                across = b.splat(self.scales + (column + (planes + rows + c)))
                value = value * (behind * down * across)
            place.store(value, column=c)
