"""A graph for any batch, from the same network read at two batch sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch

from convariant.errors import GraphError
from convariant.graph._graph import Graph, Node, infer_types
from convariant.graph._types import Dim, Shape
from convariant.graph.ops import Elementwise, Op

# two sizes of which hardly anything else in a network is a multiple
SMALL, LARGE = 101, 103
_FIX = "give input_shapes with a batch size"

# functions that decide by size -> the least number that a batch may be above or below
_DECIDING = {
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), 1),
    **dict.fromkeys(("maximum", "minimum"), 2),
}
_REMAINDERS = ("remainder", "fmod")


def check_undecided(op: Op, values: Sequence[torch.Tensor], batch: int) -> None:
    """Raise GraphError where arithmetic on sizes would come out otherwise for another batch.

    Comparing the batch with a number above 0, the larger or smaller of both, and its remainder are
    decisions, of which two sample sizes show one side only.
    """
    function = op.function if isinstance(op, Elementwise) else ""
    if function not in _DECIDING and function not in _REMAINDERS:
        return
    if any(v.dtype not in (torch.int64, torch.int32) for v in values):
        return
    left, right = torch.broadcast_tensors(*values)
    open_left, open_right = ((v > 0) & (v % batch == 0) for v in (left, right))
    if function in _REMAINDERS:
        decided = open_left
    else:
        least = _DECIDING[function]
        decided = (open_left & (right >= least)) ^ (open_right & (left >= least))
    if decided.any():
        raise GraphError(f"what {function} gives here depends on the batch; {_FIX}")


def joined(small: Graph, large: Graph, shapes: Mapping[str, Shape]) -> Graph:
    """One graph from those at the two batches; numbers that follow the batch become open.

    Raises GraphError where the batch decides more than sizes.
    """
    if [n.outputs for n in small.nodes] != [n.outputs for n in large.nodes]:
        raise GraphError(f"{small.name} has other nodes for other batch sizes; {_FIX}")
    for name, constant in small.constants.items():
        other = large.constants[name]
        if constant is not other and not _equal(constant, other):
            raise GraphError(f"{small.name}: the constant {name!r} depends on the batch; {_FIX}")
    nodes = [_joined_node(a, b) for a, b in zip(small.nodes, large.nodes, strict=True)]
    given = [small.types[i].with_shape(shapes[i]) for i in small.inputs]
    types = infer_types(small.inputs, given, nodes, small.constants)
    return replace(small, nodes=tuple(nodes), types=types)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)


def _joined_node(small: Node, large: Node) -> Node:
    try:
        return replace(small, op=_joined_value(small.op, large.op))
    except ValueError as error:
        raise GraphError(
            f"{small.path or small.name} ({small.op.kind} {small.op.text()}): {error}; {_FIX}"
        ) from error


def _joined_value(a: Any, b: Any) -> Any:
    """The same value, or an open size where both are the same multiple of their batch."""
    if type(a) is not type(b):
        raise ValueError(f"{a} at batch {SMALL} is {b} at batch {LARGE}")
    if is_dataclass(a) and not isinstance(a, type):
        changes = {f.name: _joined_value(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)}
        differ = {name: v for name, v in changes.items() if v is not getattr(a, name)}
        return replace(a, **differ) if differ else a
    if isinstance(a, tuple) and len(a) == len(b):
        parts = tuple(_joined_value(x, y) for x, y in zip(a, b, strict=True))
        return a if all(p is x for p, x in zip(parts, a, strict=True)) else parts
    if a == b:
        return a
    if isinstance(a, int) and a * LARGE == b * SMALL:
        return Dim(a // SMALL)
    raise ValueError(f"{a} at batch {SMALL} is {b} at batch {LARGE}")
