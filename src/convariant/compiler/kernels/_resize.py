"""Resizing: each output pixel a weighted sum of a few input pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import Floats, Layout
from convariant.compiler.llvm import Builder, Target

__all__ = ["Resize", "resize_table"]


@dataclass(frozen=True)
class Resize:
    """`y[n,c,i,j] = epilogue(sum over a, b of u[i,a] v[j,b] x[n,c,p[i,a],q[j,b]])`.

    Arguments: x, table, y, then the epilogue's operands. The table holds, for each output row, its
    taps' input rows and weights (p and u), then the same for columns: see `resize_table`. A single
    tap is a copy, which leaves infinities alone. One work item is one row of one block.
    """

    x: Layout
    y: Layout
    row_taps: int
    column_taps: int
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        x, table = b.argument(0), b.argument(1)
        output = Output(b, y, self.epilogue, first=2)
        columns = table + 2 * y.height * self.row_taps
        weigh = self.row_taps * self.column_taps > 1
        with b.share(y.planes * y.blocks * y.height) as item:
            plane, row = item // y.height, item % y.height
            image, block = plane // y.blocks, plane % y.blocks
            source = address(x, self.x, image, block)
            with b.loop(0, y.width) as column:
                total = b.constant(0.0)
                for i in range(self.row_taps):
                    row_entry = table + 2 * (row * self.row_taps + i)
                    line = source + b.load_index(row_entry) * self.x.row
                    for j in range(self.column_taps):
                        entry = columns + 2 * (column * self.column_taps + j)
                        value = b.load(line + b.load_index(entry) * self.x.column)
                        if weigh:
                            weight = b.splat(row_entry + 1) * b.splat(entry + 1)
                            value = b.fma(value, weight, total)
                        total = value
                output.at(image, block, row, column).store(total)
        return b.finish()


def resize_table(*axes: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]) -> Floats:
    """Input index (a 32-bit integer's bits) and weight of each tap of each output, axis by axis."""
    pairs = [
        np.stack((index.astype(np.int32).view(np.float32), weight.astype(np.float32)), axis=-1)
        for index, weight in axes
    ]
    return np.concatenate([pair.ravel() for pair in pairs])
