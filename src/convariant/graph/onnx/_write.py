"""From a graph to an ONNX file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import onnx
import torch
from onnx import helper

from convariant import __version__
from convariant.errors import GraphError, StorageError
from convariant.graph._graph import Graph, where
from convariant.graph._rewrite import prune
from convariant.graph._types import Dim, TensorType

# importing these enters their operations into the table
from convariant.graph.onnx import (  # noqa: F401
    _write_layers,
    _write_pointwise,
    _write_resize,
    _write_shape,
    _write_torch,
)
from convariant.graph.onnx._emit import OPSET, WRITERS, Emit, Model, to_numpy
from convariant.graph.onnx._tensors import LARGEST_CONSTANT, ONNX_TYPES

_IR_VERSION = 9  # the first that knows opset 20


def to_proto(graph: Graph) -> onnx.ModelProto:
    """The graph as an ONNX model with all its weights inside."""
    graph = _folded(graph)
    model = Model(graph)
    for node in graph.nodes:
        writer = WRITERS.get(type(node.op))
        if writer is None:
            raise GraphError(
                f"{where(node)}: ONNX has no form for the operation {node.op.kind}; write one with "
                "@writes in convariant.graph.onnx"
            )
        writer(Emit(model, node), node.op)
    outputs = _outputs(model)
    weights = {**graph.constants, **model.weights}
    size = sum(t.numel() * t.element_size() for t in weights.values())
    if size >= LARGEST_CONSTANT:
        raise GraphError(
            f"{graph.name} has {size:,} bytes of weights, but an ONNX file holds "
            f"{LARGEST_CONSTANT:,}; export a part of it"
        )
    proto = helper.make_graph(
        model.nodes,
        graph.name,
        [_declared(name, graph.types[name]) for name in graph.inputs],
        outputs,
        [_tensor(name, tensor) for name, tensor in weights.items()],
        value_info=[
            _declared(o, graph.types[o])
            for node in graph.nodes
            for o in node.outputs
            if o not in graph.outputs
        ],
    )
    return helper.make_model(
        proto,
        producer_name="convariant",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )


@torch.no_grad()
def _folded(graph: Graph) -> Graph:
    """The graph with what follows from weights alone computed, as turned copies of a filter."""
    constants = dict(graph.constants)
    nodes = []
    for node in graph.nodes:
        known = all(name in constants for name in node.inputs)
        if known and not any(
            isinstance(d, Dim) for o in node.outputs for d in graph.types[o].shape
        ):
            results = node.op.run(*(constants[name].detach() for name in node.inputs))
            constants.update(zip(node.outputs, results, strict=True))
        else:
            nodes.append(node)
    if len(nodes) == len(graph.nodes):
        return graph
    return prune(graph.with_nodes(nodes, constants=constants))


def _outputs(model: Model) -> list[onnx.ValueInfoProto]:
    """The outputs; one that is an input, a constant or a repetition is copied under a new name."""
    graph = model.graph
    computed = {o for node in graph.nodes for o in node.outputs}
    declared: list[onnx.ValueInfoProto] = []
    used: set[str] = set()
    for name in graph.outputs:
        output = name
        if name not in computed or name in used:
            output = model.fresh(f"{name}.output")
            model.nodes.append(helper.make_node("Identity", [name], [output], output))
        used.add(output)
        declared.append(_declared(output, graph.types[name]))
    return declared


def _declared(name: str, type_: TensorType) -> onnx.ValueInfoProto:
    """Name, format and shape; an open size is written as N, 2N..."""
    shape = [size if isinstance(size, int) else str(size) for size in type_.shape]
    return helper.make_tensor_value_info(name, ONNX_TYPES[type_.dtype], shape)


def _tensor(name: str, value: torch.Tensor) -> onnx.TensorProto:
    if value.is_meta:
        raise GraphError(
            f"the constant {name!r} has no values (meta device); load the weights first"
        )
    raw = value.detach().cpu().contiguous()
    if raw.dtype == torch.bfloat16:  # NumPy lacks it
        raw = raw.view(torch.uint16)
    return onnx.TensorProto(
        name=name,
        data_type=ONNX_TYPES[value.dtype],
        dims=tuple(value.shape),
        raw_data=to_numpy(raw).tobytes(),
    )


def save(proto: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write the file whole or not at all."""
    goal = Path(path)
    try:
        with tempfile.NamedTemporaryFile(dir=goal.parent, suffix=".onnx", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(proto.SerializeToString())
                file.close()
                temporary.chmod(0o644)
                temporary.replace(goal)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageError(f"cannot write {goal}: {error.strerror or error}") from error
