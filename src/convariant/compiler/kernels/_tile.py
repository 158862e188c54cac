"""The inner product of convolution: a tile of accumulators fed by broadcasts and weight vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from convariant.compiler.layout import LINE
from convariant.compiler.llvm import Builder, Cell, Index, Pointer, Target, Vector, settle

__all__ = [
    "POINTWISE_UNROLL",
    "UNROLL",
    "Ahead",
    "Tile",
    "TileSums",
    "choose_tile",
    "fetch_share",
    "rank_tiles",
    "tile_cycles",
    "vector_counts",
]

# Cycles that a tile costs beside its multiply-adds, in multiply-adds: loop entry and the stores.
_TILE_OVERHEAD = 24
# Channels (of a planar input: taps) whose multiply-adds are unrolled: enough to hide the loop of
# wide vectors. Narrow ones leave less time for it, least where a neighbour shares the core: there a
# pointwise layer unrolls a whole block; other loops became slower, or spill.
UNROLL = 4
POINTWISE_UNROLL = 8
# Cycles between additions to the same sum. Eight sums keep two units busy in these as long as
# nothing comes late, which on AVX2, where tiles are small, is felt.
_LATENCY, _LATENCY_FELT = 4.0, 4.6
# Weights that outgrow the caches near the core come from afar in every run: they are asked for
# this many floats ahead of their use (16 KiB: some 900 cycles, more than memory takes).
_FAR_BYTES = 400 * 2**10
_AHEAD = 4096
# A panel of weights as large as this and the next one stay in a second-level cache together.
_PANEL_BYTES = 640 * 2**10


@dataclass(frozen=True)
class Tile:
    """What stays in registers: rows x columns of output pixels, of `vectors` channel blocks."""

    rows: int
    columns: int
    vectors: int

    @property
    def pixels(self) -> int:
        """How many it covers."""
        return self.rows * self.columns

    def text(self, lanes: int) -> str:
        """Rows x columns x channels.

        >>> Tile(1, 6, 2).text(lanes=16)
        '1x6x32'
        """
        return f"{self.rows}x{self.columns}x{self.vectors * lanes}"


@dataclass(frozen=True)
class Ahead:
    """The panel of weights behind the one that a tile reads, `floats` further on: tile `number` of
    the `tiles` that read a panel fetches its share, line by line as it reads.
    """

    floats: int
    tiles: int
    number: Index

    @classmethod
    def of(cls, floats: int, tiles: int, number: Index, most: int = _PANEL_BYTES) -> Ahead | None:
        """None where both panels would not stay in the second-level cache, or a single tile would
        fetch as fast as it reads.
        """
        return cls(floats, tiles, number) if tiles > 1 and 4 * floats <= most else None

    def fetch(self, b: Builder, weights: Pointer, floats: int) -> None:
        """While so many weights of this panel are read, those that lie as far in the next."""
        fetch_share(b, weights + self.floats, floats, self.tiles, self.number, near=False)


class TileSums:
    """The accumulators of one tile: `pixels` (row, column) by `vectors` blocks.

    Registers: rows * columns * vectors sums, `vectors` weights, one broadcast. The kernel reads
    `weights` floats of weights in all, and fetches those `ahead`.
    """

    def __init__(
        self,
        b: Builder,
        tile: Tile,
        start: Callable[[int], Vector],
        weights: int,
        ahead: Ahead | None = None,
    ) -> None:
        self._b, self._vectors, self._ahead = b, tile.vectors, ahead
        self._far = 4 * weights > _FAR_BYTES
        self.pixels = [(r, c) for r in range(tile.rows) for c in range(tile.columns)]
        starts = [start(v) for v in range(tile.vectors)]
        self._cells: dict[tuple[int, int, int], Cell] = {
            (r, c, v): b.cell(starts[v]) for r, c in self.pixels for v in range(tile.vectors)
        }
        needs = len(self._cells) + tile.vectors + 1
        held = _scarce(b.target) and needs <= b.target.registers and len(self._cells) > 1
        self._held = [*self._cells.values()] if held else []

    def multiply(self, x: Pointer, weights: Pointer, row: int, column: int) -> None:
        """Add one input channel's share: pixels lie `row` and `column` floats apart."""
        b = self._b
        if self._held:
            settle(self._held)
        b.fence()  # else LLVM loads the next channel early, and spills
        w = [b.load(weights + v * b.lanes) for v in range(self._vectors)]
        if self._far:
            for v in range(self._vectors):
                b.prefetch(weights + (v * b.lanes + _AHEAD))
        for r, c in self.pixels:
            value = b.splat(x + (r * row + c * column))
            for v in range(self._vectors):
                cell = self._cells[r, c, v]
                cell.set(b.fma(value, w[v], cell.get()))

    def channels(
        self,
        x: Pointer,
        weights: Pointer,
        lanes: int,
        row: int,
        column: int,
        *,
        most: int = UNROLL,
    ) -> None:
        """Add the shares of the first `lanes` channels of a block; `most` of them unrolled where
        vectors are narrow.
        """
        most = most if self._b.lanes <= POINTWISE_UNROLL else UNROLL
        unroll = max(u for u in range(1, most + 1) if lanes % u == 0)
        outputs = self._vectors * self._b.lanes
        with self._b.loop(0, lanes, unroll) as lane:
            for k in range(unroll):
                self.multiply(x + (lane + k), weights + (lane + k) * outputs, row, column)
            if self._ahead:
                self._ahead.fetch(self._b, weights + lane * outputs, unroll * outputs)

    def update(self, change: Callable[[int, int, int, Vector], Vector]) -> None:
        """Replace every accumulator: `change(row, column, block, value)`."""
        for (r, c, v), cell in self._cells.items():
            cell.set(change(r, c, v, cell.get()))

    def results(self) -> Iterator[tuple[int, int, int, Vector]]:
        """Every accumulator as (row, column, block, value)."""
        for (r, c, v), cell in self._cells.items():
            yield r, c, v, cell.get()


