"""Strided layers that sub-sample by polyphase choice, all layers of one grid by the same choice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from convariant.errors import ShapeError
from convariant.functional import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from convariant.functional._border import pad
from convariant.geometry import Geometry
from convariant.nn._phase_memory import Phases, by_axis, divided
from convariant.nn._polyphase import PolyphasePool1d, PolyphasePool2d, PolyphasePool3d

_POOLS = {1: PolyphasePool1d, 2: PolyphasePool2d, 3: PolyphasePool3d}
_CONVOLVE = {1: conv1d, 2: conv2d, 3: conv3d}
_TRANSPOSE = {1: conv_transpose1d, 2: conv_transpose2d, 3: conv_transpose3d}
_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_MEAN: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class _PhaseDown(nn.Module, ABC):
    """A window slid with stride 1 over the circularly closed input, then polyphase choice."""

    def __init__(self, window: Geometry, phases: Phases) -> None:
        super().__init__()
        self.window, self.phases = window, phases
        self.pads = tuple(
            (begin, extent - 1 - begin)
            for extent, (begin, _) in zip(
                window.extent, window.pads((1,) * window.axes), strict=True
            )
        )
        self.pool = _POOLS[window.axes](window.stride, return_indices=True)

    @abstractmethod
    def slide(self, x: Tensor) -> Tensor:
        """The operation itself with stride 1, on an input that is padded already."""

    def forward(self, x: Tensor) -> Tensor:
        """The output, of the size that the strided layer has on sizes its stride divides."""
        y = self.slide(pad(x, self.pads, "circular"))
        if max(self.window.stride) == 1:
            return y
        size, stride = tuple(y.shape[2:]), self.window.stride
        y, index = self.pool(y, self.phases.down(size, stride, y))
        self.phases.keep(size, stride, index)
        return y

    def extra_repr(self) -> str:
        """The window."""
        return str(self.window)


class PhaseConv(_PhaseDown):
    """A strided convolution, its weight and bias under torch's names."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, conv: _ConvNd, window: Geometry, phases: Phases) -> None:
        super().__init__(window, phases)
        take_parameters(self, conv)
        self.groups = conv.groups

    def slide(self, x: Tensor) -> Tensor:
        """The convolution."""
        convolve = _CONVOLVE[self.window.axes]
        dilation = self.window.dilation
        return convolve(x, self.weight, self.bias, dilation=dilation, groups=self.groups)


class PhaseMaxPool(_PhaseDown):
    """A strided max pooling."""

    def slide(self, x: Tensor) -> Tensor:
        """The maximum of each window."""
        window = self.window
        return _MAX[window.axes](x, window.kernel_size, 1, dilation=window.dilation)


class PhaseAvgPool(_PhaseDown):
    """A strided average pooling."""

    def slide(self, x: Tensor) -> Tensor:
        """The mean of each window."""
        return _MEAN[self.window.axes](x, self.window.kernel_size, 1)


class _PhaseUp(nn.Module):
    """An enlarging layer whose output is shifted to the phase chosen on the way down."""

    def __init__(self, phases: Phases, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.phases, self.stride = phases, stride

    def place(self, y: Tensor) -> Tensor:
        """Roll each image by its phase; a grid that nobody sub-sampled stays where it is."""
        size = divided(tuple(y.shape[2:]), self.stride)
        index = self.phases.up(size, self.stride, y)
        if index is None:
            return y
        for axis, offset in enumerate(by_axis(index, self.stride)):
            y = _roll_each(y, offset, axis + 2, self.stride[axis])
        return y


class PhaseConvTranspose(_PhaseUp):
    """A strided transposed convolution, the true adjoint of the circular convolution."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, conv: _ConvNd, window: Geometry, phases: Phases) -> None:
        super().__init__(phases, window.stride)
        self.window = window
        take_parameters(self, conv)
        self.groups = conv.groups
        # the end padding with which the forward convolution maps sizes i s to i
        self.pads = tuple(
            (begin, max(extent - s - begin, 0))
            for s, extent, (begin, _) in zip(
                window.stride, window.extent, window.pads((1,) * window.axes), strict=True
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged feature map, on the phase that its grid was left by."""
        y = _TRANSPOSE[self.window.axes](
            x,
            self.weight,
            self.bias,
            self.stride,
            self.pads,
            groups=self.groups,
            dilation=self.window.dilation,
            padding_mode="circular",
            output_size=[i * s for i, s in zip(x.shape[2:], self.stride, strict=True)],
        )
        return self.place(y)


class PhaseUpsample(_PhaseUp):
    """Nearest or linear resizing by a whole factor, circularly closed."""

    def __init__(self, stride: tuple[int, ...], mode: str, phases: Phases) -> None:
        super().__init__(phases, stride)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged feature map, on the phase that its grid was left by."""
        border = ((1, 1),) * len(self.stride)
        y = F.interpolate(pad(x, border, "circular"), scale_factor=self.stride, mode=self.mode)
        for axis, s in enumerate(self.stride, start=2):
            y = y.narrow(axis, s, y.shape[axis] - 2 * s)
        return self.place(y)


def take_parameters(module: nn.Module, conv: _ConvNd) -> None:
    """Give `module` the weight and bias of a convolution, under the same names."""
    module.register_parameter("weight", conv.weight)  # type: ignore[arg-type]
    module.register_parameter("bias", conv.bias)  # type: ignore[arg-type]


def _roll_each(x: Tensor, offset: Tensor, axis: int, stride: int) -> Tensor:
    """Roll image i of the batch by `offset[i]`, less than the stride, along one axis."""
    if offset.shape[0] != x.shape[0]:
        raise ShapeError(f"{offset.shape[0]} phases were chosen for a batch of {x.shape[0]}")
    offset = offset.reshape(-1, *[1] * (x.dim() - 1))
    rolled = [torch.where(offset == k, x.roll(k, axis), 0.0) for k in range(stride)]
    return torch.stack(rolled).sum(0)
