"""A depthwise convolution joins the pointwise one that reads it: both are computed in strips."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from convariant.compiler.passes._fused import Fused
from convariant.graph import Graph, Node, TensorType, prune
from convariant.graph.ops import Conv, Cost, Op

__all__ = ["Strip", "join_strips"]

# Bytes of a depthwise result that outgrow a second-level cache together with what else is there.
_LARGE = 512 * 1024
# Bytes of pointwise weights that are worth reading again for every strip.
_LIGHT = 256 * 1024


@dataclass(frozen=True)
class Strip(Op):
    """`second(first(x, ...), ...)`: the `arity` inputs of `first`, then the others of `second`."""

    first: Op
    second: Op
    arity: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The type behind the second."""
        return self.second.infer(*self.first.infer(*inputs[: self.arity]), *inputs[self.arity :])

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One after the other."""
        return self.second.run(*self.first.run(*inputs[: self.arity]), *inputs[self.arity :])

    def text(self) -> str:
        """`3x3 p1 g32 + relu, 1x1 + relu`."""
        return f"{self.first.text()}, {self.second.text()}"

    def cost(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> Cost:
        """The sum of both."""
        middle = self.first.infer(*inputs[: self.arity])
        first = self.first.cost(inputs[: self.arity], middle)
        return first + self.second.cost((*middle, *inputs[self.arity :]), outputs)


def join_strips(graph: Graph) -> Graph:
    """before: `d = depthwise(x); y = pointwise(d)`  -->  `y = strip(x)`, where d is large.

    Only where the pointwise layer alone reads d, and has weights that are light to read again.
    """
    users = graph.users()
    producers = graph.producers()
    gone: set[str] = set()
    nodes = []
    for node in graph.nodes:
        first = producers.get(node.inputs[0]) if node.inputs else None
        if first is not None and _fits(graph, first, node) and users[first.name] == [node]:
            gone.add(first.name)
            op = Strip(first.op, node.op, len(first.inputs))
            node = replace(node, op=op, inputs=(*first.inputs, *node.inputs[1:]))
        nodes.append(node)
    return prune(graph.with_nodes([node for node in nodes if node.name not in gone]))


def _fits(graph: Graph, first: Node, second: Node) -> bool:
    if not (_is_depthwise(graph, first) and _is_pointwise(graph, second)):
        return False
    if first.name in graph.outputs or first.name in second.inputs[1:]:
        return False
    large = 4 * graph.types[first.name].numel > _LARGE
    return large and 4 * graph.types[second.inputs[1]].numel <= _LIGHT


def _is_depthwise(graph: Graph, node: Node) -> bool:
    op = node.op.op if isinstance(node.op, Fused) else node.op
    if not isinstance(op, Conv) or op.geometry.axes == 1 or op.geometry.transposed:
        return False
    if isinstance(node.op, Fused) and len(node.inputs) > node.op.arity:
        return False  # operands would need layouts of their own
    channels = graph.types[node.name].shape[1]
    return op.groups == channels == graph.types[node.inputs[0]].shape[1] and _constant(graph, node)


def _is_pointwise(graph: Graph, node: Node) -> bool:
    op = node.op.op if isinstance(node.op, Fused) else node.op
    if not isinstance(op, Conv) or op.geometry.transposed or op.groups != 1:
        return False
    size = graph.types[node.inputs[0]].sizes[2:]
    plain = set(op.geometry.kernel_size) == set(op.geometry.stride) == {1}
    return plain and not any(map(any, op.geometry.pads(size))) and _constant(graph, node)


def _constant(graph: Graph, node: Node) -> bool:
    """Whether weight and bias are known."""
    arity = node.op.arity if isinstance(node.op, Fused) else len(node.inputs)
    return all(name in graph.constants for name in node.inputs[1:arity])
