"""Operators that ONNX defines by simpler ones: their bodies, with the attributes filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import onnx
from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto

from convariant.errors import GraphError
from convariant.graph.onnx._tensors import ONNX_TYPES

if TYPE_CHECKING:
    from convariant.graph.onnx._call import Call
    from convariant.graph.onnx._load import Model

# a file may nest functions and branches, and unfold to many nodes, but not without end
DEEPEST = 16
MOST_NODES = 100_000


class Body(NamedTuple):
    """The nodes of a function, and the names that its inputs and outputs have inside."""

    inputs: list[str]
    outputs: list[str]
    nodes: list[NodeProto]
    opset: int


def body_of(call: Call) -> Body | None:
    """How ONNX defines this operator by others, None where it does not."""
    if not onnx.defs.has(call.operator, call.version):
        return None
    schema = onnx.defs.get_schema(call.operator, call.version)
    node = NodeProto()
    node.CopyFrom(call.node)
    named = {a.name for a in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in named and attribute.default_value.type:
            node.attribute.append(attribute.default_value)
    function = _function(schema, node, call)
    return None if function is None else _body(function, node, call.version)


def body_in(function: FunctionProto, call: Call) -> Body:
    """The body of a function that the file itself defines."""
    node = NodeProto()
    node.CopyFrom(call.node)
    named = {a.name for a in node.attribute}
    node.attribute.extend(a for a in function.attribute_proto if a.name not in named)
    return _body(function, node, call.version)


def check_unfolded(model: Model) -> None:
    """Refuse, before one is read, functions that call one another for ages in a small file."""
    calls = {key: Counter(_keys(function.node)) for key, function in model.functions.items()}
    sizes = dict.fromkeys(calls, 0)

    def total(counts: Counter[tuple[str, str]]) -> int:
        return sum(n * (1 + sizes.get(key, 0)) for key, n in counts.items())

    for _ in range(DEEPEST):  # one level deeper each time
        sizes = {key: total(counts) for key, counts in calls.items()}
    if total(Counter(_keys(model.graph.node))) > MOST_NODES:
        raise too_many(model.name)


def too_many(name: str) -> GraphError:
    """The answer to a network that has no end in sight."""
    return GraphError(
        f"{name}: its nodes and functions unfold to more than {MOST_NODES} nodes; no network has "
        "as many, so the file is broken"
    )


def _keys(nodes: Iterable[NodeProto]) -> Iterator[tuple[str, str]]:
    """What each node calls, those of branches too."""
    for node in nodes:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _keys(graph.node)


def _body(function: FunctionProto, node: NodeProto, opset: int) -> Body:
    attributes = {a.name: a for a in node.attribute}
    nodes = [_with_attributes(n, attributes) for n in function.node]
    versions = [o.version for o in function.opset_import if o.domain in ("", "ai.onnx")]
    return Body(list(function.input), list(function.output), nodes, max([*versions, 0]) or opset)


def _function(schema: onnx.defs.OpSchema, node: NodeProto, call: Call) -> FunctionProto | None:
    """The newest definition that the operator's version has."""
    versions = schema.function_opset_versions
    if versions:
        return FunctionProto.FromString(schema.get_function_with_opset_version(versions[-1]))
    versions = schema.context_dependent_function_opset_versions
    if not versions:
        return None
    types = [_type(call, i).SerializeToString() for i in range(len(node.input))]
    text = schema.get_context_dependent_function_with_opset_version(
        versions[-1], node.SerializeToString(), types
    )
    return FunctionProto.FromString(text)


def _type(call: Call, index: int) -> TypeProto:
    if not call.has(index):
        return TypeProto()
    type_ = call.type_of(call.input(index))
    return onnx.helper.make_tensor_type_proto(ONNX_TYPES[type_.dtype], type_.sizes)


def _with_attributes(node: NodeProto, attributes: dict[str, AttributeProto]) -> NodeProto:
    """The node with what its attributes refer to; one that refers to nothing is left out."""
    filled = NodeProto()
    filled.CopyFrom(node)
    filled.ClearField("attribute")
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            if attribute.ref_attr_name not in attributes:
                continue
            copy = AttributeProto()
            copy.CopyFrom(attributes[attribute.ref_attr_name])
            copy.name = attribute.name
            attribute = copy
        filled.attribute.append(attribute)
    return filled
