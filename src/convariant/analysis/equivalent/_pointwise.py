"""1x1 convolution as a linear layer over channels, and a linear layer as a convolution.

Source: lecture, "Pointwise 1x1 convolution"; Lin et al. 2014, arXiv 1312.4400; Long et al. 2015,
arXiv 1411.4038 (fully connected layers as convolutions).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution, expect, take_apart
from convariant.analysis._indexing import every, last_first
from convariant.analysis.equivalent._groups import one_group
from convariant.errors import OptionError
from convariant.geometry import Geometry


class ChannelLinear(nn.Module):
    """A linear layer that is applied at every position: channels go last, and come back.

    `stride` keeps every s-th position, `padding` adds positions of zeros before.

    Shape: `(n, ci, h, w) -> (n, co, oh, ow)`.
    """

    def __init__(
        self, linear: nn.Linear, stride: tuple[int, ...], padding: tuple[tuple[int, int], ...]
    ) -> None:
        super().__init__()
        self.linear, self.stride, self.padding = linear, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Pad, choose the positions, multiply."""
        x = F.pad(x, last_first(self.padding))
        x = x[every(self.stride)]
        return self.linear(x.movedim(1, -1)).movedim(-1, 1)

    def extra_repr(self) -> str:
        """What it does to positions."""
        return f"stride={self.stride}, padding={self.padding}"


def pointwise_to_linear(conv: nn.Module) -> ChannelLinear:
    """A convolution whose kernel is 1 on every axis -> one linear layer for all positions.

    Groups become blocks of its matrix. Inverse: `linear_to_pointwise`.

    Raises OptionError for a larger kernel, or one that is transposed or does not pad with zeros.

    >>> pointwise_to_linear(nn.Conv2d(8, 3, 1)).linear
    Linear(in_features=8, out_features=3, bias=True)
    """
    parts = take_apart(conv, "pointwise_to_linear")
    g = parts.geometry
    sized = isinstance(g.padding, str) and any(s > 1 for s in g.stride)
    if max(g.kernel_size) > 1 or parts.transposed or parts.padding_mode != "zeros" or sized:
        raise OptionError(
            "pointwise_to_linear takes a 1x1 convolution that is not transposed and pads with "
            f"zeros, if at all, in numbers, but got {conv}"
        )
    pads = g.pads((1,) * parts.axes)
    matrix = one_group(parts).weight.flatten(1)
    return ChannelLinear(make_linear(matrix, parts.bias), g.stride, pads)


def linear_to_pointwise(linear: ChannelLinear | nn.Linear, axes: int = 2) -> nn.Module:
    """A linear layer over channels -> a 1x1 convolution on `axes` axes.

    Raises OptionError for any other module.

    >>> linear_to_pointwise(nn.Linear(8, 3)).kernel_size
    (1, 1)
    """
    wanted = "a Linear, or the ChannelLinear that pointwise_to_linear makes"
    expect(linear, (ChannelLinear, nn.Linear), "linear_to_pointwise", wanted)
    stride: tuple[int, ...] = (1,)
    padding: tuple[tuple[int, int], ...] = ((0, 0),)
    if isinstance(linear, ChannelLinear):
        stride, padding, linear = linear.stride, linear.padding, linear.linear
        axes = len(stride)
    window = Geometry.of(axes, 1, stride, padding)
    weight = linear.weight.reshape(*linear.weight.shape, *[1] * axes)
    return Convolution(weight, linear.bias, window).module()


def linear_to_convolution(linear: nn.Linear, size: Sequence[int]) -> nn.Sequential:
    """Flatten and a linear layer -> a convolution with a kernel as large as its input, flattened.

    Behind a backbone it makes a network fully convolutional: on a larger image the convolution
    slides and gives one answer for each place. `size` is that of the maps that were flattened.
    Inverse: `convolution_to_linear`.

    Raises OptionError where the features of the layer are no multiple of the size.

    >>> linear_to_convolution(nn.Linear(400, 120), size=(5, 5))[0].weight.shape
    torch.Size([120, 16, 5, 5])
    """
    expect(linear, nn.Linear, "linear_to_convolution", "a Linear layer")
    area = torch.Size(size).numel() if isinstance(size, Sequence) else 0
    if area < 1 or min(size, default=0) < 1 or linear.in_features % area:
        raise OptionError(
            f"linear_to_convolution: {linear.in_features} features are no whole number of maps of "
            f"size {size}; give the size of the maps before flattening"
        )
    weight = linear.weight.reshape(linear.out_features, -1, *size)
    conv = Convolution(weight, linear.bias, Geometry(tuple(size))).module()
    return nn.Sequential(conv, nn.Flatten())


def convolution_to_linear(pair: nn.Sequential) -> nn.Sequential:
    """A convolution as large as its input, flattened -> flatten, then a linear layer.

    It is right for inputs of exactly the kernel's size.

    Raises OptionError where the convolution pads or is transposed, or for any other module.
    """
    wanted = "Sequential(convolution, Flatten()), which linear_to_convolution makes"
    expect(pair, nn.Sequential, "convolution_to_linear", wanted)
    if not len(pair) or not all(isinstance(layer, nn.Flatten) for layer in list(pair)[1:]):
        raise OptionError(f"convolution_to_linear takes {wanted}, but got {pair}")
    parts = take_apart(pair[0], "convolution_to_linear")
    if parts.transposed or any(p != (0, 0) for p in parts.geometry.pads((1,) * parts.axes)):
        raise OptionError(
            f"convolution_to_linear takes a convolution without padding, but got {pair[0]}"
        )
    matrix = one_group(parts).weight.flatten(1)
    return nn.Sequential(nn.Flatten(), make_linear(matrix, parts.bias))


def make_linear(matrix: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer with a copy of these numbers."""
    linear = nn.Linear(matrix.shape[1], matrix.shape[0], bias is not None, device="meta")
    linear.weight = nn.Parameter(matrix.detach().clone())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear
