"""ATen's layers: convolution, pooling, matrix products, normalisation, resizing."""

from __future__ import annotations

import re
from typing import Any

import torch

from convariant.geometry import Geometry
from convariant.graph._aten import Call, NoKind, Value, lowers
from convariant.graph.ops import (
    AdaptivePool,
    Axis,
    BatchNorm,
    Conv,
    DepthToSpace,
    Elementwise,
    GroupNorm,
    LayerNorm,
    Linear,
    MatMul,
    MaxUnpool,
    Op,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Resize,
    Softmax,
    SpaceToDepth,
)


def _ints(value: Any, axes: int) -> tuple[int, ...]:
    """ATen's one-or-one-per-axis lists, written out."""
    values = [value] if isinstance(value, int) else list(value)
    return tuple(values * axes if len(values) == 1 else values)


@lowers("conv1d", "conv2d", "conv3d", "conv1d.padding", "conv2d.padding", "conv3d.padding")
def _conv(c: Call) -> Value:
    return _convolution(c, transposed=False, output_padding=0)


@lowers("conv_transpose1d", "conv_transpose2d.input", "conv_transpose3d.input")
def _conv_transpose(c: Call) -> Value:
    return _convolution(c, transposed=True, output_padding=c["output_padding"])


@lowers("convolution")
def _any_conv(c: Call) -> Value:
    return _convolution(c, c["transposed"], c["output_padding"])


def _convolution(c: Call, transposed: bool, output_padding: Any) -> Value:
    kernel = c.type(c["weight"]).sizes[2:]
    axes = len(kernel)
    padding = c["padding"]
    geometry = Geometry.of(
        axes,
        kernel,
        _ints(c["stride"], axes),
        padding if isinstance(padding, str) else _ints(padding, axes),
        _ints(c["dilation"], axes),
        _ints(output_padding, axes) if transposed else 0,
        transposed,
    )
    return _batched(c, Conv(geometry, c["groups"]), axes, c["input"], c["weight"], c["bias"])


def _batched(c: Call, op: Op, axes: int, x: Value, *weights: Value | None) -> Value:
    """A node over (n, c, *size); what comes without a batch gets one of 1 and loses it again."""
    rank = c.type(x).rank
    if rank != axes + 1:
        return c.add(op, x, *weights)
    lone = c.add(Reshape((1, *(Axis(a) for a in range(rank)))), x, name=f"{c.name}_batch")
    y = c.add(op, lone, *weights, name=f"{c.name}_one")
    return c.add(Reshape(tuple(Axis(a + 1) for a in range(rank))), y)


def _window(c: Call, axes: int) -> Geometry:
    kernel = _ints(c["kernel_size"], axes)
    return Geometry.of(
        axes,
        kernel,
        _ints(c["stride"], axes) if c["stride"] else kernel,
        _ints(c["padding"], axes),
        _ints(c.get("dilation", 1), axes),
        ceil_mode=c["ceil_mode"],
    )


def _spatial_axes(c: Call) -> int:
    """The axes of a pooling, from its name: `max_pool2d.default -> 2`."""
    digits = re.findall(r"pool(\d)d", c.overload)
    return int(digits[0])


@lowers("max_pool1d", "max_pool2d", "max_pool3d")
def _max_pool(c: Call) -> Value:
    axes = _spatial_axes(c)
    return _batched(c, Pool("max", _window(c, axes)), axes, c["self"])


