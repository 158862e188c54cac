"""Average pooling as a depthwise convolution whose weights are all the same.

Source: lecture, "Pooling": a convolution with another operator in place of the weighted sum; for
the mean, even that operator is a weighted sum.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution, take_apart
from convariant.analysis._indexing import last_first
from convariant.errors import OptionError
from convariant.geometry import Geometry

_POOLS = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}


class CountedMean(nn.Module):
    """A depthwise convolution by ones, divided by the number of elements under each window.

    What average pooling is where that number differs at the border: with `ceil_mode`, or with
    padding that does not count.

    Shape: `(n, c, h, w) -> (n, c, oh, ow)`.
    """

    def __init__(self, conv: nn.Module, geometry: Geometry, count_include_pad: bool) -> None:
        super().__init__()
        self.conv, self.geometry, self.count_include_pad = conv, geometry, count_include_pad
        window = Geometry(geometry.kernel_size, geometry.stride)
        weight: Any = conv.weight
        self.count = Convolution(torch.ones_like(weight[:1]), None, window).module()
        self.count.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Sum, count, divide."""
        size = x.shape[2:]
        declared = self.geometry.pads(size)
        pads = self.geometry.explicit(size).pads(size)
        counted = x.new_ones(1, 1, *size)
        if self.count_include_pad:
            counted = F.pad(counted, last_first(declared), value=1.0)
            beyond = [(b - p, e - q) for (b, e), (p, q) in zip(pads, declared, strict=True)]
        else:
            beyond = list(pads)
        count = self.count(F.pad(counted, last_first(beyond)))
        total = self.conv(F.pad(x, last_first(pads)))
        return total / count.clamp(min=1)

    def extra_repr(self) -> str:
        """The window and what counts."""
        return f"{self.geometry}, count_include_pad={self.count_include_pad}"


def pool_to_depthwise(
    pool: nn.Module, channels: int, *, dtype: torch.dtype | None = None
) -> nn.Module:
    """Average pooling -> a depthwise convolution with weights `1 / (kh kw)`.

    Where the windows at the border hold fewer elements (`ceil_mode`, or padding that is not
    counted) the sum is divided by their number. Inverse: `depthwise_to_pool`.

    Raises OptionError for any other module: no convolution is a maximum.

    >>> pool_to_depthwise(nn.AvgPool2d(2), channels=3).weight.unique()
    tensor([0.2500], grad_fn=<Unique2Backward0>)
    """
    if not isinstance(pool, tuple(_POOLS.values())):
        raise OptionError(
            f"pool_to_depthwise takes AvgPool1d, AvgPool2d or AvgPool3d, but got {pool}; of the "
            "poolings only the mean is linear"
        )
    if not isinstance(channels, int) or channels < 1:
        raise OptionError(
            f"pool_to_depthwise: channels={channels!r} is no whole number from 1 on; give those of "
            "the images that are pooled"
        )
    layer: Any = pool
    axes = next(n for n, kind in _POOLS.items() if isinstance(pool, kind))
    g = Geometry.of(axes, layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
    area = math.prod(g.kernel_size)
    divisor = getattr(layer, "divisor_override", None)
    padded = any(p != (0, 0) for p in g.pads(g.kernel_size))
    same_count = divisor is not None or layer.count_include_pad or not padded
    if g.ceil_mode or not same_count:
        window, value = Geometry(g.kernel_size, g.stride), 1.0
    else:
        window, value = g, 1 / (divisor or area)
    conv = Convolution(
        torch.full((channels, 1, *g.kernel_size), value, dtype=dtype), None, window, channels
    ).module()
    if window is g:
        return conv
    if divisor is not None:
        raise OptionError(
            f"pool_to_depthwise: {pool} divides by {divisor} even where ceil_mode cuts a window "
            "off; leave out ceil_mode or divisor_override"
        )
    return CountedMean(conv, g, layer.count_include_pad)


def depthwise_to_pool(conv: nn.Module) -> nn.Module:
    """A depthwise convolution that takes the mean of its window -> average pooling.

    Raises OptionError where weights differ from `1 / (kh kw)`, or there is a bias or dilation.

    >>> depthwise_to_pool(pool_to_depthwise(nn.AvgPool2d(3, 2, 1), channels=4))
    AvgPool2d(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    """
    counted, ceil_mode = True, False
    if isinstance(conv, CountedMean):
        g, counted, ceil_mode = conv.geometry, conv.count_include_pad, conv.geometry.ceil_mode
    else:
        parts = take_apart(conv, "depthwise_to_pool")
        g = parts.geometry
        mean = torch.full_like(parts.weight, 1 / math.prod(g.kernel_size))
        depthwise = parts.groups == parts.in_channels == parts.out_channels
        plain = not parts.transposed and parts.padding_mode == "zeros" and max(g.dilation) == 1
        unbiased = parts.bias is None or not parts.bias.any()
        if not (depthwise and plain and unbiased and torch.equal(parts.weight, mean)):
            raise OptionError(
                f"depthwise_to_pool: {conv} is no mean; it must be depthwise, without bias and "
                f"dilation, and have the weight {1 / math.prod(g.kernel_size):.4g} everywhere"
            )
    pads = g.pads(g.kernel_size)
    if any(b != e for b, e in pads) or (isinstance(g.padding, str) and max(g.stride) > 1):
        raise OptionError(
            f"depthwise_to_pool: torch's pooling pads both sides alike, but {conv} has "
            f"padding={g.padding}; cv.functional.avg_pool2d takes it"
        )
    return _POOLS[g.axes](
        g.kernel_size, g.stride, tuple(b for b, _ in pads), ceil_mode, count_include_pad=counted
    )
