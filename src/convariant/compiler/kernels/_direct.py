"""Convolution as sums of broadcast inputs times vectors of weights: pointwise, k x k, Linear."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._pack import filled_up
from convariant.compiler.kernels._taps import Span, useful_taps
from convariant.compiler.kernels._tile import (
    POINTWISE_UNROLL,
    UNROLL,
    Ahead,
    Tile,
    TileSums,
    fetch_share,
)
from convariant.compiler.layout import SINGLE, Axis, Floats, Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target
from convariant.compiler.llvm.deal import deal

__all__ = ["DirectConv", "Panel"]


@dataclass(frozen=True)
class DirectConv:
    """`y[n,o,p] = epilogue(bias[o] + sum over taps t and channels i of w[o,i,t] * x[n,i,p,t])`.

    Arguments: x, weights, bias, y, then the epilogue's operands. The weights are packed as they are
    read: [panel of vectors * lanes outputs][kd][input block][kh][kw][lane of the block][output].
    A tile keeps rows * columns * vectors sums in registers; each input channel costs `vectors`
    weight loads and one broadcast per pixel. Work is planes x bands of rows x spans of columns x
    panels; a `span` is whole tiles, by default all of a row. `weights_outer` walks every pixel with
    one panel of weights (large weights), else every panel with one span (large images). Groups:
    each has whole panels of outputs, and either whole blocks of inputs or a part of one; the first
    `used` inputs of each are read, by default all.

    With a `slice`, that many input blocks are multiplied at a time: all tiles of an item by the
    same few weights, which stay in the first-level cache, while each tile fetches its share of the
    next ones. The sums wait in scratch of the thread's own, the argument behind the bias.
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
    planes: Axis = SINGLE
    used: int = 0
    span: int = 0
    slice: int = 0

    @property
    def tiling(self) -> str:
        """What a tile keeps in registers, as rows x columns x channels."""
        return self.tile.text(self.y.lanes)

    @property
    def width(self) -> int:
        """Input channels of a group, as they lie in x."""
        return self.x.channels // self.groups

    @property
    def inputs(self) -> int:
        """Input channels that one output reads."""
        return self.used or self.width

    @property
    def plane_weights(self) -> int:
        """Weights of one panel for one plane of the kernel."""
        taps = self.rows.taps * self.columns.taps
        return self.inputs * taps * self.tile.vectors * self.y.lanes

    @property
    def weights(self) -> int:
        """Weights of all panels."""
        return self.planes.taps * self.plane_weights * self.y.blocks // self.tile.vectors

    @property
    def pixels(self) -> int:
        """Pixels of an item."""
        return self.band * (self.span or self.columns.count)

    @property
    def tiles(self) -> int:
        """Tiles of an item."""
        return -(-self.pixels // self.tile.pixels)

    @property
    def block_weights(self) -> int:
        """Weights of one panel for one input block."""
        taps = self.rows.taps * self.columns.taps
        return self.x.lanes * taps * self.tile.vectors * self.y.lanes

    @property
    def scratch(self) -> int:
        """Floats that each thread needs for the sums of an item."""
        return self.pixels * self.tile.vectors * self.y.lanes if self.slice else 0

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weights, bias = (b.argument(i) for i in range(3))
        sums = b.argument(3) + b.thread * self.scratch if self.slice else None
        output = Output(b, self.y, self.epilogue, first=4 if self.slice else 3)
        bands = -(-self.rows.count // self.band)
        spans = -(-self.columns.count // self.span) if self.span else 1
        places = self.x.batch * self.planes.count * bands * spans
        panels = self.y.blocks // self.tile.vectors
        with deal(b, places * panels) as item:
            if self.weights_outer:
                panel, place = item // places, item % places
            else:
                panel, place = item % panels, item // panels
            there, span = place // spans, place % spans
            plane, band = there // bands, there % bands
            image, z = plane // self.planes.count, plane % self.planes.count
            group = panel // (panels // self.groups)
            first = band * self.band
            last = b.minimum_index(first + self.band, self.rows.count)
            source = self._group(x, image, group)
            work = Panel.of(self, output, source, weights, bias, image, z, panel, sums)
            work.rows(first, last, self._columns(b, span) if spans > 1 else None)
        return b.finish()

    def _columns(self, b: Builder, span: Index) -> tuple[Index, Index]:
        first = span * self.span
        return first, b.minimum_index(first + self.span, self.columns.count)

    def _group(self, x: Pointer, image: Index, group: Index) -> Pointer:
        """The first channel of a group."""
        first = image * self.x.depth
        if self.width % self.x.lanes == 0 or self.groups == 1:
            return address(x, self.x, first, group * -(-self.width // self.x.lanes))
        channel = group * self.width
        return address(x, self.x, first, channel // self.x.lanes) + channel % self.x.lanes

    def pack(self, weight: Floats, room: Floats) -> None:
        """A weight (co, ci / groups, kd, kh, kw) in the order of reading, flat.

        Outputs that fill up the last block have weights of zero.
        """
        _, ci, kd, kh, kw = weight.shape
        lanes, width = self.x.lanes, self.tile.vectors * self.y.lanes
        panels = self.y.blocks // self.tile.vectors
        padded = filled_up(weight, self.y.blocks * self.y.lanes)
        padded = padded.reshape(panels, width, ci, kd, kh, kw)
        taps, whole = kh * kw * width, ci // lanes * lanes
        planes = room.reshape(panels, kd, ci * taps)
        for first, blocks, used in ((0, whole // lanes, lanes), (whole, 1, ci - whole)):
            last = first + blocks * used
            split = padded[:, :, first:last].reshape(panels, width, blocks, used, kd, kh, kw)
            part = split.transpose(0, 4, 2, 5, 6, 3, 1)
            planes[..., first * taps : last * taps].reshape(part.shape)[:] = part


@dataclass(frozen=True)
class Panel:
    """One panel of outputs over a band of rows of plane z: where everything is."""

    conv: DirectConv
    b: Builder
    output: Output
    x: Pointer
    weights: Pointer
    bias: Pointer
    z: Index
    plane: Index
    block: Index
    sums: Pointer | None

    @classmethod
    def of(
        cls,
        conv: DirectConv,
        output: Output,
        x: Pointer,
        weights: Pointer,
        bias: Pointer,
        image: Index,
        z: Index,
        panel: Index,
        sums: Pointer | None,
    ) -> Panel:
        """That panel of plane z of that image: `x` is where its first input channel begins, `sums`
        where those of a slice wait, for a kernel that has slices.
        """
        b, planes = output.builder, conv.planes
        return cls(
            conv=conv,
            b=b,
            output=output,
            x=x + (z * planes.stride + planes.offset) * conv.x.plane,
            weights=weights + panel * (planes.taps * conv.plane_weights),
            bias=bias + panel * (conv.tile.vectors * b.lanes),
            z=z,
            plane=image * conv.y.depth + z * planes.spread,
            block=panel * conv.tile.vectors,
            sums=sums,
        )

    def rows(self, first: Index, last: Index, columns: tuple[Index, Index] | None = None) -> None:
        """All input channels at once, or slice by slice; of all columns, or those of one span."""
        b, size = self.b, self.conv.slice
        item = _Item((first, last), columns or (b.index(0), b.index(self.conv.columns.count)))
        if self.sums is None:
            self._rows(item, None)
            return
        blocks = -(-self.conv.inputs // self.conv.x.lanes)
        with b.loop(0, blocks, size) as block:
            end = b.minimum_index(block + size, blocks)
            self._rows(item, _Slice(block, end, blocks, self.sums))

    def _rows(self, item: _Item, part: _Slice | None) -> None:
        """Tiles of full height, then single rows."""
        height, (first, last) = self.conv.tile.rows, item.rows
        whole = first + (last - first) // height * height
        with self.b.loop(first, whole, height) as row:
            self._row(item, part, row, height)
        if height > 1:
            with self.b.loop(whole, last) as row:
                self._row(item, part, row, 1)

    def _row(self, item: _Item, part: _Slice | None, row: Index, height: int) -> None:
        """As many full tiles as fit, then a narrower one where the row ends."""
        b, width, count = self.b, self.conv.tile.columns, self.conv.columns.count
        whole, (first, last) = count // width * width, item.columns
        with b.loop(first, b.minimum_index(last, whole), width) as column:
            self._tile(item, part, row, column, Tile(height, width, self.conv.tile.vectors))
        if whole < count:
            rest = Tile(height, count - whole, self.conv.tile.vectors)
            with b.loop(b.maximum_index(first, whole), last, width) as column:
                self._tile(item, part, row, column, rest)

    def _tile(
        self, item: _Item, part: _Slice | None, row: Index, column: Index, tile: Tile
    ) -> None:
        b, conv = self.b, self.conv
        rows, columns, lanes = conv.rows, conv.columns, b.lanes
        x = address(
            self.x,
            conv.x,
            row=row * rows.stride + rows.offset,
            column=column * columns.stride + columns.offset,
        )
        size, ahead = (0, None) if part else (conv.weights, self._ahead(item, row, column, tile))
        sums = TileSums(b, tile, lambda v: b.load(self.bias + v * lanes), size, ahead)
        taps = (
            useful_taps(b, rows, row, tile.rows, conv.x.height),
            useful_taps(b, columns, column, tile.columns, conv.x.width),
        )
        if part is None:
            self._multiply(sums, x, taps)
            self._give(sums, row, column)
            return
        pixel = item.pixel(row, column, tile.rows)
        spot = part.sums + pixel * (tile.vectors * lanes)
        self._fetch(part, pixel)

        def kept(r: int, c: int, v: int) -> Pointer:
            return spot + ((r * tile.columns + c) * tile.vectors + v) * lanes

        with b.when(b.compare(part.first, ">", 0)):
            sums.update(lambda r, c, v, _: b.load(kept(r, c, v)))
        self._multiply(sums, x, taps, part)
        with b.when(b.compare(part.last, "<", part.blocks)):
            for r, c, v, value in sums.results():
                b.store(value, kept(r, c, v))
        with part.when_last(b):
            self._give(sums, row, column)

    def _ahead(self, item: _Item, row: Index, column: Index, tile: Tile) -> Ahead | None:
        """The next panel, where all tiles of an item read the same one."""
        conv = self.conv
        if not conv.weights_outer:
            return None
        number = item.pixel(row, column, tile.rows) // conv.tile.pixels
        return Ahead.of(conv.planes.taps * conv.plane_weights, conv.tiles, number)

    def _fetch(self, part: _Slice, pixel: Index) -> None:
        """Ask for this tile's share of the next slice."""
        conv = self.conv
        start = self.weights + part.last * conv.block_weights
        number = pixel // conv.tile.pixels
        fetch_share(self.b, start, conv.slice * conv.block_weights, conv.tiles, number)

    def _multiply(
        self, sums: TileSums, x: Pointer, taps: tuple[Span, Span], part: _Slice | None = None
    ) -> None:
        """All planes of the kernel and all input blocks, or those of a slice."""
        b, conv = self.b, self.conv
        whole, rest = divmod(conv.inputs, conv.x.lanes)
        blocks: Span = (0, whole)
        if part is not None:
            blocks = part.first, b.minimum_index(part.last, whole)
        with b.loop(*useful_taps(b, conv.planes, self.z, 1, conv.x.depth)) as k:
            behind = x + k * (conv.planes.step * conv.x.plane)
            weights = self.weights + k * conv.plane_weights
            with b.loop(*blocks) as block:
                self._block(sums, behind, weights, block, conv.x.lanes, taps)
            if rest:
                with part.when_last(b) if part else contextlib.nullcontext():
                    self._block(sums, behind, weights, b.index(whole), rest, taps)

    def _give(self, sums: TileSums, row: Index, column: Index) -> None:
        """Store a tile of outputs."""
        rows, columns = self.conv.rows, self.conv.columns
        place = self.output.at(
            self.plane,
            self.block,
            row * rows.spread,
            column * columns.spread,
        )
        with self.b.local_constants():
            for r, c, v, value in sums.results():
                place.store(value, v, r * rows.spread, c * columns.spread)

    def _block(
        self,
        sums: TileSums,
        x: Pointer,
        weights: Pointer,
        block: Index,
        lanes: int,
        taps: tuple[Span, Span],
    ) -> None:
        """The taps of one block of input channels, of which `lanes` are real."""
        b, conv = self.b, self.conv
        kh, kw, outputs = conv.rows.taps, conv.columns.taps, conv.tile.vectors * b.lanes
        down, across = taps
        # what is left at the end of a row is too little to be worth the code
        whole = len(sums.pixels) == conv.tile.pixels
        most = POINTWISE_UNROLL if kh == kw == 1 and whole else UNROLL
        apart = (conv.rows.stride * conv.x.row, conv.columns.stride * conv.x.column)
        start = weights + block * (conv.x.lanes * kh * kw * outputs)
        unrolled_taps = 1
        if lanes == 1:
            unrolled_taps = next(u for u in (4, 3, 2, 1) if kw % u == 0)
            across = (0, kw)
        with b.loop(*down) as i, b.loop(*across, unrolled_taps) as j:
            for u in range(unrolled_taps):
                tap = address(x, conv.x, 0, block, i * conv.rows.step, (j + u) * conv.columns.step)
                here = start + (i * kw + j + u) * (lanes * outputs)
                sums.channels(tap, here, lanes, *apart, most=most)


@dataclass(frozen=True)
class _Item:
    """Rows [first, last) and columns [first, last) of outputs."""

    rows: tuple[Index, Index]
    columns: tuple[Index, Index]

    def pixel(self, row: Index, column: Index, height: int) -> Index:
        """How many pixels come before the tile of that height at (row, column)."""
        start, stop = self.columns
        return (row - self.rows[0]) * (stop - start) + (column - start) * height


@dataclass(frozen=True)
class _Slice:
    """Input blocks [first, last) of all `blocks`, and where the sums of an item wait, in the order
    of its tiles.
    """

    first: Index
    last: Index
    blocks: int
    sums: Pointer

    def when_last(self, b: Builder) -> AbstractContextManager[None]:
        """Run the block for the slice that ends the sums."""
        return b.when(b.compare(self.last, "==", self.blocks))
