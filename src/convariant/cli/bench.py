"""`convariant bench`: our program beside every installed engine, on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant import OptionError
from convariant.cli._network import Size, open_module
from convariant.cli._options import Json
from convariant.cli._output import line, print_json, print_table, table

if TYPE_CHECKING:
    from torch import nn

    from convariant.compiler.peers import Lap


def bench(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A network's name or the folder of a saved one.")
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
    """Time a network on every installed engine, in turn, each in its own process.

    Example: convariant bench mobilenet_v1 --threads 2
    """
    import torch
    from rich.console import Console

    from convariant.compiler import compile
    from convariant.compiler.peak import peak_gflops
    from convariant.compiler.peers import ENGINES, installed, prepare, race
    from convariant.errors import UnknownNameError

    names = list(installed()) if peers is None else ["convariant", *peers.split(",")]
    for name in names:
        if name not in ENGINES:
            raise UnknownNameError("engine", name, ENGINES)
    network, shape = _opened(model, size)
    torch.manual_seed(0)
    example = torch.randn(batch, *shape)
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("preparing") as shown:
        files = prepare(network, example, Path(folder), [ENGINES[name] for name in names])
        laps = race(
            files, names, threads=threads, rounds=rounds, seconds=seconds, progress=shown.update
        )
    gflop = 2e-9 * batch * _macs(network, shape)
    peak = peak_gflops() * threads
    rows = [_row(lap, laps[0], gflop, peak) for lap in laps]
    missing = {n: e.package for n, e in ENGINES.items() if e.version is None and peers is None}
    report = compile(network, example, threads=threads).report if steps else None
    if json:
        found = {"model": model, "threads": threads, "batch": batch, "rows": rows}
        print_json({**found, "report": report.as_dict()} if report else found)
        return
    figures = ("best ms", "median ms", "x ours", "% of peak", "error")
    made = table("engine", "version", *figures, right=figures)
    for row in rows:
        made.add_row(*(str(value) for value in row.values()))
    sizes = "x".join(map(str, shape[1:]))
    work = f"{gflop:.2f} GFLOP" if gflop >= 0.1 else f"{1000 * gflop:.2f} MFLOP"
    line(f"{model}, batch {batch}, {sizes}, {threads} thread(s); {work}, peak {peak:.0f} GFLOP/s")
    print_table(made)
    for name, package in missing.items():
        line(f"not installed: {name} (pip install {package})")
    if report:
        line(f"\n{report}")


def _opened(model: str, size: str | None) -> tuple[nn.Module, tuple[int, ...]]:
    """The network in eval mode, and the shape of one image."""
    from convariant.analysis._source import example_tensors

    network, given = open_module(model, size)
    assert given is not None  # every network by name, and every folder, says a size
    (example,) = example_tensors(network, given)
    images, *shape = example.shape
    if images != 1:
        raise OptionError(f"--size is {size!r}, of {images} images; say it as --batch {images}")
    return network.eval(), tuple(shape)


def _macs(network: nn.Module, shape: tuple[int, ...]) -> int:
    import torch

    from convariant.graph import from_torch

    graph = from_torch(network, torch.empty(1, *shape))
    return sum(node.op.cost(*graph.node_types(node)).macs for node in graph.nodes)


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
