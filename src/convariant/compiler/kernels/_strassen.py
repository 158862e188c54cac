"""Pointwise convolution with seven products where the definition takes eight.

Source: Strassen, "Gaussian Elimination is not Optimal", 1969, in the form of Winograd with 15
additions; of these the 4 on the weights are made when they are packed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._pack import filled_up
from convariant.compiler.kernels._tile import Ahead, Tile, TileSums
from convariant.compiler.layout import Floats, Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target
from convariant.compiler.llvm.deal import deal

__all__ = ["PairBand", "Pairs", "StrassenConv"]

# Products of a tile, in the order in which they are taken.
_PRODUCTS = 7
# Of a panel that is fetched while its tiles read another: inputs and their sums lie there too.
_AHEAD_BYTES = 256 * 2**10


@dataclass(frozen=True)
class Pairs:
    """Output pixels two by two: `rows` x `columns` pairs, which lie `y_step` (rows, columns) from
    each other, the second pixel of each `y_apart` from the first; so do the inputs that they read.
    """

    rows: int
    columns: int
    y_step: tuple[int, int]
    y_apart: tuple[int, int]
    x_step: tuple[int, int]
    x_apart: tuple[int, int]


@dataclass(frozen=True)
class StrassenConv:
    """`y[n,o,p] = epilogue(bias[o] + sum over channels i of w[o,i] * x[n,i,p])`.

    Inputs, outputs and pixels are halved: A is x with the first and the second pixel of each pair
    as rows and the halves of the channels as columns, B the weights, C = A B. With

        S1 = A21 + A22   S2 = S1 - A11    S3 = A11 - A21   S4 = A12 - S2
        T1 = B12 - B11   T2 = B22 - T1    T3 = B22 - B12   T4 = B21 - T2
        U = A11 B11 + S2 T2

    the quarters of C are A11 B11 + A12 B21,  U + S1 T1 + S4 B22,  U + S3 T3 + A22 T4 and
    U + S3 T3 + S1 T1: seven different products. All four are computed by one tile at a time, which
    keeps A11 B11 and S1 T1 aside; so nothing but the sums S is ever stored between.
    Arguments: x, weights, bias, scratch, y, then the epilogue's operands. The weights are packed as
    they are read: [panel][product][input of a half][output]. Work is planes x bands of rows of
    pairs x `splits` of the panels; each item first writes its S to the thread's scratch.
    Registers: the sums of one tile, its weights and a broadcast, as in `DirectConv`. An infinity
    spreads over its pair of pixels as NaN.
    """

    x: Layout
    y: Layout
    pairs: Pairs
    tile: Tile
    band: int
    splits: int = 1
    epilogue: Epilogue = ()

    @property
    def tiling(self) -> str:
        """What a product keeps in registers, as rows x columns of pairs x channels."""
        return self.tile.text(self.y.lanes)

    @property
    def half(self) -> int:
        """Input blocks of a half."""
        return self.x.blocks // 2

    @property
    def panels(self) -> int:
        """Panels of outputs of a half."""
        return self.y.blocks // 2 // self.tile.vectors

    @property
    def product_weights(self) -> int:
        """Weights of one product of one panel."""
        return self.half * self.x.lanes * self.tile.vectors * self.y.lanes

    @property
    def panel_weights(self) -> int:
        """Weights of all products of one panel, which each tile reads."""
        return _PRODUCTS * self.product_weights

    @property
    def tiles(self) -> int:
        """Tiles of a band."""
        return -(-self.band * self.pairs.columns // self.tile.pixels)

    @property
    def slots(self) -> int:
        """Sums S side by side in scratch, so that pairs lie as far apart there as in x."""
        return self.pairs.x_step[1]

    @property
    def line(self) -> int:
        """From one row of pairs to the next in S; as in x, where a tile has several."""
        if self.tile.rows > 1:
            return self.pairs.x_step[0] * self.x.row
        return self.pairs.columns * self.slots * self.x.lanes

    @property
    def sum_block(self) -> int:
        """From one block to the next in S: [block][group of slots][row][column][slot][lane]."""
        return -(-4 // self.slots) * self.band * self.line

    @property
    def sum_floats(self) -> int:
        """Floats of all four sums S of a band."""
        return self.half * self.sum_block

    @property
    def scratch(self) -> int:
        """Floats that each thread needs: the sums, and two tiles kept aside."""
        return self.sum_floats + 2 * self.tile.pixels * self.tile.vectors * self.x.lanes

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weights, bias = (b.argument(i) for i in range(3))
        scratch = b.argument(3) + b.thread * self.scratch
        output = Output(b, self.y, self.epilogue, first=4)
        bands = -(-self.pairs.rows // self.band)
        places = self.x.planes * bands
        with deal(b, places * self.splits) as item:
            split, place = item // places, item % places
            plane, first = place // bands, place % bands * self.band
            last = b.minimum_index(first + self.band, self.pairs.rows)
            band = PairBand(self, b, output, address(x, self.x, plane), scratch, plane, first, last)
            start, stop = (s * self.panels // self.splits for s in (split, split + 1))
            band.run(weights, bias, start, stop)
        return b.finish()

    @property
    def weights(self) -> int:
        """Weights of all products and panels."""
        return self.panels * self.panel_weights

    def pack(self, weight: Floats, room: Floats) -> None:
        """A weight (co, ci, 1, 1, 1), its sums taken in float64, in the order of reading, flat."""
        half, width = weight.shape[1] // 2, self.tile.vectors * self.y.lanes
        filled = filled_up(weight, self.y.blocks * self.y.lanes)
        filled = filled.reshape(2, self.panels, width, 2, half)
        packed = room.reshape(self.panels, _PRODUCTS, half, width)
        for quarters, place in zip(filled.swapaxes(0, 1), packed, strict=True):  # in the cache
            b = np.ascontiguousarray(quarters.transpose(2, 0, 3, 1)).astype(np.float64)
            (b11, b12), (b21, b22) = b
            t1 = b12 - b11
            t2 = b22 - t1
            # as the tile takes them
            place[:] = b11, b21, t1, t2, b22, b22 - b12, b21 - t2


@dataclass(frozen=True)
class PairBand:
    """The rows [first, last) of pairs of a plane: where everything is."""

    conv: StrassenConv
    b: Builder
    output: Output
    x: Pointer
    scratch: Pointer
    plane: Index
    first: Index
    last: Index

    def run(self, weights: Pointer, bias: Pointer, start: Index | int, stop: Index | int) -> None:
        """Make the sums, then the panels [start, stop)."""
        b, conv = self.b, self.conv
        self._sums()
        with b.loop(start, stop) as panel:
            here = weights + panel * conv.panel_weights
            self._panel(panel, here, bias + panel * (conv.tile.vectors * b.lanes))

    def _sums(self) -> None:
        """Write S1, S2, S3 and S4."""
        b, conv = self.b, self.conv
        with (
            b.loop(0, conv.half) as block,
            b.loop(self.first, self.last) as row,
            b.loop(0, conv.pairs.columns) as column,
        ):
            a11, a12, a21, a22 = (
                b.load(self._quarter(pixel, half, row, column) + block * conv.x.block)
                for pixel in (0, 1)
                for half in (0, 1)
            )
            s1 = a21 + a22
            s2 = s1 - a11
            for i, s in enumerate((s1, s2, a12 - s2, a11 - a21)):
                b.store(s, self._sum(i, row, column) + block * conv.sum_block)

    def _quarter(self, pixel: Index | int, half: Index | int, row: Index, column: Index) -> Pointer:
        """Where A11 (pixel 0, half 0) to A22 lie for a pair, in their first block."""
        conv, pairs = self.conv, self.conv.pairs
        return address(
            self.x,
            conv.x,
            block=half * conv.half,
            row=row * pairs.x_step[0] + pixel * pairs.x_apart[0],
            column=column * pairs.x_step[1] + pixel * pairs.x_apart[1],
        )

    def _sum(self, which: Index | int, row: Index, column: Index) -> Pointer:
        """Where one of S1, S2, S4, S3 lies for a pair, in its first block."""
        conv, slots = self.conv, self.conv.slots
        group = which // slots * (conv.band * conv.line)
        inside = (row - self.first) * conv.line + (column * slots + which % slots) * self.b.lanes
        return self.scratch + (group + inside)

    def _panel(self, panel: Index, weights: Pointer, bias: Pointer) -> None:
        """Full tiles as far as they fit, then single rows and narrower ones."""
        b, tile, columns = self.b, self.conv.tile, self.conv.pairs.columns
        whole = self.first + (self.last - self.first) // tile.rows * tile.rows
        fit = columns // tile.columns * tile.columns
        heights = [(self.first, whole, tile.rows), (whole, self.last, 1)]
        for start, stop, height in heights[: min(tile.rows, 2)]:
            with b.loop(start, stop, height) as row:
                with b.loop(0, fit, tile.columns) as column:
                    self._tile(panel, weights, bias, row, column, height, tile.columns)
                if fit < columns:
                    rest = columns - fit
                    self._tile(panel, weights, bias, row, b.index(fit), height, rest)

    def _tile(
        self,
        panel: Index,
        weights: Pointer,
        bias: Pointer,
        row: Index,
        column: Index,
        height: int,
        width: int,
    ) -> None:
        """Four quarters of the output: seven products, and between them the sums of the table."""
        b, conv, vectors = self.b, self.conv, self.conv.tile.vectors
        shape = Tile(height, width, vectors)
        pair = (row - self.first) * conv.pairs.columns + column * height
        ahead = Ahead.of(conv.panel_weights, conv.tiles, pair // conv.tile.pixels, _AHEAD_BYTES)
        tile = TileSums(b, shape, lambda _: b.constant(0.0), conv.weights, ahead)
        aside = self.scratch + conv.sum_floats

        def spot(which: int, r: int, c: int, v: int) -> Pointer:
            index = (which * height + r) * width + c
            return aside + (index * vectors + v) * b.lanes

        def keep(which: int) -> None:
            for r, c, v, value in tile.results():
                b.store(value, spot(which, r, c, v))

        # 0: A11 B11, kept; 1: + A12 B21 is C11; 2: S1 T1, kept; 3: kept A11 B11 + S2 T2 is U, kept;
        # 4: + S1 T1 + S4 B22 is C12; 5: U + S3 T3, kept, + S1 T1 is C22; 6: kept + A22 T4 is C21
        with b.loop(0, _PRODUCTS) as i:
            with b.when(b.among(i, (0, 2))):
                tile.update(lambda *_: b.constant(0.0))
            with b.when(b.among(i, (3, 5, 6))):
                tile.update(lambda r, c, v, _: b.load(spot(0, r, c, v)))
            self._product(tile, i, weights, row, column)
            with b.when(b.among(i, (0, 3, 5))):
                keep(0)
            with b.when(b.among(i, (2,))):
                keep(1)
            with b.when(b.among(i, (3, 5))):
                tile.update(lambda r, c, v, value: value + b.load(spot(1, r, c, v)))
            with b.when(b.among(i, (1, 4, 5, 6))):
                self._give(tile, i, panel * vectors, bias, row, column)

    def _give(
        self, tile: TileSums, i: Index, block: Index, bias: Pointer, row: Index, column: Index
    ) -> None:
        """Store a quarter: C11 behind product 1, C12 behind 4, C22 behind 5 and C21 behind 6."""
        b, conv, pairs = self.b, self.conv, self.conv.pairs
        second = b.pick(b.among(i, (5, 6)), 1, 0)
        half = b.pick(b.among(i, (4, 5)), conv.y.blocks // 2, 0)
        place = self.output.at(
            self.plane,
            block + half,
            row * pairs.y_step[0] + second * pairs.y_apart[0],
            column * pairs.y_step[1] + second * pairs.y_apart[1],
        )
        with b.local_constants():
            biases = [b.load(bias + (half + v) * b.lanes) for v in range(conv.tile.vectors)]
            for r, c, v, value in tile.results():
                place.store(value + biases[v], v, r * pairs.y_step[0], c * pairs.y_step[1])

    def _product(
        self, tile: TileSums, i: Index, weights: Pointer, row: Index, column: Index
    ) -> None:
        """Add the i-th left factor times its weights."""
        b, conv, pairs = self.b, self.conv, self.conv.pairs
        outputs = conv.tile.vectors * b.lanes
        whole = b.among(i, (0, 1, 6))
        last = b.pick(b.among(i, (6,)), 1, 0)
        half = b.pick(b.among(i, (0,)), 0, 1)
        start = b.pick(whole, self._quarter(last, half, row, column), self._sum(i - 2, row, column))
        apart = b.pick(whole, conv.x.block, conv.sum_block)
        steps = (pairs.x_step[0] * conv.x.row, pairs.x_step[1] * conv.x.column)
        weights = weights + i * conv.product_weights
        with b.loop(0, conv.half) as block:
            x = start + block * apart
            here = weights + block * (b.lanes * outputs)
            tile.channels(x, here, b.lanes, *steps)
