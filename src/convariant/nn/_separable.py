"""The two separable convolutions: in depth (channels apart from space) and in space."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import Identity, Module

from convariant.errors import GeometryError
from convariant.functional import PaddingMode
from convariant.geometry import Geometry, PaddingLike
from convariant.nn._convolution import Conv1d, Conv2d, Conv3d, Device, Ints, check_channels


class _DepthwiseSeparable(Module):
    """What the classes of 1, 2 and 3 axes share."""

    _convolution: ClassVar[type[Conv1d] | type[Conv2d] | type[Conv3d]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: PaddingLike = 0,
        dilation: Ints = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        depth_multiplier: int = 1,
        norm: Callable[[int], Module] | None = None,
        activation: Callable[[], Module] | None = None,
    ) -> None:
        super().__init__()
        if depth_multiplier < 1:
            raise GeometryError(
                f"depth_multiplier={depth_multiplier} leaves no filter per channel; the least is 1"
            )
        middle = in_channels * depth_multiplier
        # before the linear pointwise convolution, or before a norm, a bias would be redundant
        early_bias = bias and norm is None and activation is not None
        self.depthwise = self._convolution(
            in_channels, middle, kernel_size, stride, padding, dilation, in_channels, early_bias,
            padding_mode, device, dtype,
        )  # fmt: skip
        self.norm = Identity() if norm is None else norm(middle)
        self.activation = Identity() if activation is None else activation()
        self.pointwise = self._convolution(
            middle, out_channels, 1, bias=bias, device=device, dtype=dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        """`(n, ci, h, w) -> (n, co, oh, ow)`."""
        x = self.depthwise(input)  # (n, ci * depth_multiplier, oh, ow)
        return self.pointwise(self.activation(self.norm(x)))


class DepthwiseSeparableConv1d(_DepthwiseSeparable):
    """`DepthwiseSeparableConv2d` on one axis: `(n, ci, w) -> (n, co, ow)`.

    >>> DepthwiseSeparableConv1d(4, 6, 3, padding=1)(torch.zeros(1, 4, 9)).shape
    torch.Size([1, 6, 9])
    """

    _convolution = Conv1d


class DepthwiseSeparableConv2d(_DepthwiseSeparable):
    """Space first, then channels: one k x k filter per channel, then a 1x1 convolution.

    `depth_multiplier` filters per channel stand for one. Between the two may stand a norm and an
    activation (MobileNet has both): `norm` is called with the number of channels, `activation`
    with nothing. The pointwise convolution has the bias; the depthwise one has its own only where
    an activation without a norm follows, for elsewhere it would be redundant.

    Against a dense convolution of N filters it has `1 / N + 1 / k^2` of the weights and products,
    which is less than one only for `N > k^2 / (k^2 - 1)` and never for k = 1.

    Shapes: `(n, ci, h, w) -> (n, co, oh, ow)`, also unbatched.

    Raises GeometryError for arguments that make no window, ShapeError at the call.

    >>> layer = DepthwiseSeparableConv2d(512, 512, 3, padding=1, bias=False)
    >>> sum(p.numel() for p in layer.parameters()), 512 * 512 * 9
    (266752, 2359296)

    Source: lecture, "Depthwise Separable Convolution"; https://arxiv.org/abs/1704.04861.
    """

    _convolution = Conv2d


class DepthwiseSeparableConv3d(_DepthwiseSeparable):
    """`DepthwiseSeparableConv2d` on three axes: `(n, ci, d, h, w) -> (n, co, od, oh, ow)`.

    >>> DepthwiseSeparableConv3d(2, 3, 3, padding="same")(torch.zeros(1, 2, 4, 4, 4)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _convolution = Conv3d


class SpatialSeparableConv2d(Module):
    """Height first, then width: kh x 1 filters into r channels, then 1 x kw filters out of them.

    `rank` is r, in every group; by default the output channels of a group. A dense convolution
    can be written so exactly if and only if its weights, laid out as the matrix
    `(ci kh) x (co kw)`, have a rank of at most r; with one channel that is the rank of the kernel.

    Shapes: `(n, ci, h, w) -> (n, r g, oh, w) -> (n, co, oh, ow)`, also unbatched.

    Raises GeometryError for arguments that make no window, ShapeError at the call.

    >>> SpatialSeparableConv2d(3, 8, 5, padding=2, rank=4)
    SpatialSeparableConv2d(
      (column): Conv2d(3, 4, kernel_size=(5, 1), stride=(1, 1), padding=(2, 0), bias=False)
      (row): Conv2d(4, 8, kernel_size=(1, 5), stride=(1, 1), padding=(0, 2))
    )

    Source: lecture, "Spatially Separable Convolution".
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: PaddingLike = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        rank: int | None = None,
    ) -> None:
        super().__init__()
        check_channels(in_channels, out_channels, groups)
        rank = out_channels // groups if rank is None else rank
        if rank < 1:
            raise GeometryError(f"rank={rank} leaves no channel between; the least is 1")
        window = Geometry.of(2, kernel_size, stride, padding, dilation)
        (kh, kw), (sh, sw), (dh, dw) = window.kernel_size, window.stride, window.dilation
        down: PaddingLike = window.padding
        across: PaddingLike = window.padding
        if not isinstance(window.padding, str):
            ph, pw = window.padding
            down, across = (ph, (0, 0)), ((0, 0), pw)
        middle = rank * groups
        self.column = Conv2d(
            in_channels, middle, (kh, 1), (sh, 1), down, (dh, 1), groups, False, padding_mode,
            device, dtype,
        )  # fmt: skip
        self.row = Conv2d(
            middle, out_channels, (1, kw), (1, sw), across, (1, dw), groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    @classmethod
    @torch.no_grad()
    def from_conv(cls, conv: torch.nn.Conv2d, rank: int | None = None) -> SpatialSeparableConv2d:
        """The separable convolution nearest to a dense one; exact where its rank is at most `rank`.

        Without `rank`, the least that is exact up to rounding. By singular value decomposition of
        the `(ci kh) x (co kw)` matrix of each group, the best there is in the sum of squares.

        Raises GeometryError for another module, or a rank beyond that of the matrix.

        >>> conv = Conv2d(1, 1, 3, bias=False)
        >>> _ = conv.weight.data.copy_(torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]]))
        >>> separable = SpatialSeparableConv2d.from_conv(conv)
        >>> separable.column.out_channels
        1
        """
        if not isinstance(conv, torch.nn.Conv2d):
            raise GeometryError(
                f"from_conv takes a Conv2d, not a {type(conv).__name__}; only its weights are laid "
                "out as (co, ci / groups, kh, kw)"
            )
        column, row = _factors(conv.weight, conv.groups, rank)
        separable = cls(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            conv.bias is not None,
            conv.padding_mode,
            conv.weight.device,
            conv.weight.dtype,
            rank=row.shape[1],
        )
        separable.column.weight.copy_(column)
        separable.row.weight.copy_(row)
        if conv.bias is not None and separable.row.bias is not None:
            separable.row.bias.copy_(conv.bias)
        return separable

    def forward(self, input: Tensor) -> Tensor:
        """`(n, ci, h, w) -> (n, co, oh, ow)`."""
        return self.row(self.column(input))


def _factors(weight: Tensor, g: int, rank: int | None) -> tuple[Tensor, Tensor]:
    """`(co, ci / g, kh, kw) -> (r g, ci / g, kh, 1)` and `(co, r, 1, kw)`, nearest in product."""
    co, ci_of_group, kh, kw = weight.shape
    of_group = weight.double().reshape(g, co // g, ci_of_group, kh, kw)
    matrix = of_group.permute(0, 2, 3, 1, 4).reshape(g, ci_of_group * kh, co // g * kw)
    u, sigma, vh = torch.linalg.svd(matrix, full_matrices=False)
    most = sigma.shape[1]
    if rank is None:
        rounding = torch.finfo(weight.dtype).eps * max(matrix.shape[1:])
        rank = max(1, int((sigma > rounding * sigma[:, :1]).sum(1).max()))
    if not 1 <= rank <= most:
        raise GeometryError(
            f"rank={rank} is not between 1 and {most}, the most that a weight of size "
            f"{list(weight.shape)} can have in {g} groups"
        )
    half = sigma[:, :rank].sqrt()
    column = (u[:, :, :rank] * half[:, None]).reshape(g, ci_of_group, kh, rank)
    row = (half[:, :, None] * vh[:, :rank]).reshape(g, rank, co // g, kw)
    return (
        column.permute(0, 3, 1, 2).reshape(g * rank, ci_of_group, kh, 1),
        row.permute(0, 2, 1, 3).reshape(co, rank, 1, kw),
    )
