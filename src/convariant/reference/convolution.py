"""Convolution from its definition, in both senses of the word."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from convariant.geometry import Geometry
from convariant.reference._checks import check_operands, window_on
from convariant.reference.border import PaddingMode, pad

Index: TypeAlias = tuple[Any, ...]


def cross_correlate(
    x: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    *,
    groups: int = 1,
    bias: np.ndarray | None = None,
    padding_mode: PaddingMode = "zeros",
) -> np.ndarray:
    """What deep learning calls convolution: the kernel slides without being flipped.

    `y[co, o] = bias[co] + sum over ci, k of weight[co, ci, k] x[ci, o s + k d - p]`

    Shapes: x `(n, ci, h, w)`, weight `(co, ci / g, kh, kw)` -> `(n, co, oh, ow)`, 1 to 3 axes.

    Raises GeometryError or ShapeError where they do not fit.

    >>> x, weight = np.array([[[1, 2, 3, 4]]]), np.array([[[10, 1]]])
    >>> cross_correlate(x, weight, Geometry(2)).tolist()
    [[[12, 23, 34]]]

    Source: lecture, "Convolution", "Dilated Convolution", "Grouped Convolution".
    """
    size = x.shape[2:]
    geometry = window_on(size, geometry, "cross_correlate")
    check_operands(x.shape[1], weight, geometry, groups, "cross_correlate")
    out_size = geometry.output_size(size)
    x = pad(x, geometry.explicit(size).pads(size), padding_mode)
    co = weight.shape[0]
    y = np.zeros((x.shape[0], co, *out_size), np.result_type(x, weight))
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * geometry.axes)
    x_groups = np.split(x, groups, axis=1)
    rows = np.split(np.arange(co), groups)
    for tap in np.ndindex(*geometry.kernel_size):
        met = tap_region(tap, geometry, out_size)
        matrix = weight[(..., *tap)]  # (co, ci / g)
        for x_group, row in zip(x_groups, rows, strict=True):
            y[:, row] += np.einsum("oc,nc...->no...", matrix[row], x_group[met])
    return y


def convolve(
    x: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    *,
    groups: int = 1,
    bias: np.ndarray | None = None,
    padding_mode: PaddingMode = "zeros",
) -> np.ndarray:
    """What mathematics calls convolution: the kernel is flipped on every axis, then slides.

    `y[co, o] = bias[co] + sum over ci, k of weight[co, ci, K - 1 - k] x[ci, o s + k d - p]`

    Shapes and errors as `cross_correlate`. With learned weights the two differ in nothing but the
    order in which the weights are stored.

    >>> x, weight = np.array([[[1, 2, 3, 4]]]), np.array([[[10, 1]]])
    >>> convolve(x, weight, Geometry(2)).tolist()
    [[[21, 32, 43]]]

    Source: lecture, "2D Convolution".
    """
    flipped = flip_kernel(weight)
    return cross_correlate(
        x, flipped, geometry, groups=groups, bias=bias, padding_mode=padding_mode
    )


def flip_kernel(weight: np.ndarray) -> np.ndarray:
    """The weight turned round on every axis of its kernel."""
    return np.flip(weight, axis=tuple(range(2, weight.ndim)))


def tap_region(tap: tuple[int, ...], geometry: Geometry, out_size: tuple[int, ...]) -> Index:
    """The padded inputs that one kernel element meets, in the order of the outputs it adds to."""
    slices = (
        slice(k * d, k * d + (o - 1) * s + 1, s)
        for k, d, s, o in zip(tap, geometry.dilation, geometry.stride, out_size, strict=True)
    )
    return (..., *slices)
