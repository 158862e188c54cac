"""One tile of pixel pairs in Strassen's algorithm: seven products and the sums between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convariant.compiler.kernels._tile import (
    POINTWISE_UNROLL,
    UNROLL,
    Ahead,
    Tile,
    TileSums,
    fetch_share,
)
from convariant.compiler.llvm import Index, Pointer

if TYPE_CHECKING:
    from convariant.compiler.kernels._strassen import PairBand

__all__ = ["PRODUCTS", "PairPanel", "PairTile", "ProductPart"]

# Products of a tile, in the order in which they are taken.
PRODUCTS = 7
# Of a panel that is fetched while its tiles read another: inputs and their sums lie there too.
_AHEAD_BYTES = 256 * 2**10


@dataclass(frozen=True)
class PairPanel:
    """Of outputs: its first block, and where its weights and its bias begin."""

    block: Index
    weights: Pointer
    bias: Pointer


@dataclass(frozen=True)
class ProductPart:
    """The input blocks [first, last) of a half, in the product of that number."""

    product: Index
    first: Index | int
    last: Index | int


@dataclass(frozen=True)
class PairTile:
    """Four quarters of the output of a tile of pairs: seven products, and between them the sums of
    the table.

    0: A11 B11, kept; 1: + A12 B21 is C11; 2: S1 T1, kept; 3: kept A11 B11 + S2 T2 is U, kept;
    4: U + S1 T1 + S4 B22 is C12; 5: U + S3 T3, kept, + S1 T1 is C22; 6: kept + A22 T4 is C21
    """

    band: PairBand
    panel: PairPanel
    row: Index
    column: Index
    shape: Tile
    sums: TileSums

    @classmethod
    def of(
        cls, band: PairBand, panel: PairPanel, row: Index, column: Index, height: int, width: int
    ) -> PairTile:
        """That at (row, column) of the pairs."""
        b, conv = band.b, band.conv
        shape, weights, ahead = Tile(height, width, conv.tile.vectors), 0, None
        if not conv.slice:
            number, weights = band.pair(row, column, height) // conv.tile.pixels, conv.weights
            ahead = Ahead.of(conv.panel_weights, conv.tiles, number, _AHEAD_BYTES)
        sums = TileSums(b, shape, lambda _: b.constant(0.0), weights, ahead)
        return cls(band, panel, row, column, shape, sums)

    def all_products(self) -> None:
        """One after the other; what the next one begins with may still be in registers."""
        b = self.band.b
        with b.loop(0, PRODUCTS) as i:
            self._begin(i, (3, 5, 6))
            self._multiply(ProductPart(i, 0, self.band.conv.half))
            self._end(i)

    def part(self, part: ProductPart) -> None:
        """A slice of a product: the first takes up what earlier products left, the last leaves
        something for later ones, between them the sums wait.
        """
        b, half = self.band.b, self.band.conv.half
        with b.when(b.compare(part.first, "==", 0)):
            self._begin(part.product, (1, 3, 4, 5, 6))
        with b.when(b.compare(part.first, ">", 0)):
            self._resume(2)
        self._fetch(part)
        self._multiply(part)
        with b.when(b.compare(part.last, "<", half)):
            self._keep(2)
        with b.when(b.compare(part.last, "==", half)):
            self._end(part.product)

    def _begin(self, i: Index, resumed: Sequence[int]) -> None:
        b = self.band.b
        with b.when(b.among(i, (0, 2))):
            self.sums.update(lambda *_: b.constant(0.0))
        with b.when(b.among(i, resumed)):
            self._resume(0)
        with b.when(b.among(i, (4,))):
            self._add(1)

    def _end(self, i: Index) -> None:
        b = self.band.b
        with b.when(b.among(i, (0, 3, 5))):
            self._keep(0)
        with b.when(b.among(i, (2,))):
            self._keep(1)
        with b.when(b.among(i, (5,))):
            self._add(1)
        with b.when(b.among(i, (1, 4, 5, 6))):
            self._give(i)

    def _spot(self, which: int, r: int, c: int, v: int) -> Pointer:
        """Where sums wait. Of the tile at hand, the kept ones; with slices, of every pair of the
        band, the kept ones of all panels (0 and 1) and those between slices (2).
        """
        band, conv, vectors = self.band, self.band.conv, self.shape.vectors
        pixel, room = r * self.shape.columns + c, which * self.shape.pixels * vectors
        start = band.scratch + conv.sum_floats
        if conv.slice:
            pairs = conv.band * conv.pairs.columns
            room = which * pairs * (conv.y.blocks // 2)
            here = band.pair(self.row, self.column, self.shape.rows) * vectors
            start = start + (here + self.panel.block * pairs if which < 2 else here) * band.b.lanes
        return start + (room + pixel * vectors + v) * band.b.lanes

    def _keep(self, which: int) -> None:
        for r, c, v, value in self.sums.results():
            self.band.b.store(value, self._spot(which, r, c, v))

    def _resume(self, which: int) -> None:
        self.sums.update(lambda r, c, v, _: self.band.b.load(self._spot(which, r, c, v)))

    def _add(self, which: int) -> None:
        b = self.band.b
        self.sums.update(lambda r, c, v, value: value + b.load(self._spot(which, r, c, v)))

    def _give(self, i: Index) -> None:
        """Store a quarter: C11 behind product 1, C12 behind 4, C22 behind 5 and C21 behind 6."""
        band, b, pairs = self.band, self.band.b, self.band.conv.pairs
        second = b.pick(b.among(i, (5, 6)), 1, 0)
        half = b.pick(b.among(i, (4, 5)), band.conv.y.blocks // 2, 0)
        place = band.output.at(
            band.plane,
            self.panel.block + half,
            self.row * pairs.y_step[0] + second * pairs.y_apart[0],
            self.column * pairs.y_step[1] + second * pairs.y_apart[1],
        )
        with b.local_constants():
            bias = self.panel.bias
            biases = [b.load(bias + (half + v) * b.lanes) for v in range(self.shape.vectors)]
            for r, c, v, value in self.sums.results():
                place.store(value + biases[v], v, r * pairs.y_step[0], c * pairs.y_step[1])

    def _multiply(self, part: ProductPart) -> None:
        """Add the left factor of a product times its weights."""
        band, b, conv, pairs = self.band, self.band.b, self.band.conv, self.band.conv.pairs
        i, row, column = part.product, self.row, self.column
        outputs = self.shape.vectors * b.lanes
        whole = b.among(i, (0, 1, 6))
        last = b.pick(b.among(i, (6,)), 1, 0)
        half = b.pick(b.among(i, (0,)), 0, 1)
        start = b.pick(whole, band.quarter(last, half, row, column), band.sum(i - 2, row, column))
        apart = b.pick(whole, conv.x.block, conv.sum_block)
        steps = (pairs.x_step[0] * conv.x.row, pairs.x_step[1] * conv.x.column)
        weights = self.panel.weights + i * conv.product_apart
        # what is left at the end of a row is too little to be worth the code
        most = POINTWISE_UNROLL if self.shape == conv.tile else UNROLL
        with b.loop(part.first, part.last) as block:
            here = weights + block * (b.lanes * outputs)
            self.sums.channels(start + block * apart, here, b.lanes, *steps, most=most)

    def _fetch(self, part: ProductPart) -> None:
        """Ask for this tile's share of the next slice."""
        band, conv = self.band, self.band.conv
        block = band.b.lanes * self.shape.vectors * band.b.lanes
        start = self.panel.weights + (part.product * conv.product_apart + part.last * block)
        number = band.pair(self.row, self.column, self.shape.rows) // conv.tile.pixels
        fetch_share(band.b, start, conv.slice * block, conv.tiles, number)
