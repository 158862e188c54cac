"""Normalisation by stored statistics, by the value's own, by neighbouring channels; softmax."""

from __future__ import annotations

import math

import torch

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.ops import (
    BatchNorm,
    Cast,
    Elementwise,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Reduce,
    Reshape,
    Slot,
    Softmax,
)


@lowers("BatchNormalization")
def batch_norm(call: Call) -> tuple[str, ...]:
    eps = call.real("epsilon", 1e-5)
    x, weight, bias, mean, var = call.inputs()
    if call.integer("training_mode", 0):
        return _train(call, eps)
    if call.rank(1) != 1:  # opset 7 and 8 with spatial=0: one number for each position
        return (_affine(call, _standardised(call, x, mean, var, eps), (weight, bias)),)
    return (call.add(BatchNorm(eps), x, mean, var, weight, bias),)


def _train(call: Call, eps: float) -> tuple[str, ...]:
    """By the statistics of this batch, with the running ones moved towards them."""
    x, weight, bias, *running = call.inputs()
    axes = tuple(a for a in range(call.rank()) if a != 1)
    mean = call.add(Reduce("mean", axes), x)
    squares = call.add(Elementwise("sub"), x, mean)
    squares = call.add(Elementwise("mul"), squares, squares)
    var = call.add(Reduce("mean", axes), squares)
    column = (-1, *(1,) * (call.rank() - 2))
    affine = [call.add(Reshape(column), v) for v in (weight, bias)]
    y = _affine(call, _standardised(call, x, mean, var, eps), affine)
    momentum = call.real("momentum", 0.9)
    moved = [y]
    for old, new in zip(running, (mean, var), strict=True):
        dtype = call.type_of(old).dtype
        flat = call.add(Reshape((-1,)), new)
        kept = call.add(Elementwise("mul"), old, call.new_constant(momentum, dtype))
        taken = call.add(Elementwise("mul"), flat, call.new_constant(1 - momentum, dtype))
        moved.append(call.add(Elementwise("add"), kept, taken))
    return tuple(moved)


def _standardised(call: Call, x: str, mean: str, var: str, eps: float) -> str:
    centred = call.add(Elementwise("sub"), x, mean)
    return call.add(Elementwise("mul"), centred, _inverse_deviation(call, var, eps))


def _inverse_deviation(call: Call, var: str, eps: float) -> str:
    small = call.new_constant(eps, call.type_of(var).dtype)
    return call.add(Elementwise("rsqrt"), call.add(Elementwise("add"), var, small))


def _affine(call: Call, x: str, affine: tuple[str, ...] | list[str]) -> str:
    """X * weight + bias, as many of the two as are given."""
    for function, value in zip(("mul", "add"), affine, strict=False):
        x = call.add(Elementwise(function), x, value)
    return x


@lowers("InstanceNormalization")
def instance_norm(call: Call) -> str:
    return call.add(GroupNorm(None, call.real("epsilon", 1e-5)), *call.inputs())


@lowers("GroupNormalization")
def group_norm(call: Call) -> str:
    groups, eps = call.integer("num_groups", 0), call.real("epsilon", 1e-5)
    x, weight, bias = call.inputs()
    if call.version >= 21:
        return call.add(GroupNorm(groups, eps), x, weight, bias)
    # opset 18 has one weight for each group
    n, channels, *size = call.shape()
    y = call.add(GroupNorm(groups, eps), x)
    y = call.add(Reshape((n, groups, -1)), y)
    column = Reshape((-1, 1))
    y = _affine(call, y, [call.add(column, weight), call.add(column, bias)])
    return call.add(Reshape((n, channels, *size)), y)


