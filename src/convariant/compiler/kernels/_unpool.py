"""Unpooling: each value goes where its window had the maximum, all other places are zero."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Index, Target

__all__ = ["Unpool"]


@dataclass(frozen=True)
class Unpool:
    """`y[n,c,i] = epilogue(v[n,c,p] if i is the place of the maximum of x in window p, else 0)`.

    Windows (planes, rows, columns) lie side by side. The place is PyTorch's: of equal maxima the
    first, of NaNs the last. Arguments: x, v, y, then the epilogue's operands. What lies behind the
    last window is zero. One work item is one row of one block of v. Registers: the maximum, its
    place, and v.
    """

    x: Layout
    v: Layout
    y: Layout
    window: tuple[int, int, int]
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, v = Builder(target, name), self.v
        with b.share(v.planes * v.blocks * v.height) as item:
            there, row = item // v.height, item % v.height
            plane, block = there // v.blocks, there % v.blocks
            with b.loop(0, v.width) as column:
                self._window(b, plane, block, row, column)
        self._rest(b)
        return b.finish()

    def _window(self, b: Builder, plane: Index, block: Index, row: Index, column: Index) -> None:
        """One value, put into its window."""
        x, v = b.argument(0), b.argument(1)
        output = Output(b, self.y, self.epilogue, first=2)
        image, z = plane // self.v.depth, plane % self.v.depth
        deep, down, across = self.window
        taps = list(itertools.product(range(deep), range(down), range(across)))
        corner = (image * self.x.depth + z * deep, block, row * down, column * across)
        source = address(x, self.x, *corner)
        top, place = b.constant(-math.inf), b.constant(0.0)
        for number, (h, i, j) in enumerate(taps):
            value = b.load(address(source, self.x, h, 0, i, j))
            unknown = b.is_nan(value)
            better = b.select(unknown, unknown, b.ordered(value, ">", top))
            top = b.select(better, value, top)
            place = b.select(better, b.constant(float(number)), place)
        given = b.load(address(v, self.v, plane, block, row, column))
        for number, (h, i, j) in enumerate(taps):
            here = b.ordered(place, "==", b.constant(float(number)))
            target = output.at(
                image * self.y.depth + (z * deep + h), block, row * down + i, column * across + j
            )
            target.store(b.select(here, given, b.constant(0.0)))

    def _rest(self, b: Builder) -> None:
        """What lies behind the last window on any axis."""
        output, y = Output(b, self.y, self.epilogue, first=2), self.y
        for depth, rows, columns in self._margins():
            items = (depth[1] - depth[0]) * y.batch * y.blocks * (rows[1] - rows[0])
            with b.share(items) as item:
                there, row = item // (rows[1] - rows[0]), item % (rows[1] - rows[0]) + rows[0]
                block, plane = there % y.blocks, there // y.blocks
                image = plane // (depth[1] - depth[0])
                z = plane % (depth[1] - depth[0]) + depth[0]
                with b.loop(*columns) as column:
                    output.at(image * y.depth + z, block, row, column).store(b.constant(0.0))

    def _margins(self) -> Iterator[tuple[tuple[int, int], ...]]:
        """The boxes (first, stop) of each axis that together are what no window covers."""
        sizes = (self.y.depth, self.y.height, self.y.width)
        counts = (self.v.depth, self.v.height, self.v.width)
        covered = [o * k for o, k in zip(counts, self.window, strict=True)]
        for axis in range(3):
            box = [(0, c) for c in covered[:axis]]
            box += [(covered[axis], sizes[axis]), *((0, s) for s in sizes[axis + 1 :])]
            if covered[axis] < sizes[axis]:
                yield tuple(box)
