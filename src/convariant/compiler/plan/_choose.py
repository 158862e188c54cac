"""Which algorithm a convolution gets: the least estimated time within the error budget."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from convariant.compiler.kernels import Tile, tile_cycles, vector_counts
from convariant.compiler.llvm import Target
from convariant.compiler.plan._slices import slice_blocks

__all__ = [
    "Winograd",
    "direct_cycles",
    "keeping_cycles",
    "over_budget",
    "passes_cycles",
    "winograd_error",
    "winograd_ways",
]

# Largest error relative to the largest output on random data, for each m; it grows with the square
# root of the input channels (tests/compiler measures it).
_WINOGRAD_ERROR = {2: 8e-8, 4: 3e-7, 6: 1.8e-6}
# Cycles to transform the inputs and the outputs of one tile and channel block.
_TRANSFORM = {2: (45.0, 35.0), 4: (100.0, 75.0), 6: (250.0, 190.0)}
# Bytes that arrive in a cycle from the cache, on each pass over weights but the first. Threads
# share the way to memory. Winograd reads its weights in bursts between transforms, so that none of
# this is hidden; a direct convolution hides most of it behind its products.
_CACHE = 24.0
_DIRECT_SHOWS = 0.3
_CACHE_BYTES = 512 * 1024
# Cycles to store a vector of sums and load it again.
_KEEP = 1.5
# The weights of one panel at one position that stay close while the tiles pass over them.
_PANEL_BYTES = 160 * 1024
# Weights of more bytes than this come from memory anew for each block of Winograd's tiles.
_FAR_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class _Caches:
    """What waiting for weights costs on a kind of machine.

    `memory` bytes arrive in a cycle on the first pass over weights. A panel of more than `first`
    bytes comes from the second-level cache with each tile of pixels, so many bytes for each cycle
    that this shows as `second` says. More than `tiles` in a block of Winograd's push its data out
    of the cache that it needs; where the weights come from memory anew for each block, that may be
    the lesser evil, up to `far_tiles`.
    """

    memory: float
    first: int
    second: float
    tiles: int
    far_tiles: int


def _caches(target: Target) -> _Caches:
    """Measured on a Zen 4 and a Zen 5 for AVX-512, on a Zen 3 for targets that need slices."""
    if target.near:
        return _Caches(memory=5.0, first=target.near, second=40.0, tiles=32, far_tiles=32)
    return _Caches(memory=12.0, first=64 * 1024, second=400.0, tiles=28, far_tiles=72)


@dataclass(frozen=True)
class Winograd:
    """F(m x m, 3 x 3) in blocks of `tiles` tiles, each product by a register tile."""

    m: int
    tile: Tile
    tiles: int
    slice: int
    cycles: float


def direct_cycles(target: Target, compute: float, weights: int, threads: int) -> float:
    """Cycles, of all threads together, of a direct convolution with that many floats of weights."""
    return compute + _DIRECT_SHOWS * threads * 4 * weights / _caches(target).memory


def passes_cycles(target: Target, panel: int, weights: int, passes: float) -> float:
    """Cycles of reading all weights once for each tile of pixels, in panels of so many floats."""
    caches = _caches(target)
    return 4 * weights * passes / caches.second if 4 * panel > caches.first else 0.0


def keeping_cycles(tile: Tile, slices: int, tiles: int) -> float:
    """Cycles of storing and loading the sums of so many tiles between slices of their inputs."""
    return _KEEP * tile.rows * tile.columns * tile.vectors * tiles * (slices - 1)


def winograd_error(m: int, ci: int) -> float:
    """What F(m x m, 3 x 3) over that many channels is counted with against the budget."""
    return _WINOGRAD_ERROR[m] * math.sqrt(ci)


def over_budget(error: float, budget: float) -> str:
    """Why an algorithm of that error is declined."""
    return f"its error {error:.0e} exceeds the layer's share {budget:.0e} of the tolerance"


def winograd_ways(
    target: Target, ci: int, blocks: int, total_tiles: dict[int, int], threads: int
) -> list[Winograd]:
    """Each F(m,3) as fast as it gets; `total_tiles` of each m."""
    return [_winograd(target, m, ci, blocks, total, threads) for m, total in total_tiles.items()]


@functools.lru_cache(maxsize=4096)
def _winograd(target: Target, m: int, ci: int, blocks: int, total: int, threads: int) -> Winograd:
    positions, ci_blocks = (m + 2) ** 2, -(-ci // target.lanes)
    weights = 4 * positions * ci * blocks * target.lanes
    into, out = _TRANSFORM[m]

    def cycles(tile: Tile, tiles: int) -> float:
        count, panels = -(-total // tiles), blocks // tile.vectors
        # the busiest thread counts for all; the last block is cut to whole turns of the tile
        mine = min(-(-count // threads) * tiles, total)
        turns = -(-mine // tile.columns) * threads
        compute = tile_cycles(target, tile, blocks, 1, tile.columns) * ci * positions * turns
        transforms = mine * threads * (ci_blocks * into + blocks * out)
        # the data is read again for each panel of outputs, a large panel's weights for each tile
        data = 4.0 * positions * ci * mine * threads * panels
        panel = 4 * ci * tile.vectors * target.lanes
        keeping = 0.0
        if target.near:
            slices = -(-ci_blocks // slice_blocks(target, ci_blocks, 1, tile))
            keeping = keeping_cycles(tile, slices, positions * turns * panels)
        elif panel > _PANEL_BYTES:
            data += positions * panel * turns * panels / 4
        reads = 0 if weights < _CACHE_BYTES else count - 1
        again = reads * weights / (caches.memory if far else _CACHE)
        work = compute + transforms + data / _CACHE + keeping
        return work + again + threads * weights / caches.memory

    caches, far = _caches(target), weights > _FAR_BYTES
    most = caches.far_tiles if far else caches.tiles
    options = [
        (tile := Tile(1, width, vectors), turns * width, cycles(tile, turns * width))
        for vectors in vector_counts(blocks, total)
        for width in range(1, target.pixels(vectors) + 1)
        for turns in range(1, max(most // width, 1) + 1)
        if width <= total
    ]
    tile, tiles, least = min(options, key=lambda option: option[2])
    return Winograd(m, tile, tiles, slice_blocks(target, ci_blocks, 1, tile), least)
