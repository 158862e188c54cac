"""Pooling over windows of any places and sizes, as adaptive pooling has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import Floats, Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target

__all__ = ["AdaptivePool", "window_table"]

# Numbers of the table for each output of an axis: first index, one past the last, 1 / their count.
_ENTRY = 3


@dataclass(frozen=True)
class AdaptivePool:
    """`y[n,c,p] = epilogue(max or mean of x[n,c,i] for i in the window of p)`.

    Arguments: x, table, y, then the epilogue's operands. A window is a range on each axis; the
    table has them for output planes, then rows, then columns: see `window_table`. One work item is
    one row of one block. Registers: the value of the window so far, and the pixel that joins it.
    """

    mode: Literal["max", "avg"]
    x: Layout
    y: Layout
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        x, table = b.argument(0), b.argument(1)
        output = Output(b, y, self.epilogue, first=2)
        rows = table + _ENTRY * y.depth
        columns = rows + _ENTRY * y.height
        with b.share(y.planes * y.blocks * y.height) as item:
            there, row = item // y.height, item % y.height
            plane, block = there // y.blocks, there % y.blocks
            source = address(x, self.x, plane // y.depth * self.x.depth, block)
            behind, down = table + plane % y.depth * _ENTRY, rows + row * _ENTRY
            with b.loop(0, y.width) as column:
                across = columns + column * _ENTRY
                total = b.cell(b.constant(0.0 if self.mode == "avg" else float("-inf")))
                with (
                    b.loop(*_range(b, behind)) as h,
                    b.loop(*_range(b, down)) as i,
                    b.loop(*_range(b, across)) as j,
                ):
                    value, old = b.load(address(source, self.x, h, 0, i, j)), total.get()
                    total.set(old + value if self.mode == "avg" else b.maximum(old, value))
                result = total.get()
                if self.mode == "avg":
                    share = b.splat(behind + 2) * b.splat(down + 2) * b.splat(across + 2)
                    result = result * share
                output.at(plane, block, row, column).store(result)
        return b.finish()


def _range(b: Builder, entry: Pointer) -> tuple[Index, Index]:
    return b.load_index(entry), b.load_index(entry + 1)


def window_table(*axes: Sequence[tuple[int, int]]) -> Floats:
    """The ranges of each axis: two 32-bit integers' bits and the reciprocal of their distance."""
    entries = []
    for first, stop in (window for windows in axes for window in windows):
        bounds = np.array([first, stop], np.int32).view(np.float32)
        entries += [*bounds, np.float32(1 / (stop - first))]
    return np.array(entries, np.float32)
