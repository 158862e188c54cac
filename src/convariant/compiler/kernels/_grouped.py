"""Convolution whose groups are narrower than a vector: depthwise, and groups of a few channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import Axis, Floats, Layout
from convariant.compiler.llvm import Builder, Cell, Index, Pointer, Target, Vector

__all__ = ["GroupedConv", "Plane"]


@dataclass(frozen=True)
class GroupedConv:
    """`y[n,o,p] = epilogue(bias[o] + sum over t, k of w[o,k,t] * x[n, o//width*width + k, p,t])`.

    Groups of `width` inputs and as many outputs, where `width` divides the lanes (1: depthwise), so
    that a vector of outputs needs one vector of inputs, its lanes permuted once for each k.
    Arguments: x, weights, bias, y, then the epilogue's operands. The weights are packed as they are
    read: [output block][kh][k][kw][lane]. A tile keeps `tile_rows` x `tile_columns` sums and the kw
    weights of a kernel row; each input vector is loaded once for all the taps of its row.
    """

    x: Layout
    y: Layout
    rows: Axis
    columns: Axis
    width: int
    tile_rows: int
    tile_columns: int
    band: int
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weights, bias = (b.argument(i) for i in range(3))
        output = Output(b, self.y, self.epilogue, first=3)
        bands = -(-self.rows.count // self.band)
        with b.share(self.x.batch * self.y.blocks * bands) as item:
            plane, band = item // bands, item % bands
            image, block = plane // self.y.blocks, plane % self.y.blocks
            first = band * self.band
            last = b.minimum_index(first + self.band, self.rows.count)
            Plane.of(self, output, x, weights, bias, image, block).rows(first, last)
        return b.finish()

    def pack(self, weight: Floats) -> Floats:
        """A weight (co, width, kh, kw) in the order of reading, flat."""
        co, width, kh, kw = weight.shape
        padded = np.zeros((self.y.blocks * self.y.lanes, width, kh, kw), np.float32)
        padded[:co] = weight
        blocks = padded.reshape(self.y.blocks, self.y.lanes, width, kh, kw)
        return np.ascontiguousarray(blocks.transpose(0, 3, 2, 4, 1)).ravel()


@dataclass(frozen=True)
class Plane:
    """One block of channels over a band of rows: where everything is."""

    conv: GroupedConv
    b: Builder
    output: Output
    x: Pointer
    weights: Pointer
    bias: Pointer
    image: Index
    block: Index

    @classmethod
    def of(
        cls,
        conv: GroupedConv,
        output: Output,
        x: Pointer,
        weights: Pointer,
        bias: Pointer,
        image: Index,
        block: Index,
    ) -> Plane:
        """That block of that image; the pointers are the kernel's arguments."""
        b = output.builder
        panel = conv.rows.taps * conv.width * conv.columns.taps * b.lanes
        return cls(
            conv=conv,
            b=b,
            output=output,
            x=address(x, conv.x, image, block),
            weights=weights + block * panel,
            bias=bias + block * b.lanes,
            image=image,
            block=block,
        )

    def rows(self, first: Index, last: Index) -> None:
        """Tiles of full height, then single rows."""
        height = self.conv.tile_rows
        whole = first + (last - first) // height * height
        with self.b.loop(first, whole, height) as row:
            self._columns(row, height)
        if height > 1:
            with self.b.loop(whole, last) as row:
                self._columns(row, 1)

    def _columns(self, row: Index, height: int) -> None:
        """As many full tiles as fit, then a narrower one."""
        width, count = self.conv.tile_columns, self.conv.columns.count
        whole = count // width * width
        with self.b.loop(0, whole, width) as column:
            self._tile(row, column, height, width)
        if whole < count:
            self._tile(row, self.b.index(whole), height, count - whole)

    def _tile(self, row: Index, column: Index, height: int, width: int) -> None:
        b, rows, columns = self.b, self.conv.rows, self.conv.columns
        x = address(
            self.x,
            self.conv.x,
            row=row * rows.stride + rows.offset,
            column=column * columns.stride + columns.offset,
        )
        start = b.load(self.bias)
        sums = {(r, c): b.cell(start) for r in range(height) for c in range(width)}
        with b.loop(0, rows.taps) as i:
            line = x + i * (rows.step * self.conv.x.row)
            for k in range(self.conv.width):
                group = (i * self.conv.width + k) * columns.taps
                weights = [
                    b.load(self.weights + (group + j) * b.lanes) for j in range(columns.taps)
                ]
                for r in range(height):
                    self._row(line, r, k, weights, sums, width)
        place = self.output.at(
            self.image,
            self.block,
            row * rows.spread,
            column * columns.spread,
        )
        with b.local_constants():
            for (r, c), total in sums.items():
                place.store(total.get(), 0, r * rows.spread, c * columns.spread)

    def _row(
        self,
        line: Pointer,
        r: int,
        k: int,
        weights: list[Vector],
        sums: dict[tuple[int, int], Cell],
        width: int,
    ) -> None:
        """Each input of a row, in order, to every output that it meets."""
        b, x, columns = self.b, self.conv.x, self.conv.columns
        meetings: dict[int, list[tuple[int, int]]] = {}
        for c in range(width):
            for j in range(columns.taps):
                meetings.setdefault(c * columns.stride + j * columns.step, []).append((c, j))
        group = self.conv.width
        lanes = [lane // group * group + k for lane in range(b.lanes)]
        for place, users in sorted(meetings.items()):
            value = b.load(line + (r * self.conv.rows.stride * x.row + place * x.column))
            if group > 1:
                value = b.permute(value, lanes)
            for c, j in users:
                sums[r, c].set(b.fma(value, weights[j], sums[r, c].get()))
