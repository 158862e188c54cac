"""`convariant compile`: a network as native code in one file, with a report of what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant.cli._network import Network, Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, out

if TYPE_CHECKING:
    from convariant.compiler.program import Program
    from convariant.compiler.report import Report


def compile_(
    model: Network,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the program here, for convariant.load."),
    ] = None,
    size: Size = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; by default as many as PyTorch uses.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Relative error an approximate algorithm may add.")
    ] = 1e-4,
    tune: Annotated[
        bool, typer.Option("--tune", help="Run the ways to compute each layer; take the fastest.")
    ] = False,
    passes: Annotated[
        bool, typer.Option("--passes", help="Print what each pass changes, before the report.")
    ] = False,
    step: Annotated[
        str | None, typer.Option(help="Print one layer's steps, with every way there was.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="Print LLVM IR and assembly of one layer's inner loop.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="With --code: all of the code, not the loop alone.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page here.")] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Draw passes and plan, memory and roofline as SVG into this folder."),
    ] = None,
    json: Json = False,
) -> None:
    """Compile a network for this machine's CPU; print time, algorithm and error of every step.

    Example: convariant compile mobilenet_v1 --size 224 -o mobilenet.convariant
    """
    from convariant.analysis._source import as_graph
    from convariant.compiler import compile
    from convariant.drawing._picture import write_file

    graph = as_graph(*open_network(model, size)).at_batch(1)
    program = compile(graph, threads=threads, tolerance=tolerance, tune=tune)
    if code is not None:
        line(program.explain(code, whole=whole))
        return
    report = program.report
    if json:
        out.print(report.to_json(), soft_wrap=True)
    else:
        if passes:
            line(f"{program.explain_passes()}\n")
        line(str(report) if step is None else report.step(step))
    if html is not None:
        write_file(html, report.to_html().encode())
    if pictures is not None:
        for path in _draw(program, report, pictures):
            if not json:
                line(f"written to {path}")
    if output is not None:
        program.save(output)
        if not json:
            line(f"written to {output} ({output.stat().st_size / 2**20:.1f} MiB)")


def _draw(program: Program, report: Report, folder: Path) -> Iterator[Path]:
    """What there is to see of a program: where a network multiplies nothing, no roofline."""
    from convariant.drawing import arena, compilation, roofline

    plan = program.latest().plan
    folder.mkdir(parents=True, exist_ok=True)
    yield compilation(program.graph, plan).save(folder)
    if plan.buffers:
        yield arena(plan).save(folder)
    if any(row.operations for row in report.rows):
        yield roofline(report).save(folder)
