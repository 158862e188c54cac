"""The printed form of a graph: one line for each node, 100 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convariant.graph._graph import Graph, Node

WIDTH = 100
_NAME, _OP = 20, 54


def graph_text(graph: Graph) -> str:
    """A header with the inputs, one line for each node, the outputs."""
    inputs = ", ".join(f"{i}: {graph.types[i]}" for i in graph.inputs)
    lines = [_cut(f"{graph.name}({inputs})", WIDTH)]
    lines += [_node_text(graph, node) for node in graph.nodes]
    outputs = ", ".join(graph.outputs)
    size = sum(t.nbytes for t in graph.constants.values())
    lines.append(_cut(f"  return {outputs}", WIDTH))
    lines.append(f"  {len(graph.nodes)} nodes, {len(graph.constants)} constants of {_bytes(size)}")
    return "\n".join(lines)


def _node_text(graph: Graph, node: Node) -> str:
    arguments = ", ".join(_argument(graph, name) for name in node.inputs)
    attributes = node.op.text()
    head = f"{node.op.kind}{' ' if attributes else ''}{attributes}"
    names = ", ".join(node.outputs)
    result = ", ".join(str(graph.types[o]) for o in node.outputs)
    operation = _cut(f"{head} ({arguments})", _OP)
    left = f"  {_cut(names, _NAME):<{_NAME}}= {operation:<{_OP}} "
    return (left + _cut(result, WIDTH - len(left))).rstrip()


def _argument(graph: Graph, name: str) -> str:
    """A value by name, a single number by its digits."""
    tensor = graph.constants.get(name)
    if tensor is None:
        return name
    if tensor.dim() == 0 and not tensor.is_meta:
        return f"{tensor.item():g}" if tensor.is_floating_point() else str(tensor.item())
    return name


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"
