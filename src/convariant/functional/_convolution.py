"""Convolution: torch's operators, plus one-sided and 'same' padding at any stride."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from convariant.functional._border import PaddingMode, check_border, pad
from convariant.functional._checks import Ints, check_operands, fitted
from convariant.geometry import PaddingLike

_TORCH: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> Tensor:
    """`conv2d` on one axis: `(n, ci, w) -> (n, co, ow)`.

    >>> import torch
    >>> x = torch.tensor([[[1.0, 2, 3, 4]]])
    >>> conv1d(x, torch.tensor([[[10.0, 1]]]), padding=((1, 0),))
    tensor([[[ 1., 12., 23., 34.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> Tensor:
    """Slide the kernel over the input and take the weighted sum at every stop.

    `y[co, o] = bias[co] + sum over ci, k of weight[co, ci, k] x[ci, o s + k d - p]`

    torch.nn.functional.conv2d, and beyond it: `padding` may be one (begin, end) pair per axis, or
    'same' (output = ceil(input / stride), the odd element at the end, as TensorFlow and ONNX
    SAME_UPPER have it) or 'same_lower' at any stride; `padding_mode` says what stands outside:
    with a padding of 2, zeros `..0123..`, reflect `21 0123 21`, replicate `00 0123 33`, circular
    `23 0123 01`. `groups` cuts channels and filters into groups that do not see each other;
    groups = channels is depthwise convolution.

    Shapes: input `(n, ci, h, w)` or `(ci, h, w)`, weight `(co, ci / g, kh, kw)`, bias `(co,)`
    -> `(n, co, oh, ow)`.

    Raises GeometryError where the window does not fit, ShapeError where the tensors do not.

    >>> import torch
    >>> x, weight = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
    >>> conv2d(x, weight, stride=2, padding="same")
    tensor([[[[9., 6.],
              [6., 4.]]]])

    Source: lecture, "Convolution", "Dilated Convolution", "Grouped Convolution".
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> Tensor:
    """`conv2d` on three axes: `(n, ci, d, h, w) -> (n, co, od, oh, ow)`.

    >>> import torch
    >>> x, weight = torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 3, 3, 3)
    >>> conv3d(x, weight, padding=1, padding_mode="circular").unique()
    tensor([27.])
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups, padding_mode)


def _convolve(
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: PaddingLike,
    dilation: Ints,
    groups: int,
    padding_mode: PaddingMode,
) -> Tensor:
    operator = f"conv{axes}d"
    check_operands(operator, axes, x, weight, bias, groups)
    window = fitted(operator, axes, x, weight.shape[2:], stride, padding, dilation)
    size = x.shape[-axes:]
    pads = window.pads(size)
    check_border(operator, size, pads, padding_mode)
    if padding_mode == "zeros" and all(begin == end for begin, end in pads):
        inside = tuple(begin for begin, _ in pads)
    else:
        x, inside = pad(x, pads, padding_mode), (0,) * axes
    return _TORCH[axes](x, weight, bias, window.stride, inside, window.dilation, groups)
