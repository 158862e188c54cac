"""A network as data: nodes in the order they run, between named values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import torch
from torch.utils import _pytree as pytree

from convariant.errors import GraphError, ShapeError
from convariant.graph._print import graph_text
from convariant.graph._types import Shape, TensorType
from convariant.graph.ops import Op


@dataclass(frozen=True)
class Node:
    """One operation: `outputs = op(inputs)`; `path` is the module that asked for it.

    A node is known by the name of its first output.
    """

    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    path: str = ""

    @property
    def name(self) -> str:
        """The name of the first output."""
        return self.outputs[0]


@dataclass(frozen=True)
class Structure:
    """How the model's own arguments and results are nested around the graph's flat values.

    `arguments` and `results` are leaves of the two trees: the name of a value, or the constant
    (None, a number, a string) that stood there when the model was captured.
    """

    call: pytree.TreeSpec
    result: pytree.TreeSpec
    arguments: tuple[Any, ...]
    results: tuple[Any, ...]


@dataclass(frozen=True)
class Name:
    """A leaf of a Structure that is a value of the graph."""

    value: str


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: inputs, nodes in running order, outputs; constants are shared with the model.

    `types` has the type of every value (inputs, constants and node outputs); `parameters` names
    the constants that training would change, `unused` how many numbers are in those that no output
    needs; `modules` has the class of every module path; `capture`, where there is one, reads the
    network anew for other input shapes. Build one with `GraphBuilder`, `from_torch` or `from_onnx`;
    change one with `with_nodes` and the functions of `convariant.graph`.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, torch.Tensor]
    types: Mapping[str, TensorType]
    parameters: frozenset[str] = frozenset()
    structure: Structure | None = None
    name: str = "graph"
    unused: Mapping[str, int] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    capture: Callable[..., Graph] | None = None

    def __post_init__(self) -> None:
        for mapping in ("constants", "types", "unused", "modules"):
            object.__setattr__(self, mapping, MappingProxyType(dict(getattr(self, mapping))))

    def __str__(self) -> str:
        return graph_text(self)

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        """The types of the inputs."""
        return tuple(self.types[i] for i in self.inputs)

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        """The types of the outputs."""
        return tuple(self.types[o] for o in self.outputs)

    def node_types(self, node: Node) -> tuple[tuple[TensorType, ...], tuple[TensorType, ...]]:
        """The input types and the output types of a node."""
        return (
            tuple(self.types[i] for i in node.inputs),
            tuple(self.types[o] for o in node.outputs),
        )

    @functools.cached_property
    def _identities(self) -> frozenset[int]:
        return frozenset(map(id, self.nodes))

    def knows(self, node: Node, types: Mapping[str, TensorType]) -> bool:
        """Whether this very node is here, and reads here what it reads of those types: then what it
        gives is known.
        """
        here = id(node) in self._identities
        return here and all(types.get(name) is self.types[name] for name in node.inputs)

    def users(self) -> dict[str, list[Node]]:
        """For every value, the nodes that read it."""
        users: dict[str, list[Node]] = {name: [] for name in self.types}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                users[name].append(node)
        return users

    def producers(self) -> dict[str, Node]:
        """For every value that a node computes, that node."""
        return {name: node for node in self.nodes for name in node.outputs}

    def with_nodes(
        self,
        nodes: Sequence[Node],
        *,
        outputs: Sequence[str] | None = None,
        constants: Mapping[str, torch.Tensor] | None = None,
    ) -> Graph:
        """The graph with other nodes; types follow from them, `constants` replaces all."""
        held = self.constants if constants is None else constants
        outputs = self.outputs if outputs is None else tuple(outputs)
        types = infer_types(self.inputs, self.input_types, nodes, held, before=self)
        structure = self.structure
        if structure is not None and outputs != self.outputs:
            structure = _renamed_results(structure, dict(zip(self.outputs, outputs, strict=True)))
        return replace(
            self,
            nodes=tuple(nodes),
            outputs=outputs,
            constants=held,
            types=types,
            parameters=self.parameters & held.keys(),
            structure=structure,
            capture=None,
        )

    def with_inputs(self, *shapes: Shape) -> Graph:
        """The same network for inputs of other shapes; raises GraphError where it cannot take them.

        The module or file is read again, so that what its code works out from shapes follows; a
        graph that a pass has changed keeps the numbers it was captured with (`x.view(1, -1)`).
        """
        if len(shapes) != len(self.inputs):
            raise GraphError(
                f"{self.name} has {len(self.inputs)} inputs, but got {len(shapes)} shapes; "
                "give one shape for each"
            )
        if self.capture is not None:
            return self.capture(*shapes)
        pairs = zip(self.input_types, shapes, strict=True)
        given = tuple(t.with_shape(tuple(s)) for t, s in pairs)
        return replace(self, types=infer_types(self.inputs, given, self.nodes, self.constants))

    def at_batch(self, batch: int) -> Graph:
        """The same network with its open batch size filled in.

        >>> from convariant.graph import Dim, GraphBuilder, TensorType
        >>> from convariant.graph.ops import Elementwise
        >>> b = GraphBuilder()
        >>> x = b.input("x", TensorType((Dim(), 3)))
        >>> print(b.build([b.add(Elementwise("relu"), x)]).at_batch(8).output_types[0])
        f32[8,3]
        """
        nodes = [replace(n, op=n.op.at_batch(batch)) for n in self.nodes]
        given = tuple(t.at(batch) for t in self.input_types)
        types = infer_types(self.inputs, given, nodes, self.constants)
        return replace(self, nodes=tuple(nodes), types=types)


def infer_types(
    inputs: Sequence[str],
    input_types: Sequence[TensorType],
    nodes: Sequence[Node],
    constants: Mapping[str, torch.Tensor],
    before: Graph | None = None,
) -> dict[str, TensorType]:
    """The type of every value, in running order; errors name the node and its module.

    Nodes of `before` that read what they read there are not asked again.
    """
    old_constants = before.constants if before is not None else {}
    old_types = before.types if before is not None else {}
    types = dict(zip(inputs, input_types, strict=True))
    for name, tensor in constants.items():
        same = old_constants.get(name) is tensor
        types[name] = old_types[name] if same else TensorType.of(tensor)
    for node in nodes:
        if before is not None and before.knows(node, types):
            types.update((name, old_types[name]) for name in node.outputs)
            continue
        for name, inferred in zip(node.outputs, infer_node(node, types), strict=True):
            old = old_types.get(name)
            types[name] = old if old == inferred else inferred  # so that its readers are known
    return types


def infer_node(node: Node, types: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
    """The output types of one node; an error names the node and its module."""
    missing = [name for name in node.inputs if name not in types]
    if missing:
        raise GraphError(
            f"{where(node)} reads {missing[0]!r}, which nothing before it computes; "
            "put its producer first"
        )
    try:
        outputs = node.op.infer(*(types[name] for name in node.inputs))
    except (ShapeError, GraphError, ValueError) as error:
        raise GraphError(f"{where(node)}: {error}") from error
    if len(outputs) != len(node.outputs):
        raise GraphError(
            f"{where(node)} names {len(node.outputs)} outputs, but the operation has "
            f"{len(outputs)}; name each of them"
        )
    return outputs


def where(node: Node) -> str:
    """A node in words, for messages: `layer1.0.conv2 (Conv conv2d_3)`."""
    return f"{node.path or 'network'} ({node.op.kind} {node.name})"


def _renamed_results(structure: Structure, names: Mapping[str, str]) -> Structure:
    def renamed(leaf: Any) -> Any:
        return Name(names[leaf.value]) if isinstance(leaf, Name) else leaf

    return replace(structure, results=tuple(renamed(leaf) for leaf in structure.results))
