"""From what `compile` is given to a graph whose sizes are known."""

from __future__ import annotations

import os
from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram

from convariant.compiler._inputs import check_constants, example_shapes
from convariant.errors import CompileError
from convariant.graph import Graph, from_exported, from_torch

__all__ = ["capture"]


def capture(
    model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Graph, tuple[tuple[int, ...], ...]]:
    """The graph of a network, and the shapes of its flat inputs in that call (none without one).

    Raises:
        CompileError: no network, or one of which no sizes are known.
        GraphError: a network that cannot be captured.
    """
    graph = _graph(model, args, kwargs)
    check_constants(graph)
    shapes = example_shapes(graph, args, kwargs)
    if not shapes:
        _check_sizes(graph)
    return graph, shapes


def _graph(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
    if isinstance(model, Graph):
        return model
    if isinstance(model, nn.Module):
        if not args and not kwargs:
            raise CompileError(
                f"compile({type(model).__name__}) needs example inputs to follow the model; "
                "give tensors of the shapes it will be called with"
            )
        return from_torch(model, kwargs or args, frozen=True)
    if isinstance(model, ExportedProgram):
        return from_exported(model, frozen=True)
    if not isinstance(model, (str, os.PathLike)):
        raise CompileError(
            f"compile takes a torch.nn.Module, what torch.export made of one, a Graph or the path "
            f"of an ONNX file, but got {type(model).__name__}; make a function a module's forward"
        )
    return _from_file(model, args, kwargs)


def _from_file(
    path: str | os.PathLike[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Graph:
    """The graph of an ONNX file; sizes that it leaves open, but for the batch, as in the call."""
    from convariant.graph.onnx import from_onnx
    from convariant.graph.onnx._read import OpenSizesError

    try:
        return from_onnx(path)
    except OpenSizesError as error:
        if kwargs and all(isinstance(value, Tensor) for value in kwargs.values()):
            return from_onnx(path, {name: tuple(value.shape) for name, value in kwargs.items()})
        if args and all(isinstance(value, Tensor) for value in args):
            return from_onnx(path, [tuple(value.shape) for value in args])
        raise CompileError(
            f"{error.said}; give inputs of the sizes to compile for, such as "
            f"example_inputs=torch.zeros{error.example}"
        ) from error


def _check_sizes(graph: Graph) -> None:
    """Raise CompileError where the batch is still open: a program is for numbers."""
    types = dict(zip(graph.inputs, graph.input_types, strict=True))
    if all(isinstance(size, int) for type_ in types.values() for size in type_.shape):
        return
    shown = ", ".join(f"{name}: {type_}" for name, type_ in types.items())
    zeros = [f"torch.zeros({', '.join(map(str, t.at(1).sizes))})" for t in types.values()]
    example = zeros[0] if len(zeros) == 1 else f"({', '.join(zeros)})"
    raise CompileError(
        f"{graph.name} leaves the batch N of its inputs open ({shown}); give inputs of the sizes "
        f"to compile for, such as example_inputs={example}"
    )
