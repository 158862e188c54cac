"""A shuffle of channels, spelled as two reshapes around a permutation, becomes one operation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from convariant.graph import Graph, Node, TensorType, rewrite
from convariant.graph.ops import Op, Permute, Reshape

__all__ = ["ChannelShuffle", "recognise_shuffles"]


@dataclass(frozen=True)
class ChannelShuffle(Op):
    """Channels (groups, width) read as (width, groups); x (n, c, *size).

    Source: Zhang et al., "ShuffleNet", https://arxiv.org/abs/1707.01083
    """

    groups: int

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        """The type of x."""
        return (x,)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Split, swap, join."""
        apart = x.reshape(x.shape[0], self.groups, -1, *x.shape[2:])
        return (apart.transpose(1, 2).reshape(x.shape),)

    def text(self) -> str:
        """`groups 2`."""
        return f"groups {self.groups}"


def recognise_shuffles(graph: Graph) -> Graph:
    """before: `y = reshape(permute(reshape(x)))`  -->  `y = channel shuffle(x)`."""
    producers = graph.producers()

    def rule(node: Node) -> list[Node] | None:
        permute = producers.get(node.inputs[0]) if isinstance(node.op, Reshape) else None
        if permute is None or not isinstance(permute.op, Permute):
            return None
        split = producers.get(permute.inputs[0])
        if split is None or not isinstance(split.op, Reshape):
            return None
        x, apart = (graph.types[name].sizes for name in (split.inputs[0], split.name))
        axes = tuple(a % len(apart) for a in permute.op.axes)
        swaps = axes == (0, 2, 1, *range(3, len(apart)))
        whole = graph.types[node.name].sizes == x and (apart[0], *apart[3:]) == (x[0], *x[2:])
        if len(x) not in range(2, 6) or len(apart) != len(x) + 1 or not (swaps and whole):
            return None
        return [replace(node, op=ChannelShuffle(apart[1]), inputs=split.inputs)]

    return rewrite(graph, rule)
