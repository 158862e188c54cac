"""Convolution 3 x 3 with fewer products: Winograd's minimal filtering F(m x m, 3 x 3).

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._matrices import Rows, combine, winograd_matrices
from convariant.compiler.kernels._pack import filled_up
from convariant.compiler.kernels._tile import Ahead, Tile, TileSums, fetch_share
from convariant.compiler.layout import LINE, Axis, Floats, Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target
from convariant.compiler.llvm.deal import deal

__all__ = ["WinogradConv", "winograd_tiles"]


def winograd_tiles(axis: Axis, m: int) -> int:
    """How many tiles of m outputs, each `step` from the next, cover an axis for one remainder.

    >>> winograd_tiles(Axis(32, taps=3, step=6), 4), winograd_tiles(Axis(32, taps=3), 4)
    (2, 8)
    """
    return -(-axis.count // (axis.step * m))


@dataclass(frozen=True)
class WinogradConv:
    """`y = epilogue(bias + conv3x3(x))`, stride 1, in blocks of `tiles` output tiles of m x m.

    A dilated convolution falls into as many convolutions of pixels `step` apart as there are
    remainders of a row and a column by it: the tiles of one remainder come after those of another.

    For each tile of (m+2) x (m+2) inputs d: V = B^T d B; for each of the (m+2)^2 positions the sum
    over channels M[o,tile] = U[o,c] V[c,tile]; then Y = A^T M A. Arguments: x, weights U, bias,
    scratch, y, then the epilogue's operands. The weights are packed as they are read:
    [panel of vectors * lanes outputs][position][input channel][output]. A work item is one block of
    tiles and all channels; each thread has `scratch` floats for V and for the M of one panel, both
    in the order in which the products read and write them, turn by turn of `tile.columns` tiles:
    [position][slice of input blocks][turn][block][tile][lane] and
    [position][turn][block of the panel][tile][lane]. Registers: the sums of `tile` for a product,
    as in `DirectConv`; for a transform, a column or row of m + 2 vectors. An infinity spreads over
    the outputs of its tile as NaN.
    """

    x: Layout
    y: Layout
    rows: Axis
    columns: Axis
    m: int
    tile: Tile
    tiles: int
    epilogue: Epilogue = ()
    slice: int = 0

    @property
    def tiling(self) -> str:
        """What each product keeps in registers, as rows x columns of tiles x channels."""
        return self.tile.text(self.y.lanes)

    @property
    def positions(self) -> int:
        """Products per tile and channel: (m+2)^2, where the direct way takes 9 m^2."""
        return (self.m + 2) ** 2

    @property
    def down(self) -> int:
        """Tiles in a column of pixels of one remainder."""
        return winograd_tiles(self.rows, self.m)

    @property
    def across(self) -> int:
        """Tiles in a row of pixels of one remainder."""
        return winograd_tiles(self.columns, self.m)

    @property
    def total(self) -> int:
        """Tiles in the batch."""
        remainders = self.rows.step * self.columns.step
        return self.x.planes * remainders * self.down * self.across

    @property
    def scratch(self) -> int:
        """Floats that each thread needs."""
        return self.positions * (self.data_apart + self.products_apart)

    @property
    def data_apart(self) -> int:
        """From one position of V to the next; odd vectors, so that positions share no cache set."""
        return (self.slices * self.slice_blocks * self.room | 1) * self.x.lanes

    @property
    def products_apart(self) -> int:
        """From one position of M to the next."""
        return (self.tile.vectors * self.room | 1) * self.x.lanes

    @property
    def slice_blocks(self) -> int:
        """Input blocks that are multiplied at a time."""
        return self.slice or self.x.blocks

    @property
    def slices(self) -> int:
        """Times that a product passes over the tiles of a block."""
        return -(-self.x.blocks // self.slice_blocks)

    @property
    def room(self) -> int:
        """Tiles of a block, filled up to whole register tiles."""
        return -(-self.tiles // self.tile.columns) * self.tile.columns

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        output = Output(b, self.y, self.epilogue, first=4)
        scratch = b.argument(3) + b.thread * self.scratch
        job = _Block(
            conv=self,
            b=b,
            output=output,
            x=b.argument(0),
            weights=b.argument(1),
            bias=b.argument(2),
            data=scratch,
            products=scratch + self.positions * self.data_apart,
            matrices=winograd_matrices(self.m),
        )
        with deal(b, -(-self.total // self.tiles)) as block:
            first = block * self.tiles
            count = b.minimum_index(self.total - first, self.tiles)
            job.run(first, count)
        return b.finish()

    @property
    def weights(self) -> int:
        """Transformed weights of all panels."""
        return self.positions * self.x.channels * self.y.blocks * self.y.lanes

    def pack(self, weight: Floats, room: Floats) -> None:
        """A weight (co, ci, [1,] 3, 3), transformed in float64, in the order of reading, flat."""
        co, ci = weight.shape[:2]
        width = self.tile.vectors * self.y.lanes
        padded = filled_up(weight.reshape(co, ci, 9), self.y.blocks * self.y.lanes)
        taps = padded.reshape(-1, width, ci, 9).transpose(0, 3, 2, 1).reshape(-1, 9, ci * width)
        g = np.array(winograd_matrices(self.m)[1])
        both = np.kron(g, g)  # G w G^T as one matrix on the nine taps
        packed = room.reshape(len(taps), self.positions, ci * width)
        panel = np.empty(packed.shape[1:])  # stays in the cache
        for nine, place in zip(taps, packed, strict=True):
            place[:] = np.matmul(both, nine, out=panel)


@dataclass(frozen=True)
class _Block:
    """One block of tiles: where everything is."""

    conv: WinogradConv
    b: Builder
    output: Output
    x: Pointer
    weights: Pointer
    bias: Pointer
    data: Pointer
    products: Pointer
    matrices: tuple[Rows, Rows, Rows]

    @property
    def steps(self) -> tuple[int, int]:
        """Rows and columns from one pixel of a tile to the next."""
        return self.conv.rows.step, self.conv.columns.step

    @property
    def line(self) -> int:
        """Pixels of a tile's row that one fetch brings."""
        return max(LINE // (self.b.lanes * self.conv.columns.step), 1)

    def run(self, first: Index, count: Index) -> None:
        """Transform the inputs once, then multiply and transform back panel by panel."""
        b, conv = self.b, self.conv
        with b.loop(0, conv.x.blocks) as block, b.loop(0, count) as t:
            image, row, column = self._place(first + t)
            row, column = row + conv.rows.offset, column + conv.columns.offset
            place = address(self.x, conv.x, image, block, row, column)
            self._transform_input(place, self._datum(self.data, block, t))
        vectors = conv.tile.vectors
        panel_size = conv.positions * conv.x.channels * vectors * b.lanes
        with b.loop(0, conv.y.blocks // vectors) as panel:
            with b.loop(0, conv.positions) as position:
                self._multiply(self.weights + panel * panel_size, position, count)
            with b.loop(0, vectors) as v, b.loop(0, count) as t:
                image, row, column = self._place(first + t)
                block = panel * vectors + v
                self._transform_output(v, t, image, block, row, column)

    def _datum(self, data: Pointer, block: Index, t: Index) -> Pointer:
        """V of one input block and tile, at the position where `data` begins."""
        size, width = self.conv.slice_blocks, self.conv.tile.columns
        turn = block // size * self.conv.room + t // width * width
        return data + (turn * size + block % size * width + t % width) * self.b.lanes

    def _product(self, products: Pointer, v: Index | int, t: Index) -> Pointer:
        """M of one output block of the panel and tile, at the position of `products`."""
        tile = self.conv.tile
        turn = t // tile.columns * (tile.vectors * tile.columns)
        return products + (turn + v * tile.columns + t % tile.columns) * self.b.lanes

    def _place(self, tile: Index) -> tuple[Index, Index, Index]:
        """Image, first row and first column of a tile's outputs."""
        conv, (down, across) = self.conv, self.steps
        line = tile // conv.across
        column = line % across + tile % conv.across * (conv.m * across)
        line = line // across
        row = line // conv.down % down + line % conv.down * (conv.m * down)
        return line // (conv.down * down), row, column

    def _transform_input(self, x: Pointer, data: Pointer) -> None:
        """V = B^T d B: columns first, through the stack, then rows."""
        b, conv, size = self.b, self.conv, self.conv.m + 2
        down, across = self.steps
        half = b.scratch(size * size * b.lanes)
        # what the tile after the next adds to that: it follows soon, mostly from memory
        for r in range(size):
            for c in range(size + conv.m, size + 2 * conv.m, self.line):
                b.prefetch(address(x, conv.x, row=r * down, column=c * across))
        for c in range(size):
            places = (address(x, conv.x, row=r * down, column=c * across) for r in range(size))
            inputs = [b.load(place) for place in places]
            for r, value in enumerate(combine(b, self.matrices[2], inputs)):
                b.store(value, half + (r * size + c) * b.lanes)
        for r in range(size):
            inputs = [b.load(half + (r * size + c) * b.lanes) for c in range(size)]
            for c, value in enumerate(combine(b, self.matrices[2], inputs)):
                b.store(value, data + (r * size + c) * conv.data_apart)

    def _multiply(self, weights: Pointer, position: Index, count: Index) -> None:
        """M = U V at one position, for one panel of outputs."""
        b, conv, width = self.b, self.conv, self.conv.tile.columns
        outputs = conv.tile.vectors * b.lanes
        weights = weights + position * (conv.x.channels * outputs)
        data = self.data + position * conv.data_apart
        result = self.products + position * conv.products_apart
        size, room = conv.slice_blocks, conv.room
        # the last tiles of a part-filled block are multiplied too, and never read
        with b.loop(0, conv.x.blocks, size) as first, b.loop(0, count, width) as t:
            if conv.slice:
                start = weights + (first + size) * (b.lanes * outputs)
                fetch_share(b, start, size * b.lanes * outputs, room // width, t // width)
            here = weights + first * (b.lanes * outputs)
            ahead = None  # or the weights of the next position
            if not conv.slice:
                ahead = Ahead.of(conv.x.channels * outputs, room // width, t // width)
            self._tile(self._datum(data, first, t), here, self._product(result, 0, t), first, ahead)

    def _tile(
        self, x: Pointer, weights: Pointer, result: Pointer, first: Index, ahead: Ahead | None
    ) -> None:
        """The products of one turn of tiles, for the input blocks of the slice from `first` on."""
        b, conv, size = self.b, self.conv, self.conv.slice_blocks
        far = 0 if conv.slice else conv.positions * conv.x.channels * conv.y.blocks * b.lanes
        sums = TileSums(b, conv.tile, lambda _: b.constant(0.0), far, ahead)
        whole, rest = divmod(conv.x.channels, b.lanes)
        width, outputs = conv.tile.columns, conv.tile.vectors * b.lanes

        def channels(block: Index, lanes: int) -> None:
            x_block, start = x + block * (width * b.lanes), weights + block * (b.lanes * outputs)
            sums.channels(x_block, start, lanes, 0, b.lanes)

        if conv.slices > 1:
            with b.when(b.compare(first, ">", 0)):
                sums.update(lambda _, c, v, __: b.load(result + (v * width + c) * b.lanes))
        with b.loop(0, b.minimum_index(whole - first, size) if conv.slices > 1 else whole) as block:
            channels(block, b.lanes)
        if rest:
            ends = b.compare(first + size, ">", whole)
            with b.when(ends) if conv.slices > 1 else contextlib.nullcontext():
                channels(whole - first, rest)
        for _, c, v, value in sums.results():
            b.store(value, result + (v * width + c) * b.lanes)

    def _transform_output(
        self, v: Index, t: Index, image: Index, block: Index, row: Index, column: Index
    ) -> None:
        """Y = A^T M A + bias, of which only what lies inside the output is stored."""
        b, conv, size, m = self.b, self.conv, self.conv.m + 2, self.conv.m
        start = self._product(self.products, v, t)
        half = b.scratch(m * size * b.lanes)
        for c in range(size):
            inputs = [b.load(start + (r * size + c) * conv.products_apart) for r in range(size)]
            for r, value in enumerate(combine(b, self.matrices[0], inputs)):
                b.store(value, half + (r * size + c) * b.lanes)
        bias = b.load(self.bias + block * b.lanes)
        place = self.output.at(image, block, row, column)
        down, across = self.steps
        # where the tile after the next goes: each store would wait for its line otherwise
        for r in range(m):
            for c in range(2 * m, 3 * m, self.line):
                b.prefetch(address(place.pointers[0], conv.y, row=r * down, column=c * across))
        for r in range(m):
            with b.when(b.compare(row + r * down, "<", conv.rows.count)):
                inputs = [b.load(half + (r * size + c) * b.lanes) for c in range(size)]
                for c, value in enumerate(combine(b, self.matrices[0], inputs)):
                    if conv.columns.count % (m * across) == 0:
                        place.store(value + bias, row=r * down, column=c * across)
                        continue
                    with b.when(b.compare(column + c * across, "<", conv.columns.count)):
                        place.store(value + bias, row=r * down, column=c * across)
