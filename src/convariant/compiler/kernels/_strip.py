"""A depthwise or pointwise convolution and the pointwise ones behind it, strip by strip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from convariant.compiler.kernels._direct import DirectConv, Panel
from convariant.compiler.kernels._epilogue import Output, address
from convariant.compiler.kernels._grouped import GroupedConv, Plane
from convariant.compiler.kernels._strassen import PairBand, StrassenConv
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Target
from convariant.compiler.llvm.deal import deal

__all__ = ["Stage", "StripConv", "strip_layout"]

Stage: TypeAlias = GroupedConv | DirectConv | StrassenConv


@dataclass(frozen=True)
class StripConv:
    """`y = stages[-1](... stages[1](stages[0](x)))`, a strip of `band` rows of it at a time.

    Between two stages, a strip of every channel stays in the second-level cache, in scratch of the
    thread's own: the tensor that it is a part of never goes to memory and back. Layout of a strip:
    [block][row of the strip][column][lane]; the kernels count its rows from the top of the image,
    so that its address is moved up by its first row. The first stage is depthwise or pointwise, the
    others are pointwise; between two of them, y and x are the same `strip_layout`.
    Arguments: x, weights and bias of each stage in turn, scratch, y, then the operands of the last
    epilogue; the others have none. Registers: those of one stage after the other.
    """

    stages: tuple[Stage, ...]
    band: int

    @property
    def tiling(self) -> str:
        """That of the last layer."""
        return self.stages[-1].tiling

    @property
    def strips(self) -> tuple[int, ...]:
        """Floats of each strip."""
        return tuple(stage.y.blocks * stage.y.block for stage in self.stages[:-1])

    @property
    def scratch(self) -> int:
        """Floats that each thread needs: every strip, and the sums of one stage at a time."""
        sums = (stage.scratch for stage in self.stages if not isinstance(stage, GroupedConv))
        return sum(self.strips) + max(sums, default=0)

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b, count, layout = Builder(target, name), len(self.stages), self.stages[0].y
        own = b.argument(2 * count + 1) + b.thread * self.scratch
        result = Output(b, self.stages[-1].y, self.stages[-1].epilogue, first=2 * count + 2)
        bands = -(-layout.height // self.band)
        with deal(b, layout.planes * bands) as item:
            plane, first = item // bands, item % bands * self.band
            last = b.minimum_index(first + self.band, layout.height)
            band = _Band(b, plane, first, last, own + sum(self.strips))
            source = b.argument(0)
            for i, stage in enumerate(self.stages):
                weights, bias = b.argument(2 * i + 1), b.argument(2 * i + 2)
                if i == count - 1:
                    band.run(stage, result, source, weights, bias)
                    break
                strip = own + (0 - first * stage.y.row)
                output = Output(b, stage.y, stage.epilogue, start=strip)
                band.run(stage, output, source, weights, bias)
                source, own = strip, own + self.strips[i]
        return b.finish()


@dataclass(frozen=True)
class _Band:
    """The rows [first, last) of a plane, and memory for the sums of a stage."""

    b: Builder
    plane: Index
    first: Index
    last: Index
    sums: Pointer

    def run(
        self, stage: Stage, output: Output, x: Pointer, weights: Pointer, bias: Pointer
    ) -> None:
        """Every channel of the stage."""
        b, first, last = self.b, self.first, self.last
        image, z = self.plane // stage.y.depth, self.plane % stage.y.depth
        if isinstance(stage, GroupedConv):
            with b.loop(0, stage.y.blocks) as block:
                Plane.of(stage, output, x, weights, bias, image, z, block).rows(first, last)
            return
        if isinstance(stage, DirectConv):
            x = address(x, stage.x, image * stage.x.depth)
            sums = self.sums if stage.slice else None
            with b.loop(0, stage.y.blocks // stage.tile.vectors) as panel:
                work = Panel.of(stage, output, x, weights, bias, image, z, panel, sums)
                work.rows(first, last)
            return
        down, x = stage.pairs.y_step[0], address(x, stage.x, self.plane)
        pairs = PairBand(stage, b, output, x, self.sums, self.plane, first // down, last // down)
        pairs.run(weights, bias, 0, stage.panels)


def strip_layout(shape: tuple[int, ...], lanes: int, band: int) -> Layout:
    """An (n, c, h, w) or (n, c, d, h, w) tensor of which only `band` rows of one plane are in
    memory.

    >>> layout = strip_layout((2, 32, 56, 56), lanes=16, band=4)
    >>> layout.block, layout.image
    (3584, 0)
    """
    n, c, *depth, h, w = shape
    return replace(
        Layout.dense((1, c, band, w), lanes),
        batch=n,
        depth=depth[0] if depth else 1,
        height=h,
        image=0,
        plane=0,
    )
