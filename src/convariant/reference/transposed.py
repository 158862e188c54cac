"""Transposed convolution three ways that agree exactly: gradient, zero insertion, scatter.

All take the weight as torch.nn.ConvTranspose2d stores it, `(ci, co / g, kh, kw)`, which is the
weight `(co, ci / g, kh, kw)` of the convolution whose gradient they are, seen from the other side.
"""

from __future__ import annotations

import numpy as np

from convariant.geometry import Geometry
from convariant.reference._checks import check_operands, window_on
from convariant.reference.border import PaddingMode, unpad
from convariant.reference.convolution import Index, cross_correlate, flip_kernel, tap_region


def transposed_by_gradient(
    y: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    *,
    groups: int = 1,
    bias: np.ndarray | None = None,
    padding_mode: PaddingMode = "zeros",
) -> np.ndarray:
    """The gradient of a convolution `y = W x`: `x^ = (dy/dx)^T y = W^T y`.

    Column j of `W = dy/dx` is the convolution of an image that is 1 at j and 0 elsewhere, so
    `x^[j] = <convolution(unit image j), y>`. One convolution per output: slow and plain.

    Shapes: y `(n, ci, h, w)`, weight `(ci, co / g, kh, kw)` -> `(n, co, oh, ow)`, 1 to 3 axes.

    Raises GeometryError or ShapeError where they do not fit.

    >>> y, weight = np.array([[[1, 1, 1]]]), np.array([[[1, 1, 1]]])
    >>> transposed_by_gradient(y, weight, Geometry(3, 2, 1, transposed=True)).tolist()
    [[[1, 2, 1, 2, 1]]]

    Source: lecture, "2D Transposed Convolution": y = Wx, x^ = (dy/dx)^T y.
    """
    geometry = _checked(y, weight, geometry, groups, "transposed_by_gradient")
    size, channels = y.shape[2:], weight.shape[1] * groups
    out_size = geometry.output_size(size)
    forward = geometry.transpose(size)
    x = np.zeros((y.shape[0], channels, *out_size), np.result_type(y, weight))
    # an output_padding from the stride up makes room for windows that y does not have
    windows: Index = (..., *(slice(i) for i in size))
    for place in np.ndindex(channels, *out_size):
        unit = np.zeros((1, channels, *out_size), weight.dtype)
        unit[(0, *place)] = 1
        column = cross_correlate(unit, weight, forward, groups=groups, padding_mode=padding_mode)
        x[(slice(None), *place)] = (column[windows] * y).sum(axis=tuple(range(1, y.ndim)))
    return _with_bias(x, bias)


def transposed_by_zero_insertion(
    y: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    *,
    groups: int = 1,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """A fractionally strided convolution: zeros between the inputs, then stride 1.

    `geometry.effective()` says how many zeros, how much padding and what is appended; the kernel
    is flipped, and its channels are swapped in each group. Padding is of zeros. Most of the
    products are with a zero: for a stride of 2 on two axes, three of four.

    Shapes, errors as `transposed_by_gradient`.

    >>> y, weight = np.array([[[1, 1, 1]]]), np.array([[[1, 1, 1]]])
    >>> transposed_by_zero_insertion(y, weight, Geometry(3, 2, 1, transposed=True)).tolist()
    [[[1, 2, 1, 2, 1]]]

    Source: lecture, "fractionally strided convolution"; https://arxiv.org/abs/1603.07285.
    """
    geometry = _checked(y, weight, geometry, groups, "transposed_by_zero_insertion")
    size = y.shape[2:]
    effective = geometry.effective(size)
    spread = tuple(
        (i - 1) * (z + 1) + 1 for i, z in zip(size, effective.zeros_inserted, strict=True)
    )
    stuffed = np.zeros((*y.shape[:2], *spread), y.dtype)
    kept: Index = (..., *(slice(None, None, z + 1) for z in effective.zeros_inserted))
    stuffed[kept] = y
    around = [
        (begin, end + extra)
        for (begin, end), extra in zip(effective.padding, effective.extra, strict=True)
    ]
    return cross_correlate(
        _pad_or_crop(stuffed, around),
        swap_channels(flip_kernel(weight), groups),
        Geometry(effective.kernel_size, dilation=effective.dilation),
        groups=groups,
        bias=bias,
    )


def transposed_by_scatter(
    y: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    *,
    groups: int = 1,
    bias: np.ndarray | None = None,
    padding_mode: PaddingMode = "zeros",
) -> np.ndarray:
    """Every input stamps the kernel, times its value, onto the output; stamps add up.

    The stamps cover the padded output; the padding is then folded back by the adjoint of
    `padding_mode` (zeros: cut off), which makes this the adjoint of the padded convolution.

    Shapes, errors as `transposed_by_gradient`.

    >>> y, weight = np.array([[[1, 10]]]), np.array([[[1, 2, 3]]])
    >>> transposed_by_scatter(y, weight, Geometry(3, stride=2, transposed=True)).tolist()
    [[[1, 2, 13, 20, 30]]]

    Source: lecture, "2D Transposed Convolution".
    """
    geometry = _checked(y, weight, geometry, groups, "transposed_by_scatter")
    size, channels = y.shape[2:], weight.shape[1] * groups
    out_size = geometry.output_size(size)
    pads = geometry.pads(size)
    padded_size = tuple(o + b + e for o, (b, e) in zip(out_size, pads, strict=True))
    x = np.zeros((y.shape[0], channels, *padded_size), np.result_type(y, weight))
    columns = np.split(np.arange(channels), groups)
    kernels = np.split(weight, groups, axis=0)
    y_groups = np.split(y, groups, axis=1)
    for tap in np.ndindex(*geometry.kernel_size):
        touched = x[tap_region(tap, geometry, size)]
        for y_group, kernel, column in zip(y_groups, kernels, columns, strict=True):
            touched[:, column] += np.einsum("io,ni...->no...", kernel[(..., *tap)], y_group)
    return _with_bias(unpad(x, pads, padding_mode), bias)


def swap_channels(weight: np.ndarray, groups: int) -> np.ndarray:
    """`(ci, co / g, kh, kw) -> (co, ci / g, kh, kw)`: input and output swapped in each group."""
    ci, co_of_group, *kernel = weight.shape
    grouped = weight.reshape(groups, ci // groups, co_of_group, *kernel)
    return grouped.swapaxes(1, 2).reshape(groups * co_of_group, ci // groups, *kernel)


def _checked(
    y: np.ndarray, weight: np.ndarray, geometry: Geometry, groups: int, operator: str
) -> Geometry:
    """The geometry with one entry per axis, after all checks."""
    full = window_on(y.shape[2:], geometry, operator, transposed=True)
    check_operands(y.shape[1], weight, full, groups, operator)
    return full


def _pad_or_crop(x: np.ndarray, around: list[tuple[int, int]]) -> np.ndarray:
    """Zeros around the last axes; a negative number takes away instead."""
    room = [(0, 0), (0, 0), *((max(b, 0), max(e, 0)) for b, e in around)]
    cut: Index = (..., *(slice(max(-b, 0), -max(-e, 0) or None) for b, e in around))
    return np.pad(x, room)[cut]


def _with_bias(x: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return x if bias is None else x + bias.reshape(-1, *[1] * (x.ndim - 2))
