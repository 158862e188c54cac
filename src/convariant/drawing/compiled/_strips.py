"""A depthwise and a pointwise layer in strips: which rows are in the cache at a time."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.kernels import StripConv
from convariant.compiler.layout import Layout
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

    @property
    def total(self) -> int:
        """Bytes that pass through the cache for one strip."""
        return self.bytes_read + self.bytes_kept + self.bytes_weights + self.bytes_written


def bands(kernel: StripConv) -> list[Band]:
    """All strips of an image, from top to bottom."""
    axis, count = kernel.depthwise.rows, kernel.depthwise.rows.count
    x, y = kernel.depthwise.x, kernel.pointwise.y
    reach = (axis.taps - 1) * axis.step
    weights = kernel.depthwise.x.channels * axis.taps * kernel.depthwise.columns.taps
    weights += x.channels * y.channels
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
                4 * kernel.strip,
                4 * weights,
                _rows_bytes(y, len(made)),
            )
        )
    return found


def strips(plan: Plan, path: str) -> Picture:
    """Draw the strips of the layer of that path: one step for each.

    Raises OptionError for a layer that is not computed in strips.
    """
    step = _found(plan, path)
    kernel = step.kernel
    assert isinstance(kernel, StripConv)
    every = bands(kernel)
    passed = (
        4 * kernel.depthwise.x.batch * kernel.pointwise.x.channels * kernel.depthwise.rows.count
    )
    passed *= kernel.depthwise.columns.count
    subtitle = (
        f"{kernel.band} of {kernel.depthwise.rows.count} rows at a time, "
        f"{_size(every[0].bytes_kept)} between the layers in place of {_size(passed)}"
    )
    name = f"strips_{plan.graph.name.lower()}_{path}_{plan.target.name}"
    title = f"{path} and the depthwise layer before it, in strips"
    return Picture(name, title, subtitle, _panel(kernel, every), legend=False)


def _found(plan: Plan, path: str) -> PlanStep:
    for step in plan.steps:
        if isinstance(step, PlanStep) and isinstance(step.kernel, StripConv):
            assert step.node is not None
            if step.node.path == path:
                return step
    raise OptionError(f"{plan.graph.name} does not compute {path!r} in strips; look at its report")


def _panel(kernel: StripConv, every: list[Band]) -> Panel:
    x, y = kernel.depthwise.x, kernel.pointwise.y
    lefts = [20.0 + i * (WIDE + APART) for i in range(3)]
    heights = (x.height, kernel.depthwise.rows.count, y.height)
    channels = (x.channels, kernel.pointwise.x.channels, y.channels)
    names = ("input", "between the layers", "output")
    styles = ("input", "padding", "output")
    shapes: list[Shape] = []
    for left, height, channel, name, style in zip(
        lefts, heights, channels, names, styles, strict=True
    ):
        shapes.append(Text((left + WIDE / 2, 8), name, 12.5, "ink", bold=True))
        shapes.append(
            Text((left + WIDE / 2, 26), f"{channel} channels, {height} rows", 11, "muted")
        )
        shapes.append(Polygon(rectangle(left, TOP, WIDE, TALL), style))
    for left, word in zip(lefts, ("depthwise", "pointwise"), strict=False):
        middle = left + WIDE + APART / 2
        shapes.append(Text((middle, TOP + TALL / 2 - 14), word, 11.5, "orange"))
        ends = ((left + WIDE + 12, TOP + TALL / 2), (left + WIDE + APART - 10, TOP + TALL / 2))
        shapes.append(Line(ends, arrow=True))
    steps = tuple(
        _step(band, lefts, heights, f"strip {i} of {len(every)}") for i, band in enumerate(every, 1)
    )
    bottom = TOP + TALL
    shapes.append(Polygon(rectangle(lefts[0], bottom + 52, _bar_width(), 22), "padding"))
    words = f"the second-level cache ({_size(CACHE)}, a core of Zen 4) while a strip is computed"
    shapes.append(Text((lefts[0], bottom + 38), words, 11.5, "ink", "start", bold=True))
    track = Track(steps, still=len(steps) // 3, note_at=(320, bottom + 18), note_width=640)
    return Panel(640.0, bottom + 112, tuple(shapes), (track,))


def _bar_width() -> float:
    return 2 * (WIDE + APART) + WIDE


def _step(band: Band, lefts: list[float], heights: tuple[int, ...], name: str) -> Step:
    """The rows of one strip lit, and how much of the cache each kind takes."""
    shapes: list[Shape] = []
    lit = ((band.read, "input-on"), (band.made, "kernel-on"), (band.made, "output-on"))
    for left, height, (rows, style) in zip(lefts, heights, lit, strict=True):
        one = TALL / height
        corners = rectangle(left, round(TOP + rows.start * one, 2), WIDE, round(len(rows) * one, 2))
        shapes.append(Polygon(corners, style))
    foot, at = TOP + TALL + 52, lefts[0]
    parts = (
        ("rows read", band.bytes_read, "input-on"),
        ("strip", band.bytes_kept, "kernel-on"),
        ("weights", band.bytes_weights, "point-fill"),
        ("rows written", band.bytes_written, "output-on"),
    )
    for word, size, style in parts:
        width = round(_bar_width() * size / CACHE, 2)
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
