"""Pooling: torch's maximum and average, plus one-sided and 'same' padding."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import GeometryError
from convariant.functional._border import lowest
from convariant.functional._checks import Ints, check_input, check_real, fitted
from convariant.functional._windows import (
    along_axes,
    element_counts,
    exactly_fitting,
    fixed_size,
    taps_before,
)
from convariant.geometry import Geometry, PaddingLike

_MAX: dict[int, Callable[..., Any]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def max_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` on one axis: `(n, c, w) -> (n, c, ow)`.

    >>> import torch
    >>> max_pool1d(torch.tensor([[[1.0, 4, 2, 3, 5]]]), 2, padding="same")
    tensor([[[4., 3., 5.]]])
    """
    window = pooling_window(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode
    )
    return maximum_with_indices(input, window) if return_indices else maximum(input, window)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of every window; padding is never chosen.

    torch.nn.functional.max_pool2d, and beyond it: `padding` may be larger than half the kernel,
    one (begin, end) pair per axis, 'same' or 'same_lower'. `stride` is the kernel size by default.
    With `return_indices` two tensors: the maxima, and their places as indices into h x w.

    Shapes: `(n, c, h, w)` or `(c, h, w)` -> `(n, c, oh, ow)`.

    Raises GeometryError where the window does not fit, ShapeError for an input of other axes.

    >>> import torch
    >>> x = torch.tensor([[[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]])
    >>> max_pool2d(x, 2)
    tensor([[[4., 5.],
             [7., 9.]]])

    Source: lecture, "Pooling".
    """
    window = pooling_window(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode
    )
    return maximum_with_indices(input, window) if return_indices else maximum(input, window)


def max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` on three axes: `(n, c, d, h, w) -> (n, c, od, oh, ow)`.

    >>> import torch
    >>> max_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
    7.0
    """
    window = pooling_window(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode
    )
    return maximum_with_indices(input, window) if return_indices else maximum(input, window)


def avg_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool2d` on one axis: `(n, c, w) -> (n, c, ow)`.

    >>> import torch
    >>> avg_pool1d(torch.tensor([[[1.0, 3, 5]]]), 2, padding="same", count_include_pad=False)
    tensor([[[2., 5.]]])
    """
    window = pooling_window("avg_pool1d", 1, input, kernel_size, stride, padding, 1, ceil_mode)
    return average(input, window, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The sum of every window, divided by the number of its elements.

    torch.nn.functional.avg_pool2d, and beyond it: `padding` may be larger than half the kernel,
    one (begin, end) pair per axis, 'same' or 'same_lower'. Elements in the padding count, with
    value 0, unless `count_include_pad` is false; what `ceil_mode` lets hang over never does.
    `divisor_override` replaces the count.

    Shapes: `(n, c, h, w)` or `(c, h, w)` -> `(n, c, oh, ow)`.

    Raises GeometryError where the window does not fit, ShapeError for an input of other axes.

    >>> import torch
    >>> x = torch.tensor([[[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]])
    >>> avg_pool2d(x, 2)
    tensor([[[2., 3.],
             [4., 6.]]])

    Source: lecture, "Pooling".
    """
    window = pooling_window("avg_pool2d", 2, input, kernel_size, stride, padding, 1, ceil_mode)
    return average(input, window, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool2d` on three axes: `(n, c, d, h, w) -> (n, c, od, oh, ow)`.

    >>> import torch
    >>> avg_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
    3.5
    """
    window = pooling_window("avg_pool3d", 3, input, kernel_size, stride, padding, 1, ceil_mode)
    return average(input, window, count_include_pad, divisor_override)


def pooling_window(
    operator: str,
    axes: int,
    x: Tensor,
    kernel_size: Ints,
    stride: Ints | None,
    padding: PaddingLike,
    dilation: Ints,
    ceil_mode: bool,
    *,
    any_type: bool = False,
) -> Geometry:
    check_input(operator, axes, x)
    if not any_type:
        check_real(operator, x)
    stride = kernel_size if stride is None else stride
    return fitted(operator, axes, x, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


def maximum(x: Tensor, window: Geometry) -> Tensor:
    if window.axes == 1 and not x.is_floating_point():  # torch knows them only with indices
        return maximum_with_indices(x, window)[0]
    kernel, s, d = window.kernel_size, window.stride, window.dilation
    padding = _padding_for_torch(x, window)
    if padding is not None:
        return _MAX[window.axes](x, kernel, s, padding, d, window.ceil_mode)
    return _MAX[window.axes](exactly_fitting(x, window, lowest(x.dtype)), kernel, s, 0, d)


def maximum_with_indices(x: Tensor, window: Geometry) -> tuple[Tensor, Tensor]:
    kernel, s, d = window.kernel_size, window.stride, window.dilation
    padding = _padding_for_torch(x, window)
    if padding is not None:
        return _MAX[window.axes](x, kernel, s, padding, d, window.ceil_mode, True)
    padded = exactly_fitting(x, window, lowest(x.dtype))
    values, index = _MAX[window.axes](padded, kernel, s, 0, d, False, True)
    size, padded_size = (tuple(t.shape[-window.axes :]) for t in (x, padded))
    return values, _index_into_input(index, window, size, padded_size)


def average(
    x: Tensor,
    window: Geometry,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean has the type of `x`; a sum by `divisor_override` of whole numbers has 64 bits."""
    if divisor_override == 0:
        raise GeometryError("divisor must be not zero: divisor_override=0; leave it out")
    if not x.is_floating_point() and x.dtype != torch.int64:  # torch averages no shorter ones
        mean = average(x.long(), window, count_include_pad, divisor_override)
        return mean if divisor_override is not None else mean.to(x.dtype)
    padding = _padding_for_torch(x, window)
    if padding is not None and _torch_averages(x, window, divisor_override):
        divisor = () if divisor_override is None else (divisor_override,)
        return _AVERAGE[window.axes](
            x,
            window.kernel_size,
            window.stride,
            padding,
            window.ceil_mode,
            count_include_pad,
            *divisor,
        )
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    total = along_axes(wide, window, _sum)
    if divisor_override is not None:
        return _divide(total, divisor_override).to(x.dtype)
    size = fixed_size(x, window)
    for axis in range(window.axes):
        counts = element_counts(window, axis, size, include_pad=count_include_pad)
        divisors = total.new_tensor([max(count, 1) for count in counts])
        total = _divide(total, divisors.reshape(-1, *[1] * (window.axes - axis - 1)))
    return total.to(x.dtype)


def _divide(total: Tensor, divisor: Tensor | int) -> Tensor:
    """Whole numbers are cut towards zero, as torch's average pooling does."""
    return torch.div(total, divisor, rounding_mode=None if total.is_floating_point() else "trunc")


def _sum(taps: list[Tensor]) -> Tensor:
    return functools.reduce(torch.add, taps)


def _padding_for_torch(x: Tensor, window: Geometry) -> tuple[int, ...] | None:
    """The padding as torch's pools take it; None where they refuse: one-sided, or over half."""
    pads = window.pads(x.shape[-window.axes :])
    half = all(b == e and 2 * b <= k for (b, e), k in zip(pads, window.kernel_size, strict=True))
    return tuple(begin for begin, _ in pads) if half else None


def _torch_averages(x: Tensor, window: Geometry, divisor_override: int | None) -> bool:
    """Whether torch's operator takes the rest: it has gaps in dilation, 1-d and 3-d."""
    if any(d > 1 for d in window.dilation) or (window.axes == 1 and divisor_override is not None):
        return False
    covers = all(i >= k for i, k in zip(x.shape[-window.axes :], window.kernel_size, strict=True))
    half_type = x.dtype in (torch.float16, torch.bfloat16)
    return window.axes < 3 or (covers and not half_type)


def _index_into_input(
    index: Tensor, window: Geometry, size: tuple[int, ...], padded_size: tuple[int, ...]
) -> Tensor:
    """Indices into the padded input, as indices into the input itself.

    A maximum of minus infinity may have been found in the padding, always at the first element of
    its window; torch's place is then the first element inside the input.
    """
    result, step = torch.zeros_like(index), 1
    for axis in reversed(range(window.axes)):
        begin, _ = window.pads(size)[axis]
        position = index % padded_size[axis] - begin
        index = index // padded_size[axis]
        first = [
            o * window.stride[axis] - begin
            + taps_before(window, axis, o, size, 0) * window.dilation[axis]
            for o in range(window.output_size(size)[axis])
        ]  # fmt: skip
        inside = index.new_tensor(first).reshape(-1, *[1] * (window.axes - axis - 1))
        position = torch.where(position < 0, inside, position).clamp(0, size[axis] - 1)
        result = result + position * step
        step *= size[axis]
    return result
