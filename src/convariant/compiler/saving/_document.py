"""A graph as a JSON document and named tensors, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from convariant.compiler.passes import ChannelNorm, Fused, Strip
from convariant.compiler.saving._codec import Codec
from convariant.errors import CompileError, ModelFileError
from convariant.graph import Graph, Name, Node, Structure, TensorType, ops, verify, where
from convariant.graph._graph import infer_types

__all__ = ["GRAPH", "graph_document", "read_graph"]

# A Torch operation holds a Python callable, which is no data: it is not in the table. Operators of
# PyTorch's own core set have a name instead, see `_encode_op`.
_OPS = [
    *(ops.AdaptivePool, ops.BatchNorm, ops.Cast, ops.Concat, ops.Conv, ops.DepthToSpace),
    *(ops.Elementwise, ops.Expand, ops.Fold, ops.GroupNorm, ops.LayerNorm, ops.Linear),
    *(ops.LocalResponseNorm, ops.MatMul, ops.MaxUnpool, ops.Pad, ops.Permute, ops.Pool),
    *(ops.Reduce, ops.Reshape, ops.Resize, ops.Slice, ops.Softmax, ops.SpaceToDepth),
]
GRAPH = Codec([*_OPS, ChannelNorm, Fused, Strip, TensorType, Name, ops.Slot])

_CONTAINERS = {kind.__name__: kind for kind in (tuple, list, dict, OrderedDict)}


def graph_document(graph: Graph) -> dict[str, Any]:
    """What a graph computes, all but the numbers of its constants.

    Raises:
        CompileError: the graph holds what is no data, such as an operator that PyTorch runs.
    """
    return {
        "name": graph.name,
        "inputs": {name: GRAPH.encode(graph.types[name]) for name in graph.inputs},
        "outputs": list(graph.outputs),
        "nodes": [_node(graph, node) for node in graph.nodes],
        "constants": {name: GRAPH.encode(graph.types[name]) for name in graph.constants},
        "parameters": sorted(graph.parameters),
        "structure": None if graph.structure is None else _structure(graph, graph.structure),
    }


def read_graph(document: Any, constants: Mapping[str, torch.Tensor] | None = None) -> Graph:
    """The graph of a document, verified; without `constants`, those are tensors without data.

    Raises:
        ModelFileError: a document that describes no graph.
    """
    known = {name: _type(data) for name, data in document["constants"].items()}
    if constants is None:
        constants = {
            n: torch.empty(t.sizes, dtype=t.dtype, device="meta") for n, t in known.items()
        }
    held = {name: constants[name] for name in known if name in constants}
    if {name: TensorType.of(tensor) for name, tensor in held.items()} != known:
        raise ModelFileError("its tensors are not those of its network")
    inputs = {name: _type(data) for name, data in document["inputs"].items()}
    nodes = tuple(_read_node(data) for data in document["nodes"])
    structure = document["structure"]
    graph = Graph(
        inputs=tuple(inputs),
        outputs=_names(document["outputs"]),
        nodes=nodes,
        constants=held,
        types=infer_types(tuple(inputs), tuple(inputs.values()), nodes, held),
        parameters=frozenset(_names(document["parameters"])),
        structure=None if structure is None else _read_structure(structure),
        name=_text(document["name"]),
    )
    verify(graph)
    return graph


def _node(graph: Graph, node: Node) -> list[Any]:
    try:
        op = _encode_op(node.op)
    except CompileError as error:
        raise CompileError(
            f"{graph.name} cannot be saved: {where(node)} is run by Python code of "
            "PyTorch's, and a file holds only data; replace that operator in the module"
        ) from error
    return [op, list(node.inputs), list(node.outputs), node.path]


def _read_node(data: Any) -> Node:
    op, inputs, outputs, path = data
    return Node(_decode_op(op), _names(inputs), _names(outputs), _text(path))


def _encode_op(op: ops.Op) -> Any:
    """An operation of the table, or an operator of PyTorch's by its name."""
    if not isinstance(op, ops.Torch) or not _is_core(op.target):
        return GRAPH.encode(op)
    kwargs = {name: GRAPH.encode(value) for name, value in op.kwargs.items()}
    name = str(op.target).removeprefix("aten.")
    return {"operator": name, "args": GRAPH.encode(op.args), "kwargs": kwargs, "why": op.reason}


