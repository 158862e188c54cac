"""Softmax over the channels of each pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import address
from convariant.compiler.kernels._exponential import exponential
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target, Vector

__all__ = ["Softmax"]


@dataclass(frozen=True)
class Softmax:
    """`y[n,c,p] = exp(x[n,c,p] - m) / sum over c of exp(x[n,c,p] - m)`, m their maximum.

    Arguments: x, y. Lanes that no channel fills count as minus infinity. One work item is one row.
    Registers: the maximum, the sum, and what e**x is made of.
    """

    x: Layout
    y: Layout

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, x = Builder(target, name), self.x
        source, result = b.argument(0), b.argument(1)
        with b.share(x.planes * x.height) as item:
            image, row = item // x.height, item % x.height
            with b.loop(0, x.width) as column:
                self._pixel(
                    b,
                    address(source, x, image, 0, row, column),
                    address(result, self.y, image, 0, row, column),
                )
        return b.finish()

    def _pixel(self, b: Builder, x: Pointer, y: Pointer) -> None:
        greatest = b.cell(b.constant(float("-inf")))
        self._each_block(b, x, lambda _, v: greatest.set(b.maximum(greatest.get(), v)))
        top = across(b, greatest.get(), b.maximum)
        total = b.cell(b.constant(0.0))

        def exponentiate(block: Index, value: Vector) -> None:
            power = exponential(b, value - top)
            total.set(total.get() + power)
            b.store(power, y + block * self.y.block)

        self._each_block(b, x, exponentiate)
        scale = b.constant(1.0) / across(b, total.get(), lambda p, q: p + q)
        with b.loop(0, self.x.blocks) as block:
            place = y + block * self.y.block
            b.store(b.load(place) * scale, place)

    def _each_block(self, b: Builder, x: Pointer, use: Callable[[Index, Vector], None]) -> None:
        """The vectors of one pixel; minus infinity where no channel is."""
        blocks, rest = divmod(self.x.channels, b.lanes)
        with b.loop(0, blocks) as block:
            use(block, b.load(x + block * self.x.block))
        if rest:
            last = b.load(x + blocks * self.x.block)
            use(b.index(blocks), b.first_lanes(rest, last, b.constant(float("-inf"))))


def across(b: Builder, value: Vector, combine: Callable[[Vector, Vector], Vector]) -> Vector:
    """All lanes of a vector combined, in every lane: halves are swapped, then quarters..."""
    distance = b.lanes // 2
    while distance:
        value = combine(value, b.permute(value, [lane ^ distance for lane in range(b.lanes)]))
        distance //= 2
    return value
