"""A depthwise convolution and the pointwise one behind it, computed strip by strip."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convariant.compiler.kernels._direct import DirectConv, Panel
from convariant.compiler.kernels._epilogue import Output
from convariant.compiler.kernels._grouped import GroupedConv, Plane
from convariant.compiler.kernels._strassen import PairBand, StrassenConv
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Target

__all__ = ["StripConv", "strip_layout"]


@dataclass(frozen=True)
class StripConv:
    """`y = pointwise(depthwise(x))`, a strip of `band` rows of it at a time.

    Between the two, a strip of every channel stays in the second-level cache, in scratch of the
    thread's own: the tensor that the depthwise layer gives never goes to memory and back. Layout
    of that strip: [block][row of the strip][column][lane]; both kernels count its rows from the
    top of the image, so that `middle` is moved up by the strip's first row.
    Arguments: x, depthwise weights and bias, pointwise weights and bias, scratch, y, then the
    operands of the pointwise epilogue; the depthwise one has none. `depthwise.y` and `pointwise.x`
    are the strip's layout (`strip_layout`), the same for every plane of every image. Registers:
    those of the two kernels, one after the other.
    """

    depthwise: GroupedConv
    pointwise: DirectConv | StrassenConv
    band: int

    @property
    def tiling(self) -> str:
        """That of the pointwise layer, which has most of the products."""
        return self.pointwise.tiling

    @property
    def strip(self) -> int:
        """Floats of one strip."""
        return self.depthwise.y.blocks * self.depthwise.y.block

    @property
    def scratch(self) -> int:
        """Floats that each thread needs."""
        more = self.pointwise.scratch if isinstance(self.pointwise, StrassenConv) else 0
        return self.strip + more

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        x, weights, bias, point_weights, point_bias, scratch = (b.argument(i) for i in range(6))
        output = Output(b, self.pointwise.y, self.pointwise.epilogue, first=6)
        own, row = scratch + b.thread * self.scratch, self.depthwise.y.row
        rows, planes = self.depthwise.rows.count, self.depthwise.planes.count
        bands = -(-rows // self.band)
        with b.share(self.depthwise.x.batch * planes * bands) as item:
            plane, first = item // bands, item % bands * self.band
            image, z = plane // planes, plane % planes
            last = b.minimum_index(first + self.band, rows)
            middle = own + (0 - first * row)
            strip = Output(b, self.depthwise.y, self.depthwise.epilogue, start=middle)
            with b.loop(0, self.depthwise.x.blocks) as block:
                Plane.of(self.depthwise, strip, x, weights, bias, image, z, block).rows(first, last)
            if isinstance(self.pointwise, StrassenConv):
                down = self.pointwise.pairs.y_step[0]
                rest, pairs = own + self.strip, (first // down, last // down)
                band = PairBand(self.pointwise, b, output, middle, rest, plane, *pairs)
                band.run(point_weights, point_bias, 0, self.pointwise.panels)
            else:
                panels = self.pointwise.y.blocks // self.pointwise.tile.vectors
                with b.loop(0, panels) as panel:
                    Panel.of(
                        self.pointwise, output, middle, point_weights, point_bias, image, z, panel
                    ).rows(first, last)
        return b.finish()


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
