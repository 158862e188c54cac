"""Convolution, pooling, matrix products and normalisation as ONNX nodes, all padding in numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from convariant.geometry import Geometry
from convariant.graph.onnx._emit import Emit, writes
from convariant.graph.ops import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Fold,
    GroupNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MatMul,
    MaxUnpool,
    Pool,
)


def window(e: Emit, geometry: Geometry, *, pads: bool = True) -> dict[str, Any]:
    """The attributes of an explicit window."""
    attributes: dict[str, Any] = {
        "kernel_shape": geometry.kernel_size,
        "strides": geometry.stride,
        "dilations": geometry.dilation,
    }
    if pads:
        attributes["pads"] = flat_pads(geometry.pads(e.x.spatial))
    return attributes


def flat_pads(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """All begins, then all ends."""
    return [b for b, _ in pairs] + [end for _, end in pairs]


@writes(Conv)
def conv(e: Emit, op: Conv) -> None:
    g = op.geometry.explicit(e.x.spatial)
    if not g.transposed:
        e.finish("Conv", *e.inputs, **window(e, g), group=op.groups)
        return
    more = g.output_padding
    # the file format asks for less than the stride; what goes beyond is only bias
    allowed = tuple(min(m, s - 1) for m, s in zip(more, g.stride, strict=True))
    rest = [(0, m - a) for m, a in zip(more, allowed, strict=True)]
    attributes = {**window(e, g), "group": op.groups}
    attributes["output_padding"] = allowed if any(allowed) else None
    if not any(end for _, end in rest):
        e.finish("ConvTranspose", *e.inputs, **attributes)
        return
    # crop less instead where the padding allows it: real data lies there
    pads = g.pads(e.x.spatial)
    kept = [min(end, r) for (_, end), (_, r) in zip(pads, rest, strict=True)]
    attributes["pads"] = flat_pads([(b, end - k) for (b, end), k in zip(pads, kept, strict=True)])
    zeros = [(0, r - k) for (_, r), k in zip(rest, kept, strict=True)]
    if not any(end for _, end in zeros):
        e.finish("ConvTranspose", *e.inputs, **attributes)
        return
    y = e.add("ConvTranspose", *e.inputs[:2], **attributes)
    y = e.add("Pad", y, e.integers(*flat_pads([(0, 0), (0, 0), *zeros])))
    _affine(e, y, (), [e.reshape(bias, (-1, *(1,) * g.axes)) for bias in e.inputs[2:]])


@writes(Linear)
def linear(e: Emit, op: Linear) -> None:  # noqa: ARG001
    x, weight, *bias = e.inputs
    if e.x.rank == 2:
        e.finish("Gemm", x, weight, *bias, transB=1)
        return
    known = e.constant(1)
    if known is None:
        columns = e.add("Transpose", weight, perm=(1, 0))
    else:
        columns = e.tensor(known.T, weight)
    if not bias:
        e.finish("MatMul", x, columns)
        return
    e.finish("Add", e.add("MatMul", x, columns), *bias)


@writes(MatMul)
def matmul(e: Emit, op: MatMul) -> None:  # noqa: ARG001
    e.finish("MatMul", *e.inputs)


@writes(Pool)
def pool(e: Emit, op: Pool) -> None:
    g = op.geometry.explicit(e.x.spatial)
    x, pads = e.inputs[0], g.pads(e.x.spatial)
    # engines refuse padding as wide as the kernel, so that becomes a node of its own
    wide = any(max(pair) >= k for pair, k in zip(pads, g.kernel_size, strict=True))
    attributes = window(e, g)
    if op.mode == "max":
        _max_pool(e, op, g, pads if wide else ())
        return
    if op.mode == "lp":
        if wide:
            x, attributes["pads"] = _padded(e, x, pads, 0.0), None
        if op.p != int(op.p):
            e.refuse(f"pooling with p={op.p:g}", "use an integer p")
        e.finish("LpPool", x, **attributes, p=int(op.p))
        return
    if op.divisor is not None or op.count_include_pad:
        # padding that counts becomes numbers; what ceil_mode adds behind it never counts
        declared = op.geometry.pads(e.x.spatial)
        declared = tuple(
            (b, min(end, whole)) for (b, end), (_, whole) in zip(declared, pads, strict=True)
        )
        x = _padded(e, x, declared, 0.0)
        attributes["pads"] = flat_pads(
            [(0, whole - end) for (_, end), (_, whole) in zip(declared, pads, strict=True)]
        )
    elif wide:
        e.refuse("an average over a window that may lie in the padding alone", "pad less")
    if op.divisor is None:
        e.finish("AveragePool", x, **attributes, count_include_pad=0)
        return
    mean = e.add("AveragePool", x, **attributes, count_include_pad=1)
    factor = math.prod(g.kernel_size) / op.divisor
    e.finish("Mul", mean, e.number(factor))


def _max_pool(e: Emit, op: Pool, g: Geometry, pads: Sequence[tuple[int, int]]) -> None:
    """Pads are given where they must be a node of their own."""
    x, attributes = e.inputs[0], window(e, g)
    if not op.indices:
        if pads:
            x, attributes["pads"] = _padded(e, x, pads, -math.inf), None
        e.finish("MaxPool", x, **attributes)
        return
    if pads:
        e.refuse("the indices of maxima with padding as wide as the kernel", "pad less")
    # the file counts positions through the whole tensor, we through each channel
    value, index = e.node.outputs
    whole = e.model.fresh(f"{index}.whole")
    e.add_to((value, whole), "MaxPool", x, **attributes)
    channel = e.number(math.prod(e.x.spatial), torch.int64)
    e.add_to((index,), "Mod", whole, channel)


def _padded(e: Emit, x: str, pads: Sequence[tuple[int, int]], value: float) -> str:
    if not any(any(pair) for pair in pads):
        return x
    amounts = e.integers(*flat_pads([(0, 0), (0, 0), *pads]))
    return e.add("Pad", x, amounts, e.number(value))


@writes(AdaptivePool)
def adaptive_pool(e: Emit, op: AdaptivePool) -> None:
    if set(op.size) == {1}:
        e.finish("GlobalAveragePool" if op.mode == "avg" else "GlobalMaxPool", e.inputs[0])
        return
    spatial = e.x.spatial
    steps = tuple(i // o for i, o in zip(spatial, op.size, strict=True))
    if all(i == o * s for i, o, s in zip(spatial, op.size, steps, strict=True)):
        name = "AveragePool" if op.mode == "avg" else "MaxPool"
        e.finish(name, e.inputs[0], kernel_shape=steps, strides=steps)
        return
    reduction = "ReduceMean" if op.mode == "avg" else "ReduceMax"
    x = e.inputs[0]
    for axis, (i, o) in enumerate(zip(spatial, op.size, strict=True)):
        parts = []
        for row in range(o):
            start, stop = row * i // o, -(-(row + 1) * i // o)
            part = e.add("Slice", x, e.integers(start), e.integers(stop), e.integers(axis + 2))
            parts.append(e.add(reduction, part, e.integers(axis + 2)))
        if axis == len(op.size) - 1:
            e.finish("Concat", *parts, axis=axis + 2)
        else:
            x = e.add("Concat", *parts, axis=axis + 2)


@writes(MaxUnpool)
def max_unpool(e: Emit, op: MaxUnpool) -> None:
    """Scattered into zeros, since ONNX's own operator knows only some sizes."""
    n, channels = e.x.shape[:2]
    pooled = math.prod(e.x.spatial)
    rows, places = (e.reshape(i, (n, channels, pooled)) for i in e.inputs)
    zeros = e.add("Expand", e.number(0.0), e.sizes((n, channels, math.prod(op.size))))
    e.reshape(e.add("ScatterElements", zeros, places, rows, axis=2), e.y.shape, finish=True)


