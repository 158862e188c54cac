"""Layers in strips: which rows of what they pass on are in the cache at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convariant.compiler.kernels import GroupedConv, Stage, StrassenConv, StripConv
from convariant.compiler.layout import Axis, Layout
from convariant.compiler.plan import Plan
from convariant.compiler.plan import Step as PlanStep
from convariant.drawing._picture import Picture
from convariant.drawing._scene import (
    Line,
    Panel,
    Polygon,
    Shape,
    Step,
    Text,
    Track,
    rectangle,
)
from convariant.errors import OptionError

WIDE, TALL, APART, TOP = 130.0, 224.0, 116.0, 44.0
CACHE = 2**20  # bytes of the second-level cache that the bar at the foot stands for


@dataclass(frozen=True)
class Band:
    """Rows that one strip reads, keeps and writes, and the bytes of each."""

    read: range
    made: range
    bytes_read: int
    bytes_kept: int
    bytes_weights: int
    bytes_written: int


def bands(kernel: StripConv) -> list[Band]:
    """All strips of an image, from top to bottom."""
    axis, count = _rows(kernel.stages[0]), kernel.stages[0].y.height
    x, y = kernel.stages[0].x, kernel.stages[-1].y
    reach = (axis.taps - 1) * axis.step
    weights = sum(map(_weights, kernel.stages))
    found = []
    for first in range(0, count, kernel.band):
        made = range(first, min(first + kernel.band, count))
        start = first * axis.stride + axis.offset
        read = range(max(start, 0), min(made[-1] * axis.stride + axis.offset + reach + 1, x.height))
        found.append(
            Band(
                read,
                made,
                _rows_bytes(x, len(read)),
                4 * sum(kernel.strips),
                4 * weights,
                _rows_bytes(y, len(made)),
            )
        )
    return found


def _rows(stage: Stage) -> Axis:
    """How rows of a stage meet those it reads; Strassen's algorithm is for pointwise layers."""
    return Axis(stage.y.height) if isinstance(stage, StrassenConv) else stage.rows


def _weights(stage: Stage) -> int:
    """Weights of a stage, as the layer has them."""
    if isinstance(stage, GroupedConv):
        return stage.x.channels * stage.rows.taps * stage.columns.taps
    return stage.x.channels * stage.y.channels


def strips(plan: Plan, path: str) -> Picture:
    """Draw the strips of the layer of that path: one step for each.

    Raises OptionError for a layer that is not computed in strips.
    """
    step = _found(plan, path)
    kernel = step.kernel
    assert isinstance(kernel, StripConv)
    every = bands(kernel)
    inner = [stage.y for stage in kernel.stages[:-1]]
    passed = sum(4 * y.planes * y.channels * y.height * y.width for y in inner)
    subtitle = (
        f"{kernel.band} of {inner[0].height} rows at a time, "
        f"{_size(every[0].bytes_kept)} between the layers in place of {_size(passed)}"
    )
    name = f"strips_{plan.graph.name.lower()}_{path}_{plan.target.name}"
    before = "the layer" if len(inner) == 1 else f"the {len(inner)} layers"
    title = f"{path} and {before} before it, in strips"
    return Picture(name, title, subtitle, _panel(kernel, every), legend=False)


def _found(plan: Plan, path: str) -> PlanStep:
    for step in plan.steps:
        if isinstance(step, PlanStep) and isinstance(step.kernel, StripConv):
            assert step.node is not None
            if step.node.path == path:
                return step
    raise OptionError(f"{plan.graph.name} does not compute {path!r} in strips; look at its report")


def _panel(kernel: StripConv, every: list[Band]) -> Panel:
    layouts = [kernel.stages[0].x, *(stage.y for stage in kernel.stages)]
    inner = len(layouts) - 2
    lefts = [20.0 + i * (WIDE + APART) for i in range(len(layouts))]
    names = ("input", *("between the layers",) * inner, "output")
    styles = ("input", *("padding",) * inner, "output")
    shapes: list[Shape] = []
    for left, layout, name, style in zip(lefts, layouts, names, styles, strict=True):
        size = f"{layout.channels} channels, {layout.height} rows"
        shapes.append(Text((left + WIDE / 2, 8), name, 12.5, "ink", bold=True))
        shapes.append(Text((left + WIDE / 2, 26), size, 11, "muted"))
        shapes.append(Polygon(rectangle(left, TOP, WIDE, TALL), style))
    for left, stage in zip(lefts, kernel.stages, strict=False):
        word = "depthwise" if isinstance(stage, GroupedConv) else "pointwise"
        middle = left + WIDE + APART / 2
        shapes.append(Text((middle, TOP + TALL / 2 - 14), word, 11.5, "orange"))
        ends = ((left + WIDE + 12, TOP + TALL / 2), (left + WIDE + APART - 10, TOP + TALL / 2))
        shapes.append(Line(ends, arrow=True))
    heights = [layout.height for layout in layouts]
    steps = tuple(
        _step(band, lefts, heights, f"strip {i} of {len(every)}") for i, band in enumerate(every, 1)
    )
    bottom, width = TOP + TALL, lefts[-1] + WIDE
    shapes.append(Polygon(rectangle(lefts[0], bottom + 52, _bar_width(lefts), 22), "padding"))
    words = f"the second-level cache ({_size(CACHE)}, a core of Zen 4) while a strip is computed"
    shapes.append(Text((lefts[0], bottom + 38), words, 11.5, "ink", "start", bold=True))
    track = Track(steps, still=len(steps) // 3, note_at=(width / 2, bottom + 18), note_width=width)
    return Panel(width, bottom + 112, tuple(shapes), (track,))


def _bar_width(lefts: Sequence[float]) -> float:
    return lefts[-1] + WIDE - lefts[0]


def _step(band: Band, lefts: Sequence[float], heights: Sequence[int], name: str) -> Step:
    """The rows of one strip lit, and how much of the cache each kind takes."""
    shapes: list[Shape] = []
    between = [(band.made, "kernel-on")] * (len(lefts) - 2)
    lit = [(band.read, "input-on"), *between, (band.made, "output-on")]
    for left, height, (rows, style) in zip(lefts, heights, lit, strict=True):
        one = TALL / height
        corners = rectangle(left, round(TOP + rows.start * one, 2), WIDE, round(len(rows) * one, 2))
        shapes.append(Polygon(corners, style))
    foot, at = TOP + TALL + 52, lefts[0]
    parts = (
        ("rows read", band.bytes_read, "input-on"),
        ("strip" if len(between) == 1 else "strips", band.bytes_kept, "kernel-on"),
        ("weights", band.bytes_weights, "point-fill"),
        ("rows written", band.bytes_written, "output-on"),
    )
    for word, size, style in parts:
        width = round(_bar_width(lefts) * size / CACHE, 2)
        shapes.append(Polygon(rectangle(round(at, 2), foot, width, 22), style))
        below = foot + (34 if width > 20 else 50)
        middle = round(at + width / 2, 2)
        shapes.append(Text((middle, below), f"{word}, {_size(size)}", 10.5, "muted"))
        at += width
    note = (
        f"{name}: reads rows {band.read.start} to {band.read[-1]}, keeps and writes rows "
        f"{band.made.start} to {band.made[-1]}"
    )
    return Step(tuple(shapes), note)


def _rows_bytes(layout: Layout, rows: int) -> int:
    return 4 * layout.blocks * layout.row * rows


def _size(number: int) -> str:
    """`1 MiB`, `182 KiB`."""
    return f"{number / 2**20:.3g} MiB" if number >= 2**20 else f"{number / 2**10:.0f} KiB"
