"""A report in 80 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from convariant.compiler.plan import Way
from convariant.compiler.plan._choice import in_millions
from convariant.compiler.report._rows import Report, ReportRow

__all__ = ["as_text", "details", "error_text", "halo_text"]

_WIDTH = 80
# Columns: layer and algorithm take what the figures leave.
_FIGURES = ("tile", "ms", "of limit", "error")
_FIGURE_WIDTHS = (8, 8, 10, 7)
_MOST_LAYER, _BOTH = 25, _WIDTH - sum(_FIGURE_WIDTHS) - 1


def as_text(report: Report) -> str:
    """The summary, then each step: figures first, what and why below, unless it was said before."""
    shown = [row for row in report.rows if row not in report.halos]
    layer = min(max((len(row.path) for row in shown), default=0), _MOST_LAYER)
    head = _line("layer", "algorithm", _FIGURES, layer)
    lines = [*_summary(report), "", *head]
    said = set()
    for row in shown:
        lines += _line(_shortened(row.path, layer), row.algorithm, _cells(row), layer)
        if (row.why or row.step) not in said:
            said.add(row.why or row.step)
            lines += _indented(": ".join(filter(None, (row.step, row.why))))
    lines += _indented(halo_text(report)) if report.halos else []
    return "\n".join(line.rstrip() for line in lines)


def _summary(report: Report) -> list[str]:
    """The figures of the whole."""
    share = 100 * report.gflops / report.peak_gflops
    rounds = f"in {report.rounds} rounds, of which the steps show one; " * (report.rounds > 1)
    texts = (
        f"{report.network}: {report.milliseconds:.3f} ms, {report.gflops:.1f} GFLOP/s, "
        f"{share:.0f} % of {report.peak_gflops:.0f} measured",
        f"{rounds}{report.machine}, {report.target}, threads {report.threads}; relative error "
        f"{error_text(report.error)}",
        f"arena {report.arena_bytes / 2**20:.2f} MiB (live at once "
        f"{report.arena_bound_bytes / 2**20:.2f}), weights "
        f"{report.constant_bytes / 2**20:.2f} MiB; by PyTorch: {len(report.fallbacks)} steps",
        "tile: rows x columns x channels kept in registers; of limit: fma, of the multiply-adds "
        "measured (those of the definition: algorithms with fewer pass 100 %; of functions, "
        "vector instructions), or mem, of a copy of as many bytes; error: of the step alone",
    )
    return [line for t in texts for line in textwrap.wrap(t, _WIDTH, subsequent_indent="  ")]


def details(row: ReportRow) -> str:
    """One step with every way that was thought of."""
    tile = f", tile {row.tile} (rows x columns x channels in registers)" if row.tile else ""
    figures = [f"{row.milliseconds:.4f} ms"]
    if row.gflops is not None and row.peak is not None:
        figures += [f"{row.gflops:.1f} GFLOP/s", f"{row.peak:.0%} of the multiply-adds measured"]
    elif row.peak is not None:
        figures.append(f"vector instructions at {row.peak:.0%} of the pace of multiply-adds")
    if row.bandwidth is not None:
        figures.append(f"{row.bandwidth:.0%} of a copy of as many bytes")
    if row.error is not None:
        figures.append(f"relative error {error_text(row.error)}")
    lines = [f"{row.path}: {row.step}" if row.step else row.path, f"  {row.algorithm}{tile}"]
    lines += _indented(", ".join(figures))
    lines += _indented(f"why: {row.why}") if row.why else []
    if len(row.ways) > 1:
        lines += ["", f"  {'way':30} {'tile':>8} {'M cycles estimated':>20}"]
        for way in row.ways:
            lines += _way(way)
    return "\n".join(lines)


def error_text(error: float) -> str:
    """A logarithm or a root of random numbers is NaN in part, and then so is its error."""
    return "not a number (NaN came of random inputs)" if math.isnan(error) else f"{error:.1e}"


def halo_text(report: Report) -> str:
    """All halos in one line."""
    spent = sum(row.milliseconds for row in report.halos)
    return f"halos ({len(report.halos)}), {report.halos[0].why}: {spent:.4f} ms"


def _way(way: Way) -> list[str]:
    if way.declined:
        return _indented(f"{way.algorithm:30} no: {way.declined}")
    cycles = "" if way.cycles is None else in_millions(way.cycles)
    return [f"  {way.algorithm:30} {way.tile:>8} {cycles:>20}"]


def _cells(row: ReportRow) -> tuple[str, ...]:
    error = "" if row.error is None else f"{row.error:.0e}"
    return row.tile, f"{row.milliseconds:.4f}", row.share_text, error


def _line(path: str, algorithm: str, figures: tuple[str, ...], layer: int) -> Iterator[str]:
    """One row; a long name of an algorithm goes on below."""
    first, *rest = textwrap.wrap(algorithm, _BOTH - layer)
    cells = zip(figures, _FIGURE_WIDTHS, strict=True)
    yield f"{path:{layer}} {first:{_BOTH - layer}}" + "".join(f"{c:>{w}}" for c, w in cells)
    yield from (f"{'':{layer}} {more}" for more in rest)


def _shortened(path: str, width: int) -> str:
    """The end of a path says more than its start."""
    return path if len(path) <= width else f"…{path[len(path) - width + 1 :]}"


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