@writes(Fold)
def fold(e: Emit, op: Fold) -> None:
    g = op.geometry.explicit(op.size)
    e.finish(
        "Col2Im",
        e.inputs[0],
        e.integers(*op.size),
        e.integers(*g.kernel_size),
        pads=flat_pads(g.pads(op.size)),
        strides=g.stride,
        dilations=g.dilation,
    )


def _vector(e: Emit, value: float, size: Any) -> str:
    return e.tensor(torch.full((int(size),), value, dtype=e.x.dtype), "vector")


@writes(BatchNorm)
def batch_norm(e: Emit, op: BatchNorm) -> None:
    x, mean, var, *affine = e.inputs
    channels = e.x.shape[1]
    weight = affine[0] if affine else _vector(e, 1.0, channels)
    bias = affine[1] if len(affine) > 1 else _vector(e, 0.0, channels)
    e.finish("BatchNormalization", x, weight, bias, mean, var, epsilon=op.eps)


@writes(GroupNorm)
def group_norm(e: Emit, op: GroupNorm) -> None:
    """By InstanceNormalization of the groups as channels: opset 18's own has other weights."""
    x, *affine = e.inputs
    n, channels, *_ = e.x.shape
    groups = channels if op.groups is None else op.groups
    ones, zeros = _vector(e, 1.0, groups), _vector(e, 0.0, groups)
    if op.groups is None and len(affine) == 2 and e.x.rank > 2:
        e.finish("InstanceNormalization", x, *affine, epsilon=op.eps)
        return
    rest = math.prod(e.x.shape[1:]) // groups  # type: ignore[operator]
    wide = e.reshape(x, (n, groups, rest))
    y = e.add("InstanceNormalization", wide, ones, zeros, epsilon=op.eps)
    column = (-1, *(1,) * (e.x.rank - 2))
    shaped = [e.reshape(a, column) for a in affine]
    _affine(e, e.reshape(y, e.x.shape), shaped[:1], shaped[1:])


