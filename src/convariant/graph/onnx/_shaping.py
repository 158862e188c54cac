"""What moves numbers and computes none, and the arithmetic of shapes, which is known in advance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.onnx._tensors import check_size, constant_value, dtype_of, to_tensor
from convariant.graph.ops import (
    Axis,
    Concat,
    DepthToSpace,
    Expand,
    Permute,
    Reshape,
    Slice,
    SpaceToDepth,
    Target,
)


@lowers("Constant")
def constant(call: Call) -> str:
    value = constant_value(call.node, call.reader.model.folder, "the value")
    return call.new_constant(value, value.dtype)


@lowers("Shape")
def shape_of(call: Call) -> str:
    shape = call.shape()
    end = call.attributes.get("end")
    part = shape[call.integer("start", 0) : None if end is None else int(end)]
    return call.new_constant(list(part), torch.int64)


@lowers("Size")
def size_of(call: Call) -> str:
    return call.new_constant(math.prod(call.shape()), torch.int64)


@lowers("ConstantOfShape")
def constant_of_shape(call: Call) -> str:
    shape = call.constant_integers(0, "the shape")
    value = torch.zeros(1)
    if "value" in call.attributes:
        value = to_tensor(call.attributes["value"], None, "the value")
    check_size(shape, value.dtype, "the result")
    # some files keep their weights like this, all of one value; the shape then stands in the file
    if call.node.input[0] in call.reader.model.weights:
        return call.reader.hold(value.flatten()[0].expand(shape), trained=True)
    return call.add(Expand(shape), call.new_constant(value.flatten()[0], value.dtype))


@lowers("Range")
def numbers(call: Call) -> str:
    start, limit, delta = (call.constant(i, "a bound of the range") for i in range(3))
    if not delta.item():
        raise GraphError("the step of the range is 0; it must not be")
    count = max(math.ceil((limit.item() - start.item()) / delta.item()), 0)
    call.reader.budget.spend_bytes(check_size((count,), start.dtype, "the range"))
    value = start.flatten()[0] + torch.arange(count, dtype=start.dtype) * delta.flatten()[0]
    return call.new_constant(value, start.dtype)


@lowers("EyeLike")
def eye_like(call: Call) -> str:
    rows, columns = call.shape()
    kind = call.attributes.get("dtype")
    dtype = call.dtype() if kind is None else dtype_of(kind, "the result")
    places = torch.arange(columns) - torch.arange(rows)[:, None]
    return call.new_constant(places == call.integer("k", 0), dtype)


@lowers("Reshape")
def reshape(call: Call) -> str:
    wanted = call.constant_integers(1, "the shape") if call.has(1) else call.integer_list("shape")
    if wanted is None:
        raise GraphError("the shape is missing; the file is damaged")
    if call.integer("allowzero", 0):
        target: Target = tuple(wanted)
    else:
        target = tuple(Axis(i) if size == 0 else size for i, size in enumerate(wanted))
    return reshaped(call, call.input(0), target)


def reshaped(call: Call, value: str, target: Target) -> str:
    """A Reshape, or the value itself where nothing changes."""
    op = Reshape(target)
    before = call.type_of(value)
    return value if op.infer(before)[0] == before else call.add(op, value)


@lowers("Flatten")
def flatten(call: Call) -> str:
    shape = call.shape()
    axis = call.integer("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    if axis == 1:
        return reshaped(call, call.input(0), (Axis(0), math.prod(shape[1:])))
    return reshaped(call, call.input(0), (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _axes(call: Call, index: int = 1) -> tuple[int, ...] | None:
    """The axes, an attribute before opset 13 and an input since."""
    return call.constant_integers(index, "axes") if call.has(index) else call.integer_list("axes")


@lowers("Squeeze")
def squeeze(call: Call) -> str:
    shape = call.shape()
    axes = _axes(call)
    if axes is None:
        axes = tuple(a for a, size in enumerate(shape) if size == 1)
    dropped = {a % max(len(shape), 1) for a in axes}
    if any(shape[a] != 1 for a in dropped):
        raise GraphError(
            f"axes {list(axes)} of {list(shape)} are not all of size 1; only those can be dropped"
        )
    kept = tuple(Axis(a) for a in range(len(shape)) if a not in dropped)
    return reshaped(call, call.input(0), kept)


@lowers("Unsqueeze")
def unsqueeze(call: Call) -> str:
    axes = _axes(call) or ()
    rank = call.rank() + len(axes)
    new = {a % rank for a in axes}
    if len(new) != len(axes) or not all(-rank <= a < rank for a in axes):
        raise GraphError(f"axes {list(axes)} do not name different axes of the {rank} that result")
    old = iter(range(rank))
    target = tuple(1 if a in new else Axis(next(old)) for a in range(rank))
    return reshaped(call, call.input(0), target)


@lowers("Transpose")
def transpose(call: Call) -> str:
    rank = call.rank()
    axes = call.integer_list("perm") or tuple(reversed(range(rank)))
    return call.input(0) if axes == tuple(range(rank)) else call.add(Permute(axes), call.input(0))


@lowers("Concat")
def concat(call: Call) -> str:
    values = call.inputs()
    return values[0] if len(values) == 1 else call.add(Concat(call.integer("axis", 1)), *values)


@lowers("Expand")
def expand(call: Call) -> str:
    wanted = call.constant_integers(1, "the shape")
    own = call.shape()
    rank = max(len(own), len(wanted))
    own, wanted = (1,) * (rank - len(own)) + own, (1,) * (rank - len(wanted)) + wanted
    # 1 leaves an axis as it is, as does its own size
    target = tuple(o if w == 1 else w for o, w in zip(own, wanted, strict=True))
    return call.input(0) if target == call.shape() else call.add(Expand(target), call.input(0))


@lowers("Tile")
def tile(call: Call) -> str:
    """Each axis doubled, repeated along its twin, merged: (h, w) -> (1, h, 1, w) -> (rh, rw)."""
    repeats = call.constant_integers(1, "repeats")
    shape = call.shape()
    if len(repeats) != len(shape) or min(repeats, default=0) < 0:
        raise GraphError(f"repeats={list(repeats)} must have one count per axis of {list(shape)}")
    if all(r == 1 for r in repeats):
        return call.input(0)
    doubled = call.add(Reshape(tuple(n for s in shape for n in (1, s))), call.input(0))
    pairs = list(zip(repeats, shape, strict=True))
    wide = call.add(Expand(tuple(n for pair in pairs for n in pair)), doubled)
    return call.add(Reshape(tuple(r * s for r, s in pairs)), wide)


@lowers("Slice")
def cut(call: Call) -> str:
    if call.version < 10:
        starts, ends = call.integer_list("starts"), call.integer_list("ends")
        axes, steps = call.integer_list("axes"), None
    else:
        starts, ends = call.constant_integers(1, "starts"), call.constant_integers(2, "ends")
        axes = call.constant_integers(3, "axes") if call.has(3) else None
        steps = call.constant_integers(4, "steps") if call.has(4) else None
    if starts is None or ends is None or len(starts) != len(ends):
        raise GraphError(f"starts={starts} and ends={ends} must be lists of equal length")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if 0 in steps:
        raise GraphError(f"steps={list(steps)}; a step of 0 never ends")
    value = call.input(0)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        value = sliced(call, value, axis % max(call.rank(), 1), start, end, step)
    return value


def sliced(call: Call, value: str, axis: int, start: int, end: int, step: int = 1) -> str:
    """A Slice, or the value itself where it keeps everything; ends beyond the axis are clamped.

    Unlike Python's, a backward slice that starts before the axis begins at its first element.
    """
    size = call.type_of(value).sizes[axis]
    start, end = (n + size if n < 0 else n for n in (start, end))
    low, high = (0, size) if step > 0 else (-1, size - 1)
    start, end = min(max(start, 0), max(high, 0)), min(max(end, low), high)
    if range(start, end, step) == range(size):
        return value
    stop = None if end == (size if step > 0 else -1) else end
    return call.add(Slice(axis, start, stop, step), value)


@lowers("Split")
def split(call: Call) -> tuple[str, ...]:
    axis = call.integer("axis", 0) % max(call.rank(), 1)
    size, count = call.shape()[axis], len(call.node.output)
    sizes: Sequence[int] | None = call.integer_list("split")
    if call.has(1):
        sizes = call.constant_integers(1, "the sizes")
    if sizes is None:
        whole = -(-size // call.integer("num_outputs", count))
        sizes = [max(min(whole, size - i * whole), 0) for i in range(count)]
    if sum(sizes) != size or len(sizes) != count:
        raise GraphError(f"cannot split axis {axis} of size {size} into {count} parts {sizes}")
    ends = pairwise(accumulate(sizes, initial=0))
    return tuple(sliced(call, call.input(0), axis, start, end) for start, end in ends)


@lowers("DepthToSpace")
def depth_to_space(call: Call) -> str:
    depth_last = call.choice("mode", "DCR", ("DCR", "CRD")) == "DCR"
    return call.add(DepthToSpace(call.integer("blocksize", 1), depth_last), call.input(0))


@lowers("SpaceToDepth")
def space_to_depth(call: Call) -> str:
    depth_last = call.choice("mode", "DCR", ("DCR", "CRD")) == "DCR"
    return call.add(SpaceToDepth(call.integer("blocksize", 1), depth_last), call.input(0))
