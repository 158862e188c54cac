"""Measured choice: where a node can be computed in several ways, the one that is fastest here.

The estimates behind a plan know arithmetic and bytes, not the neighbours of a layer, its alignment
or the machine's prefetchers. So the whole network is planned with every node's first option, then
with every node's second, and so on; each plan is run, and each node keeps what took it least time
among its real neighbours. What was found is remembered beside the compiled kernels.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping

from convariant.compiler._instance import Instance
from convariant.compiler.llvm import Target
from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.plan import make_plan
from convariant.graph import Graph, Node

__all__ = ["find_ranks"]

# Runs of the network with each set of options, of which the least time of each step counts: as many
# as fit in a second, within reason.
_SECONDS, _LEAST_TURNS, _MOST_TURNS = 1.0, 3, 12
# A gain below this share of a node's time is within what repeated measurements differ by.
_WORTHWHILE = 0.02


def find_ranks(
    graph: Graph, target: Target, threads: int, tolerance: float, cache: ObjectCache
) -> Mapping[str, int]:
    """For each node with several options the rank of the fastest, for `make_plan`."""
    name = cache.name(_description(graph, threads, tolerance))
    known = cache.recall(name)
    if known is not None:
        return {node: int(rank) for node, rank in json.loads(known).items()}
    ranks = _measured(graph, target, threads, tolerance, cache)
    cache.remember(name, json.dumps(ranks).encode())
    return ranks


def _measured(
    graph: Graph, target: Target, threads: int, tolerance: float, cache: ObjectCache
) -> dict[str, int]:
    # nodes that are alike are measured together, and get the same kernels
    seconds: dict[Hashable, dict[int, float]] = defaultdict(dict)
    rank, most = 0, 1
    while rank < most:
        plan = make_plan(graph, target, threads, tolerance, _all(graph, rank))
        most = plan.most_ways
        times = _node_seconds(Instance(plan, cache))
        for node in graph.nodes:
            choice = plan.choices.get(node.name)
            if choice is not None and rank < len(choice.ways):
                kind = seconds[_kind(graph, node)]
                kind[rank] = kind.get(rank, 0.0) + times[node.name]
        rank += 1
    best = {kind: _best(times) for kind, times in seconds.items()}
    ranks = {node.name: best.get(_kind(graph, node), 0) for node in graph.nodes}
    return {name: rank for name, rank in ranks.items() if rank}


def _node_seconds(instance: Instance) -> dict[str, float]:
    inputs = instance.random_inputs()
    once = sum(instance.measure(inputs, 1))
    # a network of views has no step
    turns = min(max(int(_SECONDS / once), _LEAST_TURNS), _MOST_TURNS) if once else 1
    seconds = instance.measure(inputs, turns)
    times: dict[str, float] = defaultdict(float)
    for step, time in zip(instance.plan.steps, seconds, strict=True):
        if step.node is not None:
            times[step.node.name] += time
    return times


def _best(times: Mapping[int, float]) -> int:
    rank = min(times, key=times.__getitem__)
    return rank if times[rank] < (1 - _WORTHWHILE) * times[0] else 0


def _all(graph: Graph, rank: int) -> dict[str, int]:
    return {node.name: rank for node in graph.nodes}


def _kind(graph: Graph, node: Node) -> Hashable:
    return node.op, graph.node_types(node)


def _description(graph: Graph, threads: int, tolerance: float) -> str:
    """Everything but the weights: what the measurement depends on, beside the machine."""
    nodes = [f"{node.name} {node.op!r} {graph.node_types(node)}" for node in graph.nodes]
    return "\n".join(["tuning", str(threads), str(tolerance), *nodes])
