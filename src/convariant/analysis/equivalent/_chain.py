"""Two convolutions one after the other as one: what a separable convolution multiplies out to."""

from __future__ import annotations

import functools
import itertools
import math

import torch
from torch import Tensor, nn

from convariant.analysis._convolution import CONVOLUTIONS, Convolution, take_apart
from convariant.analysis._indexing import on_last_axes
from convariant.analysis.equivalent._groups import one_group
from convariant.errors import OptionError, ShapeError
from convariant.geometry import Geometry
from convariant.geometry._padding import Pair
from convariant.nn import (
    DepthwiseSeparableConv1d,
    DepthwiseSeparableConv2d,
    DepthwiseSeparableConv3d,
    SpatialSeparableConv2d,
)

_SEPARABLE = (
    DepthwiseSeparableConv1d,
    DepthwiseSeparableConv2d,
    DepthwiseSeparableConv3d,
    SpatialSeparableConv2d,
)


def merge_separable(chain: nn.Module) -> nn.Module:
    """A separable convolution of any kind -> the dense one that it is, by `merge_convolutions`.

    `chain` is a DepthwiseSeparableConv (without norm or activation between its two parts), a
    SpatialSeparableConv2d, or a Sequential of convolutions.

    Raises OptionError for any other module.

    >>> from convariant.nn import DepthwiseSeparableConv2d
    >>> merge_separable(DepthwiseSeparableConv2d(4, 6, 3, padding=1)).weight.shape
    torch.Size([6, 4, 3, 3])
    """
    known = isinstance(chain, (*_SEPARABLE, nn.Sequential))
    children = [m for m in chain.children() if not isinstance(m, nn.Identity)] if known else []
    if not children or not all(isinstance(m, CONVOLUTIONS) for m in children):
        raise OptionError(
            f"merge_separable takes convolutions with nothing between them, but got {chain}; "
            "a norm or an activation in between makes them more than one convolution"
        )
    return functools.reduce(merge_convolutions, children)


def merge_convolutions(first: nn.Module, second: nn.Module) -> nn.Module:
    """Two convolutions with nothing between them -> the one dense convolution that they are.

    Its kernel is the first kernel seen through the second. Column and row give the matrix of
    their products, depthwise and pointwise a weight of rank one in each channel. Both plain or
    both transposed, 1 to 3 axes, any stride and dilation. Inverses: `separate_spatially`,
    `separate_depthwise`.

    Raises OptionError where the two are no single convolution: the second pads on an axis that the
    first has already mixed, or adds zeros where the first has a bias; ShapeError where the channels
    do not fit.

    >>> column, row = nn.Conv2d(1, 1, (3, 1), bias=False), nn.Conv2d(1, 1, (1, 3), bias=False)
    >>> _ = column.weight.data.view(-1).copy_(torch.tensor([3.0, 4, 5]))
    >>> _ = row.weight.data.view(-1).copy_(torch.tensor([1.0, 2, 3]))
    >>> merge_convolutions(column, row).weight.data[0, 0]
    tensor([[ 3.,  6.,  9.],
            [ 4.,  8., 12.],
            [ 5., 10., 15.]])
    """
    a, b = (one_group(take_apart(m, "merge_convolutions")) for m in (first, second))
    if a.transposed != b.transposed:
        a, b = _turned_if_pointwise(a), _turned_if_pointwise(b)
    if a.out_channels != b.in_channels or a.axes != b.axes or a.transposed != b.transposed:
        raise ShapeError(
            f"merge_convolutions: {first} gives {a.out_channels} channels on {a.axes} axes, but "
            f"{second} takes {b.in_channels} on {b.axes}; both must be plain or both transposed, "
            "or one of them 1x1"
        )
    mode = b.padding_mode if _pads(b.geometry) else a.padding_mode
    if _pads(a.geometry) and mode != a.padding_mode:
        raise OptionError(
            f"merge_convolutions: the two pad differently ({a.padding_mode} and {b.padding_mode})"
        )
    # a transposed chain is the transpose of the chain turned round
    inner, outer = (b, a) if a.transposed else (a, b)
    geometry = _geometry(inner.geometry, outer.geometry, first, second)
    bias = _bias(a, b, first, second)
    output_padding = tuple(
        op * s + last
        for op, s, last in zip(
            a.geometry.output_padding, b.geometry.stride, b.geometry.output_padding, strict=True
        )
    )
    whole = Geometry(
        geometry.kernel_size,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        output_padding,
        a.transposed,
    )
    weight = _kernel(inner, outer, geometry)
    return Convolution(weight, bias, whole, 1, mode).module()


