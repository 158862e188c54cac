"""Running a graph with PyTorch, node by node: the truth for every pass and kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import torch
from torch import Tensor

from convariant.errors import GraphError, ShapeError
from convariant.graph._graph import Graph, where
from convariant.graph._types import Dim, TensorType


def interpret(
    graph: Graph, *inputs: Tensor, dtype: torch.dtype | None = None
) -> tuple[Tensor, ...]:
    """The outputs for these inputs, in the order of `graph.outputs`.

    `dtype` computes in another floating-point format: torch.float64 is the truth that float32
    programs are measured against.

    Raises ShapeError for inputs that are not those of the graph.

    >>> import torch
    >>> from convariant.graph import GraphBuilder, TensorType
    >>> from convariant.graph.ops import Elementwise
    >>> b = GraphBuilder()
    >>> x = b.input("x", TensorType((3,)))
    >>> graph = b.build([b.add(Elementwise("relu"), x)])
    >>> interpret(graph, torch.tensor([-1.0, 0.0, 2.0]))
    (tensor([0., 0., 2.]),)
    """
    results = {
        name: value
        for name, value in run_values(graph, *inputs, dtype=dtype, keep=graph.outputs)
        if name in graph.outputs
    }
    return tuple(results[name] for name in graph.outputs)


def interpret_all(
    graph: Graph, *inputs: Tensor, dtype: torch.dtype | None = None
) -> dict[str, Tensor]:
    """Every value that the inputs lead to, by name."""
    keep = tuple(graph.types)
    return {
        name: value
        for name, value in run_values(graph, *inputs, dtype=dtype, keep=keep)
        if name not in graph.constants
    }


@torch.no_grad()
def run_values(
    graph: Graph, *inputs: Tensor, dtype: torch.dtype | None, keep: tuple[str, ...]
) -> Iterator[tuple[str, Tensor]]:
    """Inputs, constant outputs and computed values as they come; freed after their last reader."""
    graph = at_inputs(graph, inputs)
    values = {name: _cast(value, dtype) for name, value in zip(graph.inputs, inputs, strict=True)}
    readers = Counter(name for node in graph.nodes for name in set(node.inputs))
    yield from values.items()
    for name in graph.outputs:
        if name in graph.constants:
            yield name, _cast(graph.constants[name].detach(), dtype)
    for node in graph.nodes:
        arguments = [
            values[name] if name in values else _cast(graph.constants[name].detach(), dtype)
            for name in node.inputs
        ]
        try:
            results = tuple(_cast(r, dtype) for r in node.op.run(*arguments))
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            shapes = ", ".join(str(TensorType.of(a)) for a in arguments)
            raise GraphError(f"{where(node)} failed on ({shapes}): {error}") from error
        for name in set(node.inputs):
            readers[name] -= 1
            if not readers[name] and name not in keep:
                values.pop(name, None)
        for name, value in zip(node.outputs, results, strict=True):
            yield name, value
            if readers[name] or name in keep:
                values[name] = value


def at_inputs(graph: Graph, inputs: tuple[Tensor, ...]) -> Graph:
    """The graph at the batch size of these tensors; raises ShapeError where they do not fit it."""
    return at_shapes(graph, tuple(tuple(tensor.shape) for tensor in inputs))


def at_shapes(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> Graph:
    """The graph at the batch size of inputs of these shapes; ShapeError where they do not fit."""
    if len(shapes) != len(graph.inputs):
        raise ShapeError(
            f"{graph.name} takes {len(graph.inputs)} inputs ({', '.join(graph.inputs)}), but got "
            f"{len(shapes)}; give one tensor for each"
        )
    batches = set()
    for name, shape in zip(graph.inputs, shapes, strict=True):
        type_ = graph.types[name]
        pairs = list(zip(shape, type_.shape, strict=False))
        batches |= {Fraction(s, e.factor) for s, e in pairs if isinstance(e, Dim)}
        fits = len(shape) == type_.rank and all(s == e or isinstance(e, Dim) for s, e in pairs)
        if not fits:
            raise ShapeError(
                f"{graph.name}: input {name!r} has shape {shape}, but the graph was captured for "
                f"{type_}; capture it again, or use graph.with_inputs({shape})"
            )
    if not batches:
        return graph
    if len(batches) > 1 or min(batches).denominator > 1:
        shown = ", ".join(map(str, shapes))
        raise ShapeError(
            f"{graph.name}: inputs of shapes {shown} have different batches; give all the same"
        )
    return graph.at_batch(int(min(batches)))


def _cast(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value.to(dtype) if dtype is not None and value.is_floating_point() else value