def fetch_share(
    b: Builder, start: Pointer, floats: int, tiles: int, number: Index, *, near: bool = True
) -> None:
    """Ask for the share of tile `number`, of so many, of the floats from `start` on."""
    lines = -(-floats // (tiles * LINE))
    for i in range(lines):
        b.prefetch(start + number * (lines * LINE) + i * LINE, near=near)


def vector_counts(blocks: int, pixels: int) -> list[int]:
    """How many blocks a tile may span so that tiles cover `blocks` exactly: divisors.

    >>> vector_counts(12, pixels=50), vector_counts(12, pixels=1)
    ([1, 2, 3, 4], [1, 2, 3, 4, 6])
    """
    most = 8 if pixels < 4 else 4
    return [v for v in range(1, most + 1) if blocks % v == 0]


def choose_tile(target: Target, blocks: int, rows: int, columns: int) -> Tile:
    """The tile that covers rows x columns x blocks of output in the fewest cycles."""
    return rank_tiles(target, blocks, rows, columns)[0]


@functools.lru_cache(maxsize=4096)
def rank_tiles(target: Target, blocks: int, rows: int, columns: int) -> tuple[Tile, ...]:
    """The best tile of each number of vectors, that with the fewest cycles first.

    Two multiply-adds and two loads go in a cycle, and a sum can be added to every fourth cycle:
    a tile of s sums fed by l loads takes max(s / 2, l / 2, 4) cycles for each input channel.
    """
    candidates = [
        Tile(1, width, vectors)
        for vectors in vector_counts(blocks, rows * columns)
        for width in range(1, min(target.pixels(vectors), columns) + 1)
    ]
    narrow = [
        Tile(height, columns, t.vectors)
        for t in candidates
        if t.columns == columns
        for height in range(2, min(target.pixels(t.vectors) // columns, rows) + 1)
    ]
    best: dict[int, Tile] = {}
    for tile in sorted(
        candidates + narrow, key=lambda tile: tile_cycles(target, tile, blocks, rows, columns)
    ):
        best.setdefault(tile.vectors, tile)
    return tuple(best.values())


def tile_cycles(target: Target, tile: Tile, blocks: int, rows: int, columns: int) -> float:
    """Cycles for each input channel and tap, over all outputs."""
    whole_rows, rest_rows = divmod(rows, tile.rows)
    whole, rest = divmod(columns, tile.columns)
    heights = ((tile.rows, whole_rows), (1, rest_rows))
    widths = ((tile.columns, whole), (rest, 1 if rest else 0))
    total = sum(
        nh * nw * _one_tile(target, h * w, tile.vectors) for h, nh in heights for w, nw in widths
    )
    return total * (blocks // tile.vectors)


def _one_tile(target: Target, pixels: int, vectors: int) -> float:
    sums, loads = pixels * vectors, pixels + vectors
    # a broadcast that feeds one multiply-add only is a load for each, unless it folds into it
    broadcasts = 1.0 if vectors > 1 or target.loads_fold else 1.15
    latency = _LATENCY_FELT if _scarce(target) else _LATENCY
    return max(sums / 2 * broadcasts, loads / 2, latency) + loads / 32 + _TILE_OVERHEAD / 64


def _scarce(target: Target) -> bool:
    """Whether a tile fills the registers to the last one, but for what feeds it (AVX2)."""
    return target.fused and target.registers < 16
