"""Normalisation: by stored statistics (batch), by the value's own, by neighbouring channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from convariant.graph._types import TensorType, shape_text
from convariant.graph.ops._base import (
    Cost,
    Op,
    Reach,
    Types,
    expect,
    mixing,
    same_position,
)


def _per_channel(x: TensorType, others: tuple[TensorType, ...], who: str) -> None:
    channels = x.shape[1] if x.rank > 1 else None
    for other in others:
        expect(
            channels is not None and other.shape == (channels,),
            f"{who} of {shape_text(x.shape)} got a vector of {shape_text(other.shape)}; "
            f"give {channels} numbers, one per channel: set num_features={channels}",
        )


@dataclass(frozen=True)
class BatchNorm(Op):
    """`(x - mean) / sqrt(var + eps) * weight + bias` with one number of each per channel.

    Inputs: x, mean, var, and weight and bias or not.
    """

    eps: float = 1e-5

    def infer(self, x: TensorType, *vectors: TensorType) -> Types:
        """The type of x."""
        _per_channel(x, vectors, "batch norm")
        return (x,)

    def run(self, x: Tensor, mean: Tensor, var: Tensor, *affine: Tensor) -> tuple[Tensor, ...]:
        """F.batch_norm in eval mode."""
        weight, bias = (*affine, None, None)[:2]
        return (F.batch_norm(x, mean, var, weight, bias, False, 0.0, self.eps),)

    def text(self) -> str:
        """`eps=1e-05`."""
        return f"eps={self.eps:g}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """Folded into one multiplication and one addition of each element."""
        return Cost(other=2 * inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """The statistics are constants: the same place."""
        rank = outputs[0].rank
        return (same_position(rank), *((None,) * rank for _ in inputs[1:]))


@dataclass(frozen=True)
class GroupNorm(Op):
    """Mean and variance of each group of channels over all positions of one image.

    `groups=None` is instance normalisation: every channel its own group. Inputs: x, and weight and
    bias (one number per channel) or not.
    """

    groups: int | None = None
    eps: float = 1e-5

    def infer(self, x: TensorType, *affine: TensorType) -> Types:
        """The type of x."""
        _per_channel(x, affine, self._name())
        channels = x.shape[1] if x.rank > 1 else 0
        groups = self.groups or 1
        expect(
            isinstance(channels, int) and x.rank > 1 and channels % groups == 0,
            f"Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {shape_text(x.shape)} and num_groups={groups}; use a divisor",
        )
        return (x,)

    def _name(self) -> str:
        return "instance norm" if self.groups is None else "group norm"

    def run(self, x: Tensor, *affine: Tensor) -> tuple[Tensor, ...]:
        """F.group_norm."""
        weight, bias = (*affine, None, None)[:2]
        groups = x.shape[1] if self.groups is None else self.groups
        if x.numel() == x.shape[0] * groups:  # one element a group, which torch refuses
            y = (x - x) / self.eps**0.5
            shape = (1, -1, *(1,) * (x.dim() - 2))
            y = y if weight is None else y * weight.view(shape)
            return (y if bias is None else y + bias.view(shape),)
        return (F.group_norm(x, groups, weight, bias, self.eps),)

    def text(self) -> str:
        """`32 groups eps=1e-05`."""
        groups = "instance" if self.groups is None else f"{self.groups} groups"
        return f"{groups} eps={self.eps:g}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """Two sums for the statistics, a subtraction, a product, and two for the affine part."""
        return Cost(other=(6 if len(inputs) > 1 else 4) * inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """The statistics read every position of the image."""
        rank = outputs[0].rank
        return (mixing(rank, *range(1, rank)), *((None,) * rank for _ in inputs[1:]))


@dataclass(frozen=True)
class LayerNorm(Op):
    """Mean and variance over the last axes; `rms` divides by the root mean square alone.

    Inputs: x, and weight and bias (of the shape of those axes) or not.
    """

    axes: int = 1
    eps: float = 1e-5
    rms: bool = False

    def infer(self, x: TensorType, *affine: TensorType) -> Types:
        """The type of x."""
        own = x.shape[x.rank - self.axes :]
        for other in affine:
            expect(
                x.rank >= self.axes and other.shape == own,
                f"Given normalized_shape={shape_text(other.shape)}, expected input with shape "
                f"[*, {shape_text(other.shape)}], but got input of size{shape_text(x.shape)}; "
                f"set normalized_shape={shape_text(own)}",
            )
        return (x,)

    def run(self, x: Tensor, *affine: Tensor) -> tuple[Tensor, ...]:
        """F.layer_norm or F.rms_norm."""
        weight, bias = (*affine, None, None)[:2]
        shape = list(x.shape[x.dim() - self.axes :])
        if not self.rms:
            return (F.layer_norm(x, shape, weight, bias, self.eps),)
        y = F.rms_norm(x, shape, weight, self.eps)
        return (y if bias is None else y + bias,)

    def text(self) -> str:
        """`last 1 eps=1e-05`."""
        return f"{'rms ' if self.rms else ''}last {self.axes} eps={self.eps:g}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """Two sums for the statistics, a subtraction, a product, and two for the affine part."""
        return Cost(other=(6 if len(inputs) > 1 else 4) * inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """Everything along the last axes."""
        rank = outputs[0].rank
        own = mixing(rank, *range(rank - self.axes, rank))
        return (own, *((None,) * rank for _ in inputs[1:]))


@dataclass(frozen=True)
class LocalResponseNorm(Op):
    """`x / (k + alpha/size * sum of squares of `size` neighbouring channels) ^ beta`.

    A window of even size reaches one channel further back (torch) or `ahead` (ONNX).

    Source: Krizhevsky et al. 2012 (AlexNet), section 3.3; alpha is divided by size as in torch and
    ONNX.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    ahead: bool = False

    def infer(self, x: TensorType) -> Types:
        """The type of x."""
        expect(
            x.rank >= 3,
            f"Expected 3D or higher dimensionality input (got {x.rank} dimensions): local response "
            f"norm of {shape_text(x.shape)} needs (n, c, *size)",
        )
        expect(
            self.size > 0,
            f"local response norm over {self.size} channels; its window has at least one: size=5",
        )
        return (x,)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Squares summed over a window of channels."""
        pads = self.size // 2, (self.size - 1) // 2
        squares = F.pad(x.square().transpose(1, -1), pads[::-1] if self.ahead else pads)
        total = squares.unfold(-1, self.size, 1).sum(-1).transpose(1, -1)
        return (x / (self.k + self.alpha / self.size * total) ** self.beta,)

    def text(self) -> str:
        """`size 5 alpha=0.0001 beta=0.75 k=2`."""
        text = f"size {self.size} alpha={self.alpha:g} beta={self.beta:g} k={self.k:g}"
        return text + (" ahead" if self.ahead else "")

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """A square and an addition per neighbour, then scale, add, power and division."""
        return Cost(other=(2 * self.size + 4) * inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """Neighbouring channels, the same position."""
        return (mixing(inputs[0].rank, 1),)
