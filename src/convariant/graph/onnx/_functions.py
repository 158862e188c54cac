"""Operators that ONNX defines by simpler ones: their bodies, with the attributes filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import onnx
from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto

from convariant.graph.onnx._tensors import ONNX_TYPES

if TYPE_CHECKING:
    from convariant.graph.onnx._call import Call


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
