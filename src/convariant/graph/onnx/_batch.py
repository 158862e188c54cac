"""A graph for any batch, from the same network read at two batch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch

from convariant.errors import GraphError
from convariant.graph._graph import Graph, Node, infer_types
from convariant.graph._types import Dim, Shape

_SMALL, _LARGE = 5, 7
_FIX = "give input_shapes with a batch size"


def joined(small: Graph, large: Graph, shapes: Mapping[str, Shape]) -> Graph:
    """One graph from those at batch 5 and 7; numbers that follow the batch become open.

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
        raise ValueError(f"{a} at batch {_SMALL} is {b} at batch {_LARGE}")
    if is_dataclass(a) and not isinstance(a, type):
        changes = {f.name: _joined_value(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)}
        differ = {name: v for name, v in changes.items() if v is not getattr(a, name)}
        return replace(a, **differ) if differ else a
    if isinstance(a, tuple) and len(a) == len(b):
        parts = tuple(_joined_value(x, y) for x, y in zip(a, b, strict=True))
        return a if all(p is x for p, x in zip(parts, a, strict=True)) else parts
    if a == b:
        return a
    if isinstance(a, int) and a * _LARGE == b * _SMALL:
        return Dim(a // _SMALL)
    raise ValueError(f"{a} at batch {_SMALL} is {b} at batch {_LARGE}")
