"""What a program does, step by step: algorithm, time, share of the machine's peak, error."""

from __future__ import annotations

import html
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import llvmlite.binding as llvm
import torch
from rich.console import Console
from rich.table import Table

from convariant.compiler._instance import Instance
from convariant.compiler.peak import peak_gflops
from convariant.compiler.plan import Call, Step, liveness_bound
from convariant.graph import Graph, interpret

__all__ = ["Report", "ReportRow", "make_report"]

# Turns of the whole network behind each time in a report; the least counts.
_TURNS = 15


@dataclass(frozen=True)
class ReportRow:
    """One step of a program; `gflops` and `peak` (a share of 1) where it multiplies."""

    path: str
    step: str
    algorithm: str
    milliseconds: float
    gflops: float | None
    peak: float | None
    fallback: str = ""


@dataclass(frozen=True)
class Report:
    """A program on this machine. It prints as a table; `to_json` and `to_html` are for others.

    A large batch runs in `rounds` of a few images each; the rows are of one round.

    `error` is the largest difference to the float64 truth on random inputs, relative to the largest
    true value. `peak_gflops` was measured in the same run, on as many threads.
    """

    network: str
    machine: str
    target: str
    threads: int
    peak_gflops: float
    milliseconds: float
    gflops: float
    error: float
    arena_bytes: int
    arena_bound_bytes: int
    constant_bytes: int
    rounds: int
    rows: tuple[ReportRow, ...]

    @property
    def fallbacks(self) -> tuple[ReportRow, ...]:
        """The steps that PyTorch runs, with the reason of each."""
        return tuple(row for row in self.rows if row.fallback)

    def __str__(self) -> str:
        table = Table("layer", "step", "algorithm", "ms", "GFLOP/s", "% of peak", box=None)
        for row in self.rows:
            table.add_row(*_cells(row))
        console = Console(width=110, highlight=False)
        with console.capture() as capture:
            console.print(self._summary())
            console.print(table)
        return capture.get().rstrip()

    def _summary(self) -> str:
        share = 100 * self.gflops / self.peak_gflops
        rounds = f"in {self.rounds} rounds, of which the steps show one; " * (self.rounds > 1)
        return (
            f"{self.network}: {self.milliseconds:.3f} ms, {self.gflops:.1f} GFLOP/s, {share:.0f} % "
            f"of {self.peak_gflops:.0f} measured\n"
            f"{rounds}{self.machine}, {self.target}, threads {self.threads}; relative error "
            f"{self.error:.1e}\n"
            f"arena {self.arena_bytes / 2**20:.2f} MiB (live at once "
            f"{self.arena_bound_bytes / 2**20:.2f}), weights "
            f"{self.constant_bytes / 2**20:.2f} MiB; by PyTorch: {len(self.fallbacks)} steps"
        )

    def to_json(self) -> str:
        """Every figure, for programs."""
        return json.dumps(asdict(self), indent=2)

    def to_html(self) -> str:
        """The table as one page that needs no network."""
        head = ("layer", "step", "algorithm", "ms", "GFLOP/s", "% of peak")
        lines = [_html_row("th", head), *(_html_row("td", _cells(row)) for row in self.rows)]
        summary = html.escape(self._summary()).replace("\n", "<br>")
        return (
            f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.network)}</title>'
            "<style>body{font:14px sans-serif}td,th{padding:2px 10px;text-align:left}</style>"
            f"<p>{summary}</p><table>{''.join(lines)}</table>"
        )


def make_report(instance: Instance, truth: Graph) -> Report:
    """Run an instance on random inputs, whole and step by step; `truth` is run in float64."""
    plan = instance.plan
    inputs = instance.random_inputs()
    seconds = instance.measure(inputs, _TURNS)
    peak = plan.threads * peak_gflops(plan.target)
    rows = tuple(_row(instance, step, s, peak) for step, s in zip(plan.steps, seconds, strict=True))
    whole = min(_timed(instance, inputs) for _ in range(_TURNS))
    operations = plan.rounds * sum(2 * _macs(instance, step) for step in plan.steps)
    return Report(
        network=truth.name,
        machine=f"{llvm.get_host_cpu_name()} on {platform.system()}",
        target=plan.target.name,
        threads=plan.threads,
        peak_gflops=peak,
        milliseconds=1e3 * whole,
        gflops=operations / whole / 1e9,
        error=_error(instance, truth, inputs),
        arena_bytes=4 * plan.arena,
        arena_bound_bytes=4 * liveness_bound(plan.buffers),
        constant_bytes=4 * plan.constants.size,
        rounds=plan.rounds,
        rows=rows,
    )


def _timed(instance: Instance, inputs: Mapping[str, torch.Tensor]) -> float:
    start = time.perf_counter()
    instance.run(inputs)
    return time.perf_counter() - start


def _error(instance: Instance, graph: Graph, inputs: Mapping[str, torch.Tensor]) -> float:
    results = instance.run(inputs)
    worst = 0.0
    for result, truth in zip(
        results, interpret(graph, *inputs.values(), dtype=torch.float64), strict=True
    ):
        if result.is_floating_point() and result.numel():
            largest = truth.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
            worst = max(worst, float((result - truth).abs().max() / largest))
    return worst


def _macs(instance: Instance, step: Step | Call) -> int:
    """Multiply-adds of the direct way; of a node in several steps, counted at the last."""
    if step.node is None or (isinstance(step, Step) and not step.wait):
        return 0
    return step.node.op.cost(*instance.plan.graph.node_types(step.node)).macs


def _row(instance: Instance, step: Step | Call, seconds: float, peak: float) -> ReportRow:
    node, macs = step.node, _macs(instance, step)
    path = node.path or node.name if node is not None else ""
    gflops = 2 * macs / seconds / 1e9 if macs else None
    return ReportRow(
        path=path,
        step=f"{node.op.text()}" if node is not None else "",
        algorithm="PyTorch" if isinstance(step, Call) else step.algorithm,
        milliseconds=1e3 * seconds,
        gflops=gflops,
        peak=None if gflops is None else gflops / peak,
        fallback=step.reason if isinstance(step, Call) else "",
    )


def _cells(row: ReportRow) -> tuple[str, ...]:
    how = f"{row.algorithm}: {row.fallback}" if row.fallback else row.algorithm
    gflops = "" if row.gflops is None else f"{row.gflops:.1f}"
    peak = "" if row.peak is None else f"{100 * row.peak:.0f}"
    return row.path, row.step, how, f"{row.milliseconds:.4f}", gflops, peak


def _html_row(tag: str, cells: tuple[str, ...]) -> str:
    inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"
