"""ATen's operators that move numbers: views, slices, joins, padding; and those that do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from convariant.graph._aten import Call, NoKind, Value, lowers
from convariant.graph._types import Dim
from convariant.graph.ops import (
    Axis,
    Concat,
    Expand,
    MatMul,
    Pad,
    PadMode,
    Permute,
    Reshape,
    Slice,
    Target,
)

_END = 2**63 - 1  # ATen's way to say "to the end"


@lowers(
    "alias", "clone", "contiguous", "detach", "lift_fresh_copy", "lift_fresh", "dropout",
    "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout",
)  # fmt: skip
def _nothing(c: Call) -> Value:
    if c.get("train", False):
        raise NoKind("drops at random even in eval mode")
    value: Value = c.get("self", c.get("input"))
    return value


@lowers("view", "reshape", "_unsafe_view")
def _view(c: Call) -> Value:
    shape = c.type(c["self"]).shape
    target = list(c.get("size", c.get("shape")))
    # a batch left open that stays in front is that axis, so that other batches fit as well
    if target and isinstance(target[0], Dim) and shape and target[0] == shape[0]:
        target[0] = Axis(0)
    return c.add(Reshape(tuple(target)), c["self"])


@lowers("view_as", "reshape_as")
def _view_as(c: Call) -> Value:
    return c.add(Reshape(c.type(c["other"]).shape), c["self"])


@lowers("flatten.using_ints")
def _flatten(c: Call) -> Value:
    rank = c.rank("self")
    first, last = c["start_dim"] % max(rank, 1), c["end_dim"] % max(rank, 1)
    head = tuple(Axis(a) for a in range(first))
    return c.add(Reshape((*head, -1, *(Axis(a) for a in range(last + 1, rank)))), c["self"])


@lowers("unflatten.int")
def _unflatten(c: Call) -> Value:
    rank = c.rank("self")
    axis = c["dim"] % rank
    head = tuple(Axis(a) for a in range(axis))
    tail = tuple(Axis(a) for a in range(axis + 1, rank))
    return c.add(Reshape((*head, *c["sizes"], *tail)), c["self"])


@lowers("unsqueeze")
def _unsqueeze(c: Call) -> Value:
    rank = c.rank("self")
    axis = c["dim"] % (rank + 1)
    return c.add(Reshape(_with_axis(rank, axis)), c["self"])


def _with_axis(rank: int, axis: int) -> Target:
    """The input's axes with one of size 1 among them."""
    kept: list[int | Dim | Axis] = [Axis(a) for a in range(rank)]
    return (*kept[:axis], 1, *kept[axis:])


@lowers("squeeze", "squeeze.dim", "squeeze.dims")
def _squeeze(c: Call) -> Value:
    shape = c.type(c["self"]).shape
    dim = c.get("dim", range(len(shape)))
    dims = {d % max(len(shape), 1) for d in ((dim,) if isinstance(dim, int) else dim)}
    kept = tuple(Axis(a) for a, size in enumerate(shape) if a not in dims or size != 1)
    return c.add(Reshape(kept), c["self"])


def _permute_by(c: Call, axes: Sequence[int]) -> Value:
    if list(axes) == list(range(len(axes))):
        value: Value = c["self"]
        return value
    return c.add(Permute(tuple(axes)), c["self"])


@lowers("permute")
def _permute(c: Call) -> Value:
    return _permute_by(c, [d % c.rank("self") for d in c["dims"]])


@lowers("transpose.int", "swapaxes", "t", "swapdims", "adjoint", "mT", "numpy_T")
def _transpose(c: Call) -> Value:
    rank = c.rank("self")
    axes = list(range(rank))
    if c.overload.startswith("numpy_T"):
        return _permute_by(c, axes[::-1])
    if rank < 2:
        return _permute_by(c, axes)
    first = c.get("dim0", c.get("axis0", -2)) % rank
    second = c.get("dim1", c.get("axis1", -1)) % rank
    axes[first], axes[second] = axes[second], axes[first]
    return _permute_by(c, axes)


