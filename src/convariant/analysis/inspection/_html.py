"""The inspection as one HTML page: totals, a chart of cost by layer, the table. No scripts, no net.

The chart has a thick bar for each layer, as wide as its multiply-adds, and under it a thin one for
its parameters; resting the pointer on a bar names it.
"""

from __future__ import annotations

from html import escape
from string import Template

from convariant.analysis.inspection._result import Inspection, Layer
from convariant.analysis.inspection._text import field_note, field_text, shown
from convariant.analysis.inspection._units import shape, short, size_text

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$name: inspection</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #5b6570; --line: #d9dee3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --paper: #15181b; --soft: #9aa5b0; --line: #333a41; }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin: 0; }
p { color: var(--soft); margin: .3rem 0 1.2rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .8rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-size: 1.15rem; }
dd small { color: var(--soft); font-size: .75rem; display: block; }
svg { width: 100%; height: auto; margin: 1rem 0; }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg line { stroke: var(--line); }
div { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<h1>$name</h1>
<p>$shapes</p>
<dl>$totals</dl>
$chart
<p>$line</p>
<div><table>
<thead><tr>$header</tr></thead>
<tbody>
$rows
</tbody>
</table></div>
$notes
</body>
</html>
""")
_COLOURS = {
    "pointwise conv": "#2f7fb8", "conv": "#1f4e79", "depthwise conv": "#e07b39",
    "grouped conv": "#8a5fbf", "transposed conv": "#c2417a", "linear": "#4c9a57",
    "matrix product": "#4c9a57",
}  # fmt: skip
_GREY = "#8b949e"
_BAR, _WIDE, _NAME = 15, 620, 38  # chart: row height, longest bar, letters of a name


def to_html(result: Inspection) -> str:
    """The page as text."""
    sizes = ["x".join(map(str, s)) for s in (*result.input_sizes, *result.output_sizes)]
    count = len(result.input_sizes)
    return _PAGE.substitute(
        name=escape(result.name),
        shapes=escape(f"{', '.join(sizes[:count])} → {', '.join(sizes[count:])}"),
        totals="".join(_totals(result)),
        chart=_chart(result),
        line=escape(result.count.line),
        header="".join(_header()),
        rows="\n".join(_row(layer) for layer in result.layers if shown(layer)),
        notes="".join(f"<p>{escape(note)}</p>" for note in result.notes),
    )


def _totals(result: Inspection) -> list[str]:
    status, memory = result.status, result.memory
    field = result.receptive_field
    seen = (field_note(result), status["receptive_field"])
    facts = [
        ("parameters", f"{result.params:,}", f"{size_text(memory.weights)}, {status['params']}"),
        ("MACs", f"{result.macs:,}", status["macs"]),
        ("FLOPs", f"{result.flops:,}", f"bias {result.bias:,}, other {result.other:,}"),
        (
            "activations",
            f"{size_text(memory.peak)} at once",
            f"at {memory.where}; {size_text(memory.total)} in all, {status['memory']}",
        ),
        ("intensity", f"{result.intensity:.1f}", "FLOPs per byte moved"),
        ("receptive field", str(field or "unknown"), ", ".join(filter(None, seen))),
    ]
    return [
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(words)}</small></dd></div>"
        for name, value, words in facts
    ]


def _chart(result: Inspection) -> str:
    """Layers downwards; a bar of multiply-adds and a thinner one of parameters for each."""
    layers = [x for x in result.layers if x.macs]
    if not layers:
        return ""
    most, heaviest = max(x.macs for x in layers), max(1, *(x.params for x in layers))
    height = _BAR * len(layers) + 42
    left = 14 + 6 * max(len(layer.name[-_NAME:]) for layer in layers)
    parts = [
        f'<svg viewBox="0 0 {left + _WIDE + 60} {height}" role="img" '
        'aria-label="Cost by layer: multiply-adds and parameters">',
        f'<text x="{left}" y="14">multiply-adds (thick) and parameters (thin)</text>',
    ]
    for i, layer in enumerate(layers):
        y = 26 + i * _BAR
        colour = _COLOURS.get(layer.kind, _GREY)
        wide, thin = _WIDE * layer.macs / most, _WIDE * layer.params / heaviest
        tip = f"{layer.name}: {layer.kind} {layer.attributes}, {layer.macs:,} MACs, "
        tip += f"{layer.params:,} parameters, output {shape(layer.output_size)}"
        parts.append(
            f"<g><title>{escape(tip)}</title>"
            f'<text x="{left - 6}" y="{y + 9}" text-anchor="end">'
            f"{escape(layer.name[-_NAME:])}</text>"
            f'<rect x="{left}" y="{y}" width="{wide:.1f}" height="8" fill="{colour}"/>'
            f'<rect x="{left}" y="{y + 9}" width="{thin:.1f}" height="3" fill="{colour}" '
            'opacity="0.55"/>'
            f'<text class="soft" x="{left + max(wide, thin) + 5:.1f}" y="{y + 9}">'
            f"{short(layer.macs)}</text></g>"
        )
    return "\n".join([*parts, _legend(layers, height), "</svg>"])


def _legend(layers: list[Layer], height: int) -> str:
    kinds = dict.fromkeys(layer.kind for layer in layers)
    x, parts = 0, []
    for kind in kinds:
        colour = _COLOURS.get(kind, _GREY)
        parts.append(f'<rect x="{x}" y="{height - 14}" width="9" height="9" fill="{colour}"/>')
        parts.append(f'<text x="{x + 13}" y="{height - 5}">{escape(kind)}</text>')
        x += 24 + 7 * len(kind)
    return f'<g transform="translate(8 0)">{"".join(parts)}</g>'


_COLUMNS = ("layer", "kind", "output", "parameters", "MACs", "FLOPs", "intensity", "field")
_NUMBERS = frozenset(("parameters", "MACs", "FLOPs", "intensity", "field"))


def _header() -> list[str]:
    return [_cell("th", name, name) for name in _COLUMNS]


def _cell(tag: str, column: str, text: str) -> str:
    kind = ' class="number"' if column in _NUMBERS else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _row(layer: Layer) -> str:
    known = layer.status == "complete"
    cells = (
        layer.name,
        f"{layer.kind} {layer.attributes}".strip(),
        shape(layer.output_size),
        f"{layer.params:,}" if layer.params else "",
        (f"{layer.macs:,}" if layer.macs else "") if known else "not counted",
        f"{layer.flops:,}" if layer.flops else "",
        f"{layer.intensity:.1f}" if layer.flops else "",
        field_text(layer),
    )
    pairs = zip(_COLUMNS, cells, strict=True)
    return "<tr>" + "".join(_cell("td", column, text) for column, text in pairs) + "</tr>"
