"""`convariant bench`: our program beside every installed engine, on this machine."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant import GraphError, OptionError
from convariant.cli._network import Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, print_json, print_table, table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convariant.compiler.peers import Lap
    from convariant.compiler.report import Report
    from convariant.graph import Graph


@dataclass(frozen=True)
class _Case:
    """A network as it was named, what holds it (a module, or the path of an ONNX file), its graph
    and its input for one call.
    """

    name: str
    network: nn.Module | Path
    graph: Graph
    example: Tensor

    @property
    def gflop(self) -> float:
        """Operations of one call, in thousands of millions."""
        graph = self.graph
        return 2e-9 * sum(node.op.cost(*graph.node_types(node)).macs for node in graph.nodes)


def bench(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Networks' names, folders of saved ones, .onnx files; each gets its table.",
        ),
    ],
    threads: Annotated[int, typer.Option(min=1, help="Threads of every engine.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Images in one call.")] = 1,
    size: Size = None,
    peers: Annotated[
        str | None, typer.Option(help="Engines, separated by commas; by default all installed.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Blocks of calls for each engine.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.01, help="Length of a block.")] = 1.0,
    steps: Annotated[
        bool, typer.Option("--steps", help="Print each step of our program below, and why.")
    ] = False,
    json: Json = False,
) -> None:
    """Time networks on every installed engine, in turn, each in its own process.

    Example: convariant bench mobilenet_v1 --threads 2

    Example: convariant bench resnet18 my_model net.onnx --peers onnxruntime,openvino
    """
    from convariant.compiler.peers import ENGINES

    names, missing = _engines(peers)
    # all are opened before the first is timed: a wrong name is told now, not minutes later
    cases = [_opened(model, size, batch) for model in models]
    found = []
    for number, case in enumerate(cases):
        laps = _timed(case, names, threads, rounds, seconds)
        report = _report(case, threads) if steps else None
        rows, heading = _rows(case, laps, threads, batch)
        if json:
            about = {"model": case.name, "threads": threads, "batch": batch, "rows": rows}
            lacking = [{"engine": n, "install": ENGINES[n].install} for n in missing]
            told = {"report": report.as_dict()} if report else {}
            found.append({**about, "missing": lacking, **told})
            continue
        line(f"\n{heading}" if number else heading)
        _print_rows(rows)
        if report:
            line(f"\n{report}")
    if json:
        print_json(found if len(found) > 1 else found[0])
        return
    for name in missing:
        line(f"not installed: {name} ({ENGINES[name].install})")


def _engines(peers: str | None) -> tuple[list[str], list[str]]:
    """Ours and the peers that are installed, and those asked for that are not."""
    from convariant.compiler.peers import ENGINES
    from convariant.errors import UnknownNameError

    asked = list(ENGINES) if peers is None else [name.strip() for name in peers.split(",")]
    for name in asked:
        if name not in ENGINES:
            raise UnknownNameError("engine", name, ENGINES)
    others = [name for name in dict.fromkeys(asked) if name != "convariant"]
    missing = [name for name in others if ENGINES[name].version is None]
    return ["convariant", *(name for name in others if name not in missing)], missing


def _timed(case: _Case, names: list[str], threads: int, rounds: int, seconds: float) -> list[Lap]:
    from rich.console import Console

    from convariant.compiler.peers import ENGINES, prepare, race

    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("preparing") as shown:
        engines = [ENGINES[name] for name in names]
        files = prepare(case.network, case.example, Path(folder), engines)
        return race(
            files,
            names,
            threads=threads,
            rounds=rounds,
            seconds=seconds,
            progress=lambda text: shown.update(f"{case.name}, {text}"),
        )


def _report(case: _Case, threads: int) -> Report:
    from convariant.compiler import compile

    return compile(case.graph, threads=threads).report


def _rows(
    case: _Case, laps: list[Lap], threads: int, batch: int
) -> tuple[list[dict[str, object]], str]:
    """The lines of a table, and what stands above."""
    from convariant.compiler.peak import peak_gflops

    gflop, peak = case.gflop, peak_gflops() * threads
    sizes = "x".join(map(str, case.example.shape[2:])) or str(case.example.shape[-1])
    work = f"{gflop:.2f} GFLOP" if gflop >= 0.1 else f"{1000 * gflop:.2f} MFLOP"
    heading = (
        f"{case.name}, batch {batch}, {sizes}, {threads} thread(s); {work}, peak {peak:.0f} GFLOP/s"
    )
    return [_row(lap, laps[0], gflop, peak) for lap in laps], heading


def _print_rows(rows: list[dict[str, object]]) -> None:
    figures = ("best ms", "median ms", "x ours", "% of peak", "error")
    made = table("engine", "version", *figures, right=figures)
    for row in rows:
        made.add_row(*(str(value) for value in row.values()))
    print_table(made)


def _opened(model: str, size: str | None, batch: int) -> _Case:
    """The network in eval mode, and so many images for it."""
    import torch

    from convariant.analysis._source import example_tensors
    from convariant.graph import from_torch

    network, given = open_network(model, size)
    torch.manual_seed(0)
    if isinstance(network, str):
        return _opened_file(model, given, size, batch)
    assert given is not None  # every network by name, and every folder, says a size
    (empty,) = example_tensors(network, given)
    images, *shape = empty.shape
    _one_image(images, size)
    example = torch.randn(batch, *shape)
    return _Case(model, network.eval(), from_torch(network, example), example)


def _opened_file(model: str, given: tuple[int, ...] | None, size: str | None, batch: int) -> _Case:
    """An ONNX file, whose input says its size unless `--size` does."""
    import torch

    from convariant.analysis._source import as_graph
    from convariant.graph import from_onnx
    from convariant.graph._types import at_batch

    graph = as_graph(model, given)
    type_ = graph.input_types[0]
    if len(graph.inputs) != 1 or type_.dtype != torch.float32 or not type_.rank:
        inputs = ", ".join(f"{name}: {graph.types[name]}" for name in graph.inputs)
        raise OptionError(
            f"bench times networks of one float32 input, but {model} takes {inputs}; "
            f"convariant compile {model} times it without other engines"
        )
    images, *rest = at_batch(type_.shape, batch)
    fixed = isinstance(type_.shape[0], int)
    if size is not None and fixed:
        _one_image(images, size)
    example = torch.randn(batch if fixed else images, *rest)
    try:
        graph = from_onnx(model, [tuple(example.shape)])
    except GraphError as error:
        if images == batch or not fixed:
            raise
        raise OptionError(
            f"{model} is made for {images} images, not for {batch}: {error}; say --batch {images}"
        ) from error
    return _Case(model, Path(model), graph, example)


def _one_image(images: int, size: str | None) -> None:
    if images != 1:
        raise OptionError(f"--size is {size!r}, of {images} images; say it as --batch {images}")


def _row(lap: Lap, ours: Lap, gflop: float, peak: float) -> dict[str, object]:
    """One line of the table; the median decides, since it is what a user sees."""
    if lap.median is None or lap.best is None:
        return {"engine": lap.engine, "version": f"failed: {lap.failure}"}
    ratio = lap.median / ours.median if ours.median else float("nan")
    return {
        "engine": lap.engine,
        "version": lap.version,
        "best ms": f"{lap.best:.3f}",
        "median ms": f"{lap.median:.3f}",
        "x ours": f"{ratio:.2f}",
        "% of peak": f"{100 * gflop / (lap.best * 1e-3) / peak:.0f}",
        "error": f"{lap.error:.0e}",
    }
