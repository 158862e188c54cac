"""The rules a graph keeps; every pass is followed by this check."""

from __future__ import annotations

from convariant.errors import GraphError
from convariant.graph._graph import Graph, Name, infer_node, where


def verify(graph: Graph, before: Graph | None = None) -> None:
    """Raise GraphError unless the graph keeps its own rules.

    Every value has one producer, which stands before its readers; recorded types are those that
    the operations infer; outputs exist; parameters are constants; the structure names outputs.
    Nodes of `before`, a graph that keeps the rules, are not asked again where they read what they
    do there.
    """
    seen: set[str] = set()
    for name in (*graph.inputs, *graph.constants):
        if name in seen:
            raise GraphError(
                f"{graph.name}: the name {name!r} stands for two values; rename one of them"
            )
        seen.add(name)
    for node in graph.nodes:
        late = [name for name in node.inputs if name not in seen]
        if late:
            raise GraphError(
                f"{where(node)} reads {late[0]!r}, which nothing before it computes; "
                "put its producer first"
            )
        if before is not None and before.knows(node, graph.types):
            types = before.node_types(node)[1]
        else:
            types = infer_node(node, graph.types)
        for name, inferred in zip(node.outputs, types, strict=True):
            if name in seen:
                raise GraphError(
                    f"{where(node)} computes {name!r} a second time; give its output another name"
                )
            if graph.types.get(name) != inferred:
                raise GraphError(
                    f"{where(node)} is recorded as {graph.types.get(name)}, but computes "
                    f"{inferred}; rebuild it with graph.with_nodes(nodes)"
                )
            seen.add(name)
    _verify_ends(graph, seen)


def _verify_ends(graph: Graph, seen: set[str]) -> None:
    unknown = [name for name in graph.outputs if name not in seen]
    if unknown:
        raise GraphError(
            f"{graph.name} returns {unknown[0]!r}, which nothing computes; name one of its values"
        )
    strangers = graph.parameters - graph.constants.keys()
    if strangers:
        raise GraphError(
            f"{graph.name} lists {min(strangers)!r} as a parameter, but has no such constant; "
            "keep parameters a subset of constants"
        )
    if graph.structure is not None:
        named = {leaf.value for leaf in graph.structure.results if isinstance(leaf, Name)}
        if not named <= set(graph.outputs):
            raise GraphError(
                f"{graph.name} returns {min(named - set(graph.outputs))!r} in its structure, which "
                "is none of its outputs; pass outputs= to with_nodes when renaming"
            )
