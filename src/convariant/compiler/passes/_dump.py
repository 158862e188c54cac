"""What each pass did to a network, in order, for reading."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Mapping

from convariant.graph import Graph, Node

__all__ = ["dump_passes"]

_WIDTH = 80


def dump_passes(graph: Graph, run: Callable[..., Graph], reasons: Mapping[str, str]) -> str:
    """The name of each pass and the nodes that it took away (-) and put in (+), in 80 columns.

    `run(graph, watch=watch)` runs the passes and tells `watch` the name and result of each. The
    reason of a pass stands above what it changed; at the end stands the graph that is left.
    """
    before = _lines(graph)
    parts = [f"{graph.name}: {len(before)} nodes"]

    def watch(name: str, after: Graph) -> None:
        nonlocal before
        now = _lines(after)
        # two lines of file names come first, and one of places before each change
        diff = [*difflib.unified_diff(before, now, n=0, lineterm="")][2:]
        changes = [f"{line[0]} {line[1:]}" for line in diff if line[0] in "+-"]
        count = f"{len(before)} -> {len(now)} nodes" if changes else "nothing to do"
        reason = [_folded(f"({reasons[name]})")] if changes else []
        parts.append("\n".join([f"{name}: {count}", *reason, *map(_folded, changes)]))
        before = now

    run(graph, watch=watch)
    parts.append("\n".join([f"after all passes: {len(before)} nodes", *map(_folded, before)]))
    return "\n".join(parts)


def _lines(graph: Graph) -> list[str]:
    return [_line(node) for node in graph.nodes]


def _line(node: Node) -> str:
    what = f"{node.op.kind} {node.op.text()}".strip()
    return f"{', '.join(node.outputs)} = {what} ({', '.join(node.inputs)})"


def _folded(change: str) -> str:
    return textwrap.fill(change, _WIDTH, initial_indent="  ", subsequent_indent=" " * 8)
