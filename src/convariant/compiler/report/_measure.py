"""Running a program for its report."""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import llvmlite.binding as llvm
import torch

from convariant.compiler._instance import Instance
from convariant.compiler._listing import inner_loop
from convariant.compiler.kernels import Convert, Elementwise, Map, Regroup
from convariant.compiler.llvm import assembly
from convariant.compiler.passes import op_title, run_passes, split_batch
from convariant.compiler.peak import copy_bandwidth, peak_gflops
from convariant.compiler.plan import Call, Step, liveness_bound
from convariant.compiler.report._errors import node_errors, whole_error
from convariant.compiler.report._rows import Report, ReportRow
from convariant.graph import Graph, Node

__all__ = ["MOVES", "make_report"]

# Turns of the whole network behind each time in a report, the least of which counts, and seconds
# in which a slow network takes fewer of them.
_FEWEST, _TURNS, _SECONDS = 3, 15, 3.0
# Why steps that move numbers between layers are there.
MOVES = {
    "halo": "zeros around the planes, for readers that pad",
    "convert": "from one order of the numbers to another: PyTorch's, or blocks of channels",
    "regroup": "groups moved between their own width and one that fits vectors",
    "subsample": "the pixels that a strided layer reads, side by side",
    "element-wise": "functions that could not join the step before",
}


def make_report(instance: Instance, truth: Graph) -> Report:
    """Run an instance on random inputs, whole and step by step; `truth` is run in float64."""
    plan = instance.plan
    inputs = instance.random_inputs()
    turns = max(_FEWEST, min(_TURNS, int(_SECONDS / _timed(instance, inputs))))
    seconds = instance.measure(inputs, turns)
    peak = plan.threads * peak_gflops(plan.target)
    errors = node_errors(instance, _with_constants(plan.graph, truth), inputs)
    rows = tuple(_row(instance, part, peak, errors) for part in _parts(plan.steps, seconds))
    whole = min(_timed(instance, inputs) for _ in range(turns))
    operations = plan.rounds * sum(2 * _macs(instance, node) for node in plan.graph.nodes)
    return Report(
        network=truth.name,
        machine=f"{llvm.get_host_cpu_name()} on {platform.system()}",
        target=plan.target.name,
        threads=plan.threads,
        peak_gflops=peak,
        milliseconds=1e3 * whole,
        gflops=operations / whole / 1e9,
        error=whole_error(instance, truth, inputs),
        arena_bytes=4 * plan.arena,
        arena_bound_bytes=4 * liveness_bound(plan.buffers),
        constant_bytes=4 * plan.constants.size,
        rounds=plan.rounds,
        rows=rows,
    )


def _with_constants(graph: Graph, truth: Graph) -> Graph:
    """The graph of a plan with its numbers: in a loaded one only their packed form is left."""
    if not any(constant.is_meta for constant in graph.constants.values()):
        return graph
    return run_passes(split_batch(truth)[0])


def _timed(instance: Instance, inputs: Mapping[str, torch.Tensor]) -> float:
    start = time.perf_counter()
    instance.run(inputs)
    return time.perf_counter() - start


@dataclass(frozen=True)
class _Part:
    """Steps one after the other that do the work of one node, or one step between nodes."""

    first: Step | Call
    seconds: float

    @property
    def value(self) -> str:
        """The value that is only moved; none if the step computes one."""
        return self.first.value if isinstance(self.first, Step) else ""


def _parts(steps: list[Step | Call], seconds: list[float]) -> Iterator[_Part]:
    def work(pair: tuple[Step | Call, float]) -> object:
        step, _ = pair
        between = isinstance(step, Step) and bool(step.value)
        return id(step) if between or step.node is None else step.node.name

    for _, group in itertools.groupby(zip(steps, seconds, strict=True), key=work):
        pairs = list(group)
        yield _Part(pairs[0][0], sum(time for _, time in pairs))


def _row(instance: Instance, part: _Part, peak: float, errors: Mapping[str, float]) -> ReportRow:
    step, node = part.first, part.first.node
    if isinstance(step, Step) and (node is None or part.value):
        return _between(instance, step, part.seconds)
    assert node is not None
    operations, moved = 2 * _macs(instance, node), _bytes(instance, node)
    gflops = operations / part.seconds / 1e9 if operations else None
    choice = instance.plan.choices.get(node.name)
    share = None if gflops is None else gflops / peak
    if isinstance(step, Step) and isinstance(step.kernel, (Elementwise, Map)):
        share = _busy(instance, step, instance.plan.graph.types[node.name].numel, part.seconds)
    return ReportRow(
        path=node.path or node.name,
        step=op_title(node.op),
        algorithm="PyTorch" if isinstance(step, Call) else step.algorithm,
        why=step.reason if isinstance(step, Call) else choice.why if choice else "",
        tile="" if isinstance(step, Call) else getattr(step.kernel, "tiling", ""),
        milliseconds=1e3 * part.seconds,
        operations=operations,
        bytes=moved,
        gflops=gflops,
        peak=share,
        bandwidth=_bandwidth(instance, moved, part.seconds),
        error=errors.get(node.name),
        fallback=step.reason if isinstance(step, Call) else "",
        ways=(*choice.ways, *choice.declined) if choice else (),
    )


def _between(instance: Instance, step: Step, seconds: float) -> ReportRow:
    copies = isinstance(step.kernel, (Convert, Regroup))
    moved = 2 * 4 * instance.plan.graph.types[step.value].numel if copies else 0
    return ReportRow(
        path=step.value,
        step="",
        algorithm=step.algorithm,
        why=MOVES[step.algorithm],
        tile="",
        milliseconds=1e3 * seconds,
        operations=0,
        bytes=moved,
        gflops=None,
        peak=None,
        bandwidth=_bandwidth(instance, moved, seconds) if copies else None,
        error=None,
    )


def _busy(instance: Instance, step: Step, numbers: int, seconds: float) -> float | None:
    """Vector instructions of a function that makes so many numbers, for each that a multiply-add
    unit could take in that time. A division counts as one too, though it takes longer. None where
    the code has no loop that stores.
    """
    target, threads = instance.plan.target, instance.plan.threads
    loop = inner_loop(assembly(step.kernel.emit(target, "kernel"), target))
    if loop is None or not loop.stores:
        return None
    instructions = loop.arithmetic / loop.stores * numbers / target.lanes
    return instructions * 2 * target.lanes / seconds / (1e9 * threads * peak_gflops(target))


def _macs(instance: Instance, node: Node) -> int:
    """Multiply-adds of the direct way."""
    return node.op.cost(*instance.plan.graph.node_types(node)).macs


def _bytes(instance: Instance, node: Node) -> int:
    """What a node must move at least: each input and weight once, each output once."""
    types = instance.plan.graph.types
    return sum(4 * types[name].numel for name in dict.fromkeys((*node.inputs, *node.outputs)))


def _bandwidth(instance: Instance, moved: int, seconds: float) -> float:
    plan = instance.plan
    return moved / seconds / copy_bandwidth(moved, plan.threads, plan.target)
