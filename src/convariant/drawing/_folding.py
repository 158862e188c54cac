"""A graph folded into parts that fit on a page: modules, what hangs on them, repetitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from convariant.analysis.inspection._inspect import first_use
from convariant.analysis.inspection._kinds import kind_of
from convariant.drawing._part import INPUT, Part
from convariant.drawing._structure import condensed
from convariant.graph import Graph, Node
from convariant.graph.ops import (
    BatchNorm,
    Concat,
    Elementwise,
    LocalResponseNorm,
    Pad,
    Permute,
    Reshape,
    Slice,
)

_LIGHT = (BatchNorm, Elementwise, LocalResponseNorm, Permute, Reshape)
FEWEST = 3  # boxes: fewer say nothing of a network of many nodes
_JOINTS = (Slice, Pad, Concat)  # how the maps of a skip are fitted and joined


@dataclass
class _Run:
    """Nodes with the same beginning of their paths."""

    path: str
    nodes: list[Node] = field(default_factory=list)
    values: set[str] = field(default_factory=set)

    def add(self, node: Node) -> None:
        self.nodes.append(node)
        self.values.update(node.outputs)


def fold(graph: Graph, *, most: int, depth: int | None = None) -> list[Part]:
    """The parts of a graph: modules at the greatest depth that gives no more than `most`.

    Norms, activations and reshapes belong to what they follow; parts in a row that are alike,
    alone or in pairs, become one with a count. Where the names of modules do not help, as in most
    ONNX files, branches that meet again are one part, or neighbours of one resolution.
    """
    if depth is not None:
        return _repetitions(_parts(graph, _runs(graph, depth)))
    finest = _parts(graph, _runs(graph, _deepest(graph)))
    for named in range(_deepest(graph), 0, -1):
        parts = _repetitions(_parts(graph, _runs(graph, named)))
        if min(FEWEST, len(finest)) <= len(parts) <= most:
            return parts
    ways = [_repetitions(merged) for merged in condensed(finest)]
    return min((w for w in ways if len(w) <= most), key=_fullest, default=min(ways, key=len))


def _fullest(parts: Sequence[Part]) -> int:
    """How many layers the box with most of them holds."""
    return max(sum(count for _, count in part.kinds) for part in parts)


def _deepest(graph: Graph) -> int:
    return max((node.path.count(".") + 1 for node in graph.nodes if node.path), default=1)


def _runs(graph: Graph, depth: int) -> list[_Run]:
    runs: list[_Run] = []
    live = set(graph.inputs)
    for node in graph.nodes:
        inputs = live.intersection(node.inputs)
        if not inputs:
            continue
        live.update(node.outputs)
        path = ".".join(node.path.split(".")[:depth])
        if not runs or not _belongs(node, path, inputs, runs[-1]):
            runs.append(_Run(path))
        runs[-1].add(node)
    return runs


def _belongs(node: Node, path: str, inputs: set[str], run: _Run) -> bool:
    """Whether a node continues a run rather than beginning the next one."""
    if path and path == run.path:
        return True
    if isinstance(node.op, _LIGHT) and inputs <= run.values:
        return True
    joints = isinstance(node.op, _JOINTS) and isinstance(run.nodes[0].op, _JOINTS)
    return joints and not path and not run.path


def _parts(graph: Graph, runs: list[_Run]) -> list[Part]:
    maker = dict.fromkeys(graph.inputs, INPUT)
    for index, run in enumerate(runs):
        maker |= dict.fromkeys(run.values, index)
    own = first_use(graph, [node for run in runs for node in run.nodes])
    parts = []
    for index, run in enumerate(runs):
        used = {name for node in run.nodes for name in node.inputs}
        weights = [name for node in run.nodes for name in own[node.name]]
        sources = {maker[name] for name in used if name in maker} - {index}
        # cutting and padding only prepare what is joined
        named = next((n for n in run.nodes if isinstance(n.op, Concat)), run.nodes[0])
        label = run.path or kind_of(graph, named)[0]
        heavy = [node for node in run.nodes if not isinstance(node.op, _LIGHT)] or run.nodes
        parts.append(
            Part(
                label,
                label,
                _what(graph, run),
                sum(graph.constants[name].numel() for name in weights),
                sum(node.op.cost(*graph.node_types(node)).macs for node in run.nodes),
                graph.types[run.nodes[-1].outputs[0]].sizes[1:],
                tuple(sorted(sources)),
                kinds=tuple(Counter(kind_of(graph, node)[0] for node in heavy).items()),
            )
        )
    return parts


def _what(graph: Graph, run: _Run) -> str:
    """The class of a module with parts, else the kinds of its nodes."""
    inside = any(
        node.path.startswith(f"{run.path}.") and not isinstance(node.op, _LIGHT)
        for node in run.nodes
    )
    name = graph.modules.get(run.path, "") if run.path else ""
    if inside and name and name != "Sequential":
        return name.rpartition(".")[2]
    kinds = [
        kind_of(graph, node)[0]
        if isinstance(node.op, Reshape)  # whose attributes are no figures of a network
        else " ".join(filter(None, kind_of(graph, node)))
        for node in run.nodes
    ]
    return ", ".join(kinds if len(kinds) <= 4 else [*kinds[:3], f"{len(kinds) - 3} more"])


def _repetitions(parts: list[Part]) -> list[Part]:
    for period in (1, 2):
        parts = _folded(parts, period)
    return parts


def _folded(parts: list[Part], period: int) -> list[Part]:
    """Runs of `period` parts that repeat, with nothing but the way through, become one."""
    used = {s for i, part in enumerate(parts) for s in part.sources if s != i - 1}
    kept: list[Part] = []
    place: dict[int, int] = {INPUT: INPUT}
    i = 0
    while i < len(parts):
        times = _times(parts, i, period, used)
        group = parts[i : i + period] if times > 1 else parts[i : i + 1]
        for part in group:
            place[parts.index(part, i)] = len(kept)
        last = parts[i + times * period - 1] if times > 1 else parts[i]
        merged = group[0]
        if times > 1:
            merged = replace(
                merged,
                last=last.last,
                what=" + ".join(part.what for part in group),
                params=times * sum(part.params for part in group),
                macs=times * sum(part.macs for part in group),
                shape=last.shape,
                times=times * merged.times,
            )
        sources = tuple(sorted({place[s] for s in merged.sources}))
        for skipped in range(i, i + times * len(group)):
            place[skipped] = len(kept)
        kept.append(replace(merged, sources=sources))
        i += times * len(group)
    return kept


def _times(parts: Sequence[Part], start: int, period: int, used: set[int]) -> int:
    """How often the group that starts here comes, one right after the other."""
    group = parts[start : start + period]
    if len(group) < period or any(part.times > 1 for part in group):
        return 1
    times = 1
    while True:
        again = parts[start + times * period : start + (times + 1) * period]
        first = start + times * period
        through = all(p.sources == (first + j - 1,) for j, p in enumerate(again))
        # what others read besides the next part must stay visible
        open_ends = any(i in used for i in range(start, first + period - 1))
        alike = len(again) == period and all(map(Part.alike, group, again))
        if not (alike and through) or open_ends:
            return times
        times += 1
