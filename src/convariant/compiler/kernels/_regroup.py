"""Groups of channels moved closer together or further apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

from convariant.compiler.kernels._epilogue import Epilogue, Output, address
from convariant.compiler.kernels._lanes import picked
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target

__all__ = ["Regroup"]


@dataclass(frozen=True)
class Regroup:
    """`y[n, g * y_apart + i, p] = epilogue(x[n, g * x_apart + i, p])` for i < width, else of 0.

    Both are blocked. Which lanes a block of y takes from which blocks of x repeats after a period
    of some blocks, and is known beforehand: a vector costs one permutation for two of x.
    Arguments: x, y, then the epilogue's operands. One work item is one row of a period. Registers:
    the vectors of x that one of y takes its lanes from.
    """

    x: Layout
    y: Layout
    width: int
    x_apart: int
    y_apart: int
    epilogue: Epilogue = ()

    @property
    def period(self) -> int:
        """Blocks of y after which the pattern repeats, from a whole block of x on."""
        lanes = self.y.lanes
        groups = math.lcm(lanes // math.gcd(lanes, self.x_apart), self._least_groups)
        return groups * self.y_apart // lanes

    @property
    def _least_groups(self) -> int:
        """Groups that fill whole blocks of y."""
        return self.y.lanes // math.gcd(self.y.lanes, self.y_apart)

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, y = Builder(target, name), self.y
        x, output = b.argument(0), Output(b, y, self.epilogue, first=1)
        period = self.period
        whole = y.channels // (period * b.lanes)
        x_period = period * b.lanes // self.y_apart * self.x_apart // b.lanes
        rest = y.blocks - whole * period
        for first, count, blocks in ((0, whole, period), (whole, 1 if rest else 0, rest)):
            if count == 0:
                continue
            with b.share(y.planes * count * y.height) as item:
                there, row = item // y.height, item % y.height
                plane, turn = there // count, there % count + first
                source = address(x, self.x, plane, turn * x_period, row)
                for block in range(blocks):
                    self._row(b, source, output, plane, turn * period, block, row, first)
        return b.finish()

    def _row(
        self,
        b: Builder,
        source: Pointer,
        output: Output,
        plane: Index,
        turn: Index,
        block: int,
        row: Index,
        first: int,
    ) -> None:
        """One row of a block of y, counted from the start of a period."""
        start = first * self.period * b.lanes  # of the channels of y that are counted
        places = [self._source(block * b.lanes + lane, start) for lane in range(b.lanes)]
        needed = sorted({place // b.lanes for place in places if place >= 0})
        numbers = {number: i for i, number in enumerate(needed)}
        close = [
            numbers[place // b.lanes] * b.lanes + place % b.lanes if place >= 0 else -1
            for place in places
        ]
        with b.loop(0, self.y.width) as column:
            at = source + column * self.x.column
            vectors = [b.load(at + number * self.x.block) for number in needed]
            value = picked(b, vectors, close) if vectors else b.constant(0.0)
            output.at(plane, turn + block, row, column).store(value)

    def _source(self, channel: int, start: int) -> int:
        """The channel of x that a channel of y holds, both counted from the period's start."""
        group, i = divmod(channel, self.y_apart)
        inside = i < self.width and start + channel < self.y.channels
        return group * self.x_apart + i if inside else -1
