"""The inspection as text of 80 columns."""

from __future__ import annotations

import textwrap

from convariant.analysis.inspection._result import Inspection, Layer
from convariant.analysis.inspection._units import cut, fit, shape, short, size_text

WIDTH = 80
_COLUMNS = (("layer", 22), ("kind", 20), ("output", 13), ("params", 6), ("MACs", 6), ("field", 8))


def table(result: Inspection) -> str:
    """A row for each layer that computes, then the totals with their status."""
    rows = [_row(tuple(title for title, _ in _COLUMNS)), "-" * WIDTH]
    rows += [_layer_row(layer) for layer in result.layers if shown(layer)]
    hidden = sum(not shown(layer) for layer in result.layers)
    rows.append("-" * WIDTH)
    return "\n".join([_title(result), *rows, *totals(result, hidden)])


def shown(layer: Layer) -> bool:
    """Whether a layer computes anything; reshapes and the like are left out of tables."""
    return bool(layer.flops or layer.params or layer.status != "complete")


def _title(result: Inspection) -> str:
    inputs = ", ".join("x".join(map(str, s)) for s in result.input_sizes)
    outputs = ", ".join("x".join(map(str, s)) for s in result.output_sizes)
    return cut(f"{result.name}  {inputs} -> {outputs}", WIDTH)


def _layer_row(layer: Layer) -> str:
    field = field_text(layer)
    macs = short(layer.macs) if layer.status == "complete" else "?"
    kind = f"{layer.kind.removesuffix(' conv')} {layer.attributes}".strip()
    return _row((layer.name, kind, shape(layer.output_size), short(layer.params), macs, field))


def _row(cells: tuple[str, ...]) -> str:
    parts = []
    for text, (title, width) in zip(cells, _COLUMNS, strict=True):
        if title == "layer":
            parts.append(f"{fit(text, width):<{width}}")
        elif title in ("kind", "output"):
            parts.append(f"{cut(text, width):<{width}}")
        else:
            parts.append(f"{cut(text.replace(' ', ''), width):>{width}}")
    return " ".join(parts).rstrip()


def totals(result: Inspection, hidden: int = 0) -> list[str]:
    """The lines below the table."""
    status, memory = result.status, result.memory
    lines = [
        _total("parameters", result.params, size_text(memory.weights), status["params"]),
        _total("MACs", result.macs, "of conv, linear and matmul", status["macs"]),
        _total("FLOPs", result.flops, "2 per MAC, and the next two lines", status["flops"]),
        _total("  bias", result.bias, "additions of a bias", ""),
        _total("  other", result.other, "norm, activation, pooling, addition", ""),
    ]
    facts = [
        f"{'activations':<12} {size_text(memory.peak)} at once, at {memory.where}; "
        f"{size_text(memory.total)} in all  [{status['memory']}]",
        f"{'intensity':<12} {result.intensity:.1f} FLOPs per byte moved, layer by layer",
    ]
    facts += _field(result)
    if result.macs:
        shares = (f"{k} {m / result.macs:.2%}" for k, (_, m) in result.by_kind().items() if m)
        facts.append(f"MACs by kind {', '.join(shares)}")
    if result.count.convention != "paper":
        facts.append(result.count.line)
    if hidden:
        facts.append(f"{hidden} more only move numbers")
    facts += [f"note: {note}" for note in result.notes]
    for fact in facts:
        lines += _wrapped(fact)
    return lines


def _field(result: Inspection) -> list[str]:
    """The field of the last layer that reads by position, and what the table says behind it."""
    layer, field = result.last_windowed, result.receptive_field
    if layer is None or field is None:
        return []
    jump = "x".join(str(j) for j in dict.fromkeys(field.jump))
    offset = "x".join(str(o) for o in dict.fromkeys(field.offset))
    return [
        f"{'field':<12} {field} input positions, jump {jump}, from {offset}, {field_note(result)}"
        f"  [{result.status['receptive_field']}]"
    ]


def field_note(result: Inspection) -> str:
    """Where the field of the whole network was taken, and what a star means."""
    if result.last_windowed is None:
        return ""
    starred = any(field_text(layer).endswith("*") for layer in result.layers)
    same = "; *: inside the input, the same for every output" if starred else ""
    return f"with padding, at {result.last_windowed.name}{same}"


def field_text(layer: Layer) -> str:
    """The field of a layer, with a star where every output reads the same."""
    field = layer.receptive_field
    if field is None:
        return ""
    return str(field) if any(field.jump) else f"{field}*"


def _wrapped(fact: str) -> list[str]:
    """A line of at most 80 columns, or several; runs of blanks stay."""
    if len(fact) <= WIDTH:
        return [fact]
    return textwrap.wrap(fact, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _total(name: str, count: int, words: str, status: str) -> str:
    mark = f"  [{status}]" if status else ""
    return f"{name:<12} {count:>18,}  {words}{mark}"
