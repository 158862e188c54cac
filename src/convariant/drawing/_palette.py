"""One set of colours for every picture, in light and dark, safe for colour-blind readers.

Hues are Okabe and Ito's (blue input, orange kernel, green output, purple output padding). No
meaning rests on hue alone: what a step uses is filled and heavily outlined, padding is dashed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How a shape looks: fill and stroke in light, then in dark; None is nothing."""

    fill: str | None
    stroke: str | None
    dark_fill: str | None
    dark_stroke: str | None
    width: float = 1.0
    dashed: bool = False


BACKGROUND = Style("#ffffff", None, "#12171d", None)

STYLES: dict[str, Style] = {
    "background": BACKGROUND,
    "input": Style("#dbe9f6", "#8fbadd", "#1b3850", "#3d6f98"),
    "input-on": Style("#0072b2", "#00486f", "#2f8fd0", "#b5dcf8", 1.5),
    "copy": Style("#f0f6fb", "#8fbadd", "#162533", "#3d6f98", 1.0, dashed=True),
    "copy-on": Style("#a6cde8", "#00486f", "#275f88", "#b5dcf8", 1.5, dashed=True),
    "padding": Style("#ffffff", "#b4bec9", "#12171d", "#4b5865", 1.0, dashed=True),
    "inserted": Style("#eef0f3", "#d5dae0", "#212932", "#323c47"),
    "extra": Style("#faf1f6", "#cc79a7", "#2b1c26", "#a8628a", 1.0, dashed=True),
    "window": Style(None, "#d98800", None, "#f0ab2e", 2.4),
    "kernel": Style("#fdebc8", "#e3b04b", "#43340f", "#9a7522"),
    "kernel-on": Style("#f3b53f", "#a06a00", "#c98d17", "#ffdf9c", 1.5),
    "output": Style("#d5eee5", "#7cc4aa", "#153a30", "#2f7a63"),
    "output-on": Style("#007a5a", "#004a36", "#17a37b", "#b4f0dc", 1.5),
    "output-part": Style("#a4dac7", "#3fa684", "#1d5948", "#4fb592", 1.2),
    "line": Style(None, "#8a95a1", None, "#7b8794", 1.2),
    "link": Style(None, "#d98800", None, "#f0ab2e", 1.2),
    "up": Style(None, "#007a5a", None, "#3fc49c", 1.8),
    "skip": Style(None, "#0072b2", None, "#5fb2ea", 1.8),
    "point": Style(None, "#cc79a7", None, "#d48fb6", 1.6),
    "input-side": Style("#b9d3ea", "#8fbadd", "#274a67", "#3d6f98"),
    "kernel-side": Style("#f6d592", "#e3b04b", "#5c4715", "#9a7522"),
    "output-side": Style("#b1dccc", "#7cc4aa", "#1e4d40", "#2f7a63"),
    "point-fill": Style("#cc79a7", "#93457c", "#b86a97", "#e3a3cb"),
    "point-soft": Style("#f1dcea", "#cc79a7", "#4a2f41", "#a8628a"),
    "field": Style(None, "#ffffff", None, "#ffffff", 1.0),
    "field-on": Style(None, "#ffb000", None, "#ffb000", 3.0),
    "box": Style("#f5f7f9", "#b4bec9", "#1b222a", "#4b5865"),
    "block": Style(None, "#5b6774", None, "#9aa6b3", 1.6),
    "bound": Style(None, "#93457c", None, "#e3a3cb", 1.6, dashed=True),
    "frame": Style(None, "#b4bec9", None, "#4b5865"),
}

# colour of text: light, dark
INKS: dict[str, tuple[str, str]] = {
    "ink": ("#18212b", "#e8edf2"),
    "muted": ("#5b6774", "#9aa6b3"),
    "faint": ("#98a2ad", "#66727f"),
    "on": ("#ffffff", "#0b1015"),
    "weight": ("#ffe2a8", "#3a2700"),
    "orange": ("#8a5a00", "#f5c162"),
    "blue": ("#005b8f", "#86c6f2"),
    "green": ("#006148", "#6fdbb9"),
    "purple": ("#93457c", "#e3a3cb"),
}

# what a legend calls a style, in the order of the legend; {slides}: a kernel, or a pool's window
LEGEND: dict[str, str] = {
    "input": "input",
    "input-on": "input that contributes",
    "padding": "padding",
    "copy": "padding that repeats the input",
    "inserted": "inserted zero",
    "extra": "output padding",
    "kernel": "{slides}",
    "window": "where the {slides} lies",
    "output": "output",
    "output-on": "output of this step",
    "output-part": "output reached so far",
}
