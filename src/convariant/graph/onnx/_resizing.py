"""Resize, its ancestor Upsample, and Pad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.ops import Pad, PadMode, Reshape, Resize
from convariant.graph.ops._resize import Coordinates, ResizeMode, Rounding

_COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_MODES = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic"}
_PAD_MODES = {
    "constant": "constant",
    "reflect": "reflect",
    "edge": "replicate",
    "wrap": "circular",
}


class _Goal(NamedTuple):
    """What a resize asks for on every axis: sizes, or scales, or (to keep the aspect) both."""

    size: tuple[int, ...] | None
    scales: tuple[float, ...] | None


@lowers("Upsample")
def upsample(call: Call) -> str:
    return _upsampled(call)


def _upsampled(call: Call) -> str:
    """By scales alone: Upsample, and Resize when it was new."""
    mode = _MODES[call.choice("mode", "nearest", tuple(_MODES))]
    if call.has(1):
        scales = call.constant_reals(1, "the scales")
    else:
        scales = tuple(float(s) for s in call.attributes.get("scales", ()))
    op = Resize(cast(ResizeMode, mode), coordinates="asymmetric", rounding="floor")
    return _resized(call, op, _Goal(None, scales))


@lowers("Resize")
def resize(call: Call) -> str:
    if call.version < 11:
        return _upsampled(call)
    coordinates = call.choice("coordinate_transformation_mode", "half_pixel", _COORDINATES)
    crops = coordinates == "tf_crop_and_resize"
    op = Resize(
        cast(ResizeMode, _MODES[call.choice("mode", "nearest", tuple(_MODES))]),
        coordinates=cast(Coordinates, coordinates),
        rounding=cast(Rounding, call.choice("nearest_mode", "round_prefer_floor", _ROUNDINGS)),
        cubic=call.real("cubic_coeff_a", -0.75),
        antialias=bool(call.integer("antialias", 0)),
        exclude_outside=bool(call.integer("exclude_outside", 0)),
        region=_region(call) if crops else None,
        outside=call.real("extrapolation_value", 0.0) if crops else 0.0,
    )
    return _resized(call, op, _goal(call))


def _chosen_axes(call: Call) -> tuple[int, ...]:
    """The axes that sizes, scales and the region are given for."""
    rank = call.rank()
    axes = call.integer_list("axes")
    return tuple(range(rank)) if axes is None else tuple(a % rank for a in axes)


def _per_axis(call: Call, values: Sequence[float], others: Sequence[float]) -> list[float]:
    """The given values on the chosen axes, those of `others` elsewhere."""
    axes = _chosen_axes(call)
    if len(values) != len(axes):
        raise GraphError(f"{len(values)} sizes or scales are given for the axes {list(axes)}")
    spread = list(others)
    for axis, value in zip(axes, values, strict=True):
        spread[axis] = value
    return spread


def _goal(call: Call) -> _Goal:
    shape = call.shape()
    scales = call.constant_reals(2, "the scales") if call.has(2) else ()
    if scales:
        return _Goal(None, tuple(_per_axis(call, scales, (1.0,) * len(shape))))
    sizes = call.constant_integers(3, "the sizes")
    policies = ("stretch", "not_larger", "not_smaller")
    policy = call.choice("keep_aspect_ratio_policy", "stretch", policies)
    if policy == "stretch":
        return _Goal(tuple(int(s) for s in _per_axis(call, sizes, shape)), None)
    axes = _chosen_axes(call)
    ratios = [s / shape[a] for s, a in zip(sizes, axes, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    rounded = [math.floor(scale * shape[a] + 0.5) for a in axes]
    return _Goal(
        tuple(int(s) for s in _per_axis(call, rounded, shape)),
        tuple(_per_axis(call, [scale] * len(axes), (1.0,) * len(shape))),
    )


def _region(call: Call) -> tuple[tuple[float, float], ...]:
    """The part to cut out on each axis, from 0 to 1."""
    numbers = call.constant_reals(1, "the region")
    half = len(numbers) // 2
    rank = call.rank()
    starts = _per_axis(call, numbers[:half], (0.0,) * rank)
    ends = _per_axis(call, numbers[half:], (1.0,) * rank)
    return tuple(zip(starts, ends, strict=True))


def _resized(call: Call, op: Resize, goal: _Goal) -> str:
    """Over the spatial axes; where batch or channels change too, over all as if spatial."""
    x, shape = call.input(0), call.shape()
    if len(goal.scales or goal.size or ()) != len(shape):
        raise GraphError(f"{goal} must have one entry for each axis of {list(shape)}")
    touched = [
        axis
        for axis, size in enumerate(shape)
        if (goal.size and goal.size[axis] != size) or (goal.scales and goal.scales[axis] != 1)
    ]
    if op.region:
        touched += [a for a, part in enumerate(op.region) if part != (0.0, 1.0)]
    if not touched:
        return x
    if min(touched) >= 2:
        return call.add(_from_axis(op, goal, 2), x)
    y = call.add(_from_axis(op, goal, 0), call.add(Reshape((1, 1, *shape)), x))
    return call.add(Reshape(call.type_of(y).sizes[2:]), y)


def _from_axis(op: Resize, goal: _Goal, first: int) -> Resize:
    return replace(
        op,
        size=goal.size and goal.size[first:],
        scales=goal.scales and goal.scales[first:],
        region=op.region and op.region[first:],
    )


@lowers("Pad")
def pad(call: Call) -> str:
    rank = call.rank()
    if call.has(1):
        pads = call.constant_integers(1, "the pads")
        value = call.constant_number(2, "the padding value") or 0
    else:
        pads = call.integer_list("pads") or ()
        value = call.real("value", 0.0)
    axes = call.constant_integers(3, "the axes") if call.has(3) else tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise GraphError(f"pads={list(pads)} must have a begin and an end for each of {list(axes)}")
    pairs = [(0, 0)] * rank
    for axis, begin, end in zip(axes, pads, pads[len(axes) :], strict=False):
        pairs[axis % rank] = (begin, end)
    mode = _PAD_MODES[call.choice("mode", "constant", tuple(_PAD_MODES))]
    if not any(any(pair) for pair in pairs):
        return call.input(0)
    return call.add(Pad(tuple(pairs), cast(PadMode, mode), value), call.input(0))
