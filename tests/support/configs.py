"""Named window configurations that every operator, kernel and analysis is tested over.

    @each(CONVOLUTIONS)
    def test_operator(config):
        x, weight, bias = config.tensors(torch.float64)

Each is small, and odd in one way that its name tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from convariant.geometry import Geometry, PaddingLike

Ints = int | tuple[int, ...]


@dataclass(frozen=True)
class Config:
    """One convolution, plain or transposed, with everything that its operator is called with."""

    name: str
    input_size: tuple[int, ...]
    kernel_size: Ints
    stride: Ints = 1
    padding: PaddingLike = 0
    dilation: Ints = 1
    output_padding: Ints = 0
    groups: int = 1
    in_channels: int = 2
    out_channels: int = 3
    batch: int = 2
    bias: bool = True
    transposed: bool = False

    @property
    def axes(self) -> int:
        return len(self.input_size)

    @property
    def geometry(self) -> Geometry:
        return Geometry.of(
            self.axes,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.output_padding,
            self.transposed,
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.batch, self.in_channels, *self.input_size)

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.batch, self.out_channels, *self.geometry.output_size(self.input_size))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Torch's: (co, ci / g, kh, kw), and (ci, co / g, kh, kw) where transposed."""
        outer, inner = self.out_channels, self.in_channels
        if self.transposed:
            outer, inner = inner, outer
        return (outer, inner // self.groups, *self.geometry.kernel_size)

    @property
    def reduction(self) -> int:
        """The number of products in one output, at most, with the bias as one more."""
        return self.in_channels // self.groups * math.prod(self.geometry.kernel_size) + 1

    @property
    def torch_padding(self) -> tuple[int, ...] | None:
        """The padding as torch's own operator takes it; None where it refuses."""
        full = self.geometry.explicit(self.input_size)
        if full.output_padding != self.geometry.output_padding:
            return None
        pads = full.pads(self.input_size)
        return tuple(b for b, _ in pads) if all(b == e for b, e in pads) else None

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Input, weight and bias: whole numbers from -4 to 4 as float64, so sums are exact."""
        random = np.random.default_rng(len(self.name))
        x, weight, bias = (
            random.integers(-4, 5, shape).astype(np.float64)
            for shape in (self.input_shape, self.weight_shape, (self.out_channels,))
        )
        return x, weight, bias if self.bias else None

    def tensors(
        self, dtype: torch.dtype = torch.float32
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Input, weight and bias: normal random numbers, exact in the type."""
        generator = torch.Generator().manual_seed(len(self.name))
        x, weight, bias = (
            torch.randn(shape, generator=generator).to(dtype)
            for shape in (self.input_shape, self.weight_shape, (self.out_channels,))
        )
        return x, weight, bias if self.bias else None


def each(configs: tuple[Config, ...]) -> pytest.MarkDecorator:
    """Run a test once for every configuration, under its name."""
    return pytest.mark.parametrize("config", configs, ids=lambda config: config.name)


CONVOLUTIONS = (
    Config("1d", (7,), 3),
    Config("1d stride 2 padding 1", (8,), 3, 2, 1),
    Config("1d dilation 3 stride 2", (11,), 3, 2, 2, 3),
    Config("1d kernel 1", (5,), 1),
    Config("1d even kernel", (6,), 4, 1, 1),
    Config("1d asymmetric padding", (6,), 3, 2, ((2, 0),)),
    Config("1d grouped", (6,), 3, 1, 1, groups=2, in_channels=4, out_channels=6),
    Config("1d one pixel", (1,), 3, 1, 1),
    Config("2d", (6, 7), 3),
    Config("2d lecture 4x4 to 2x2", (4, 4), 3, in_channels=1, out_channels=1),
    Config("2d lecture 5x5 to 3x3", (5, 5), 3, 2, 1, in_channels=1, out_channels=1),
    Config("2d lecture 6x6 to 3x3", (6, 6), 3, 2, 1, in_channels=1, out_channels=1),
    Config("2d padding 1", (5, 5), 3, 1, 1),
    Config("2d stride 2", (7, 8), 3, 2),
    Config("2d stride larger than kernel", (9, 11), 2, (3, 4)),
    Config("2d kernel 1x1", (5, 4), 1, in_channels=5),
    Config("2d kernel 1x1 stride 2", (5, 6), 1, 2),
    Config("2d kernel 5x2", (7, 6), (5, 2), (1, 2), (2, 0)),
    Config("2d kernel larger than input", (3, 2), 5, 1, 2),
    Config("2d kernel as large as input", (4, 5), (4, 5)),
    Config("2d large padding", (3, 4), 2, 2, 4),
    Config("2d dilation 2", (8, 9), 3, 1, 2, 2),
    Config("2d dilation 2x3 stride 3x2", (9, 10), (3, 2), (3, 2), (1, 2), (2, 3)),
    Config("2d asymmetric padding", (5, 6), 3, 2, ((0, 1), (2, 1))),
    Config("2d asymmetric dilated", (6, 7), (2, 3), 1, ((1, 0), (0, 3)), 2),
    Config("2d same", (5, 6), 3, 1, "same"),
    Config("2d same even kernel", (5, 6), (2, 4), 1, "same"),
    Config("2d same stride 2", (6, 7), 3, 2, "same"),
    Config("2d same lower stride 3", (7, 5), (4, 3), 3, "same_lower"),
    Config("2d same stride larger than kernel", (7, 8), 1, 3, "same"),
    Config("2d two groups", (6, 5), 3, 2, 1, groups=2, in_channels=4, out_channels=2),
    Config("2d four groups dilated", (7, 7), 3, 1, 2, 2, groups=4, in_channels=8, out_channels=4),
    Config("2d depthwise", (6, 6), 3, 1, 1, groups=5, in_channels=5, out_channels=5),
    Config("2d depthwise multiplier 2", (7, 5), 3, 2, 1, groups=3, in_channels=3, out_channels=6),
    Config("2d one channel no bias", (5, 5), 3, in_channels=1, out_channels=1, bias=False),
    Config("2d many channels", (4, 5), 3, 1, 1, in_channels=17, out_channels=33),
    Config("2d batch 0", (5, 5), 3, 1, 1, batch=0),
    Config("2d batch 1 one row", (1, 9), 3, 1, 1, batch=1),
    Config("3d", (4, 5, 6), 3, 1, 1),
    Config("3d stride 2 dilation 1x2x1", (5, 6, 7), (2, 2, 3), 2, 1, (1, 2, 1)),
    Config("3d depthwise", (3, 4, 5), 3, 1, 1, groups=2, in_channels=2, out_channels=2),
    Config("3d asymmetric padding", (3, 4, 3), 2, (1, 2, 3), ((1, 0), (0, 1), (2, 2))),
)

TRANSPOSED = tuple(
    replace(config, transposed=True)
    for config in (
        Config("1d", (4,), 3),
        Config("1d stride 2 padding 1 extra 1", (4,), 3, 2, 1, output_padding=1),
        Config("1d dilation 3 stride 2", (4,), 3, 2, 2, 3, output_padding=2),
        Config("1d asymmetric padding", (5,), 3, 2, ((2, 0),)),
        Config("1d kernel 1 stride 3", (4,), 1, 3, output_padding=2),
        Config("1d one pixel", (1,), 4, 2, 1),
        Config("2d lecture 2x2 to 4x4", (2, 2), 3, in_channels=1, out_channels=1),
        Config("2d lecture 3x3 to 5x5", (3, 3), 3, 2, 1, in_channels=1, out_channels=1),
        Config(
            "2d lecture 3x3 to 6x6",
            (3, 3),
            3,
            2,
            1,
            output_padding=1,
            in_channels=1,
            out_channels=1,
        ),
        Config("2d u-net 2x2 stride 2", (3, 4), 2, 2),
        Config("2d 4x4 stride 2 padding 1", (3, 3), 4, 2, 1),
        Config("2d stride larger than kernel", (3, 2), 2, (3, 4), output_padding=(1, 2)),
        Config("2d padding larger than kernel", (7, 8), 3, 1, 4),
        Config("2d kernel 5x2", (3, 4), (5, 2), (1, 2), (2, 0)),
        Config("2d dilation 2", (4, 3), 3, 2, 2, 2, output_padding=1),
        Config("2d dilation 3 extra over stride", (3, 3), 2, 1, 1, 3, output_padding=2),
        Config("2d asymmetric padding", (3, 4), 3, 2, ((0, 1), (2, 1)), output_padding=(1, 0)),
        Config("2d same stride 2", (3, 4), 3, 2, "same"),
        Config("2d same lower stride 2", (3, 4), (3, 2), 2, "same_lower"),
        Config("2d same stride larger than kernel", (3, 2), 2, 3, "same"),
        Config("2d two groups", (3, 3), 3, 2, 1, groups=2, in_channels=4, out_channels=6),
        Config("2d depthwise", (4, 3), 4, 2, 1, groups=3, in_channels=3, out_channels=3),
        Config("2d depthwise multiplier 2", (3, 3), 3, 2, groups=2, in_channels=2, out_channels=4),
        Config("2d one channel no bias", (3, 3), 3, in_channels=1, out_channels=1, bias=False),
        Config("2d many channels", (3, 2), 2, 2, in_channels=17, out_channels=9),
        Config("2d batch 0", (3, 3), 3, 2, 1, batch=0),
        Config("2d batch 1 one row", (1, 5), 3, 2, 1, batch=1),
        Config("3d", (2, 3, 4), 3, 1, 1),
        Config("3d stride 2 extra 1", (2, 3, 2), 3, 2, 1, output_padding=(1, 0, 1)),
        Config("3d depthwise dilated", (2, 3, 2), 2, 2, 0, (1, 2, 1), groups=2, out_channels=2),
        Config("3d asymmetric padding", (3, 2, 3), 3, (1, 2, 3), ((1, 0), (0, 1), (2, 2))),
    )
)


@dataclass(frozen=True)
class PoolConfig:
    """One window of a pooling operator over an input of this size."""

    name: str
    input_size: tuple[int, ...]
    kernel_size: Ints
    stride: Ints | None = None
    padding: PaddingLike = 0
    dilation: Ints = 1
    ceil_mode: bool = False
    batch: int = 2
    channels: int = 3

    @property
    def axes(self) -> int:
        return len(self.input_size)

    @property
    def geometry(self) -> Geometry:
        return Geometry.of(
            self.axes,
            self.kernel_size,
            self.kernel_size if self.stride is None else self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
        )

    @property
    def torch_padding(self) -> tuple[int, ...] | None:
        """The padding as torch's own operator takes it; None where it refuses."""
        if isinstance(self.padding, str) and self.padding != "valid":
            return None
        pads = self.geometry.pads(self.input_size)
        kernel = self.geometry.kernel_size
        fits = all(b == e and b <= k // 2 for (b, e), k in zip(pads, kernel, strict=True))
        return tuple(b for b, _ in pads) if fits else None

    def tensor(self, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Distinct random numbers of both signs, so that a maximum has one place."""
        shape = (self.batch, self.channels, *self.input_size)
        order = torch.randperm(
            math.prod(shape), generator=torch.Generator().manual_seed(len(self.name))
        )
        return (order.double() - math.prod(shape) / 2 + 0.25).reshape(shape).div(16).to(dtype)


POOLS = (
    PoolConfig("1d", (8,), 2),
    PoolConfig("1d stride 1 padding 1", (6,), 3, 1, 1),
    PoolConfig("1d ceil", (8,), 3, ceil_mode=True),
    PoolConfig("1d asymmetric padding", (7,), 3, 2, ((0, 1),)),
    PoolConfig("1d dilation 2", (9,), 3, 2, 1, 2),
    PoolConfig("2d", (6, 8), 2),
    PoolConfig("2d overlapping", (7, 9), 3, 2),
    PoolConfig("2d resnet stem", (8, 7), 3, 2, 1),
    PoolConfig("2d kernel 1x1", (4, 5), 1),
    PoolConfig("2d whole input", (5, 4), (5, 4)),
    PoolConfig("2d stride larger than kernel", (9, 8), 2, (3, 4)),
    PoolConfig("2d kernel 3x2", (7, 6), (3, 2), (2, 1), (1, 0)),
    PoolConfig("2d ceil", (7, 6), 3, 2, ceil_mode=True),
    PoolConfig("2d ceil padding 1", (6, 5), 3, 2, 1, ceil_mode=True),
    PoolConfig("2d ceil drops the last window", (4, 5), 2, 3, 1, ceil_mode=True),
    PoolConfig("2d dilation 2x3", (9, 8), (3, 2), 1, 1, (2, 3)),
    PoolConfig("2d dilation 2 ceil", (8, 9), 3, 2, 1, 2, ceil_mode=True),
    PoolConfig("2d asymmetric padding", (6, 7), 3, 2, ((0, 1), (1, 0))),
    PoolConfig("2d asymmetric padding ceil", (6, 7), 3, 2, ((1, 0), (0, 2)), ceil_mode=True),
    PoolConfig("2d large padding", (4, 3), 3, 1, 2),
    PoolConfig("2d same", (5, 6), 3, 2, "same"),
    PoolConfig("2d same lower even kernel", (5, 7), 2, 2, "same_lower"),
    PoolConfig("2d batch 0", (4, 4), 2, batch=0),
    PoolConfig("2d one channel one row", (1, 7), (1, 3), (1, 2), batch=1, channels=1),
    PoolConfig("3d", (4, 5, 6), 2),
    PoolConfig("3d padding 1 ceil", (4, 5, 3), 3, 2, 1, ceil_mode=True),
    PoolConfig("3d asymmetric padding", (3, 4, 5), (2, 3, 2), (1, 2, 2), ((1, 0), (1, 1), (0, 1))),
)
