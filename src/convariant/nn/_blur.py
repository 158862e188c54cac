"""Sub-sampling after a low-pass filter: nearly shift invariant, at any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from convariant.errors import GeometryError
from convariant.functional import conv1d, conv2d, conv3d
from convariant.functional._border import PaddingMode
from convariant.geometry import Geometry

_CONVOLVE = {1: conv1d, 2: conv2d, 3: conv3d}


class _BlurPool(nn.Module):
    axes: int
    kernel: Tensor

    def __init__(
        self,
        kernel_size: int = 3,
        stride: int | Sequence[int] = 2,
        padding_mode: PaddingMode = "reflect",
    ) -> None:
        super().__init__()
        if kernel_size < 1:
            raise GeometryError(f"non-positive kernel_size is not supported: {kernel_size}; use 3")
        self.kernel_size, self.padding_mode = kernel_size, padding_mode
        self.stride = Geometry.of(self.axes, 1, stride).stride
        # one more element at the end of an even kernel keeps the output at ceil(input / stride)
        self.padding = (((kernel_size - 1) // 2, kernel_size // 2),) * self.axes
        self.register_buffer("kernel", binomial(kernel_size, self.axes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Each channel blurred, then every s-th element."""
        channels = x.shape[-self.axes - 1]
        weight = self.kernel.to(x.dtype).expand(channels, 1, *self.kernel.shape)
        return _CONVOLVE[self.axes](
            x,
            weight,
            None,
            self.stride,
            self.padding,
            groups=channels,
            padding_mode=self.padding_mode,
        )

    def extra_repr(self) -> str:
        """As torch prints its poolings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding_mode={self.padding_mode!r}"
        )


class BlurPool1d(_BlurPool):
    """`BlurPool2d` on one axis: `(n, c, w) -> (n, c, ceil(w/s))`."""

    axes = 1


class BlurPool2d(_BlurPool):
    """A binomial low-pass filter on each channel, then every s-th element.

    `kernel_size` 2 is the mean of neighbours, 3 the filter 1 2 1, 5 the filter 1 4 6 4 1. What a
    shift changes in the output becomes small, never zero: `PolyphasePool2d` is exact.

    Shape: `(n, c, h, w) -> (n, c, ceil(h/s), ceil(w/s))`.
    Raises: GeometryError, ShapeError.

    >>> BlurPool2d(3)(torch.eye(4).reshape(1, 1, 4, 4))
    tensor([[[[0.5000, 0.1250],
              [0.1250, 0.3750]]]])

    Source: Zhang, Making convolutional networks shift-invariant again, 2019,
    https://arxiv.org/abs/1904.11486.
    """

    axes = 2


class BlurPool3d(_BlurPool):
    """`BlurPool2d` on three axes: `(n, c, d, h, w) -> (n, c, ceil(d/s), ceil(h/s), ceil(w/s))`."""

    axes = 3


class BlurConv(nn.Module):
    """A strided convolution that runs with stride 1, then blurs and sub-samples.

    Weight and bias keep torch's names. Shape: that of the strided convolution.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    padding_mode: PaddingMode

    def __init__(self, conv: _ConvNd, window: Geometry, kernel_size: int = 3) -> None:
        super().__init__()
        self.register_parameter("weight", conv.weight)  # type: ignore[arg-type]
        self.register_parameter("bias", conv.bias)  # type: ignore[arg-type]
        self.window, self.groups = window, conv.groups
        self.padding_mode = conv.padding_mode
        self.blur = BLUR_POOLS[window.axes](kernel_size, window.stride)

    def forward(self, x: Tensor) -> Tensor:
        """The convolution, blurred."""
        window = self.window
        y = _CONVOLVE[window.axes](
            x,
            self.weight,
            self.bias,
            padding=window.padding,
            dilation=window.dilation,
            groups=self.groups,
            padding_mode=self.padding_mode,
        )
        return self.blur(y)

    def extra_repr(self) -> str:
        """The window."""
        return str(self.window)


BLUR_POOLS = {1: BlurPool1d, 2: BlurPool2d, 3: BlurPool3d}


def binomial(kernel_size: int, axes: int) -> Tensor:
    """Row `kernel_size` of Pascal's triangle, normalised, multiplied out over the axes."""
    row = torch.tensor([float(math.comb(kernel_size - 1, i)) for i in range(kernel_size)])
    row = row / row.sum()  # a power of two, so exact
    kernel = row
    for _ in range(axes - 1):
        kernel = kernel.unsqueeze(-1) * row
    return kernel
