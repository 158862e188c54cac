"""Convolutions that rotate and mirror together with their image, exactly.

A group feature map is an ordinary tensor `(n, c * |G|, h, w)`: each of the c features has one plane
for every element of the group, features outermost. ReLU, dropout, and pooling that fits evenly act
on each plane alone and need no special version.

Source: Cohen and Welling, Group equivariant convolutional networks, 2016, arXiv 1602.07576.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError
from convariant.geometry import Geometry
from convariant.nn._group_layers import (
    GroupAvgPool2d,
    GroupBatchNorm2d,
    GroupMaxPool2d,
    check_turns,
)
from convariant.nn._group_table import GroupName, order, seen_from, turn

PlainConv = TypeVar("PlainConv", nn.Conv2d, nn.ConvTranspose2d)


class _GroupConvolution(nn.Module, ABC):
    """What the three convolutions share: checks of their numbers, a weight, a bias."""

    window: Geometry

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        window: Geometry,
        groups: int,
        group: GroupName,
        weight_shape: tuple[int, ...],
        bias: bool,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.window, self.groups, self.group = _square(window), groups, group
        self.kernel_size, self.stride, self.dilation = (
            (side[0], side[0]) for side in (window.kernel_size, window.stride, window.dilation)
        )
        self.padding = window.pads((1, 1))[0]  # the same on both axes, so the pair serves as both
        self.order = order(group)
        if in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"in_channels={in_channels} and out_channels={out_channels} must be divisible by "
                f"groups={groups}; these count features, each of {self.order} planes"
            )
        self.weight = nn.Parameter(torch.empty(weight_shape))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias as torch's convolutions do, by the number of inputs of an output."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(max(self.weight[0].numel(), 1))
            nn.init.uniform_(self.bias, -bound, bound)

    @abstractmethod
    def full_weight(self) -> Tensor:
        """The weight of the plain convolution that this one equals."""

    def full_bias(self) -> Tensor | None:
        """One number for every output plane: the planes of a feature share theirs."""
        return None if self.bias is None else self.bias.repeat_interleave(self.order)

    def extra_repr(self) -> str:
        """As torch prints its convolutions, with the group."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, groups={self.groups}, "
            f"group={self.group!r}"
        )

    def _check(self, x: Tensor, planes: int) -> None:
        name = type(self).__name__
        if x.dim() != 4 or x.shape[1] != planes:
            raise ShapeError(
                f"{name} takes (n, {planes}, h, w), but got input of size {list(x.shape)}; "
                f"{planes} is in_channels={self.in_channels}"
                + (f" times the {self.order} planes of {self.group}" if planes > 0 else "")
            )
        if not self.window.transposed:
            check_turns(name, self.window, tuple(x.shape[-2:]))


class GroupLift2d(_GroupConvolution):
    """The first layer: one filter for every rotation (and mirror image) of each kernel.

    `y[o, g] = x * turn(w[o], g)`: turning the image turns the output planes and permutes them.

    Shape: `(n, ci, h, w) -> (n, co * |G|, oh, ow)`.
    Raises: GeometryError for a window that no turn maps to itself; ShapeError for an input whose
    windows do not end evenly, since a stride would then drop other rows of the turned image.

    >>> lift = GroupLift2d(3, 8, 3, padding=1, group="p4m")
    >>> lift(torch.rand(2, 3, 9, 9)).shape
    torch.Size([2, 64, 9, 9])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        group: GroupName = "p4",
    ) -> None:
        window = Geometry.of(2, kernel_size, stride, padding, dilation)
        shape = (out_channels, in_channels // groups, *window.kernel_size)
        super().__init__(in_channels, out_channels, window, groups, group, shape, bias)

    def full_weight(self) -> Tensor:
        """`(co, ci / groups, k, k) -> (co * |G|, ci / groups, k, k)`."""
        turned = [turn(self.weight, g) for g in range(self.order)]
        return torch.stack(turned, dim=1).flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The responses of all turned filters."""
        self._check(x, self.in_channels)
        return F.conv2d(
            x,
            self.full_weight(),
            self.full_bias(),
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )

    def to_conv(self) -> nn.Conv2d:
        """The plain convolution with the same outputs."""
        return _plain_conv(self, self.in_channels)