def _affine(e: Emit, y: str, weight: Sequence[str], bias: Sequence[str]) -> None:
    """Finish with `y * weight + bias`, as many of the two as are given."""
    steps = [("Mul", w) for w in weight] + [("Add", b) for b in bias]
    for operator, value in steps[:-1]:
        y = e.add(operator, y, value)
    if not steps:
        e.finish("Identity", y)
        return
    e.finish(steps[-1][0], y, steps[-1][1])


@writes(LayerNorm)
def layer_norm(e: Emit, op: LayerNorm) -> None:
    x, *affine = e.inputs
    if op.rms:
        last = e.integers(*range(e.x.rank - op.axes, e.x.rank))
        power = e.add("ReduceMean", e.add("Mul", x, x), last)
        root = e.add("Sqrt", e.add("Add", power, e.number(op.eps)))
        _affine(e, e.add("Div", x, root), affine[:1], affine[1:])
        return
    own = e.x.with_shape(e.x.shape[e.x.rank - op.axes :]).sizes
    weight = affine[0] if affine else e.tensor(torch.ones(own, dtype=e.x.dtype))
    e.finish("LayerNormalization", x, weight, *affine[1:], axis=e.x.rank - op.axes, epsilon=op.eps)


@writes(LocalResponseNorm)
def local_response_norm(e: Emit, op: LocalResponseNorm) -> None:
    x = e.inputs[0]
    if op.size % 2:
        e.finish("LRN", x, size=op.size, alpha=op.alpha, beta=op.beta, bias=op.k)
        return
    # engines take odd windows only: the mean over channels as pooling over a plane (1, c, pixels)
    plane = e.reshape(e.add("Mul", x, x), (e.x.shape[0], 1, e.x.shape[1], math.prod(e.x.spatial)))
    pads = ((op.size - 1) // 2, op.size // 2) if op.ahead else (op.size // 2, (op.size - 1) // 2)
    mean = e.add(
        "AveragePool",
        plane,
        kernel_shape=(op.size, 1),
        pads=flat_pads([pads, (0, 0)]),
        count_include_pad=1,
    )
    scaled = e.add("Mul", e.reshape(mean, e.x.shape), e.number(op.alpha))
    base = e.add("Add", scaled, e.number(op.k))
    e.finish("Div", x, e.add("Pow", base, e.number(op.beta)))
