"""Normalisation of groups of channels in their blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._functions import square_root
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target, Vector

__all__ = ["GroupNorm"]

# Pixels of a row that are added up side by side, since one sum would wait for itself.
_TOGETHER = 4


@dataclass(frozen=True)
class GroupNorm:
    """`y = epilogue((x - mean) / sqrt(variance + eps) * weight + bias)`, the statistics those of
    `width` neighbouring channels of an image with all their pixels.

    A width divides a vector or is a multiple of it. Arguments: x, weight, bias (blocked, one number
    for each channel), y, then the epilogue's operands. Sums are of rows first, so that a long one
    loses no more digits than two short ones. One work item is the blocks of one group, or one block
    of several groups. Registers: the mean, 4 sums of pixels by turns and the total.
    """

    x: Layout
    y: Layout
    width: int
    eps: float
    epilogue: Epilogue = ()

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, x = Builder(target, name), self.x
        source, weight, bias = (b.argument(i) for i in range(3))
        output = Output(b, self.y, self.epilogue, first=3)
        together = max(1, self.width // b.lanes)
        items = x.blocks // together
        with b.share(x.batch * items) as item:
            image, first = item // items, item % items * together
            start = address(source, x, image * x.depth, first)
            mean, scale = self._statistics(b, start, together)
            with b.loop(0, together) as k:
                block = first + k
                factor = b.load(weight + block * b.lanes)
                shift = b.load(bias + block * b.lanes)

                def write(value: Vector, z: Index, row: Index, column: Index) -> None:
                    place = output.at(image * x.depth + z, block, row, column)
                    place.store(b.fma((value - mean) * scale, factor, shift))

                self._pixels(b, start + k * x.block, write)
        return b.finish()

    def _statistics(self, b: Builder, start: Pointer, together: int) -> tuple[Vector, Vector]:
        """The mean, and 1 / sqrt(variance + eps), of each lane's group; two passes, which cancel
        nothing.
        """
        x = self.x
        share = b.constant(1 / (self.width * x.depth * x.height * x.width))
        mean = self._sum(b, start, together, lambda value: value) * share

        def squared(value: Vector) -> Vector:
            apart = value - mean
            return apart * apart

        variance = self._sum(b, start, together, squared) * share
        return mean, b.constant(1.0) / square_root(b, variance + b.constant(self.eps))

    def _sum(
        self, b: Builder, start: Pointer, together: int, term: Callable[[Vector], Vector]
    ) -> Vector:
        """The sum over a group, in each of its lanes."""
        x, zero = self.x, b.constant(0.0)
        total, parts = b.cell(zero), [b.cell(zero) for _ in range(_TOGETHER)]
        whole = x.width // _TOGETHER * _TOGETHER
        with b.loop(0, together) as k, b.loop(0, x.depth) as z, b.loop(0, x.height) as row:
            line = start + (k * x.block + z * x.plane + row * x.row)
            for part in parts:
                part.set(zero)
            for first, last, count in ((0, whole, _TOGETHER), (whole, x.width, 1)):
                with b.loop(first, last, count) as column:
                    for c, part in enumerate(parts[:count]):
                        value = b.load(line + (column + c) * x.column)
                        part.set(part.get() + term(value))
            one, two, three, four = (part.get() for part in parts)
            total.set(total.get() + ((one + two) + (three + four)))
        result: Vector = total.get()
        distance = min(self.width, b.lanes) // 2
        while distance:
            result = result + b.permute(result, [lane ^ distance for lane in range(b.lanes)])
            distance //= 2
        return result

    def _pixels(
        self, b: Builder, start: Pointer, use: Callable[[Vector, Index, Index, Index], None]
    ) -> None:
        """Every pixel of a block."""
        x = self.x
        with b.loop(0, x.depth) as z, b.loop(0, x.height) as row, b.loop(0, x.width) as column:
            use(b.load(start + z * x.plane + row * x.row + column * x.column), z, row, column)