@lowers("movedim.int")
def _movedim(c: Call) -> Value:
    rank = c.rank("self")
    axes = [a for a in range(rank) if a != c["source"] % rank]
    axes.insert(c["destination"] % rank, c["source"] % rank)
    return _permute_by(c, axes)


@lowers("expand", "expand_as")
def _expand(c: Call) -> Value:
    target = c.type(c["other"]).shape if "other" in c.args else tuple(c["size"])
    shape = c.type(c["self"]).shape
    behind = len(target) - len(shape)
    # sizes that do not change are kept as they are, so that other input sizes fit as well
    wanted = tuple(
        -1 if a >= behind and size == shape[a - behind] else size for a, size in enumerate(target)
    )
    return c.add(Expand(wanted), c["self"])


@lowers("repeat")
def _repeat(c: Call) -> Value:
    """Each axis as (times, size), repeated along the first of the two."""
    times, shape = list(c["repeats"]), c.type(c["self"]).shape
    shape = (1,) * (len(times) - len(shape)) + tuple(shape)
    if not all(isinstance(n, int) for n in (*times, *shape)):
        raise NoKind("repeats the batch")
    pairs = tuple(n for size in shape for n in (1, size))
    wide = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    apart = c.add(Reshape(pairs), c["self"], name=f"{c.name}_axes")
    repeated = c.add(Expand(wide), apart, name=f"{c.name}_times")
    return c.add(Reshape(tuple(t * n for t, n in zip(times, shape, strict=True))), repeated)


@lowers("affine_grid_generator")
def _affine_grid(c: Call) -> Value:
    """Where each output pixel reads: its own coordinates times the matrix of its image."""
    _, _, *size = c["size"]
    axes = len(size)
    if not all(isinstance(s, int) for s in size):
        raise NoKind("the size of the grid depends on the batch")
    dtype = c.type(c["theta"]).dtype
    still = torch.eye(axes, axes + 1, dtype=dtype)[None]
    own = F.affine_grid(still, [1, 1, *size], align_corners=c["align_corners"]).reshape(-1, axes)
    points = c.builder.constant(F.pad(own, (0, 1), value=1.0), f"{c.name}_points")
    turned = c.add(Permute((0, 2, 1)), c["theta"], name=f"{c.name}_matrix")
    moved = c.add(MatMul(), points, turned, name=f"{c.name}_moved")
    return c.add(Reshape((Axis(0), *size, axes)), moved)


@lowers(
    "zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones",
    "new_full",
)  # fmt: skip
def _filled(c: Call) -> Value:
    kind = c.overload.split(".")[0].removeprefix("new_").removesuffix("_like")
    number = {"zeros": 0, "ones": 1}.get(kind, c.get("fill_value"))
    if c.result is None or not isinstance(number, (bool, int, float)):
        raise NoKind("filled with a number that the network computes")
    scalar = c.builder.constant(torch.tensor(number, dtype=c.result.dtype))
    return c.add(Expand(c.result.shape), scalar)


@lowers("cat", "concat", "concatenate")
def _cat(c: Call) -> Value:
    tensors: list[Value] = list(c["tensors"])
    # torch lets an empty vector join anything
    filled = [t for t in tensors if c.type(t).shape != (0,)] or tensors[:1]
    if len(filled) == 1:
        return filled[0]
    return c.add(Concat(c["dim"] % c.type(filled[0]).rank), *filled)


@lowers("stack")
def _stack(c: Call) -> Value:
    rank = c.type(c["tensors"][0]).rank
    axis = c["dim"] % (rank + 1)
    shape = _with_axis(rank, axis)
    parts = [c.add(Reshape(shape), t, name=f"{c.name}_part") for t in c["tensors"]]
    return c.add(Concat(axis), *parts)


@lowers("slice.Tensor")
def _slice(c: Call) -> Value:
    start = c["start"] or 0
    stop = None if c["end"] is None or c["end"] == _END else c["end"]
    return _cut(c, c["self"], c["dim"], start, stop, c["step"], c.name)


@lowers("narrow")
def _narrow(c: Call) -> Value:
    if not isinstance(c["start"], int):
        raise NoKind("the start is computed by the network")
    stop = c["start"] + c["length"]
    return _cut(c, c["self"], c["dim"], c["start"], stop, 1, c.name)