def _decode_op(data: Any) -> ops.Op:
    if isinstance(data, dict) and data.keys() == {"operator", "args", "kwargs", "why"}:
        packet, overload = _text(data["operator"]).split(".")
        target = getattr(getattr(torch.ops.aten, packet), overload)
        if not _is_core(target):
            raise ModelFileError(f"its network uses {data['operator']}, which no file may")
        kwargs = {name: GRAPH.decode(value) for name, value in data["kwargs"].items()}
        # what types the results have is PyTorch's to say, not the file's
        return ops.Torch(target, GRAPH.decode(data["args"]), kwargs, _text(data["why"]))
    decoded = GRAPH.decode(data)
    if not isinstance(decoded, ops.Op):
        raise ModelFileError(f"its network has {decoded!r} for an operation")
    return decoded


def _is_core(target: Any) -> bool:
    """Whether PyTorch counts an operator among the few that all others can be made of.

    They compute tensors from tensors; none reads files or writes to its arguments.
    """
    return (
        isinstance(target, torch._ops.OpOverload)
        and target.namespace == "aten"
        and torch.Tag.core in target.tags
        and not target._schema.is_mutable
    )


def _structure(graph: Graph, structure: Structure) -> dict[str, Any]:
    try:
        return {
            "call": _tree(structure.call),
            "result": _tree(structure.result),
            "arguments": GRAPH.encode(structure.arguments),
            "results": GRAPH.encode(structure.results),
        }
    except CompileError as error:
        raise CompileError(
            f"{graph.name} cannot be saved: {error} among its arguments or results; "
            "use tensors, numbers, text, tuples, lists and dicts with text for keys"
        ) from error


def _read_structure(data: Any) -> Structure:
    trees = {name: _read_tree(data[name]) for name in ("call", "result")}
    leaves = {name: tuple(GRAPH.decode(data[name])) for name in ("arguments", "results")}
    if any(trees[t].num_leaves != len(leaves[n]) for t, n in zip(trees, leaves, strict=True)):
        raise ModelFileError("its arguments or results are not as many as their names")
    return Structure(trees["call"], trees["result"], leaves["arguments"], leaves["results"])


def _tree(spec: pytree.TreeSpec) -> Any:
    """A tree of containers: None is a leaf, else [kind, keys of a dict, children]."""
    if spec.is_leaf():
        return None
    keys = spec.context
    plain = spec.type in _CONTAINERS.values()
    if not plain or not all(isinstance(key, str) for key in keys or ()):
        raise CompileError(f"a file has no form for the {spec.type.__name__}")
    return [spec.type.__name__, keys, [_tree(child) for child in spec.children()]]


def _read_tree(data: Any) -> pytree.TreeSpec:
    if data is None:
        return pytree.treespec_leaf()
    kind, keys, children = data
    sequence = kind in ("tuple", "list")
    if kind not in _CONTAINERS or (keys is not None if sequence else len(keys) != len(children)):
        raise ModelFileError(f"its results are nested in {kind!r}")
    read = [_read_tree(child) for child in children]
    return pytree.TreeSpec(_CONTAINERS[kind], keys if sequence else list(_names(keys)), read)


def _type(data: Any) -> TensorType:
    decoded = GRAPH.decode(data)
    if not isinstance(decoded, TensorType):
        raise ModelFileError(f"it has {decoded!r} for a type")
    return decoded


def _names(data: Any) -> tuple[str, ...]:
    return tuple(_text(entry) for entry in data)


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise ModelFileError(f"it has {data!r} for a name")
    return data
