"""Convolution as sums of broadcast inputs times vectors of weights: pointwise, k x k, Linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._tile import Tile, TileSums
from convariant.compiler.layout import Axis, Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target

__all__ = ["DirectConv", "Panel"]

# Numbers [start, stop), known now or at run time.
Span: TypeAlias = tuple["Index | int", "Index | int"]

# Channels (of a planar input: taps) whose multiply-adds are unrolled: enough to hide the loop.
_UNROLL = 4


@dataclass(frozen=True)
class DirectConv:
    """`y[n,o,p] = epilogue(bias[o] + sum over taps t and channels i of w[o,i,t] * x[n,i,p,t])`.

    Arguments: x, weights, bias, y, then the epilogue's operands. The weights are packed as they are
    read: [panel of vectors * lanes outputs][input block][kh][kw][lane of the block][output].
    A tile keeps rows * columns * vectors sums in registers; each input channel costs `vectors`
    weight loads and one broadcast per pixel. Work is n x bands of rows x panels; `weights_outer`
    walks every pixel with one panel of weights (large weights), else every panel with one band of
    rows (large images). Groups: each has whole blocks of inputs and whole panels of outputs.
    """

    x: Layout
    y: Layout
    rows: Axis
    columns: Axis
    tile: Tile
    band: int
    groups: int = 1
    weights_outer: bool = False
    epilogue: Epilogue = ()

    @property
    def depth(self) -> int:
        """Input channels that one output reads."""
        return self.x.channels // self.groups

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weights, bias = (b.argument(i) for i in range(3))
        output = Output(b, self.y, self.epilogue, first=3)
        bands = -(-self.rows.count // self.band)
        places = self.x.batch * bands
        panels = self.y.blocks // self.tile.vectors
        with b.share(places * panels) as item:
            if self.weights_outer:
                panel, place = item // places, item % places
            else:
                panel, place = item % panels, item // panels
            image, band = place // bands, place % bands
            group = panel // (panels // self.groups)
            source = address(x, self.x, image, group * (self.x.blocks // self.groups))
            first = band * self.band
            last = b.minimum_index(first + self.band, self.rows.count)
            Panel.of(self, output, source, weights, bias, image, panel).rows(first, last)
        return b.finish()

    def pack(self, weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A weight (co, ci / groups, kh, kw) in the order of reading, flat.

        Outputs that fill up the last block have weights of zero.
        """
        co, ci, kh, kw = weight.shape
        lanes, width = self.x.lanes, self.tile.vectors * self.y.lanes
        padded = np.zeros((self.y.blocks * self.y.lanes, ci, kh, kw), np.float32)
        padded[:co] = weight
        panels = self.y.blocks // self.tile.vectors
        ordered = padded.reshape(panels, width, ci, kh, kw).transpose(0, 3, 4, 2, 1)
        blocks = [
            ordered[:, :, :, i : i + lanes].reshape(panels, kh * kw * min(lanes, ci - i) * width)
            for i in range(0, ci, lanes)
        ]
        return np.ascontiguousarray(np.concatenate(blocks, axis=1)).ravel()


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


@dataclass(frozen=True)
class Panel:
    """One panel of outputs over a band of rows: where everything is."""

    conv: DirectConv
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
        conv: DirectConv,
        output: Output,
        x: Pointer,
        weights: Pointer,
        bias: Pointer,
        image: Index,
        panel: Index,
    ) -> Panel:
        """That panel of that image: `x` is where its first input channel begins."""
        b = output.builder
        outputs = conv.tile.vectors * b.lanes
        taps = conv.rows.taps * conv.columns.taps
        return cls(
            conv=conv,
            b=b,
            output=output,
            x=x,
            weights=weights + panel * (conv.depth * taps * outputs),
            bias=bias + panel * outputs,
            image=image,
            block=panel * conv.tile.vectors,
        )

    def rows(self, first: Index, last: Index) -> None:
        """Tiles of full height, then single rows."""
        height = self.conv.tile.rows
        whole = first + (last - first) // height * height
        with self.b.loop(first, whole, height) as row:
            self._columns(row, height)
        if height > 1:
            with self.b.loop(whole, last) as row:
                self._columns(row, 1)

    def _columns(self, row: Index, height: int) -> None:
        """As many full tiles as fit, then a narrower one."""
        width, count = self.conv.tile.columns, self.conv.columns.count
        whole = count // width * width
        with self.b.loop(0, whole, width) as column:
            self._tile(row, column, height, width)
        if whole < count:
            self._tile(row, self.b.index(whole), height, count - whole)

    def _tile(self, row: Index, column: Index, height: int, width: int) -> None:
        b, conv = self.b, self.conv
        rows, columns, lanes = conv.rows, conv.columns, b.lanes
        x = address(
            self.x,
            conv.x,
            row=row * rows.stride + rows.offset,
            column=column * columns.stride + columns.offset,
        )
        tile = Tile(height, width, conv.tile.vectors)
        weights = conv.depth * rows.taps * columns.taps * conv.y.blocks * lanes
        sums = TileSums(b, tile, lambda v: b.load(self.bias + v * lanes), weights)
        taps = (
            useful_taps(b, rows, row, height, conv.x.height),
            useful_taps(b, columns, column, width, conv.x.width),
        )
        whole, rest = divmod(conv.depth, conv.x.lanes)
        with b.loop(0, whole) as block:
            self._block(sums, x, block, conv.x.lanes, taps)
        if rest:
            self._block(sums, x, b.index(whole), rest, taps)
        place = self.output.at(
            self.image,
            self.block,
            row * rows.spread,
            column * columns.spread,
        )
        with b.local_constants():
            for r, c, v, value in sums.results():
                place.store(value, v, r * rows.spread, c * columns.spread)

    def _block(
        self, sums: TileSums, x: Pointer, block: Index, lanes: int, taps: tuple[Span, Span]
    ) -> None:
        """The taps of one block of input channels, of which `lanes` are real."""
        b, conv = self.b, self.conv
        kh, kw, outputs = conv.rows.taps, conv.columns.taps, conv.tile.vectors * b.lanes
        down, across = taps
        apart = (conv.rows.stride * conv.x.row, conv.columns.stride * conv.x.column)
        start = self.weights + block * (conv.x.lanes * kh * kw * outputs)
        unrolled_taps = 1
        if lanes == 1:
            unrolled_taps = next(u for u in (4, 3, 2, 1) if kw % u == 0)
            across = (0, kw)
        with b.loop(*down) as i, b.loop(*across, unrolled_taps) as j:
            for u in range(unrolled_taps):
                tap = address(x, conv.x, 0, block, i * conv.rows.step, (j + u) * conv.columns.step)
                weights = start + (i * kw + j + u) * (lanes * outputs)
                unroll = next(u for u in (_UNROLL, 3, 2, 1) if lanes % u == 0)
                with b.loop(0, lanes, unroll) as lane:
                    for k in range(unroll):
                        sums.multiply(tap + (lane + k), weights + (lane + k) * outputs, *apart)