def _geometry(inner: Geometry, outer: Geometry, first: nn.Module, second: nn.Module) -> Geometry:
    """The window of `outer` seen through `inner`, as a plain convolution."""
    sizes, strides, paddings, dilations = [], [], [], []
    for axis, (pa, pb) in enumerate(zip(_explicit(inner), _explicit(outer), strict=True)):
        ka, sa, da = inner.kernel_size[axis], inner.stride[axis], inner.dilation[axis]
        kb, sb, db = outer.kernel_size[axis], outer.stride[axis], outer.dilation[axis]
        if pb != (0, 0) and not (ka == sa == 1 and pa == (0, 0)):
            raise OptionError(
                f"merge_convolutions: on axis {axis} both {first} and {second} do more than pass "
                "values on, and what is padded between them no single kernel sees; only a chain "
                "without padding in between is one convolution"
            )
        steps = [d for d, k in ((da, ka), (db * sa, kb)) if k > 1]
        common = math.gcd(*steps) if steps else 1
        reach = inner.extent[axis] - 1 + sa * (outer.extent[axis] - 1)
        sizes.append(reach // common + 1)
        strides.append(sa * sb)
        paddings.append((pa[0] + pb[0], pa[1] + pb[1]))
        dilations.append(common)
    return Geometry(tuple(sizes), tuple(strides), tuple(paddings), tuple(dilations))


def _kernel(inner: Convolution, outer: Convolution, geometry: Geometry) -> Tensor:
    """`C[o, i, t] = sum over m and all a, b with d_a a + s_a d_b b = d t of B[o, m, b] A[m, i, a]`.

    Weights in torch's layout of plain convolutions; those of transposed ones have the same one
    seen from the gradient's side.
    """
    a, b = inner.weight, outer.weight
    whole = a.new_zeros(b.shape[0], a.shape[1], *geometry.kernel_size)
    for tap in itertools.product(*map(range, outer.geometry.kernel_size)):
        # b's element `tap` sees the whole of a, from this place on
        copy = on_last_axes(
            slice(
                t * s * d // common,
                (t * s * d + extent - 1) // common + 1,
                inner_d // common if k > 1 else 1,
            )
            for t, s, d, common, extent, inner_d, k in zip(
                tap,
                inner.geometry.stride,
                outer.geometry.dilation,
                geometry.dilation,
                inner.geometry.extent,
                inner.geometry.dilation,
                inner.geometry.kernel_size,
                strict=True,
            )
        )
        whole[copy] += torch.einsum("om,mi...->oi...", b[on_last_axes(tap)], a)
    return whole


def _turned_if_pointwise(parts: Convolution) -> Convolution:
    """A 1x1 convolution is transposed as well as plain."""
    if parts.geometry != Geometry.of(parts.axes, 1):
        return parts
    return parts.with_blocks(parts.blocks, geometry=Geometry.of(parts.axes, 1, transposed=True))


def _bias(a: Convolution, b: Convolution, first: nn.Module, second: nn.Module) -> Tensor | None:
    """The bias of both: that of the first goes through the second."""
    if a.bias is None or not a.bias.any():
        return b.bias
    if (_pads(b.geometry) and b.padding_mode == "zeros") or (
        b.transposed and b.geometry != Geometry.of(b.axes, 1, transposed=True)
    ):
        raise OptionError(
            f"merge_convolutions: {second} sees less of the bias of {first} near the border, so "
            "the two have no common bias; make the first one with bias=False"
        )
    through = b.blocks[0].flatten(2).sum(2) @ a.bias
    return through if b.bias is None else through + b.bias


def _pads(geometry: Geometry) -> bool:
    return any(pair != (0, 0) for pair in _explicit(geometry))


def _explicit(geometry: Geometry) -> tuple[Pair, ...]:
    """The padding in numbers; only a stride makes 'same' depend on the size."""
    if isinstance(geometry.padding, str) and max(geometry.stride) > 1:
        raise OptionError(
            f"merge_convolutions: padding={geometry.padding!r} with stride {geometry.stride} "
            "depends on the size of the input; give it as geometry.pads(input_size) resolves it"
        )
    return geometry.pads((1,) * geometry.axes)
