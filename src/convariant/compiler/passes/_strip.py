"""Pointwise convolutions join the depthwise or pointwise one they read: computed in strips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from convariant.compiler.passes._fused import Fused
from convariant.graph import Graph, Node, TensorType, prune
from convariant.graph.ops import Conv, Cost, Op

__all__ = ["Strip", "join_strips"]

# Bytes of a result that outgrow a second-level cache together with what else is there.
_LARGE = 512 * 1024
# Bytes of pointwise weights that are worth reading again for every strip.
_LIGHT = 600 * 1024


@dataclass(frozen=True)
class Strip(Op):
    """Each of `stages` on what the one before gives; inputs: x, then for each stage those of its
    own, `own` many.
    """

    stages: tuple[Op, ...]
    own: tuple[int, ...]

    def split(self, inputs: tuple[Any, ...]) -> Iterator[tuple[Op, tuple[Any, ...]]]:
        """Every stage with its own inputs, without what the one before gives."""
        start = 1
        for op, own in zip(self.stages, self.own, strict=True):
            yield op, inputs[start : start + own]
            start += own

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The type behind the last stage."""
        value = inputs[0]
        for op, own in self.split(inputs):
            (value,) = op.infer(value, *own)
        return (value,)

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One after the other."""
        value = inputs[0]
        for op, own in self.split(inputs):
            (value,) = op.run(value, *own)
        return (value,)

    def text(self) -> str:
        """`3x3 p1 g32 + relu, 1x1 + relu`."""
        return ", ".join(op.text() for op in self.stages)

    def cost(
        self,
        inputs: tuple[TensorType, ...],
        outputs: tuple[TensorType, ...],  # noqa: ARG002
    ) -> Cost:
        """The sum of all."""
        value, total = inputs[0], Cost()
        for op, own in self.split(inputs):
            result = op.infer(value, *own)
            total += op.cost((value, *own), result)
            value = result[0]
        return total


def join_strips(graph: Graph) -> Graph:
    """before: `d = depthwise(x); y = pointwise(d)`  -->  `y = strip(x)`, where d is large.

    Only where the pointwise layer alone reads d, and all weights are light to read again. The first
    may be pointwise too, and one strip may go through several layers.
    """
    users = graph.users()
    producers = graph.producers()
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        first = producers.get(node.inputs[0]) if node.inputs else None
        before = nodes.get(first.name) if first is not None else None
        if before is not None and users[before.name] == [node] and _fits(graph, before, node):
            del nodes[before.name]
            node = _joined(before, node)
        nodes[node.name] = node
    return prune(graph.with_nodes(list(nodes.values())))


def _joined(before: Node, node: Node) -> Node:
    """The strip of what may be a strip already, and one layer more."""
    so_far = before.op
    if not isinstance(so_far, Strip):
        so_far = Strip((so_far,), (len(before.inputs) - 1,))
    op = Strip((*so_far.stages, node.op), (*so_far.own, len(node.inputs) - 1))
    return replace(node, op=op, inputs=(*before.inputs, *node.inputs[1:]))


def _fits(graph: Graph, before: Node, node: Node) -> bool:
    """Whether a layer may join the one before it, or the strip that this has become."""
    if before.name in graph.outputs or before.name in node.inputs[1:]:
        return False
    if 4 * graph.types[before.name].numel <= _LARGE or not _is_pointwise(graph, node):
        return False
    if isinstance(before.op, Strip):
        *_, (last, own) = before.op.split(before.inputs)
        weights = [own[0] for _, own in before.op.split(before.inputs)]
    else:
        last, own, weights = before.op, before.inputs[1:], [before.inputs[1]]
        if not (_is_depthwise(graph, before) or _may_begin(graph, before)):
            return False
    if isinstance(last, Fused) and len(own) >= last.arity:
        return False  # operands would need layouts of their own
    return 4 * sum(graph.types[w].numel for w in (*weights, node.inputs[1])) <= _LIGHT


def _is_depthwise(graph: Graph, node: Node) -> bool:
    op = _conv(graph, node)
    if op is None or op.geometry.axes == 1:
        return False
    channels = graph.types[node.name].shape[1]
    return op.groups == channels == graph.types[node.inputs[0]].shape[1]


def _may_begin(graph: Graph, node: Node) -> bool:
    """Whether a pointwise layer may be the first: on images, and on channels in blocks."""
    image = len(graph.types[node.name].shape) > 3
    return image and node.inputs[0] not in graph.inputs and _is_pointwise(graph, node)


def _is_pointwise(graph: Graph, node: Node) -> bool:
    op = _conv(graph, node)
    if op is None or op.groups != 1:
        return False
    size = graph.types[node.inputs[0]].sizes[2:]
    plain = set(op.geometry.kernel_size) == set(op.geometry.stride) == {1}
    return plain and not any(map(any, op.geometry.pads(size)))


def _conv(graph: Graph, node: Node) -> Conv | None:
    """The convolution of a node, not transposed, with weight and bias that are known."""
    op = node.op.op if isinstance(node.op, Fused) else node.op
    if not isinstance(op, Conv) or op.geometry.transposed:
        return None
    arity = node.op.arity if isinstance(node.op, Fused) else len(node.inputs)
    return op if all(name in graph.constants for name in node.inputs[1:arity]) else None
