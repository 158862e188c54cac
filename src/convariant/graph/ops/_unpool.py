"""The ways back from windows: maxima to their places, columns to an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.geometry import Geometry
from convariant.graph._types import TensorType, shape_text
from convariant.graph.ops._base import Cost, Op, Reach, Taps, Types, expect
from convariant.graph.ops._conv import flat, window_text


@dataclass(frozen=True)
class MaxUnpool(Op):
    """Values put back where the maxima stood, zeros elsewhere, `(n, c, *pooled) -> (n, c, *size)`.

    Inputs: x, and the indices of Pool, counted through the spatial axes of each channel.
    """

    size: tuple[int, ...]

    def infer(self, x: TensorType, index: TensorType) -> Types:
        """(n, c, *size)."""
        expect(
            x.shape == index.shape and x.rank == len(self.size) + 2,
            f"max_unpool to {self.size} got values {shape_text(x.shape)} and indices "
            f"{shape_text(index.shape)}; give one index for each value",
        )
        return (x.with_shape((*x.shape[:2], *self.size)),)

    def run(self, x: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        """Scatter into zeros."""
        y = x.new_zeros(*x.shape[:2], math.prod(self.size))
        y = y.scatter(2, index.flatten(2), x.flatten(2))
        return (y.reshape(*x.shape[:2], *self.size),)

    def text(self) -> str:
        """`to 4x4`."""
        return f"to {'x'.join(map(str, self.size))}"

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """The indices decide, so everything in the channel."""
        own: Reach = (Taps(0), Taps(1), *((None,) * (outputs[0].rank - 2)))
        return (own,) * len(inputs)


@dataclass(frozen=True)
class Fold(Op):
    """Columns put back as overlapping windows and added, `(n, c k, windows) -> (n, c, *size)`.

    The gradient of cutting an image into windows: torch's F.fold, ONNX's Col2Im.
    """

    geometry: Geometry
    size: tuple[int, ...]

    def infer(self, x: TensorType) -> Types:
        """(n, c, *size)."""
        windows = math.prod(self.geometry.output_size(self.size))
        taps = math.prod(self.geometry.kernel_size)
        expect(
            x.rank == 3 and x.shape[2] == windows and x.sizes[1] % taps == 0,
            f"Expected size of input's dimension 1 to be divisible by {taps} and of dimension 2 "
            f"to be {windows}, but got {shape_text(x.shape)}; an image of {self.size} has "
            f"{windows} windows of {window_text(self.geometry)}",
        )
        return (x.with_shape((x.shape[0], x.sizes[1] // taps, *self.size)),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each kernel position adds its columns to a strided part of the padded image."""
        g = self.geometry.explicit(self.size)
        pads, count = g.pads(self.size), g.output_size(self.size)
        padded = [i + b + e for i, (b, e) in zip(self.size, pads, strict=True)]
        n, channels = x.shape[0], x.shape[1] // math.prod(g.kernel_size)
        columns = x.reshape(n, channels, -1, *count)
        image = x.new_zeros(n, channels, *padded)
        taps = torch.cartesian_prod(*(torch.arange(k) for k in g.kernel_size))
        for place, tap in enumerate(taps.reshape(-1, g.axes).tolist()):
            part = tuple(
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(tap, g.dilation, count, g.stride, strict=True)
            )
            image[(slice(None), slice(None), *part)] += columns[:, :, place]
        return (F.pad(image, flat(tuple((-b, -e) for b, e in pads))),)

    def text(self) -> str:
        """`3x3 s2 p1 to 8x8`."""
        return f"{window_text(self.geometry)} to {'x'.join(map(str, self.size))}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """One addition for each element of each column."""
        return Cost(other=inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """Windows are one axis of the input, so everything of one image."""
        return ((Taps(0), *((None,) * (outputs[0].rank - 1))),)
