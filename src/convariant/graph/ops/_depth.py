"""Channels to space and back: torch's pixel_shuffle and pixel_unshuffle, ONNX's DepthToSpace."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from convariant.graph._types import Dim, TensorType, shape_text
from convariant.graph.ops._base import Op, Reach, Taps, Types, expect


@dataclass(frozen=True)
class DepthToSpace(Op):
    """Channels into blocks of space, `(n, c r^2, h, w) -> (n, c, h r, w r)`.

    `depth_last` says which part of the channels the block is: (c, r, r) as torch's pixel_shuffle
    and ONNX's CRD where False, (r, r, c) as ONNX's DCR where True.
    """

    block: int
    depth_last: bool = False

    def infer(self, x: TensorType) -> Types:
        """(n, c, h r, w r)."""
        r = self.block
        expect(
            x.rank == 4 and not isinstance(x.shape[1], Dim) and x.shape[1] % (r * r) == 0,
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input {shape_text(x.shape)} is not divisible by {r * r}",
        )
        n, c, h, w = x.shape
        return (x.with_shape((n, c // (r * r), h * r, w * r)),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Split the channels, interleave, merge."""
        r = self.block
        n, c, h, w = x.shape
        if self.depth_last:
            y = x.reshape(n, r, r, c // (r * r), h, w).permute(0, 3, 4, 1, 5, 2)
        else:
            y = x.reshape(n, c // (r * r), r, r, h, w).permute(0, 1, 4, 2, 5, 3)
        return (y.reshape(n, c // (r * r), h * r, w * r),)

    def text(self) -> str:
        """`2` or `2 depth last`."""
        return f"{self.block}{' depth last' if self.depth_last else ''}"

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """A block of outputs reads one position."""
        table = ((0,),) * self.block
        return ((Taps(0), None, Taps(2, table), Taps(3, table)),)


@dataclass(frozen=True)
class SpaceToDepth(Op):
    """Blocks of space into channels, the inverse of DepthToSpace."""

    block: int
    depth_last: bool = False

    def infer(self, x: TensorType) -> Types:
        """(n, c r^2, h / r, w / r)."""
        r = self.block
        expect(
            x.rank == 4 and all(s % r == 0 for s in x.spatial),
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but "
            f"input {shape_text(x.shape)} is not divisible by {r}; pad it",
        )
        n, c, h, w = x.shape
        return (x.with_shape((n, c * r * r, h // r, w // r)),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Split the space, gather, merge."""
        r = self.block
        n, c, h, w = x.shape
        order = (0, 3, 5, 1, 2, 4) if self.depth_last else (0, 1, 3, 5, 2, 4)
        y = x.reshape(n, c, h // r, r, w // r, r).permute(order)
        return (y.reshape(n, c * r * r, h // r, w // r),)

    def text(self) -> str:
        """`2` or `2 depth last`."""
        return f"{self.block}{' depth last' if self.depth_last else ''}"

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """One position reads a block."""
        table = (tuple(range(self.block)),)
        return ((Taps(0), None, Taps(2, table, self.block), Taps(3, table, self.block)),)
