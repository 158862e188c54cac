"""What each layer of a network costs, as a bar chart."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from convariant.analysis.inspection import Inspection, Layer
from convariant.drawing._numbers import by
from convariant.drawing._picture import Picture
from convariant.drawing._scene import (
    NARROW,
    Panel,
    Polygon,
    Shape,
    Text,
    rectangle,
    text_width,
    wrapped,
)
from convariant.errors import OptionError

Measure = Literal["macs", "params"]
WORDS = {"macs": "multiply-adds", "params": "parameters"}
STYLE = {
    "depthwise conv": "kernel-on",
    "pointwise conv": "output-on",
    "linear": "point-fill",
}
OTHER_STYLE = "input-on"
ROW, BAR, SHORT_BAR = 20.0, 320.0, 180.0
MOST_ROWS = 120


def costs(result: Inspection, *, measure: Measure = "macs") -> Picture:
    """Draw the cost of every layer of an inspected network: multiply-adds or parameters.

    Layers that have none are left out; colours tell kinds apart, the subtitle gives their shares.

    Raises OptionError for another measure, or where no layer, or too many, have it.

    >>> import torch
    >>> from convariant.analysis.inspection import inspect
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 4, 1))
    >>> costs(inspect(net, (1, 3, 10, 10))).subtitle
    '15,872 multiply-adds: conv 87.1 %, pointwise conv 12.9 %'

    Source: lecture, "MobileNet".
    """
    if measure not in WORDS:
        raise OptionError(f"measure={measure!r} is neither 'macs' nor 'params'")
    layers = [layer for layer in result.layers if getattr(layer, measure)]
    if not 0 < len(layers) <= MOST_ROWS:
        raise OptionError(
            f"{result.name} has {len(layers)} layers with {WORDS[measure]}; from 1 to {MOST_ROWS} "
            "can be drawn, so inspect a part of the network"
        )
    total = sum(getattr(layer, measure) for layer in layers)
    kinds: Counter[str] = Counter()
    for layer in layers:
        kinds[layer.kind] += getattr(layer, measure)
    shares = ", ".join(f"{kind} {100 * n / total:.1f} %" for kind, n in kinds.most_common())
    panel = _panel(layers, list(kinds), measure, total)
    narrow = _narrow(layers, list(kinds), measure, total)
    title = f"{result.name}: {WORDS[measure]} by layer"
    name = f"costs_{result.name.lower()}_{measure}"
    subtitle = f"{total:,} {WORDS[measure]}: {shares}"
    return Picture(name, title, subtitle, panel, legend=False, narrow=narrow)


def _panel(layers: list[Layer], kinds: list[str], measure: Measure, total: int) -> Panel:
    largest = max(getattr(layer, measure) for layer in layers)
    labels = [_label(layer) for layer in layers]
    left = max(text_width(label, 11.5) for label in labels) + 10
    sizes = [by(layer.output_size[1:]) for layer in layers]
    middle = left + max(text_width(size, 11) for size in sizes) + 16
    shapes: list[Shape] = []
    for i, (layer, label, size) in enumerate(zip(layers, labels, sizes, strict=True)):
        y = i * ROW + ROW / 2
        shapes.append(Text((left - 10, y), label, 11.5, "ink", "end"))
        shapes.append(Text((middle - 10, y), size, 11, "muted", "end"))
        length = BAR * getattr(layer, measure) / largest
        shapes += _bar(layer, measure, total, (middle, y), length)
    y = len(layers) * ROW + 22
    x = left - 10
    for style, names in _by_style(kinds).items():
        label = ", ".join(names)
        shapes.append(Polygon(rectangle(x, y - 6, 12, 12), style))
        shapes.append(Text((x + 19, y), label, 11.5, "muted", "start"))
        x += 44 + text_width(label, 11.5)
    return Panel(middle + BAR + 150, y + 8, tuple(shapes))


def _narrow(layers: list[Layer], kinds: list[str], measure: Measure, total: int) -> Panel:
    """The same for a telephone: every label above its bar, every kind on a line of its own."""
    largest = max(getattr(layer, measure) for layer in layers)
    shapes: list[Shape] = []
    y = ROW / 2
    for layer in layers:
        for line in wrapped(f"{_label(layer)}  {by(layer.output_size[1:])}", NARROW, 11.5):
            shapes.append(Text((0, y), line, 11.5, "ink", "start"))
            y += 15
        shapes += _bar(layer, measure, total, (0, y), SHORT_BAR * getattr(layer, measure) / largest)
        y += ROW + 4
    for style, names in _by_style(kinds).items():
        shapes.append(Polygon(rectangle(0, y - 6, 12, 12), style))
        shapes.append(Text((19, y), ", ".join(names), 11.5, "muted", "start"))
        y += ROW
    return Panel(NARROW, y, tuple(shapes))


def _label(layer: Layer) -> str:
    return f"{layer.name}  {layer.attributes}".strip()


def _bar(
    layer: Layer, measure: Measure, total: int, at: tuple[float, float], length: float
) -> list[Shape]:
    """A bar in the colour of the layer's kind, and its value behind it."""
    x, y = at
    length = max(round(length, 2), 0.75)
    value = getattr(layer, measure)
    text = f"{value:,}  ({100 * value / total:.1f} %)"
    return [
        Polygon(rectangle(x, y - 6.5, length, 13), STYLE.get(layer.kind, OTHER_STYLE)),
        Text((x + length + 8, y), text, 11, "muted", "start"),
    ]


def _by_style(kinds: list[str]) -> dict[str, list[str]]:
    """The kinds that share a colour share an entry of the key."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        found.setdefault(STYLE.get(kind, OTHER_STYLE), []).append(kind)
    return found
