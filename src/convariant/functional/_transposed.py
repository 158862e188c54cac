"""Transposed convolution: torch's operators, plus every padding that a convolution can have."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from convariant.functional._border import PaddingMode, check_border, unpad
from convariant.functional._checks import Ints, check_operands, fitted
from convariant.geometry import PaddingLike

_TORCH: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: PaddingLike = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    padding_mode: PaddingMode = "zeros",
    output_size: Ints | None = None,
) -> Tensor:
    """`conv_transpose2d` on one axis: `(n, ci, w) -> (n, co, ow)`.

    >>> import torch
    >>> x = torch.tensor([[[1.0, 10]]])
    >>> conv_transpose1d(x, torch.tensor([[[1.0, 2, 3]]]), stride=2)
    tensor([[[ 1.,  2., 13., 20., 30.]]])
    """
    return _convolve_transposed(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation, padding_mode,
        output_size,
    )  # fmt: skip


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: PaddingLike = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    padding_mode: PaddingMode = "zeros",
    output_size: Ints | None = None,
) -> Tensor:
    """The adjoint (gradient) of `conv2d` with the same arguments: `<W x, y> = <x, W^T y>`.

    Every input stamps the kernel, times its value, onto the output, `stride` apart; stamps add up.
    All arguments but `output_padding` are those of the convolution; `padding` therefore crops
    the output. A strided convolution makes the same output of several input sizes, and
    `output_padding`, or `output_size` itself, says to which of them to return.

    torch.nn.functional.conv_transpose2d, and beyond it: `padding` may be one (begin, end) pair per
    axis, or 'same' (output = input x stride, or the `output_size` asked for) or 'same_lower';
    `padding_mode` is that of the convolution, whose border is folded back where it came from.

    Shapes: input `(n, ci, h, w)` or `(ci, h, w)`, weight `(ci, co / g, kh, kw)`, bias `(co,)`
    -> `(n, co, oh, ow)`.

    Raises GeometryError where the window does not fit, ShapeError where the tensors do not.

    >>> import torch
    >>> x, weight = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)
    >>> conv_transpose2d(x, weight, stride=2, padding=1)[0, 0, :2]
    tensor([[1., 2., 1., 2., 1.],
            [2., 4., 2., 4., 2.]])
    >>> conv_transpose2d(x, weight, stride=2, padding=1, output_size=(6, 6))[0, 0, :2]
    tensor([[1., 2., 1., 2., 1., 1.],
            [2., 4., 2., 4., 2., 2.]])

    Source: lecture, "2D Transposed Convolution"; https://arxiv.org/abs/1603.07285.
    """
    return _convolve_transposed(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation, padding_mode,
        output_size,
    )  # fmt: skip


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: PaddingLike = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    padding_mode: PaddingMode = "zeros",
    output_size: Ints | None = None,
) -> Tensor:
    """`conv_transpose2d` on three axes: `(n, ci, d, h, w) -> (n, co, od, oh, ow)`.

    >>> import torch
    >>> x, weight = torch.ones(1, 2, 2, 3, 4), torch.ones(2, 1, 2, 2, 2)
    >>> conv_transpose3d(x, weight, stride=2, padding="same").shape
    torch.Size([1, 1, 4, 6, 8])
    """
    return _convolve_transposed(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation, padding_mode,
        output_size,
    )  # fmt: skip


def _convolve_transposed(
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: PaddingLike,
    output_padding: Ints,
    groups: int,
    dilation: Ints,
    padding_mode: PaddingMode,
    output_size: Ints | None,
) -> Tensor:
    operator = f"conv_transpose{axes}d"
    check_operands(operator, axes, x, weight, bias, groups)
    window = fitted(
        operator, axes, x, weight.shape[2:], stride, padding, dilation, output_padding,
        transposed=True, output_size=output_size,
    )  # fmt: skip
    size = x.shape[-axes:]
    full = window.explicit(size)
    pads = full.pads(size)
    check_border(operator, full.output_size(size), pads, padding_mode)
    zeros = padding_mode == "zeros"
    # torch crops both sides alike; the rest of the border is ours
    inside = tuple(min(pair) if zeros else 0 for pair in pads)
    rest = [(begin - p, end - p) for (begin, end), p in zip(pads, inside, strict=True)]
    # a border that is folded back must not carry the bias with it
    early_bias, late_bias = (bias, None) if zeros else (None, bias)
    y = _TORCH[axes](
        x, weight, early_bias, full.stride, inside, full.output_padding, groups, full.dilation
    )
    y = unpad(y, rest, padding_mode)
    return y if late_bias is None else y + late_bias.reshape(-1, *[1] * axes)
