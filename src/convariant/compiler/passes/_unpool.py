"""Unpooling without indices: the window is searched again for its maximum."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from convariant.geometry import Geometry
from convariant.graph import Graph, Node, TensorType, rewrite
from convariant.graph.ops import Cost, MaxUnpool, Op, Pool

__all__ = ["Unpool", "unpool_by_windows"]


@dataclass(frozen=True)
class Unpool(Op):
    """Each value of `v` where its window of `x` has its maximum, zeros elsewhere.

    Inputs: x (n, c, *size) and v, as large as x pooled by windows that lie side by side.
    """

    window: tuple[int, ...]

    def infer(self, x: TensorType, v: TensorType) -> tuple[TensorType, ...]:  # noqa: ARG002
        """The type of x."""
        return (x,)

    def run(self, x: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        """The maxima with their places, then the values there."""
        pool = Pool("max", Geometry(self.window, stride=self.window), indices=True)
        _, places = pool.run(x)
        return MaxUnpool(tuple(x.shape[2:])).run(v, places)

    def text(self) -> str:
        """`2x2`."""
        return "x".join(map(str, self.window))

    def cost(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> Cost:  # noqa: ARG002
        """A comparison for each element of x."""
        return Cost(other=inputs[0].numel)


def unpool_by_windows(graph: Graph) -> Graph:
    """before: `y, i = pool(x); z = max_unpool(v, i)`  -->  `y = pool(x); z = unpool(x, v)`."""
    producers = graph.producers()

    def unpool(node: Node) -> list[Node] | None:
        pool = producers.get(node.inputs[1]) if isinstance(node.op, MaxUnpool) else None
        if pool is None or not isinstance(pool.op, Pool):
            return None
        x, g = graph.types[pool.inputs[0]], pool.op.geometry
        size = x.spatial
        pads = g.explicit(size).pads(size)
        if g.stride != g.kernel_size or set(g.dilation) != {1} or any(map(any, pads)):
            return None
        if graph.types[node.name] != x:
            return None
        op = Unpool(g.kernel_size)
        return [replace(node, op=op, inputs=(pool.inputs[0], node.inputs[0]))]

    rewritten = rewrite(graph, unpool)
    read = rewritten.users()

    def without_indices(node: Node) -> list[Node] | None:
        if not isinstance(node.op, Pool) or not node.op.indices:
            return None
        if read.get(node.outputs[1]) or node.outputs[1] in graph.outputs:
            return None
        return [replace(node, op=replace(node.op, indices=False), outputs=node.outputs[:1])]

    return rewrite(rewritten, without_indices)
