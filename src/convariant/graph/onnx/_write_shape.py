"""What moves numbers, reduces or interpolates them, as ONNX nodes."""

from __future__ import annotations

import torch

from convariant.graph._types import Shape
from convariant.graph.onnx._emit import Emit, writes
from convariant.graph.onnx._write_layers import flat_pads
from convariant.graph.ops import (
    Concat,
    DepthToSpace,
    Expand,
    Pad,
    Permute,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    SpaceToDepth,
)

_REDUCTIONS = {
    "l1": "ReduceL1",
    "l2": "ReduceL2",
    "log_sum": "ReduceLogSum",
    "log_sum_exp": "ReduceLogSumExp",
    "max": "ReduceMax",
    "mean": "ReduceMean",
    "min": "ReduceMin",
    "prod": "ReduceProd",
    "sum": "ReduceSum",
    "sum_square": "ReduceSumSquare",
}


@writes(Reshape)
def reshape(e: Emit, op: Reshape) -> None:  # noqa: ARG001
    e.reshape(e.inputs[0], e.y.shape, finish=True)


@writes(Permute)
def permute(e: Emit, op: Permute) -> None:
    e.finish("Transpose", e.inputs[0], perm=op.axes)


@writes(Slice)
def cut(e: Emit, op: Slice) -> None:
    farthest = torch.iinfo(torch.int64)
    forward = op.step > 0
    start = op.start if op.start is not None else (0 if forward else farthest.max)
    stop = op.stop if op.stop is not None else (farthest.max if forward else farthest.min)
    numbers = (e.integers(n) for n in (start, stop, op.axis % e.x.rank, op.step))
    e.finish("Slice", e.inputs[0], *numbers)


@writes(Concat)
def concat(e: Emit, op: Concat) -> None:
    types = zip(e.inputs, e.types, strict=True)
    e.finish("Concat", *(e.cast(name, t.dtype, e.y.dtype) for name, t in types), axis=op.axis)


@writes(Expand)
def expand(e: Emit, op: Expand) -> None:  # noqa: ARG001
    # 1 leaves an axis as it is, so an open batch that is there already needs no number
    missing = e.y.rank - e.x.rank
    own: Shape = (*(1,) * missing, *e.x.shape)
    sizes = tuple(1 if y == x else y for y, x in zip(e.y.shape, own, strict=True))
    e.finish("Expand", e.inputs[0], e.sizes(sizes))


@writes(DepthToSpace)
def depth_to_space(e: Emit, op: DepthToSpace) -> None:
    mode = "DCR" if op.depth_last else "CRD"
    e.finish("DepthToSpace", e.inputs[0], blocksize=op.block, mode=mode)


@writes(SpaceToDepth)
def space_to_depth(e: Emit, op: SpaceToDepth) -> None:
    """ONNX puts the block before the channels; torch's order is the same moved afterwards."""
    if op.depth_last:
        e.finish("SpaceToDepth", e.inputs[0], blocksize=op.block)
        return
    n, channels, h, w = e.y.shape
    y = e.add("SpaceToDepth", e.inputs[0], blocksize=op.block)
    blocks = op.block * op.block
    split = e.reshape(y, (n, blocks, e.x.shape[1], h, w))
    e.reshape(e.add("Transpose", split, perm=(0, 2, 1, 3, 4)), (n, channels, h, w), finish=True)


@writes(Pad)
def pad(e: Emit, op: Pad) -> None:
    x = e.inputs[0]
    if op.mode == "circular":  # engines read the newer mode `wrap` in different ways, if at all
        _pad_circular(e, op)
        return
    mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[op.mode]
    value = [e.number(op.value)] if op.mode == "constant" and op.value else []
    e.finish("Pad", x, e.integers(*flat_pads(op.pads)), *value, mode=mode)


def _pad_circular(e: Emit, op: Pad) -> None:
    """The end of each axis before it, its beginning behind it; negative pads crop."""
    x = e.inputs[0]
    for axis, (begin, end) in enumerate(op.pads):
        if (begin, end) == (0, 0):
            continue
        size = int(e.x.shape[axis])  # type: ignore[arg-type]
        parts = [_part(e, x, axis, max(-begin, 0), size - max(-end, 0))]
        if begin > 0:
            parts.insert(0, _part(e, x, axis, size - begin, size))
        if end > 0:
            parts.append(_part(e, x, axis, 0, end))
        x = e.add("Concat", *parts, axis=axis)
    e.finish("Identity", x)


def _part(e: Emit, x: str, axis: int, start: int, stop: int) -> str:
    return e.add("Slice", x, e.integers(start), e.integers(stop), e.integers(axis))


@writes(Reduce)
def reduce(e: Emit, op: Reduce) -> None:
    if not op.axes:
        e.finish("Identity", e.inputs[0])
        return
    axes = e.integers(*(a % max(e.x.rank, 1) for a in op.axes))
    e.finish(_REDUCTIONS[op.function], e.inputs[0], axes, keepdims=int(op.keepdim))


@writes(Softmax)
def softmax(e: Emit, op: Softmax) -> None:
    e.finish("LogSoftmax" if op.log else "Softmax", e.inputs[0], axis=op.axis % e.x.rank)
