"""Input channels cut into slices, where a first-level cache cannot hold a panel of weights."""

from __future__ import annotations

from convariant.compiler.kernels import Tile
from convariant.compiler.llvm import Target

__all__ = ["SLICE_PIXELS", "direct_slice", "slice_blocks"]

# Pixels whose sums wait for the next slice, and keep their place in the first-level cache.
SLICE_PIXELS = 96
# Tiles that must pass over a slice, lest its weights be read for too few.
_FEW_TILES = 3


def slice_blocks(target: Target, blocks: int, taps: int, tile: Tile) -> int:
    """Input blocks of a slice, of about as many in each; 0 for a target that needs none.

    >>> from convariant.compiler.llvm import get_target
    >>> [slice_blocks(get_target("avx2"), n, 1, Tile(1, 6, 2)) for n in (16, 32, 128)]
    [16, 16, 19]
    """
    if not target.near:
        return 0
    block = 4 * taps * target.lanes * tile.vectors * target.lanes
    most = max(target.near // max(block, 1), 1)
    return -(-blocks // -(-blocks // most))


def direct_slice(target: Target, inputs: int, taps: int, tile: Tile, pixels: int) -> int:
    """Input blocks of a slice of a direct convolution; 0 where all are multiplied at once."""
    blocks = -(-inputs // target.lanes)
    size = slice_blocks(target, blocks, taps, tile)
    few = pixels < _FEW_TILES * tile.rows * tile.columns
    return 0 if few or size == blocks else size
