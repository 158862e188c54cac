"""Element by element: functions of tensors, copies between layouts, zeros around a plane."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Pointer, Target, Vector

__all__ = ["ClearHalo", "Convert", "Elementwise"]

# Pixels that one turn of an element-wise loop takes.
_TOGETHER = 4


@dataclass(frozen=True)
class Elementwise:
    """`y = epilogue(x)`, both blocked; x is repeated along axes where its layout's stride is 0.

    Arguments: x, y, then the epilogue's operands. Without an epilogue it copies, which changes
    halos and gathers concatenations. One work item is one row of one block. Registers: 4 pixels,
    and the operands of one.
    """

    x: Layout
    y: Layout
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        x, output = b.argument(0), Output(b, y, self.epilogue, first=1)
        with b.share(y.planes * y.blocks * y.height) as item:
            plane, row = item // y.height, item % y.height
            image, block = plane // y.blocks, plane % y.blocks
            source = address(x, self.x, image, block, row)
            whole = y.width // _TOGETHER * _TOGETHER
            for first, last, count in ((0, whole, _TOGETHER), (whole, y.width, 1)):
                with b.loop(first, last, count) as column:
                    start = source + column * self.x.column
                    values = [b.load(start + c * self.x.column) for c in range(count)]
                    place = output.at(image, block, row, column)
                    for c, value in enumerate(values):
                        place.store(value, column=c)
        return b.finish()


@dataclass(frozen=True)
class Convert:
    """`y[n,c,p] = x[n,c,p]` in another layout: planar, strided as PyTorch has it, or blocked.

    Arguments: x, y. Lanes of a blocked y that no channel fills become zero; halos are not touched.
    One work item is one row of one block of the blocked side. Registers: a square of as many
    vectors as one has lanes, turned in place; single pixels and lines, one vector.
    """

    x: Layout
    y: Layout

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, y = b.argument(0), b.argument(1)
        lanes = max(self.x.lanes, self.y.lanes)
        blocks, rest = divmod(self.x.channels, lanes)
        height, planes = self.x.height, self.x.planes
        for first, count, channels in ((0, blocks, lanes), (blocks, 1 if rest else 0, rest)):
            if count == 0:
                continue
            with b.share(planes * count * height) as item:
                plane, row = item // height, item % height
                image, block = plane // count, plane % count + first
                scale_x, scale_y = lanes // self.x.lanes, lanes // self.y.lanes
                source = address(x, self.x, image, block * scale_x, row)
                result = address(y, self.y, image, block * scale_y, row)
                self._row(b, source, result, channels)
        return b.finish()

    def _row(self, b: Builder, x: Pointer, y: Pointer, channels: int) -> None:
        width = self.x.width
        if self.x.lanes == self.y.lanes == 1:
            dense = self.x.column == self.y.column == 1
            whole = width // b.lanes * b.lanes if dense else 0
            with b.loop(0, whole, b.lanes) as column:
                b.store(b.load(x + column), y + column)
            with b.loop(whole, width) as column:
                b.store(b.load_one(x + column * self.x.column), y + column * self.y.column)
            return
        whole = width // b.lanes * b.lanes if self._turns(b.lanes) else 0
        with b.loop(0, whole, b.lanes) as column:
            self._square(b, x + column * self.x.column, y + column * self.y.column, channels)
        with b.loop(whole, width) as column:
            self._pixel(b, x + column * self.x.column, y + column * self.y.column, channels)

    def _turns(self, lanes: int) -> bool:
        """Whether pixels lie side by side on one side, and channels on the other."""
        inner = (self.x.lanes, self.x.column), (self.y.lanes, self.y.column)
        return sorted(inner) == [(1, 1), (lanes, lanes)]

    def _square(self, b: Builder, x: Pointer, y: Pointer, channels: int) -> None:
        """As many pixels as channels: loaded along one axis, stored along the other."""
        into = self.y.lanes > 1
        rows = [
            b.load(x + i * (self.x.block if into else self.x.column))
            if i < channels or not into
            else b.constant(0.0)
            for i in range(b.lanes)
        ]
        for i, value in enumerate(transposed(b, rows)):
            if into or i < channels:
                b.store(value, y + i * (self.y.column if into else self.y.block))

    def _pixel(self, b: Builder, x: Pointer, y: Pointer, channels: int) -> None:
        if self.y.lanes > 1:
            if self.x.block == 1 and channels == b.lanes:  # channels last: already side by side
                b.store(b.load(x), y)
            else:
                b.store(b.gather([x + c * self.x.block for c in range(channels)]), y)
            return
        value = b.load(x)
        if self.y.block == 1 and channels == b.lanes:
            b.store(value, y)
            return
        for c in range(channels):
            b.store(b.extract(value, c), y + c * self.y.block)


def transposed(b: Builder, rows: list[Vector]) -> list[Vector]:
    """The square of vectors with its rows as columns: element (i, j) goes to (j, i).

    For each bit of the indices in turn, elements whose row and lane differ in that bit change
    places, within pairs of rows that differ in it alone.
    Source: Eklundh, "A Fast Computer Method for Matrix Transposing", 1972.
    """
    rows, lanes, bit = list(rows), len(rows), 1
    while bit < lanes:
        low = [lanes + (j ^ bit) if j & bit else j for j in range(lanes)]
        high = [lanes + j if j & bit else j ^ bit for j in range(lanes)]
        for i in (i for i in range(lanes) if not i & bit):
            upper, lower = rows[i], rows[i | bit]
            rows[i] = b.permute(upper, low, lower)
            rows[i | bit] = b.permute(upper, high, lower)
        bit *= 2
    return rows


@dataclass(frozen=True)
class ClearHalo:
    """`y[n,c,p] = 0` for p in the halo of every plane. Arguments: y. Registers: one, of zeros."""

    y: Layout

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        top, bottom, left, right = y.halo
        with b.share(y.planes * y.blocks) as plane:
            origin = address(b.argument(0), y, plane // y.blocks, plane % y.blocks)
            corner = origin + (-top * y.row - left * y.column)
            full, foot = y.row, (top + y.height) * y.row
            self._clear(b, corner, top * full)
            self._clear(b, corner + foot, bottom * full)
            with b.loop(top, top + y.height) as row:
                line = corner + row * full
                self._clear(b, line, left * y.column)
                self._clear(b, line + (left + y.width) * y.column, right * y.column)
        return b.finish()

    def _clear(self, b: Builder, start: Pointer, floats: int) -> None:
        """A run of zeros, of a length known now."""
        whole = floats // b.lanes * b.lanes
        zeros = b.constant(0.0)
        with b.loop(0, whole, b.lanes) as i:
            b.store(zeros, start + i)
        one = b.extract(zeros, 0)
        with b.loop(whole, floats) as i:
            b.store(one, start + i)
