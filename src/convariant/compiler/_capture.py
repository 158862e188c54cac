"""From what `compile` is given to a graph whose sizes are known."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from convariant.compiler._inputs import check_constants, example_shapes
from convariant.compiler.passes import Fused, Strip
from convariant.compiler.plan import Call, Plan
from convariant.errors import CompileError
from convariant.graph import Graph, Node, from_exported, from_torch, ops

__all__ = ["capture", "own_precision", "warn_of_formats"]

# Operations that take most of a network's time, all of which have kernels in float32.
_HEAVY = (ops.AdaptivePool, ops.Conv, ops.Linear, ops.MatMul, ops.Pool)


def own_precision(graph: Graph | None = None) -> contextlib.AbstractContextManager[Any]:
    """Without the caller's torch.autocast: a network says itself in which format it computes.

    A graph that mixes formats may have been captured within autocast, and then needs it to run.
    """
    if not torch.is_autocast_enabled("cpu"):
        return contextlib.nullcontext()
    types = graph.types.values() if graph is not None else ()
    if any(t.dtype.is_floating_point and t.dtype != torch.float32 for t in types):
        return contextlib.nullcontext()
    return torch.autocast("cpu", enabled=False)


def capture(
    model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Graph, tuple[tuple[int, ...], ...]]:
    """The graph of a network, and the shapes of its flat inputs in that call (none without one).

    Raises:
        CompileError: no network, or one of which no sizes are known.
        GraphError: a network that cannot be captured.
    """
    with own_precision():
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


def warn_of_formats(plan: Plan, *, stacklevel: int) -> None:
    """Warn where PyTorch runs all convolutions, linear layers and pools for their number format."""
    heavy, formats = 0, set()
    for step in plan.steps:
        if step.node is None or not _is_heavy(step.node):
            continue
        if not isinstance(step, Call):
            return
        types = [plan.graph.types[name] for name in (*step.node.inputs, *step.node.outputs)]
        formats |= {t.dtype for t in types if t.dtype.is_floating_point} - {torch.float32}
        heavy += 1
    if formats:
        shown = " and ".join(sorted(map(str, formats)))
        warnings.warn(
            f"{plan.graph.name} computes in {shown}, for which there are no kernels: PyTorch runs "
            f"all its convolutions, linear layers and pools ({heavy}), none faster than before. "
            "Compile model.float(), and call it with x.float()",
            stacklevel=stacklevel + 1,
        )


def _is_heavy(node: Node) -> bool:
    stages: Sequence[ops.Op] = node.op.stages if isinstance(node.op, Strip) else (node.op,)
    return any(isinstance(op.op if isinstance(op, Fused) else op, _HEAVY) for op in stages)