@lowers("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool_with_indices(c: Call) -> tuple[Value, ...]:
    op = Pool("max", _window(c, _spatial_axes(c)), indices=True)
    names = (c.name, f"{c.name}_indices")
    return tuple(Value(v) for v in c.builder.add_many(op, c["self"], path=c.path, names=names))


@lowers("max_unpool2d", "max_unpool3d")
def _max_unpool(c: Call) -> Value:
    size = tuple(c["output_size"])
    if c.rank("self") != len(size) + 2:
        raise NoKind("unpools an image without a batch")
    return c.add(MaxUnpool(size), c["self"], c["indices"])


@lowers("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(c: Call) -> Value:
    axes = _spatial_axes(c)
    op = Pool(
        "avg",
        _window(c, axes),
        count_include_pad=c["count_include_pad"],
        divisor=c.get("divisor_override"),
    )
    return _batched(c, op, axes, c["self"])


@lowers("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def _adaptive_avg_pool(c: Call) -> Value:
    axes = _spatial_axes(c)
    size = _ints(c["output_size"], axes)
    if set(size) == {1}:
        return c.add(Reduce("mean", tuple(range(2, axes + 2))), c["self"])
    return c.add(AdaptivePool("avg", size), c["self"])


@lowers("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive_max_pool(c: Call) -> tuple[Value, ...]:
    axes = _spatial_axes(c)
    size = _ints(c["output_size"], axes)
    if set(size) == {1}:
        return (c.add(Reduce("max", tuple(range(2, axes + 2))), c["self"]),)
    return (c.add(AdaptivePool("max", size), c["self"]),)


@lowers("linear")
def _linear(c: Call) -> Value:
    if c.rank("weight") != 2:
        raise NoKind("the weight is a vector")
    return c.add(Linear(), c["input"], c["weight"], c["bias"])


@lowers("mm", "bmm")
def _mm(c: Call) -> Value:
    return c.add(MatMul(), c["self"], c["mat2"])


@lowers("matmul")
def _matmul(c: Call) -> Value:
    if min(c.rank("self"), c.rank("other")) < 2:
        raise NoKind("one of the factors is a vector")
    return c.add(MatMul(), c["self"], c["other"])


@lowers("addmm", "baddbmm")
def _addmm(c: Call) -> Value:
    if c["alpha"] != 1 or c["beta"] != 1:
        raise NoKind("alpha and beta other than 1")
    second = c.get("mat2", c.get("batch2"))
    product = c.add(MatMul(), c.get("mat1", c.get("batch1")), second, name=f"{c.name}_product")
    return c.add(Elementwise("add"), product, c["self"])


@lowers("scaled_dot_product_attention")
def _attention(c: Call) -> Value:
    if c["attn_mask"] is not None or c["is_causal"] or c["dropout_p"] or c["enable_gqa"]:
        raise NoKind("attention with a mask, dropout or grouped heads")
    query, key, value = c["query"], c["key"], c["value"]
    rank, width = c.rank("query"), c.type(query).shape[-1]
    if c.rank("key") != rank or not isinstance(width, int) or not width:
        raise NoKind("attention between values of different rank")
    scale = c["scale"] if c["scale"] is not None else width**-0.5
    factor = c.builder.constant(torch.tensor(scale, dtype=c.type(query).dtype))
    scaled = c.add(Elementwise("mul"), query, factor, name=f"{c.name}_query")
    order = (*range(rank - 2), rank - 1, rank - 2)
    turned = c.add(Permute(order), key, name=f"{c.name}_key")
    scores = c.add(MatMul(), scaled, turned, name=f"{c.name}_scores")
    weights = c.add(Softmax(rank - 1), scores, name=f"{c.name}_weights")
    return c.add(MatMul(), weights, value)


@lowers("batch_norm", "_native_batch_norm_legit_no_training")
def _batch_norm(c: Call) -> Value | tuple[Value, ...]:
    if c.get("training", False):
        raise NoKind("normalises by the statistics of the batch (track_running_stats=False)")
    y = _with_statistics(c, c["eps"])
    return y if "training" in c.args else (y,)


def _with_statistics(c: Call, eps: float) -> Value:
    weight, bias = c["weight"], c["bias"]
    if weight is None and bias is not None:
        ones = torch.ones(c.type(bias).sizes, dtype=c.type(bias).dtype)
        weight = Value(c.builder.constant(ones, "ones"))
    mean, var = c["running_mean"], c["running_var"]
    return c.add(BatchNorm(eps), c["input"], mean, var, weight, bias)


@lowers("instance_norm")
def _instance_norm(c: Call) -> Value:
    if not c["use_input_stats"]:
        return _with_statistics(c, c["eps"])
    return _affine(c, GroupNorm(None, c["eps"]))


@lowers("group_norm")
def _group_norm(c: Call) -> Value:
    return _affine(c, GroupNorm(c["num_groups"], c["eps"]))


@lowers("layer_norm")
def _layer_norm(c: Call) -> Value:
    return _affine(c, LayerNorm(len(c["normalized_shape"]), c["eps"]))


@lowers("rms_norm")
def _rms_norm(c: Call) -> Value:
    eps = c["eps"]
    if eps is None:  # torch's default: the smallest step of the number format
        eps = torch.finfo(c.type(c["input"]).dtype).eps
    op = LayerNorm(len(c["normalized_shape"]), eps, rms=True)
    return c.add(op, c["input"], c["weight"])


def _affine(c: Call, op: GroupNorm | LayerNorm) -> Value:
    if c["weight"] is None and c["bias"] is not None:
        raise NoKind("a bias without a weight")
    return c.add(op, c["input"], c["weight"], c["bias"])


@lowers(
    "upsample_nearest1d.vec", "upsample_nearest2d.vec", "upsample_nearest3d.vec",
    "_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec",
    "_upsample_nearest_exact3d.vec",
    "upsample_linear1d.vec", "upsample_bilinear2d.vec", "upsample_trilinear3d.vec",
    "upsample_bicubic2d.vec", "_upsample_bilinear2d_aa.vec", "_upsample_bicubic2d_aa.vec",
)  # fmt: skip
def _upsample(c: Call) -> Value:
    size = tuple(c["output_size"]) if c["output_size"] is not None else None
    scales = tuple(c["scale_factors"]) if size is None else None
    if "nearest_exact" in c.overload:
        op = Resize("nearest", size, scales, "half_pixel", "round_prefer_ceil")
    elif "nearest" in c.overload:
        op = Resize("nearest", size, scales, "asymmetric", "floor")
    else:
        antialias = c.overload.endswith("_aa.vec")
        if c["align_corners"] and scales is not None:  # torch's corners are those of whole sizes
            size = Resize("linear", None, scales).output_size(c.type(c["input"]).spatial)
            scales = None
        op = Resize(
            "cubic" if "cubic" in c.overload else "linear",
            size,
            scales,
            "align_corners" if c["align_corners"] else "half_pixel",
            cubic=-0.5 if antialias else -0.75,
            antialias=antialias,
            exclude_outside=antialias,
        )
    return c.add(op, c["input"])


@lowers("pixel_shuffle")
def _pixel_shuffle(c: Call) -> Value:
    return c.add(DepthToSpace(c["upscale_factor"]), c["self"])


@lowers("pixel_unshuffle")
def _pixel_unshuffle(c: Call) -> Value:
    return c.add(SpaceToDepth(c["downscale_factor"]), c["self"])


@lowers("channel_shuffle")
def _channel_shuffle(c: Call) -> Value:
    rank = c.rank("self")
    rest = tuple(range(2, rank))
    groups = c["groups"]
    split = (Axis(0), groups, -1, *(Axis(a) for a in rest))
    grouped = c.add(Reshape(split), c["self"], name=f"{c.name}_split")
    order = (0, 2, 1, *(a + 1 for a in rest))
    swapped = c.add(Permute(order), grouped, name=f"{c.name}_swap")
    return c.add(Reshape((Axis(0), -1, *(Axis(a + 1) for a in rest))), swapped)
