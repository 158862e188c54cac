"""A strided convolution as one of stride 1 of which most results are thrown away.

Source: lecture, "2D Convolution" (stride).
"""

from __future__ import annotations

from torch import Tensor, nn

from convariant.analysis._convolution import take_apart
from convariant.analysis._indexing import every
from convariant.errors import OptionError
from convariant.geometry import Geometry


class Subsample(nn.Module):
    """Every s-th element on each axis: `1 2 3 4 5 -> 1 3 5`.

    Shape: `(n, c, h, w) -> (n, c, ceil(h / s), ceil(w / s))`.
    """

    def __init__(self, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Keep the first of every s."""
        return x[every(self.stride)]

    def extra_repr(self) -> str:
        """The stride."""
        return f"stride={self.stride}"


def stride_to_subsampling(conv: nn.Module) -> nn.Sequential:
    """A convolution of stride s -> the same with stride 1, then every s-th of its results.

    Which shows what a stride does to equivariance: the convolution keeps it, the subsampling
    breaks all shifts but multiples of s. Inverse: `subsampling_to_stride`.

    Raises OptionError for a transposed convolution, or 'same' padding, which depends on the size.

    >>> stride_to_subsampling(nn.Conv2d(1, 1, 3, stride=2))[1]
    Subsample(stride=(2, 2))
    """
    parts = take_apart(conv, "stride_to_subsampling")
    g = parts.geometry
    if parts.transposed or (isinstance(g.padding, str) and any(s > 1 for s in g.stride)):
        raise OptionError(
            f"stride_to_subsampling takes a convolution with padding in numbers, but got {conv}; "
            "give 'same' padding as geometry.pads(input_size) resolves it"
        )
    dense = Geometry(g.kernel_size, 1, g.padding, g.dilation)
    return nn.Sequential(parts.replace(geometry=dense).module(), Subsample(g.stride))


def subsampling_to_stride(pair: nn.Sequential) -> nn.Module:
    """A convolution and then a subsampling -> one convolution, whose stride is the product.

    Raises OptionError for any other two modules.
    """
    if not isinstance(pair, nn.Sequential) or len(pair) != 2 or not isinstance(pair[1], Subsample):
        raise OptionError(
            f"subsampling_to_stride takes Sequential(convolution, Subsample), but got {pair}; "
            "stride_to_subsampling makes one"
        )
    parts = take_apart(pair[0], "subsampling_to_stride")
    g = parts.geometry
    if parts.transposed:
        raise OptionError(
            "subsampling_to_stride: a transposed convolution with a subsampling behind it is no "
            "single convolution; split_phases keeps one of its phases"
        )
    stride = tuple(a * b for a, b in zip(g.stride, pair[1].stride, strict=True))
    window = Geometry(g.kernel_size, stride, g.padding, g.dilation)
    return parts.replace(geometry=window).module()
