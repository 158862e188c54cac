"""A network's report as one page: no scripts, nothing from elsewhere, figures to download."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from convariant.drawing._flow import flow
from convariant.drawing._palette import BACKGROUND, INKS, STYLES
from convariant.drawing._svg import FONT

if TYPE_CHECKING:
    from convariant.drawing._report import NetworkReport, Section, Table

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = f"""
:root{{color-scheme:light dark;--paper:{BACKGROUND.fill};--ink:{INKS["ink"][0]};
--muted:{INKS["muted"][0]};--edge:{STYLES["box"].stroke};--box:{STYLES["box"].fill};
--bar:{STYLES["input"].fill}}}
@media (prefers-color-scheme:dark){{:root{{--paper:{BACKGROUND.dark_fill};--ink:{INKS["ink"][1]};
--muted:{INKS["muted"][1]};--edge:{STYLES["box"].dark_stroke};--box:{STYLES["box"].dark_fill};
--bar:{STYLES["input"].dark_fill}}}}}
body{{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 {FONT}}}
main{{max-width:1080px;margin:0 auto;padding:20px 16px 60px}}
h1{{margin:0;font-size:1.6rem}} h2{{margin:44px 0 4px;font-size:1.2rem}} p{{margin:4px 0 12px}}
header p,.words{{color:var(--muted)}}
nav{{display:flex;flex-wrap:wrap;gap:6px 16px;margin:12px 0}} a{{color:{INKS["blue"][0]}}}
@media (prefers-color-scheme:dark){{a{{color:{INKS["blue"][1]}}}}}
figure{{margin:18px 0 28px}} figure .picture{{--scale:1}}
.scroll{{overflow:auto;max-height:32rem;border:1px solid var(--edge);border-radius:6px}}
table{{border-collapse:collapse;width:100%;font-size:.86rem}}
th,td{{padding:4px 10px;text-align:left;border-bottom:1px solid var(--edge);
font-variant-numeric:tabular-nums}}
thead th{{position:sticky;top:0;background:var(--box)}}
.problem{{border-left:4px solid #d98800;background:var(--box);padding:8px 14px}}
@media (max-width:640px){{table{{width:max-content}} td{{max-width:17rem}}}}
@media print{{.scroll{{max-height:none}}}}
"""


def page(report: NetworkReport) -> str:
    """The whole page as text."""
    links = "".join(
        f'<a href="#{_anchor(section)}">{escape(section.heading)}</a>'
        for section in report.sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.network)}: report</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main><header><h1>{escape(report.network)}</h1>"
        f"<p>{escape(report.subtitle)}</p><nav>{links}</nav></header>\n"
        + "\n".join(_section(section) for section in report.sections)
        + "\n</main></body></html>\n"
    )


def _section(section: Section) -> str:
    parts = [f'<section id="{_anchor(section)}"><h2>{escape(section.heading)}</h2>']
    if section.problem:
        parts.append(f'<p class="problem">{escape(section.problem)}</p>')
    if section.words:
        parts.append(f'<p class="words">{escape(section.words)}</p>')
    parts += [f"<figure>{flow(picture)}</figure>" for picture in section.pictures]
    parts += [_table(table) for table in section.tables]
    if section.data:
        files = ", ".join(_link(name, content) for name, content in section.data.items())
        parts.append(f"<p>The figures: {files}</p>")
    return "".join(parts) + "</section>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    lines = []
    for i, row in enumerate(table.rows):
        cells = [f"<td>{escape(cell)}</td>" for cell in row]
        if table.bars:
            style = (
                f"background:linear-gradient(90deg,var(--bar) {table.bars[i]:.1%},transparent 0)"
            )
            cells[-1] = f'<td style="{style}">{escape(row[-1])}</td>'
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _link(name: str, content: str) -> str:
    data = base64.b64encode(content.encode()).decode()
    kind = {"csv": "text/csv", "json": "application/json"}.get(
        name.rpartition(".")[2], "text/plain"
    )
    return f'<a download="{escape(name)}" href="data:{kind};base64,{data}">{escape(name)}</a>'


def _anchor(section: Section) -> str:
    return section.heading.lower().replace(" ", "-")
