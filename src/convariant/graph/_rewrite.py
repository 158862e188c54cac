"""What passes need: dead code out, values renamed, nodes swapped for others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from convariant.graph._graph import Graph, Node


def prune(graph: Graph) -> Graph:
    """Without the nodes and constants that no output needs; inputs stay."""
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    kept.reverse()
    constants = {name: t for name, t in graph.constants.items() if name in needed}
    values = {*graph.inputs, *constants, *(o for node in kept for o in node.outputs)}
    return replace(
        graph,
        nodes=tuple(kept),
        constants=constants,
        types={name: t for name, t in graph.types.items() if name in values},
        parameters=graph.parameters & constants.keys(),
    )


def substitute(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Every reader of a key reads its value instead; what nobody reads any more is pruned.

    before: `a = relu(x); b = a; c = exp(b)`, names `{"b": "a"}`  -->  `a = relu(x); c = exp(a)`
    """

    def final(name: str) -> str:
        while name in names:
            name = names[name]
        return name

    nodes = [replace(n, inputs=tuple(final(i) for i in n.inputs)) for n in graph.nodes]
    return prune(graph.with_nodes(nodes, outputs=[final(o) for o in graph.outputs]))


def rewrite(graph: Graph, rule: Callable[[Node], Sequence[Node] | None]) -> Graph:
    """Each node for which `rule` answers is replaced by the answer, which keeps its output names.

    before: `y = elu(x)`, rule `elu -> [expm1, where]`  -->  `t = expm1(x); y = where(.., x, t)`
    """
    nodes: list[Node] = []
    for node in graph.nodes:
        answer = rule(node)
        nodes.extend([node] if answer is None else answer)
    return prune(graph.with_nodes(nodes))
