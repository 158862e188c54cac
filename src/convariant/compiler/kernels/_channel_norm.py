"""Normalisation of the channels of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import address
from convariant.compiler.kernels._functions import square_root
from convariant.compiler.kernels._softmax import across
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Cell, Index, Pointer, Target, Vector

__all__ = ["ChannelNorm"]

# Pixels of one turn: enough that one's additions need not wait for another's.
_TOGETHER = 4


@dataclass(frozen=True)
class ChannelNorm:
    """`y[n,c,p] = (x[n,c,p] - m) / sqrt(v + eps) * weight[c] + bias[c]`, m and v the mean and the
    variance over c; `rms` has m = 0.

    Arguments: x, weight, bias, y, all blocked. One work item is one row of pixels. Registers: of
    each of 4 pixels a sum, then its mean and scale; the weight and bias of a block serve all four.
    """

    x: Layout
    y: Layout
    eps: float
    rms: bool = False

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, x = Builder(target, name), self.x
        source, weight, bias, result = (b.argument(i) for i in range(4))
        whole = x.width // _TOGETHER * _TOGETHER
        with b.share(x.planes * x.height) as item:
            plane, row = item // x.height, item % x.height
            here, there = address(source, x, plane, 0, row), address(result, self.y, plane, 0, row)
            for first, last, count in ((0, whole, _TOGETHER), (whole, x.width, 1)):
                with b.loop(first, last, count) as column:
                    xs = [here + (column + c) * x.column for c in range(count)]
                    ys = [there + (column + c) * self.y.column for c in range(count)]
                    self._pixels(b, xs, weight, bias, ys)
        return b.finish()

    def _pixels(
        self, b: Builder, xs: list[Pointer], weight: Pointer, bias: Pointer, ys: list[Pointer]
    ) -> None:
        share, zero = b.constant(1 / self.x.channels), b.constant(0.0)
        means = [zero for _ in xs]
        if not self.rms:
            means = [total * share for total in self._sums(b, xs, means, square=False)]
        squares = self._sums(b, xs, means, square=True)
        eps, one = b.constant(self.eps), b.constant(1.0)
        scales = [one / square_root(b, b.fma(total, share, eps)) for total in squares]
        with b.loop(0, self.x.blocks) as block:
            w, shift = b.load(weight + block * b.lanes), b.load(bias + block * b.lanes)
            for x, y, mean, scale in zip(xs, ys, means, scales, strict=True):
                value = (b.load(x + block * self.x.block) - mean) * scale
                b.store(b.fma(value, w, shift), y + block * self.y.block)

    def _sums(
        self, b: Builder, xs: list[Pointer], means: list[Vector], *, square: bool
    ) -> list[Vector]:
        """The sum over the channels of each pixel, or of the squares of what is above its mean."""
        zero = b.constant(0.0)
        totals = [b.cell(zero) for _ in xs]

        def add(total: Cell, x: Pointer, mean: Vector, block: Index, lanes: int) -> None:
            value = b.load(x + block * self.x.block)
            if square:
                value = value - mean
            if lanes < b.lanes:
                value = b.first_lanes(lanes, value, zero)
            old = total.get()
            total.set(b.fma(value, value, old) if square else old + value)

        blocks, rest = divmod(self.x.channels, b.lanes)
        with b.loop(0, blocks) as block:
            for total, x, mean in zip(totals, xs, means, strict=True):
                add(total, x, mean, block, b.lanes)
        if rest:
            for total, x, mean in zip(totals, xs, means, strict=True):
                add(total, x, mean, b.index(blocks), rest)
        return [across(b, total.get(), lambda p, q: p + q) for total in totals]
