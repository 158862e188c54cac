"""Truth values between functions of numbers become numbers, 1 and 0, which kernels compute."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from convariant.graph import Graph, Node, TensorType, prune
from convariant.graph.ops import (
    FUNCTIONS,
    Cast,
    Concat,
    Elementwise,
    Expand,
    Op,
    Permute,
    Reshape,
    Slice,
)

__all__ = ["Mask", "masks_as_numbers"]

# What moves truth values as it moves numbers.
_MOVERS = (Concat, Expand, Permute, Reshape, Slice)


@dataclass(frozen=True)
class Mask(Elementwise):
    """A comparison or a logical function that answers in numbers, 1 for yes and 0 for no; or
    `where` with such an answer as its condition.
    """

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The broadcast shape, in the format of the inputs."""
        (result,) = super().infer(*inputs)
        return (replace(result, dtype=inputs[-1].dtype),)

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The function of the table."""
        if self.function == "where":
            return super().run(inputs[0] != 0, *inputs[1:])
        return tuple(y.to(inputs[0].dtype) for y in super().run(*inputs))


def masks_as_numbers(graph: Graph) -> Graph:
    """before: `m = greater(x, y)`, truth values; `z = where(m, a, b)`  -->  m is 1 and 0.

    Casts between truth values and float32 become comparisons with 0, or nothing. A truth value
    that something else reads, an output among others, is cast back.
    """
    walk = _Walk(graph)
    for node in graph.nodes:
        walk.take(node)
    return prune(graph.with_nodes(walk.nodes, constants=walk.constants))


class _Walk:
    """One pass over the nodes; `masks` names for each truth value the numbers that stand for it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.constants = dict(graph.constants)
        self.masks: dict[str, str] = {}

    def take(self, node: Node) -> None:
        """The node, or the one on numbers that stands for it."""
        numbers = [self._number(name) for name in node.inputs]
        given = tuple(name for name in numbers if name is not None)
        op = self._on_numbers(node) if len(given) == len(numbers) > 0 else None
        if isinstance(node.op, Cast) and isinstance(op, Mask):
            zero = f"{node.name}/zero"
            self.constants[zero] = torch.zeros(())
            given = (*given, zero)
        if op is None:
            self.nodes.append(node)
        elif self.graph.types[node.name].dtype == torch.bool:
            mask = f"{node.name}/mask"
            self.masks[node.name] = mask
            self.nodes += [
                Node(op, given, (mask,), node.path),
                Node(Cast(torch.bool), (mask,), node.outputs, node.path),
            ]
        else:
            self.nodes.append(replace(node, op=op, inputs=given))

    def _number(self, name: str) -> str | None:
        """The float32 value with the same meaning, if there is one."""
        dtype = self.graph.types[name].dtype
        if dtype == torch.float32:
            return name
        if name in self.constants and dtype == torch.bool:
            number = f"{name}/number"
            self.constants[number] = self.constants[name].detach().float()
            return number
        return self.masks.get(name)

    def _on_numbers(self, node: Node) -> Op | None:
        """The operation that does with numbers what the node does with truth values."""
        op, types = node.op, self.graph.types
        dtypes = {types[name].dtype for name in (*node.inputs, *node.outputs)}
        if torch.bool not in dtypes or not dtypes <= {torch.bool, torch.float32}:
            return None
        if isinstance(op, Cast):
            if op.dtype == torch.float32:
                return Reshape(types[node.name].shape)
            return Mask("not_equal")
        if isinstance(op, Elementwise):
            logical = op.function == "where" or FUNCTIONS[op.function].result == "bool"
            return Mask(op.function, op.params) if logical else op
        return op if isinstance(op, _MOVERS) else None
