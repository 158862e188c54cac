"""Swatches and what they mean, side by side: the key of a picture."""

from __future__ import annotations

from collections.abc import Sequence

from convariant.drawing._scene import Polygon, Shape, Text, rectangle, text_width

SIZE = 11.5


def key_width(entries: Sequence[tuple[str, str]]) -> float:
    """The room that `(style, words)` take in one row."""
    return sum(20 + text_width(text, SIZE) + 18 for _, text in entries) - 18


def key(entries: Sequence[tuple[str, str]], x: float, y: float) -> list[Shape]:
    """A swatch of each style and its words, one after the other from `x` on."""
    shapes: list[Shape] = []
    for style, text in entries:
        shapes.append(Polygon(rectangle(x, y - 6, 12, 12), style))
        shapes.append(Text((x + 19, y), text, SIZE, "muted", "start"))
        x += 20 + text_width(text, SIZE) + 18
    return shapes