def _cut(c: Call, x: Value, dim: int, start: Any, stop: Any, step: int, name: str) -> Value:
    shape = c.type(x).shape
    axis = dim % len(shape)
    size = shape[axis]
    if start == 0 and step == 1 and (stop is None or stop == size or _beyond(stop, size)):
        return x
    if not all(isinstance(v, (int, type(None))) for v in (start, stop)):
        raise NoKind("the bounds depend on the batch size")
    return c.add(Slice(axis, start, stop, step), x, name=name)


def _beyond(stop: Any, size: Any) -> bool:
    return isinstance(stop, int) and isinstance(size, int) and stop >= size


@lowers("flip")
def _flip(c: Call) -> Value:
    value: Value = c["self"]
    for dim in c["dims"]:
        axis = dim % c.rank("self")
        name = c.name if dim == c["dims"][-1] else f"{c.name}_{axis}"
        value = c.add(Slice(axis, None, None, -1), value, name=name)
    return value


@lowers("roll")
def _roll(c: Call) -> Value:
    if not c["dims"]:
        raise NoKind("rolls through all axes at once")
    value: Value = c["self"]
    for shift, dim in zip(c["shifts"], c["dims"], strict=True):
        axis = dim % c.rank("self")
        size = c.type(value).shape[axis]
        if not isinstance(size, int) or not isinstance(shift, int):
            raise NoKind("rolls the batch")
        moved = shift % max(size, 1)
        if moved:
            end = c.add(Slice(axis, size - moved, None), value, name=f"{c.name}_end")
            begin = c.add(Slice(axis, None, size - moved), value, name=f"{c.name}_begin")
            value = c.add(Concat(axis), end, begin)
    return value


@lowers("select.int")
def _select(c: Call) -> Value:
    return _pick(c, c["dim"], c["index"], c.name)


def _pick(c: Call, dim: int, index: int, name: str) -> Value:
    rank = c.rank("self")
    axis = dim % rank
    stop = None if index == -1 else index + 1
    cut = _cut(c, c["self"], axis, index, stop, 1, f"{name}_slice")
    kept = tuple(Axis(a) for a in range(rank) if a != axis)
    return c.add(Reshape(kept), cut, name=name)


@lowers("unbind.int")
def _unbind(c: Call) -> tuple[Value, ...]:
    count = c.type(c["self"]).shape[c["dim"]]
    if not isinstance(count, int):
        raise NoKind("takes the batch apart")
    return tuple(_pick(c, c["dim"], i, f"{c.name}_{i}") for i in range(count))


@lowers("split.Tensor", "split_with_sizes", "split.sizes", "chunk")
def _split(c: Call) -> tuple[Value, ...]:
    size = c.type(c["self"]).shape[c["dim"]]
    if not isinstance(size, int):
        raise NoKind("takes the batch apart")
    if "chunks" in c.args:
        part = -(-size // c["chunks"])
    else:
        part = c.get("split_size", c.get("split_sizes"))
    if isinstance(part, int):
        sizes = [min(part, size - at) for at in range(0, size, max(part, 1))]
    else:
        sizes = list(part)
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(
        _cut(c, c["self"], c["dim"], start, start + length, 1, f"{c.name}_{i}")
        for i, (start, length) in enumerate(zip(starts, sizes, strict=True))
    )


@lowers(
    "pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
    "replication_pad1d", "replication_pad2d", "replication_pad3d",
)  # fmt: skip
def _pad(c: Call) -> Value:
    numbers = list(c.get("pad", c.get("padding")))
    given = [(b, e) for b, e in zip(numbers[::2], numbers[1::2], strict=True)][::-1]
    pads = ((0, 0),) * (c.rank("self") - len(given)) + tuple(given)
    kind = c.overload.split(".")[0]
    modes: dict[str, PadMode] = {"reflection": "reflect", "replication": "replicate"}
    mode: PadMode = modes.get(kind.split("_")[0]) or c.get("mode", "constant")
    return c.add(Pad(pads, mode, float(c.get("value", 0.0) or 0.0)), c["self"])
