"""Input channels cut into slices, where a first-level cache cannot hold a panel of weights."""

from __future__ import annotations

from convariant.compiler.kernels import Tile
from convariant.compiler.llvm import Target

__all__ = ["SLICE_PIXELS", "slice_blocks"]

# Pixels whose sums wait for the next slice, and keep their place in the first-level cache.
SLICE_PIXELS = 96
# Tiles that must pass over a slice, lest its weights be read for too few.
_FEW_TILES = 3


def slice_blocks(target: Target, inputs: int, taps: int, tile: Tile, pixels: int) -> int:
    """Input blocks of a slice, all about as large; 0 where they are multiplied at once.

    >>> from convariant.compiler.llvm import get_target
    >>> [slice_blocks(get_target("avx2"), ci, 1, Tile(1, 6, 2), 196) for ci in (128, 256, 1024)]
    [0, 16, 19]
    """
    if not target.near or pixels < _FEW_TILES * tile.rows * tile.columns:
        return 0
    block = 4 * taps * target.lanes * tile.vectors * target.lanes
    blocks, most = -(-inputs // target.lanes), max(target.near // max(block, 1), 1)
    if blocks <= most:
        return 0
    return -(-blocks // -(-blocks // most))
