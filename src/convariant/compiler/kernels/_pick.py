"""Channels of blocked tensors in another order, or of several tensors in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from convariant.compiler.kernels._epilogue import address
from convariant.compiler.kernels._lanes import picked
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Target

__all__ = ["Pick"]

# A tensor by its number and one of its channels.
Source: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Pick:
    """`y[n,c,p] = x_i[n,k,p]` where `(i, k) = sources[c]`, all of them blocked.

    A vector of y takes its lanes from the vectors of x that hold them, one permutation for each
    beyond the first; lanes that no channel fills are zero. Arguments: the xs, then y. One work item
    is one row of all blocks. Registers: the vectors that one of y is picked from.
    """

    xs: tuple[Layout, ...]
    y: Layout
    sources: tuple[Source, ...]

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        starts = [b.argument(i) for i in range(len(self.xs))]
        result = b.argument(len(self.xs))
        with b.share(y.planes * y.height) as item:
            plane, row = item // y.height, item % y.height
            lines = [
                address(start, x, plane, 0, row) for start, x in zip(starts, self.xs, strict=True)
            ]
            for block in range(y.blocks):
                held, places = self._block(block)
                line = address(result, y, plane, block, row)
                with b.loop(0, y.width) as column:
                    vectors = [
                        b.load(address(lines[i], self.xs[i], 0, k, 0, column)) for i, k in held
                    ]
                    b.store(picked(b, vectors, places), line + column * y.column)
        return b.finish()

    def _block(self, block: int) -> tuple[list[Source], list[int]]:
        """The vectors (tensor, block) that a block of y needs, and for each lane its place among
        their lanes; -1 for none.
        """
        lanes = self.y.lanes
        wanted = self.sources[block * lanes : (block + 1) * lanes]
        held = sorted({(i, k // lanes) for i, k in wanted})
        places = [held.index((i, k // lanes)) * lanes + k % lanes for i, k in wanted]
        return held, places + [-1] * (lanes - len(wanted))
