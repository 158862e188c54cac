"""Which other input shapes a saved network takes.

A file has no Python code of the model's, and what that code worked out from the shape of an input
(`interpolate(y, size=x.shape[-2:])`, `x / x.shape[-1]`) is a number in it. So when a program is
saved, its network is captured once more for other shapes: where that gives the same operations and
constants, they hold for other shapes too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, cast, get_args

import torch

from convariant.compiler.saving._document import graph_document
from convariant.errors import ConvariantError, GraphError, ModelFileError, ShapeError
from convariant.graph import Dim, Graph
from convariant.graph._interpret import at_shapes

__all__ = ["Free", "bound_to", "free_sizes", "graph_at", "read_free"]

# What may change between the inputs of a saved program: batch and all axes behind the channels,
# the batch alone, or nothing.
Free: TypeAlias = Literal["batch and sizes", "batch", "nothing"]
_Shapes: TypeAlias = tuple[tuple[int, ...], ...]


def graph_at(graph: Graph, shapes: _Shapes) -> Graph:
    """The network as it is for inputs of these shapes; a batch that is open stays so."""
    try:
        at_shapes(graph, shapes)
    except ShapeError:
        return graph.with_inputs(*shapes)
    return graph


def free_sizes(graph: Graph, shapes: _Shapes) -> Free:
    """What may change, as far as captures with one image more, at other sizes, tell.

    Twice the size shows most of what depends on it; where a network takes only some sizes (a U-Net
    that crops), 64 more is one.
    """
    sizes: list[Callable[[int], int]] = [lambda size: 2 * size, lambda size: size + 64]
    for grown in sizes:
        if _holds_for(graph, tuple(_grown(shape, grown) for shape in shapes)):
            return "batch and sizes"
    unchanged = tuple(_grown(shape, lambda size: size) for shape in shapes)
    return "batch" if _holds_for(graph, unchanged) else "nothing"


def _grown(shape: tuple[int, ...], size: Callable[[int], int]) -> tuple[int, ...]:
    """With one image more, and other sizes behind the channels."""
    return tuple(s + 1 if axis == 0 else size(s) if axis > 1 else s for axis, s in enumerate(shape))


def bound_to(graph: Graph, shapes: _Shapes, free: Free) -> Graph:
    """The graph, which refuses inputs whose shapes differ from these in more than is free."""

    def again(*others: tuple[int, ...]) -> Graph:
        for known, other in zip(shapes, others, strict=True):
            axes = [axis for axis in range(len(known)) if not _is_free(axis, free)]
            if len(other) != len(known) or any(other[axis] != known[axis] for axis in axes):
                raise GraphError(
                    f"as a file it is for {' and '.join(map(str, shapes))}, of which "
                    f"{free} may change; save a program that was compiled for the other shape"
                )
        return replace(_inferred(graph, others), capture=again)

    return replace(graph, capture=again)


def read_free(data: object) -> Free:
    """What a file says of it."""
    for kind in get_args(Free):
        if data == kind:
            return cast(Free, kind)
    raise ModelFileError(f"of its inputs {data!r} may change")


def _is_free(axis: int, free: Free) -> bool:
    return {"batch and sizes": axis != 1, "batch": axis == 0, "nothing": False}[free]


def _holds_for(graph: Graph, shapes: _Shapes) -> bool:
    """Whether the network is the same for these shapes."""
    try:
        kept = _inferred(graph, shapes)
        return graph.capture is None or _are_alike(graph.capture(*shapes), kept)
    except ConvariantError:
        return False


def _inferred(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> Graph:
    """The same operations on inputs of other shapes."""
    plain = replace(graph, capture=None)
    pairs = [zip(t.shape, s, strict=True) for t, s in zip(graph.input_types, shapes, strict=True)]
    batches = {size / dim.factor for pair in pairs for dim, size in pair if isinstance(dim, Dim)}
    if not batches:
        return plain.with_inputs(*shapes)
    if len(batches) > 1 or not min(batches).is_integer():
        raise GraphError(f"its inputs have different batches: {' and '.join(map(str, shapes))}")
    return plain.at_batch(int(min(batches))).with_inputs(*shapes)


def _are_alike(one: Graph, other: Graph) -> bool:
    """Whether two graphs compute the same from the same."""
    return (
        graph_document(one) == graph_document(other)
        and dict(one.types) == dict(other.types)
        and all(
            tensor is other.constants[name] or torch.equal(tensor, other.constants[name])
            for name, tensor in one.constants.items()
        )
    )
