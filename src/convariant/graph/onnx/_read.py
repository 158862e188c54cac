"""From an ONNX file to a graph: sizes settled, operators translated, activations recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import onnx
import torch
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph._graph import Graph
from convariant.graph._recognise import recognise
from convariant.graph._types import Dim, Shape, at_batch

# importing these enters their operators into the table
from convariant.graph.onnx import (  # noqa: F401
    _convolution,
    _deformable,
    _indexing,
    _normalisation,
    _pointwise,
    _pooling,
    _quantised,
    _recurrent,
    _reduction,
    _regions,
    _resizing,
    _shaping,
)
from convariant.graph.onnx._batch import LARGE, SMALL, joined
from convariant.graph.onnx._cut import cut
from convariant.graph.onnx._load import Model, Source, load
from convariant.graph.onnx._reader import Reader
from convariant.graph.onnx._tensors import dtype_of

InputShapes: TypeAlias = Mapping[str, Sequence[int]] | Sequence[Sequence[int]] | Sequence[int]


class OpenSizesError(GraphError):
    """Sizes of an input that neither the file nor the caller gives; `example` fills them in."""

    def __init__(self, said: str, name: str, example: Shape) -> None:
        super().__init__(f"{said}; give them: input_shapes={{{name!r}: {example}}}")
        self.said, self.example = said, example


def read(
    source: Source,
    shapes: InputShapes | None,
    fixed: Mapping[str, Tensor],
    outputs: Sequence[str] | None,
) -> Graph:
    """The graph of the file, or of what some of its values need, at these input sizes."""
    model = load(source)
    if outputs is not None:
        model = cut(model, outputs)
    inputs = [v for v in model.graph.input if v.name not in model.weights]
    held = _fixed_values(model, inputs, fixed)
    inputs = [v for v in inputs if v.name not in held]
    return _at(model, inputs, _given(model, inputs, shapes), held)


def declared_shapes(
    source: Source, outputs: Sequence[str] | None = None
) -> list[tuple[int | None, ...]]:
    """The shape that a file declares for each input; None where it leaves a size open."""
    model = load(source)
    if outputs is not None:
        model = cut(model, outputs)
    inputs = (v for v in model.graph.input if v.name not in model.weights)
    return [tuple(d.dim_value or None for d in v.type.tensor_type.shape.dim) for v in inputs]


def _at(
    model: Model,
    inputs: list[onnx.ValueInfoProto],
    given: Mapping[str, Sequence[int | Dim]],
    held: Mapping[str, Tensor],
) -> Graph:
    shapes = _settled(model, inputs, given)

    def at(batch: int) -> Graph:
        sizes = {name: at_batch(shape, batch) for name, shape in shapes.items()}
        return recognise(Reader(model, sizes, held, batch).read())

    if any(isinstance(size, Dim) for shape in shapes.values() for size in shape):
        # a size that is as many times the one batch as it is the other follows the batch
        graph = joined(at(SMALL), at(LARGE), shapes)
    else:
        graph = at(0)

    def again(*others: Shape) -> Graph:
        names = (value.name for value in inputs)
        return _at(model, inputs, dict(zip(names, others, strict=True)), held)

    return replace(graph, capture=again)


def _given(
    model: Model, inputs: list[onnx.ValueInfoProto], shapes: InputShapes | None
) -> dict[str, tuple[int, ...]]:
    """The shapes that the caller gives, by input name."""
    names = [value.name for value in inputs]
    if shapes is None:
        return {}
    if isinstance(shapes, Mapping):
        strangers = [name for name in shapes if name not in names]
        if strangers:
            raise GraphError(
                f"{model.name} has no input {strangers[0]!r} to give a shape; its inputs are "
                f"{', '.join(names)}"
            )
        return {name: _sizes(shape) for name, shape in shapes.items()}
    whole = [s for s in shapes if isinstance(s, int)]  # sizes, so one shape for one input
    listed = [whole] if len(whole) == len(shapes) else [s for s in shapes if not isinstance(s, int)]
    if len(listed) != len(names):
        raise GraphError(
            f"{model.name} has {len(names)} inputs ({', '.join(names)}), but {len(listed)} shapes "
            "are given; give one for each, or a dict by name"
        )
    return {name: _sizes(shape) for name, shape in zip(names, listed, strict=True)}


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise GraphError(f"input shape {tuple(shape)} is not made of sizes; write (1, 3, 224, 224)")
    return tuple(shape)


def _settled(
    model: Model,
    inputs: list[onnx.ValueInfoProto],
    given: Mapping[str, Sequence[int | Dim]],
) -> dict[str, Shape]:
    """A shape for each input: the given one, else the declared one with known names filled in.

    What remains open may only be the first axis: then the graph is for any batch.
    """
    known: dict[str, int | Dim] = {}
    for value in inputs:
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, given.get(value.name, ()), strict=False):
            known.setdefault(dim.dim_param, size)
    known.pop("", None)
    return {
        v.name: tuple(given[v.name]) if v.name in given else _declared(model, v, known)
        for v in inputs
    }


def _declared(model: Model, value: onnx.ValueInfoProto, known: Mapping[str, int | Dim]) -> Shape:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        said = f"{model.name} does not declare the shape of its input {value.name!r}"
        raise OpenSizesError(said, value.name, (1, 3, 224, 224))
    dims = tensor.shape.dim
    sizes = [d.dim_value if d.dim_value > 0 else known.get(d.dim_param) for d in dims]
    if any(size is None for size in sizes[1:]):
        shown = [str(s or d.dim_param or "?") for s, d in zip(sizes, dims, strict=True)]
        example = tuple(s or (224 if axis > 1 else 1) for axis, s in enumerate(sizes))
        said = f"{model.name} leaves sizes of its input {value.name!r} open, ({', '.join(shown)})"
        raise OpenSizesError(said, value.name, example)
    return tuple(Dim() if size is None else size for size in sizes)


def _fixed_values(
    model: Model, inputs: list[onnx.ValueInfoProto], fixed: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The inputs that the caller gives now, once and for all, in the declared number format."""
    declared = {v.name: v.type.tensor_type.elem_type for v in inputs}
    held = {}
    for name, value in fixed.items():
        if name not in declared:
            raise GraphError(
                f"{model.name} has no input {name!r} to fix; its inputs are {', '.join(declared)}"
            )
        held[name] = torch.as_tensor(value).to(dtype_of(declared[name], f"input {name!r}"))
    return held
