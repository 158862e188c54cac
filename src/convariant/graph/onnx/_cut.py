"""The part of an ONNX graph that some of its values need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import onnx

from convariant.errors import GraphError
from convariant.graph.onnx._load import Model


def cut(model: Model, outputs: Sequence[str]) -> Model:
    """The model up to these values; inputs that none of them needs are left out."""
    graph = model.graph
    inputs = {value.name for value in graph.input}
    known = inputs.union(model.weights, *(node.output for node in graph.node)) - {""}
    strangers = [name for name in outputs if name not in known]
    if strangers or not outputs:
        ends = ", ".join(value.name for value in graph.output)
        asked = f"no value {strangers[0]!r}" if strangers else "to end somewhere"
        raise GraphError(
            f"{model.name} has {asked}; its own outputs are {ends}, and every name that a node "
            "writes can be given"
        )
    needed, nodes = set(outputs), []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(_reads(node))
    part = onnx.GraphProto(name=graph.name)
    part.node.extend(reversed(nodes))
    part.input.extend(value for value in graph.input if value.name in needed)
    part.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return replace(model, graph=part)


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, by its inputs and within its branches."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (value.name for value in graph.output)
