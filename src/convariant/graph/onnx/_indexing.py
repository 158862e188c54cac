"""Elements chosen by index: gathered, scattered, sampled."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.onnx._shaping import sliced
from convariant.graph.ops import Axis, Reshape, Slot


@lowers("Gather")
def gather(call: Call) -> str:
    x, axis = call.input(0), call.integer("axis", 0) % max(call.rank(), 1)
    size = call.shape()[axis]
    if call.input(1) in call.reader.builder.constants:
        index = call.constant(1, "the index")
        if index.numel() and not -size <= int(index.min()) <= int(index.max()) < size:
            raise GraphError(f"index {index.tolist()} is out of bounds for axis {axis} of {size}")
        if not index.dim():  # one position: a slice without its axis
            start = int(index) % size
            part = sliced(call, x, axis, start, start + 1)
            kept = tuple(Axis(a) for a in range(call.rank()) if a != axis)
            return call.add(Reshape(kept), part)
    return call.add_torch(take, (Slot(0), Slot(1), axis), x, call.input(1))


def take(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """Elements of one axis, in the shape of the index; a negative index counts from the end."""
    index = _counted_from_front(index, x.shape[axis])
    return (
        x.index_select(axis, index.flatten()).unflatten(axis, index.shape)
        if index.dim()
        else (x.index_select(axis, index.flatten()).squeeze(axis))
    )


def _counted_from_front(index: Tensor, size: int) -> Tensor:
    return torch.where(index < 0, index + size, index).to(torch.int64)


@lowers("GatherElements")
def gather_elements(call: Call) -> str:
    args = (Slot(0), Slot(1), call.integer("axis", 0))
    return call.add_torch(take_along, args, *call.inputs())


def take_along(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """One element of the axis for each index, at the index's own place on the other axes."""
    return x.gather(axis, _counted_from_front(index, x.shape[axis]))


@lowers("GatherND")
def gather_nd(call: Call) -> str:
    args = (Slot(0), Slot(1), call.integer("batch_dims", 0))
    return call.add_torch(take_points, args, *call.inputs())


def take_points(x: Tensor, index: Tensor, batch_axes: int) -> Tensor:
    """What stands at each point; the last axis of the index has the coordinates."""
    lead = x.shape[:batch_axes]
    flat = x.reshape(-1, *x.shape[batch_axes:])
    points = index.reshape(flat.shape[0], -1, index.shape[-1])
    parts = [f[_coordinates(p, f.shape)] for f, p in zip(flat, points, strict=True)]
    rest = x.shape[batch_axes + index.shape[-1] :]
    return torch.stack(parts).reshape(*lead, *index.shape[batch_axes:-1], *rest)


def _coordinates(points: Tensor, shape: torch.Size) -> tuple[Tensor, ...]:
    columns = points.unbind(-1)
    return tuple(_counted_from_front(c, s) for c, s in zip(columns, shape, strict=False))


_REDUCTIONS = {"none": None, "add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@lowers("ScatterElements", "Scatter")
def scatter_elements(call: Call) -> str:
    reduction = _REDUCTIONS[call.choice("reduction", "none", tuple(_REDUCTIONS))]
    args = (Slot(0), Slot(1), Slot(2), call.integer("axis", 0), reduction)
    return call.add_torch(put_along, args, *call.inputs())


def put_along(x: Tensor, index: Tensor, source: Tensor, axis: int, reduction: str | None) -> Tensor:
    """X with `source` put, or joined by a reduction, where the index says along the axis."""
    index = _counted_from_front(index, x.shape[axis])
    if reduction is None:
        return x.scatter(axis, index, source)
    return x.scatter_reduce(axis, index, source, reduction)


@lowers("ScatterND")
def scatter_nd(call: Call) -> str:
    reduction = _REDUCTIONS[call.choice("reduction", "none", tuple(_REDUCTIONS))]
    return call.add_torch(put_points, (Slot(0), Slot(1), Slot(2), reduction), *call.inputs())


def put_points(x: Tensor, index: Tensor, source: Tensor, reduction: str | None) -> Tensor:
    """X with a part of `source` put, or joined by a reduction, at each point."""
    depth = index.shape[-1]
    flat = x.flatten(0, depth - 1)
    place = torch.zeros_like(index[..., 0])
    for axis, column in enumerate(_coordinates(index, x.shape)):
        place = place * x.shape[axis] + column
    parts = source.reshape(-1, *x.shape[depth:])
    if reduction is None:
        return flat.index_copy(0, place.flatten(), parts).reshape(x.shape)
    rows = place.reshape(-1, *(1,) * (parts.dim() - 1)).expand_as(parts)
    return flat.scatter_reduce(0, rows, parts, reduction).reshape(x.shape)


@lowers("OneHot")
def one_hot(call: Call) -> str:
    depth = int(call.constant_number(1, "the depth"))
    axis = call.integer("axis", -1)
    return call.add_torch(hot_places, (Slot(0), Slot(1), depth, axis), call.input(0), call.input(2))


def hot_places(index: Tensor, values: Tensor, depth: int, axis: int) -> Tensor:
    """`values[1]` where a new axis meets the index, `values[0]` elsewhere."""
    axis = axis % (index.dim() + 1)
    places = torch.arange(depth, device=index.device).reshape(-1, *(1,) * (index.dim() - axis))
    hit = _counted_from_front(index, depth).unsqueeze(axis) == places
    return torch.where(hit, values[1], values[0])


@lowers("Trilu")
def triangle(call: Call) -> str:
    offset = int(call.constant_number(1, "k") or 0)
    function = torch.triu if call.integer("upper", 1) else torch.tril
    return call.add_torch(function, (Slot(0), offset), call.input(0))


@lowers("NonZero", "Compress", "Unique")
def known_selection(call: Call) -> str:
    """How many elements come out depends on the values, so they must be known."""
    x = call.selecting(0)
    if call.operator == "NonZero":
        return call.new_constant(torch.nonzero(x).T.contiguous(), torch.int64)
    raise GraphError(f"the operator is not computed here; {call.up_to_here()}")


@lowers("Einsum")
def einsum(call: Call) -> str:
    equation = call.attributes.get("equation", b"").decode()
    slots = [Slot(i) for i in range(len(call.node.input))]
    return call.add_torch(torch.einsum, (equation, *slots), *call.inputs())


@lowers("GridSample")
def grid_sample(call: Call) -> str:
    modes = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest", "cubic": "bicubic"}
    modes["bicubic"] = "bicubic"
    args = (
        Slot(0),
        Slot(1),
        modes[call.choice("mode", "linear", tuple(modes))],
        call.choice("padding_mode", "zeros", ("zeros", "border", "reflection")),
        bool(call.integer("align_corners", 0)),
    )
    return call.add_torch(F.grid_sample, args, *call.inputs())


@lowers("If")
def branch(call: Call) -> tuple[str, ...]:
    """The branch that the condition takes, which must be known."""
    chosen = call.constant_number(0, "the condition")
    graph = call.attributes["then_branch" if chosen else "else_branch"]
    with call.reader.scope(call.reader.names):
        call.reader.lower(graph.node)
        return tuple(call.reader.value(o.name) for o in graph.output)
