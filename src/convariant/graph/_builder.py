"""Building a graph one node at a time, types checked as it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from convariant.errors import GraphError
from convariant.graph._graph import Graph, Node, Structure, infer_node
from convariant.graph._types import TensorType
from convariant.graph.ops import Op


class GraphBuilder:
    """Collects inputs, constants and nodes; `build` checks and freezes them.

    >>> import torch
    >>> from convariant.graph.ops import Linear, Softmax
    >>> b = GraphBuilder("classifier")
    >>> x = b.input("x", TensorType((1, 3)))
    >>> w = b.constant(torch.eye(3)[:2], "weight", parameter=True)
    >>> print(b.build([b.add(Softmax(1), b.add(Linear(), x, w))]))
    classifier(x: f32[1,3])
      linear              = Linear (x, weight)                                     f32[1,2]
      softmax             = Softmax axis 1 (linear)                                f32[1,2]
      return softmax
      2 nodes, 1 constants of 24 B
    """

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, torch.Tensor] = {}
        self._inputs: list[str] = []
        self._nodes: list[Node] = []
        self.parameters: set[str] = set()
        self._constant_names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}  # the last number that each name was given

    def input(self, name: str, type_: TensorType) -> str:
        """A new input; gives its name back, made unique."""
        name = self._fresh(name)
        self._inputs.append(name)
        self.types[name] = type_
        return name

    def constant(
        self, tensor: torch.Tensor, name: str = "const", *, parameter: bool = False
    ) -> str:
        """A constant, shared and never copied; the same tensor twice is one constant."""
        known = self._constant_names.get(id(tensor))
        if known is not None:
            return known
        name = self._fresh(name)
        self.constants[name] = tensor
        self._constant_names[id(tensor)] = name
        self.types[name] = TensorType.of(tensor)
        if parameter:
            self.parameters.add(name)
        return name

    def reshaped(self, name: str, shape: tuple[int, ...]) -> str:
        """A constant in another shape, the same numbers in memory: in its place if nobody reads it.

        Beside another reader it is a second constant, and not counted as a parameter again.
        """
        view = self.constants[name].detach().reshape(shape)
        if any(name in node.inputs for node in self._nodes):
            same = self.constants[name].shape == view.shape
            return name if same else self.constant(view, name)
        self.constants[name] = view
        self.types[name] = TensorType.of(view)
        return name

    def add(self, op: Op, *inputs: str, path: str = "", name: str = "") -> str:
        """A new node with one output; gives the output's name."""
        return self.add_many(op, *inputs, path=path, names=(name,))[0]

    def add_many(
        self, op: Op, *inputs: str, path: str = "", names: Sequence[str] = ("",)
    ) -> tuple[str, ...]:
        """A new node with as many outputs as `names`; an empty name is made from the kind."""
        outputs = []
        for name in names:
            fresh = self._fresh(name or _default_name(op))
            self.types[fresh] = TensorType(())  # holds the name while its siblings are chosen
            outputs.append(fresh)
        node = Node(op, inputs, tuple(outputs), path)
        try:
            types = infer_node(node, self.types)
        except GraphError:
            for name in outputs:
                del self.types[name]
            raise
        self.types.update(zip(outputs, types, strict=True))
        self._nodes.append(node)
        return node.outputs

    def build(
        self,
        outputs: Sequence[str],
        *,
        structure: Structure | None = None,
        modules: Mapping[str, str] | None = None,
    ) -> Graph:
        """The finished graph, without what no output needs."""
        from convariant.graph._rewrite import prune
        from convariant.graph._verify import verify

        graph = Graph(
            inputs=tuple(self._inputs),
            outputs=tuple(outputs),
            nodes=tuple(self._nodes),
            constants=self.constants,
            types=self.types,
            parameters=frozenset(self.parameters),
            structure=structure,
            name=self.name,
            modules=modules or {},
        )
        verify(graph)
        return prune(graph)

    def _fresh(self, name: str) -> str:
        if name not in self.types:
            return name
        number = self._numbers.get(name, 0) + 1
        while f"{name}_{number}" in self.types:
            number += 1
        self._numbers[name] = number
        return f"{name}_{number}"


def _default_name(op: Op) -> str:
    return getattr(op, "function", op.kind.lower())
