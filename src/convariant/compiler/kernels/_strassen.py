"""Pointwise convolution with seven products where the definition takes eight.

Source: Strassen, "Gaussian Elimination is not Optimal", 1969, in the form of Winograd with 15
additions; of these the 4 on the weights are made when they are packed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._pack import filled_up
from convariant.compiler.kernels._pair_tile import PRODUCTS, PairPanel, PairTile, ProductPart
from convariant.compiler.kernels._tile import Tile
from convariant.compiler.layout import Floats, Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target
from convariant.compiler.llvm.deal import deal

__all__ = ["PairBand", "Pairs", "StrassenConv"]


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
    With a `slice`, so many input blocks of a half are multiplied at a time: one product after the
    other, each over all panels, whose tiles pass over the same few weights as in `DirectConv`. A
    sum S is made before its product, and all that tiles keep aside waits in scratch; weights are
    packed [product][panel][input of a half][output].
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
    slice: int = 0

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
        return PRODUCTS * self.product_weights

    @property
    def panel_apart(self) -> int:
        """From the weights of a panel to those of the next, of the same product."""
        return self.product_weights if self.slice else self.panel_weights

    @property
    def product_apart(self) -> int:
        """From the weights of a product to those of the next, of the same panel."""
        return self.panels * self.product_weights if self.slice else self.product_weights

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
        if self.tile.rows > 1 or self.slice:
            return self.pairs.x_step[0] * self.x.row
        return self.pairs.columns * self.slots * self.x.lanes

    @property
    def sum_block(self) -> int:
        """From one block to the next in S: [block][group of slots][row][column][slot][lane]."""
        groups = 1 if self.slice else -(-4 // self.slots)
        return groups * self.band * self.line

    @property
    def sum_floats(self) -> int:
        """Floats of all four sums S of a band, or, with slices, of the one at hand."""
        return self.half * self.sum_block

    @property
    def scratch(self) -> int:
        """Floats that each thread needs: the sums, and what tiles keep aside."""
        if self.slice:
            room = self.band * self.pairs.columns
            return self.sum_floats + room * (self.y.blocks + self.tile.vectors) * self.x.lanes
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
        outer = (PRODUCTS, self.panels) if self.slice else (self.panels, PRODUCTS)
        packed = room.reshape(*outer, half, width)
        if self.slice:
            packed = packed.swapaxes(0, 1)
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
        """The panels [start, stop): all sums and then panel by panel, or, with slices, product by
        product, so that its left factor stays in the second-level cache for all panels.
        """
        b, conv = self.b, self.conv
        if not conv.slice:
            self._sums()
            with b.loop(start, stop) as number:
                self._tiles(self._panel(number, weights, bias), PairTile.all_products)
            return
        with b.loop(0, PRODUCTS) as i:
            self._left_factor(i)
            with b.loop(start, stop) as number, b.loop(0, conv.half, conv.slice) as first:
                part = ProductPart(i, first, b.minimum_index(first + conv.slice, conv.half))
                self._tiles(self._panel(number, weights, bias), partial(PairTile.part, part=part))

    def _panel(self, number: Index, weights: Pointer, bias: Pointer) -> PairPanel:
        vectors, apart = self.conv.tile.vectors, self.conv.panel_apart
        return PairPanel(
            number * vectors, weights + number * apart, bias + number * (vectors * self.b.lanes)
        )

    def _left_factor(self, i: Index) -> None:
        """Make the sum that product i takes, of quarters of x and of the sum before it."""
        b, conv = self.b, self.conv
        with (
            b.when(b.among(i, (2, 3, 4, 5))),
            b.loop(0, conv.half) as block,
            b.loop(self.first, self.last) as row,
        ):
            a11, a12, a21, a22 = (
                self.quarter(pixel, half, row, b.index(0)) + block * conv.x.block
                for pixel in (0, 1)
                for half in (0, 1)
            )
            s = self.sum(0, row, b.index(0)) + block * conv.sum_block
            fifth, fourth = b.among(i, (5,)), b.among(i, (4,))
            left = b.pick(fifth, a11, b.pick(fourth, a12, s))
            right = b.pick(fifth, a21, b.pick(fourth, s, a11))
            with b.when(b.among(i, (2,))):  # S1 = A21 + A22
                self._pixels(lambda p: b.store(b.load(a21 + p) + b.load(a22 + p), s + p))
            with b.when(b.among(i, (3, 4, 5))):  # S2 = S1 - A11, S4 = A12 - S2, S3 = A11 - A21
                self._pixels(lambda p: b.store(b.load(left + p) - b.load(right + p), s + p))

    def _pixels(self, work: Callable[[Index], None]) -> None:
        """For every pair of a row, how far it lies from the first, in x and in S."""
        with self.b.loop(0, self.conv.pairs.columns) as column:
            work(column * (self.conv.slots * self.conv.x.column))

    def _sums(self) -> None:
        """Write S1, S2, S3 and S4."""
        b, conv = self.b, self.conv
        with (
            b.loop(0, conv.half) as block,
            b.loop(self.first, self.last) as row,
            b.loop(0, conv.pairs.columns) as column,
        ):
            a11, a12, a21, a22 = (
                b.load(self.quarter(pixel, half, row, column) + block * conv.x.block)
                for pixel in (0, 1)
                for half in (0, 1)
            )
            s1 = a21 + a22
            s2 = s1 - a11
            for i, s in enumerate((s1, s2, a12 - s2, a11 - a21)):
                b.store(s, self.sum(i, row, column) + block * conv.sum_block)

    def quarter(self, pixel: Index | int, half: Index | int, row: Index, column: Index) -> Pointer:
        """Where A11 (pixel 0, half 0) to A22 lie for a pair, in their first block."""
        conv, pairs = self.conv, self.conv.pairs
        return address(
            self.x,
            conv.x,
            block=half * conv.half,
            row=row * pairs.x_step[0] + pixel * pairs.x_apart[0],
            column=column * pairs.x_step[1] + pixel * pairs.x_apart[1],
        )

    def sum(self, which: Index | int, row: Index, column: Index) -> Pointer:
        """Where one of S1, S2, S4, S3 lies for a pair, in its first block."""
        conv, slots = self.conv, self.conv.slots
        if conv.slice:  # one takes the place of the other
            which = self.b.index(0)
        group = which // slots * (conv.band * conv.line)
        inside = (row - self.first) * conv.line + (column * slots + which % slots) * self.b.lanes
        return self.scratch + (group + inside)

    def pair(self, row: Index, column: Index, height: int) -> Index:
        """How many pairs come before the tile of that height at (row, column)."""
        return (row - self.first) * self.conv.pairs.columns + column * height

    def _tiles(self, panel: PairPanel, work: Callable[[PairTile], None]) -> None:
        """Full tiles as far as they fit, then single rows and narrower ones."""
        b, tile, columns = self.b, self.conv.tile, self.conv.pairs.columns
        whole = self.first + (self.last - self.first) // tile.rows * tile.rows
        fit = columns // tile.columns * tile.columns
        heights = [(self.first, whole, tile.rows), (whole, self.last, 1)]
        for start, stop, height in heights[: min(tile.rows, 2)]:
            with b.loop(start, stop, height) as row:
                with b.loop(0, fit, tile.columns) as column:
                    work(PairTile.of(self, panel, row, column, height, tile.columns))
                if fit < columns:
                    rest = columns - fit
                    work(PairTile.of(self, panel, row, b.index(fit), height, rest))
