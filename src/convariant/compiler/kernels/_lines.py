"""Softmax, normalisation and reduction along one axis of a tensor as PyTorch lays it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from convariant.compiler.kernels._exponential import absolute, exponential
from convariant.compiler.kernels._functions import minimum, square_root
from convariant.compiler.kernels._logarithms import log
from convariant.compiler.kernels._softmax import across
from convariant.compiler.llvm import Builder, Index, Pointer, Target, Vector

__all__ = ["REDUCED", "LineLogSumExp", "LineNorm", "LineReduce", "LineSoftmax", "Lines"]


@dataclass(frozen=True)
class Lines:
    """A tensor (outer, count, inner): outer * inner lines of `count` numbers, `inner` apart."""

    outer: int
    count: int
    inner: int = 1

    def share(self, b: Builder, body: Callable[[Line], None]) -> None:
        """The body for each line of this thread, or for each vector of neighbouring lines."""
        groups, rest = divmod(self.inner, b.lanes)
        for first, count, lanes in ((0, groups, b.lanes), (groups * b.lanes, min(rest, 1), rest)):
            if count:
                with b.share(self.outer * count) as item:
                    inner = item % count * b.lanes + first
                    start = item // count * (self.count * self.inner) + inner
                    place = item // count * self.inner + inner
                    body(Line(b, self.count, self.inner, lanes, start, place))


@dataclass(frozen=True)
class Line:
    """One contiguous line, or `lanes` neighbouring ones whose numbers are `apart`: where it starts
    in a tensor, and in one with a single number for each line.
    """

    b: Builder
    count: int
    apart: int
    lanes: int
    start: Index
    place: Index

    def each(self, use: Callable[[Index, int], None]) -> None:
        """Every offset along the line, and how many numbers there are to a vector."""
        b = self.b
        if self.apart > 1:
            with b.loop(0, self.count) as i:
                use(i * self.apart, self.lanes)
            return
        whole = self.count // b.lanes * b.lanes
        if whole:
            with b.loop(0, whole, b.lanes) as i:
                use(i, b.lanes)
        if whole < self.count:
            use(b.index(whole), self.count - whole)

    def fold(
        self,
        x: Pointer,
        start: float,
        step: Callable[[Vector, Vector], Vector],
        join: Callable[[Vector, Vector], Vector],
    ) -> Vector:
        """`step(total, number)` for each number from x on; the total of its line in every lane."""
        b = self.b
        total = b.cell(b.constant(start))

        def use(at: Index, lanes: int) -> None:
            old = total.get()
            new = step(old, load(b, x + at, lanes))
            total.set(new if self.apart > 1 else b.first_lanes(lanes, new, old))

        self.each(use)
        return total.get() if self.apart > 1 else across(b, total.get(), join)


def load(b: Builder, x: Pointer, lanes: int) -> Vector:
    """So many numbers, without touching what lies behind them; the other lanes are zero."""
    return b.load(x) if lanes == b.lanes else b.gather([x + lane for lane in range(lanes)])


def store(b: Builder, value: Vector, y: Pointer, lanes: int) -> None:
    """So many lanes of a vector."""
    if lanes == b.lanes:
        b.store(value, y)
        return
    for lane in range(lanes):
        b.store(b.extract(value, lane), y + lane)


def _add(left: Vector, right: Vector) -> Vector:
    return left + right


@dataclass(frozen=True)
class LineSoftmax:
    """`y = e**(x - m) / sum of e**(x - m)` along each line, m the line's maximum.

    `log` gives the logarithm, `y = x - m - ln(sum of e**(x - m))`. Arguments: x, y. One work item
    is a line, or a vector of neighbouring ones. Registers: m, the sum, and what e**x is made of.
    """

    lines: Lines
    log: bool = False

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, lines = Builder(target, name), self.lines
        x, y = b.argument(0), b.argument(1)

        def softmax(line: Line) -> None:
            source, result = x + line.start, y + line.start
            top = line.fold(source, float("-inf"), b.maximum, b.maximum)

            def power(at: Index, lanes: int) -> None:
                store(b, exponential(b, load(b, source + at, lanes) - top), result + at, lanes)

            line.each(power)
            total = line.fold(result, 0.0, _add, _add)
            factor = log(b, total) if self.log else b.constant(1.0) / total

            def finish(at: Index, lanes: int) -> None:
                if self.log:
                    value = load(b, source + at, lanes) - top - factor
                else:
                    value = load(b, result + at, lanes) * factor
                store(b, value, result + at, lanes)

            line.each(finish)

        lines.share(b, softmax)
        return b.finish()


@dataclass(frozen=True)
class LineNorm:
    """`y = (x - mean) / sqrt(variance + eps) * weight + bias` along each contiguous line.

    A line is `channels` runs of equal length. Each number of a line has its own weight where
    `channels` is 0; else each run has one, and `groups` lines one after the other have different
    ones. `rms` takes no mean away. Arguments: x, weight, bias, y. Registers: the mean, the scale,
    and a number with its weight and bias.
    """

    lines: Lines
    eps: float
    channels: int = 0
    groups: int = 1
    rms: bool = False

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weight, bias, y = (b.argument(i) for i in range(4))

        def norm(line: Line) -> None:
            mean, scale = self._statistics(b, line, x + line.start)

            def write(run: Line, scales: _Affine, shifts: _Affine) -> None:
                def use(at: Index, lanes: int) -> None:
                    value = (load(b, x + (run.start + at), lanes) - mean) * scale
                    value = b.fma(value, scales(at, lanes), shifts(at, lanes))
                    store(b, value, y + (run.start + at), lanes)

                run.each(use)

            if self.channels == 0:
                write(line, _numbers(b, weight), _numbers(b, bias))
                return
            count = self.lines.count // self.channels
            with b.loop(0, self.channels) as c:
                channel = line.place % self.groups * self.channels + c
                run = replace(line, count=count, start=line.start + c * count)
                write(run, _one(b, weight + channel), _one(b, bias + channel))

        self.lines.share(b, norm)
        return b.finish()

    def _statistics(self, b: Builder, line: Line, x: Pointer) -> tuple[Vector, Vector]:
        """The mean, and 1 / sqrt(variance + eps), of a line; two passes, which cancel nothing."""
        share = b.constant(1 / line.count)
        mean = b.constant(0.0)
        if not self.rms:
            mean = line.fold(x, 0.0, _add, _add) * share

        def squared(total: Vector, value: Vector) -> Vector:
            apart = value - mean
            return b.fma(apart, apart, total)

        variance = line.fold(x, 0.0, squared, _add) * share
        return mean, b.constant(1.0) / square_root(b, variance + b.constant(self.eps))


_Affine = Callable[[Index, int], Vector]


def _numbers(b: Builder, start: Pointer) -> _Affine:
    """A number for each place of the line."""
    return lambda at, lanes: load(b, start + at, lanes)


def _one(b: Builder, place: Pointer) -> _Affine:
    """The same number for all places."""
    value = b.splat(place)
    return lambda _at, _lanes: value


class Reduced(NamedTuple):
    """A way to make one number of many: its start, a step, how totals join, what is done last."""

    start: float
    step: Callable[[Builder, Vector, Vector], Vector]
    join: Callable[[Builder, Vector, Vector], Vector]
    last: Callable[[Builder, Vector, int], Vector] = lambda _b, total, _count: total


def _sum(_: Builder, left: Vector, right: Vector) -> Vector:
    return left + right


def _product(_: Builder, left: Vector, right: Vector) -> Vector:
    return left * right


def _squares(b: Builder, total: Vector, value: Vector) -> Vector:
    return b.fma(value, value, total)


def _greatest(b: Builder, left: Vector, right: Vector) -> Vector:
    return b.maximum(left, right)


REDUCED = {
    "mean": Reduced(0.0, _sum, _sum, lambda b, total, count: total * b.constant(1 / count)),
    "sum": Reduced(0.0, _sum, _sum),
    "max": Reduced(float("-inf"), _greatest, _greatest),
    "min": Reduced(float("inf"), minimum, minimum),
    "prod": Reduced(1.0, _product, _product),
    "l1": Reduced(0.0, lambda b, total, value: total + absolute(b, value), _sum),
    "l2": Reduced(0.0, _squares, _sum, lambda b, total, _: square_root(b, total)),
    "log_sum": Reduced(0.0, _sum, _sum, lambda b, total, _: log(b, total)),
    "sum_square": Reduced(0.0, _squares, _sum),
}


@dataclass(frozen=True)
class LineLogSumExp:
    """`y = m + ln(sum of e**(x - m))` of each line, m its maximum. Arguments: x, y.

    Where m is infinite, or NaN, y is m. Registers: m, the sum, and what e**x is made of.
    """

    lines: Lines

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, y = b.argument(0), b.argument(1)

        def reduce(line: Line) -> None:
            top = line.fold(x + line.start, float("-inf"), b.maximum, b.maximum)
            finite = b.ordered(absolute(b, top), "<", b.constant(float("inf")))
            shift = b.select(finite, top, b.constant(0.0))
            total = line.fold(
                x + line.start, 0.0, lambda sum_, v: sum_ + exponential(b, v - shift), _add
            )
            value = b.select(finite, top + log(b, total), top)
            store(b, value, y + line.place, line.lanes)

        self.lines.share(b, reduce)
        return b.finish()


@dataclass(frozen=True)
class LineReduce:
    """`y = f(all numbers of a line)`: mean, sum, greatest... (`REDUCED`). Arguments: x, y.

    Registers: the result so far, and the number that joins it.
    """

    lines: Lines
    function: str

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, lines, rule = Builder(target, name), self.lines, REDUCED[self.function]
        x, y = b.argument(0), b.argument(1)

        def reduce(line: Line) -> None:
            total = line.fold(
                x + line.start,
                rule.start,
                lambda total, value: rule.step(b, total, value),
                lambda left, right: rule.join(b, left, right),
            )
            result = rule.last(b, total, lines.count)
            store(b, result, y + line.place, line.lanes)

        lines.share(b, reduce)
        return b.finish()
