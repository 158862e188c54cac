"""`convariant compile`: a network as native code in one file, with a report of what it does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant import CompileError, ConvariantError, OptionError
from convariant.cli._memory import lacks_memory
from convariant.cli._network import Network, Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line

if TYPE_CHECKING:
    from convariant.compiler.program import Program
    from convariant.compiler.report import Report

# what PyTorch raises on numbers that a network does not take
_FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


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

    _refuse_pairs(json=json, passes=passes, step=step, code=code, whole=whole)
    _refuse_one_file(output, html)
    graph = as_graph(*open_network(model, size)).at_batch(1)
    with _measuring(lambda: compile(graph, threads=threads, tolerance=tolerance)):
        program = compile(graph, threads=threads, tolerance=tolerance, tune=tune)
    texts = [f"{program.explain_passes()}\n"] if passes else []
    explained = None if code is None else program.explain(code, whole=whole)
    written = []
    # files first: the program also where nothing can be measured, all where the reader has gone
    if output is not None:
        program.save(output)
        written.append(f"{output} ({output.stat().st_size / 2**20:.1f} MiB)")
    report = None
    # it takes seconds, and code alone has none of it
    if explained is None or step is not None or html or pictures:
        with _measuring(lambda: program):
            report = program.report
    if report is not None:
        if json:
            texts.append(report.to_json())
        elif step is not None:
            texts.append(report.step(step))
        elif explained is None:
            texts.append(str(report))
        if html is not None:
            write_file(html, report.to_html().encode())
            written.append(str(html))
        if pictures is not None:
            written += map(str, _draw(program, report, pictures))
    if explained is not None:
        texts.append(explained if step is None else f"\n{explained}")
    for text in texts + [f"written to {place}" for place in written if not json]:
        line(text)


def _refuse_pairs(
    *, json: bool, passes: bool, step: str | None, code: str | None, whole: bool
) -> None:
    """Options that cannot both be had: one JSON document, or text."""
    shown = {"--passes": passes, "--step": step is not None, "--code": code is not None}
    for name, given in shown.items():
        if json and given:
            raise OptionError(
                f"--json prints the whole report as one document, {name} prints text; "
                f"leave out --json or {name}"
            )
    if whole and code is None:
        raise OptionError(
            "--whole shows all code of the layer that --code names; add --code LAYER, or leave "
            "out --whole"
        )


def _refuse_one_file(output: Path | None, html: Path | None) -> None:
    if output is not None and html is not None and output.absolute() == html.absolute():
        raise OptionError(f"--output and --html both name {html}; give each a file of its own")


@contextlib.contextmanager
def _measuring(program: Callable[[], Program]) -> Iterator[None]:
    """In here a network runs on random inputs: where PyTorch fails on these, that is one sentence.

    After an error the program is run once, to tell such failures from any of our own.
    """
    try:
        yield
    except _FAILURES as error:
        if not isinstance(error, ConvariantError) and not lacks_memory(error):
            _check_runs(program())
        raise


def _check_runs(program: Program) -> None:
    instance = program.latest()
    try:
        instance.run(instance.random_inputs())
    except _FAILURES as error:
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CompileError(
            f"{program.graph.name} is compiled, but fails on the random inputs that it is measured "
            f"with: {said}; compile it in Python and call it with inputs of your own"
        ) from error


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
