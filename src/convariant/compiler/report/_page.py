"""A report as one page: a table of the steps, each of which opens to show its reasons."""

from __future__ import annotations

from html import escape

from convariant.compiler.plan import Way
from convariant.compiler.plan._choice import in_millions
from convariant.compiler.report._rows import Report, ReportRow
from convariant.compiler.report._text import error_text, halo_text

__all__ = ["as_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2430;--muted:#5b6675;--edge:#d5dbe3;
--box:#f3f5f8;--bar:#b9d7f5;--memory:#f5d9b0}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6eaf0;--muted:#9aa6b5;
--edge:#333c47;--box:#1d232a;--bar:#27507a;--memory:#6b4c1d}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 60px}
h1{margin:0 0 12px;font-size:1.5rem;overflow-wrap:anywhere} p{color:var(--muted)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:0}
dl div{background:var(--box);border-radius:6px;padding:8px 12px}
dt{color:var(--muted);font-size:.8rem} dd{margin:0}
.row{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,3fr) 5em 6em 7em 5em;gap:0 12px;
padding:5px 8px;border-bottom:1px solid var(--edge);font-variant-numeric:tabular-nums;
font-size:.88rem;overflow-wrap:anywhere}
.head{background:var(--box);font-weight:600;position:sticky;top:0}
.figure{text-align:right;padding:0 4px}
summary{cursor:pointer;list-style:none} summary::-webkit-details-marker{display:none}
summary:hover,details[open]>summary{background:var(--box)}
.why{padding:8px 8px 14px;border-bottom:1px solid var(--edge);font-size:.88rem;overflow-x:auto}
.why p{margin:0 0 6px} table{border-collapse:collapse;font-size:.85rem}
td,th{padding:2px 14px 2px 0;text-align:left}
@media (max-width:640px){.row{grid-template-columns:minmax(0,1fr) 5.2em 6.4em}
.row>:nth-child(2){grid-column:1/-1;grid-row:2;color:var(--muted)}.tile,.error{display:none}}
"""


def as_page(report: Report) -> str:
    """The page as text."""
    name = escape(report.network)
    longest = max((row.milliseconds for row in report.rows), default=1.0)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: report</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{name}</h1>\n<dl>{''.join(_facts(report))}</dl>\n"
        "<p>A step opens to its reasons. Of its limit: blue, of the multiply-adds measured "
        "(counted as the definition has them, so that algorithms with fewer pass 100 %; of "
        "functions, their vector instructions); amber, of a copy of as many bytes. The error is "
        "that of the step alone, relative to its largest "
        "output.</p>"
        f'<div class="row head">{_cells(("layer", "algorithm", "tile", "ms", "of limit", "error"))}'
        "</div>\n"
        + "\n".join(_step(row, longest) for row in report.rows if row not in report.halos)
        + (f"\n<p>{escape(halo_text(report))}</p>" if report.halos else "")
        + "\n</main></body></html>\n"
    )


def _facts(report: Report) -> list[str]:
    facts = {
        "time": f"{report.milliseconds:.3f} ms",
        "speed": f"{report.gflops:.1f} GFLOP/s",
        "of the peak measured": f"{report.gflops / report.peak_gflops:.0%} of "
        f"{report.peak_gflops:.0f} GFLOP/s",
        "relative error": error_text(report.error),
        "arena (live at once)": f"{report.arena_bytes / 2**20:.2f} "
        f"({report.arena_bound_bytes / 2**20:.2f}) MiB",
        "weights": f"{report.constant_bytes / 2**20:.2f} MiB",
        "by PyTorch": f"{len(report.fallbacks)} of {len(report.rows)} steps",
        "machine": f"{report.machine}, {report.target}",
        "threads": str(report.threads),
    }
    if report.rounds > 1:
        facts["rounds (steps show one)"] = str(report.rounds)
    return [f"<div><dt>{n}</dt><dd>{escape(value)}</dd></div>" for n, value in facts.items()]


def _step(row: ReportRow, longest: float) -> str:
    error = "" if row.error is None else f"{row.error:.0e}"
    bars = {
        3: ("var(--edge)", row.milliseconds / longest),
        4: ("var(--bar)" if row.limit == "peak" else "var(--memory)", min(row.share or 0.0, 1.0)),
    }
    cells = (
        row.path,
        row.algorithm,
        row.tile,
        f"{row.milliseconds:.4f}",
        row.share_text,
        error,
    )
    head = f'<summary class="row">{_cells(cells, bars)}</summary>'
    return f'<details>{head}<div class="why">{_reasons(row)}</div></details>'


def _cells(texts: tuple[str, ...], bars: dict[int, tuple[str, float]] | None = None) -> str:
    kinds = ("", "", "tile", "figure", "figure", "figure error")
    parts = []
    for place, (kind, text) in enumerate(zip(kinds, texts, strict=True)):
        style = ""
        if bars and place in bars:
            colour, share = bars[place]
            fill = f"linear-gradient(90deg,{colour} {share:.1%},transparent 0)"
            style = f' style="background:{fill}"'
        parts.append(f'<span class="{kind}"{style}>{escape(text)}</span>')
    return "".join(parts)


def _reasons(row: ReportRow) -> str:
    figures = [row.tile and f"tile {row.tile} (rows x columns x channels kept in registers)"]
    figures += [] if row.error is None else [f"relative error {error_text(row.error)}"]
    words = [row.step, row.why and f"Why: {row.why}.", ", ".join(filter(None, figures))]
    text = "".join(f"<p>{escape(word)}</p>" for word in words if word)
    if len(row.ways) < 2:
        return text
    lines = "".join(map(_way, row.ways))
    head = "<tr><th>way</th><th>tile</th><th>M cycles estimated</th></tr>"
    return f"{text}<table>{head}{lines}</table>"


def _way(way: Way) -> str:
    cycles = "" if way.cycles is None else in_millions(way.cycles)
    cells = (way.algorithm, way.tile, f"no: {way.declined}" if way.declined else cycles)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
