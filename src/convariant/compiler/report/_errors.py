"""The error that each step of a program adds, beside that of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from convariant.compiler._instance import Instance
from convariant.graph import Graph, Node, interpret

__all__ = ["node_errors", "whole_error"]


def whole_error(instance: Instance, graph: Graph, inputs: Mapping[str, Tensor]) -> float:
    """The largest of all outputs, from the inputs of the network on."""
    truths = interpret(graph, *inputs.values(), dtype=torch.float64)
    pairs = zip(instance.run(inputs), truths, strict=True)
    return max((_relative(*p) for p in pairs if p[0].is_floating_point()), default=0.0)


@torch.no_grad()
def node_errors(instance: Instance, graph: Graph, inputs: Mapping[str, Tensor]) -> dict[str, float]:
    """For each node with steps the error from its own inputs on, as they are in the program.

    `graph` is that of the instance's plan, with the numbers of its constants.
    """
    ends = {s.node.name: i for i, s in enumerate(instance.plan.steps) if s.node is not None}
    reads = Counter(name for node in graph.nodes for name in node.inputs)
    walk, values, errors = enumerate(instance.walk(inputs)), {}, {}
    known = {name: inputs[name] for name in graph.inputs}
    for name in graph.inputs:
        values[name] = instance.read(name, known)
    for node in graph.nodes:
        if node.name in ends:
            tensors = next(tensors for i, (_, tensors) in walk if i == ends[node.name])
            values.update({name: instance.read(name, tensors) for name in node.outputs})
            errors[node.name] = _node_error(graph, node, values)
        else:
            # a view of its input: moving numbers is exact
            results = node.op.run(*_arguments(graph, node, values))
            values.update(zip(node.outputs, results, strict=True))
        for name in node.inputs:
            reads[name] -= 1
            if not reads[name]:
                values.pop(name, None)
    for _ in walk:
        pass  # steps that only bring results to where the caller wants them
    return errors


def _node_error(graph: Graph, node: Node, values: Mapping[str, Tensor]) -> float:
    arguments = [_doubled(value) for value in _arguments(graph, node, values)]
    pairs = zip(node.outputs, node.op.run(*arguments), strict=True)
    return max(_relative(values[name], truth) for name, truth in pairs)


def _arguments(graph: Graph, node: Node, values: Mapping[str, Tensor]) -> list[Tensor]:
    return [
        values[name] if name in values else graph.constants[name].detach() for name in node.inputs
    ]


def _doubled(value: Tensor) -> Tensor:
    return value.double() if value.is_floating_point() else value


def _relative(result: Tensor, truth: Tensor) -> float:
    if not result.is_floating_point() or not result.numel():
        return 0.0
    largest = truth.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return float((result - truth).abs().max() / largest)