class GroupConv2d(_GroupConvolution):
    """A convolution over positions and group elements, between group feature maps.

    `y[o, g] = sum over i, k of x[i, k] * turn(w[o, i, g^-1 k], g)`.

    Shape: `(n, ci * |G|, h, w) -> (n, co * |G|, oh, ow)`; weight `(co, ci / groups, |G|, k, k)`.
    Raises: GeometryError, ShapeError, as GroupLift2d.

    >>> conv = GroupConv2d(8, 16, 3, padding=1)
    >>> conv(torch.rand(2, 8 * 4, 9, 9)).shape
    torch.Size([2, 64, 9, 9])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        group: GroupName = "p4",
    ) -> None:
        window = Geometry.of(2, kernel_size, stride, padding, dilation)
        shape = (out_channels, in_channels // groups, order(group), *window.kernel_size)
        super().__init__(in_channels, out_channels, window, groups, group, shape, bias)

    def full_weight(self) -> Tensor:
        """`(co, ci / groups, |G|, k, k) -> (co * |G|, ci / groups * |G|, k, k)`."""
        turned = [
            turn(self.weight[:, :, list(seen_from(g, self.group))], g) for g in range(self.order)
        ]
        return torch.stack(turned, dim=1).flatten(0, 1).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """The responses at every position and turn."""
        self._check(x, self.in_channels * self.order)
        return F.conv2d(
            x,
            self.full_weight(),
            self.full_bias(),
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )

    def to_conv(self) -> nn.Conv2d:
        """The plain convolution with the same outputs."""
        return _plain_conv(self, self.in_channels * self.order)


class GroupConvTranspose2d(_GroupConvolution):
    """The transposed group convolution: enlarges group feature maps, and turns with them.

    There is no output_padding: it adds to one side only, which no turn maps to itself.

    Shape: `(n, ci * |G|, h, w) -> (n, co * |G|, oh, ow)`; weight `(ci, co / groups, |G|, k, k)`.
    Raises: GeometryError, ShapeError, as GroupLift2d.

    >>> up = GroupConvTranspose2d(8, 4, 2, stride=2)
    >>> up(torch.rand(2, 8 * 4, 9, 9)).shape
    torch.Size([2, 16, 18, 18])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        group: GroupName = "p4",
    ) -> None:
        window = Geometry.of(2, kernel_size, stride, padding, dilation, transposed=True)
        shape = (in_channels, out_channels // groups, order(group), *window.kernel_size)
        super().__init__(in_channels, out_channels, window, groups, group, shape, bias)

    def full_weight(self) -> Tensor:
        """`(ci, co / groups, |G|, k, k) -> (ci * |G|, co / groups * |G|, k, k)`."""
        # input element k meets the kernel of output element g under the index g^-1 k
        turned = [
            turn(self.weight[:, :, list(seen_from(g, self.group))], g) for g in range(self.order)
        ]
        return (
            torch.stack(turned, dim=2).transpose(1, 3).flatten(0, 1).transpose(1, 2).flatten(1, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged feature map."""
        self._check(x, self.in_channels * self.order)
        return F.conv_transpose2d(
            x,
            self.full_weight(),
            self.full_bias(),
            self.stride,
            self.padding,
            groups=self.groups,
            dilation=self.dilation,
        )

    def to_conv(self) -> nn.ConvTranspose2d:
        """The plain transposed convolution with the same outputs."""
        conv = nn.ConvTranspose2d(
            self.in_channels * self.order,
            self.out_channels * self.order,
            self.kernel_size,
            self.stride,
            self.padding,
            groups=self.groups,
            bias=self.bias is not None,
            dilation=self.dilation,
        )
        return _with_values(conv, self)


def to_plain(model: nn.Module) -> nn.Module:
    """A copy whose group layers but `GroupPool2d` are torch's: for ONNX, compilers, speed.

    The outputs in eval mode are the same; the number of weights is that of the plain layers.
    """
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, (GroupLift2d, GroupConv2d, GroupConvTranspose2d)):
                setattr(parent, name, child.to_conv())
            elif isinstance(child, GroupBatchNorm2d):
                setattr(parent, name, child.to_norm())
            elif isinstance(child, (GroupMaxPool2d, GroupAvgPool2d)):
                setattr(parent, name, child.to_pool())
    return model


def _square(window: Geometry) -> Geometry:
    """The window, if a quarter turn maps it to itself."""
    for name in ("kernel_size", "stride", "padding", "dilation"):
        first, second = getattr(window, name)
        if first != second or (name == "padding" and first[0] != first[1]):
            raise GeometryError(
                f"a group convolution needs the same {name} on both axes and sides, since turns "
                f"exchange them, but got {name}={getattr(window, name)}; give one number"
            )
    return window


def _plain_conv(module: GroupLift2d | GroupConv2d, planes: int) -> nn.Conv2d:
    conv = nn.Conv2d(
        planes,
        module.out_channels * module.order,
        module.kernel_size,
        module.stride,
        module.padding,
        module.dilation,
        module.groups,
        bias=module.bias is not None,
    )
    return _with_values(conv, module)


def _with_values(conv: PlainConv, module: _GroupConvolution) -> PlainConv:
    conv.to(module.weight)
    with torch.no_grad():
        conv.weight.copy_(module.full_weight())
        bias = module.full_bias()
        if conv.bias is not None and bias is not None:
            conv.bias.copy_(bias)
    return conv.train(module.training)