@lowers("LayerNormalization")
def layer_norm(call: Call) -> tuple[str, ...]:
    eps, (x, *affine) = call.real("epsilon", 1e-5), call.given(0, 1, 2)
    axis = call.integer("axis", -1) % call.rank()
    axes = call.rank() - axis
    own = call.shape()[axis:]
    if all(call.type_of(a).shape == own for a in affine):
        y = call.add(LayerNorm(axes, eps), x, *affine)
    else:
        y = _affine(call, call.add(LayerNorm(axes, eps), x), affine)
    if not call.wants(1) and not call.wants(2):
        return (y,)
    last = tuple(range(axis, call.rank()))
    mean = call.add(Reduce("mean", last), x)
    centred = call.add(Elementwise("sub"), x, mean)
    var = call.add(Reduce("mean", last), call.add(Elementwise("mul"), centred, centred))
    return y, mean, _inverse_deviation(call, var, eps)


@lowers("RMSNormalization")
def rms_norm(call: Call) -> str:
    axis = call.integer("axis", -1) % call.rank()
    x, weight = call.inputs()
    norm = LayerNorm(call.rank() - axis, call.real("epsilon", 1e-5), rms=True)
    if call.shape(1) == call.shape()[axis:]:
        return call.add(norm, x, weight)
    return _affine(call, call.add(norm, x), [weight])


@lowers("LRN")
def local_response_norm(call: Call) -> str:
    size = call.integer("size", 0)
    op = LocalResponseNorm(
        size=size,
        alpha=call.real("alpha", 1e-4),
        beta=call.real("beta", 0.75),
        k=call.real("bias", 1.0),
        ahead=size % 2 == 0,
    )
    return call.add(op, call.input(0))


@lowers("LpNormalization")
def lp_norm(call: Call) -> str:
    p, axis = call.integer("p", 2), call.integer("axis", -1)
    if p not in (1, 2):
        raise GraphError(f"p={p}; ONNX allows 1 and 2")
    x = call.input(0)
    norm = call.add(Reduce(f"l{p}", (axis,)), x)
    zero = call.new_constant(0.0, call.dtype())
    one = call.new_constant(1.0, call.dtype())
    empty = call.add(Elementwise("equal"), norm, zero)
    return call.add(Elementwise("div"), x, call.add(Elementwise("where"), empty, one, norm))


@lowers("MeanVarianceNormalization")
def mean_variance_norm(call: Call) -> str:
    axes = call.integer_list("axes") or (0, 2, 3)
    x = call.input(0)
    centred = call.add(Elementwise("sub"), x, call.add(Reduce("mean", axes), x))
    var = call.add(Reduce("mean", axes), call.add(Elementwise("mul"), centred, centred))
    deviation = call.add(Elementwise("sqrt"), var)
    small = call.new_constant(1e-9, call.dtype())
    return call.add(Elementwise("div"), centred, call.add(Elementwise("add"), deviation, small))


@lowers("Softmax", "LogSoftmax")
def softmax(call: Call) -> str:
    log, x = call.operator == "LogSoftmax", call.input(0)
    if call.version >= 13:
        return call.add(Softmax(call.integer("axis", -1), log), x)
    # before opset 13: over all axes from `axis` on, as one
    shape = call.shape()
    axis = call.integer("axis", 1) % max(len(shape), 1)
    wide = [a for a in range(axis, len(shape)) if shape[a] != 1]
    if len(wide) <= 1:
        return call.add(Softmax(wide[0] if wide else axis, log), x)
    flat = call.add(Reshape((math.prod(shape[:axis]), -1)), x)
    return call.add(Reshape(shape), call.add(Softmax(1, log), flat))


@lowers("Hardmax")
def hardmax(call: Call) -> str:
    shape = call.shape()
    axis = call.integer("axis", -1 if call.version >= 13 else 1) % len(shape)
    x = call.input(0)
    if call.version < 13:
        x = call.add(Reshape((math.prod(shape[:axis]), -1)), x)
        axis = 1
    size = call.type_of(x).sizes[axis]
    best = call.add_torch(torch.argmax, (Slot(0), axis, True), x)
    places = torch.arange(size).reshape(-1, *(1,) * (call.type_of(x).rank - axis - 1))
    hit = call.add(Elementwise("equal"), best, call.new_constant(places, torch.int64))
    return call.add(Reshape(shape), call.add(Cast(call.dtype()), hit))
