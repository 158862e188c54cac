"""The arena of a program: which bytes hold what, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator

from convariant.compiler.plan import Buffer, Plan, liveness_bound
from convariant.drawing._key import key, key_width
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Line, Panel, Polygon, Shape, Text, rectangle, text_width
from convariant.errors import OptionError

LEFT, WIDE, TALL, TOP = 56.0, 580.0, 300.0, 26.0
# What a buffer holds: a value of the network, or what a kernel needs for itself.
STYLES = {"value": "output", "scratch": "kernel"}
_FONT, _LEADING = 8.5, 10.5


def arena(plan: Plan) -> Picture:
    """Draw the memory of a plan: steps from left to right, bytes from bottom to top.

    Each rectangle is a buffer, from the step that writes it first to the last that reads it. The
    dashed line is the liveness bound: the most bytes alive at any one step, which the rectangles
    above the tick at the lower edge add up to. No arena can be smaller.

    Raises OptionError for a plan without buffers.

    >>> import torch, convariant as cv
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.MaxPool2d(2)).eval()
    >>> fast = cv.compile(net, torch.zeros(1, 3, 8, 8), threads=1)
    >>> arena(fast.prepare().plan).subtitle
    '2 buffers share 2.81 KiB; the most alive at once: 2.81 KiB'
    """
    if not plan.buffers:
        raise OptionError(
            f"{plan.graph.name} needs no memory of its own: there is no arena to draw"
        )
    bound = liveness_bound(plan.buffers)
    subtitle = (
        f"{len(plan.buffers)} buffers share {_bytes(plan.arena)}; the most alive at once: "
        f"{_bytes(bound)}"
    )
    name = f"arena_{plan.graph.name.lower()}_{plan.target.name}"
    title = f"{plan.graph.name}: the arena over the steps of its plan"
    return Picture(name, title, subtitle, _panel(plan, bound), legend=False)


def fullest(plan: Plan) -> int:
    """The first step at which the most floats are alive."""
    alive = [
        sum(b.size for b in plan.buffers if b.first <= step <= b.last)
        for step in range(len(plan.steps))
    ]
    return alive.index(max(alive))


def _panel(plan: Plan, bound: int) -> Panel:
    across, up = WIDE / len(plan.steps), TALL / plan.arena
    bottom, right = TOP + TALL, LEFT + WIDE
    shapes: list[Shape] = []
    for floats in _ticks(plan.arena):
        y = round(bottom - floats * up, 2)
        shapes.append(Line(((LEFT, y), (right, y)), "frame"))
        shapes.append(Text((LEFT - 7, y), _bytes(floats), 10.5, "muted", "end"))
    for buffer in plan.buffers:
        corners = rectangle(
            round(LEFT + buffer.first * across, 2),
            round(bottom - (buffer.offset + buffer.size) * up, 2),
            round((buffer.last + 1 - buffer.first) * across, 2),
            round(buffer.size * up, 2),
        )
        shapes.append(Polygon(corners, STYLES[_kind(buffer)]))
        shapes += _label(buffer, plan, corners)
    y = round(bottom - bound * up, 2)
    shapes.append(Line(((LEFT, y), (right, y)), "bound"))
    shapes.append(Text((right, y - 9), f"liveness bound {_bytes(bound)}", 10.5, "purple", "end"))
    at = round(LEFT + (fullest(plan) + 0.5) * across, 2)
    shapes.append(Line(((at, bottom + 12), (at, bottom + 2)), "point", arrow=True))
    shapes += _foot(plan, across, bottom)
    return Panel(right, bottom + 58, tuple(shapes))


def _kind(buffer: Buffer) -> str:
    return "scratch" if buffer.name == "scratch" else "value"


def _foot(plan: Plan, across: float, bottom: float) -> Iterator[Shape]:
    """The numbers of the steps, and the key."""
    count = len(plan.steps)
    every = max(round(count / 10), 1)
    for step in range(0, count, every):
        yield Text((round(LEFT + (step + 0.5) * across, 2), bottom + 20), str(step), 10.5, "muted")
    yield Text((LEFT - 7, bottom + 20), "step", 10.5, "muted", "end")
    words = {"value": "a value of the network", "scratch": "what a kernel needs for itself"}
    kinds = {_kind(buffer) for buffer in plan.buffers}
    entries = [(STYLES[kind], text) for kind, text in words.items() if kind in kinds]
    yield from key(entries, LEFT + (WIDE - key_width(entries)) / 2, bottom + 46)


def _label(buffer: Buffer, plan: Plan, corners: tuple[tuple[float, float], ...]) -> Iterator[Text]:
    """Which layer a buffer belongs to, where there is room to say it."""
    (left, top), _, (right, bottom), _ = corners
    for lines in _words(buffer, plan):
        widest = max(text_width(line, _FONT) for line in lines)
        if widest <= right - left - 2 and len(lines) * _LEADING <= bottom - top:
            break
    else:
        return
    x, y = (left + right) / 2, (top + bottom) / 2
    for i, line in enumerate(lines):
        at = round(x, 2), round(y + (i - (len(lines) - 1) / 2) * _LEADING, 2)
        yield Text(at, line, _FONT, "ink")


def _words(buffer: Buffer, plan: Plan) -> list[list[str]]:
    """The path of the layer that makes a value, or the value's own name: in one line, or in two."""
    value = buffer.name.rpartition(".")[0] or buffer.name
    paths = {name: node.path for node in plan.graph.nodes for name in node.outputs}
    path = paths.get(value) or value
    before, dot, last = path.rpartition(".")
    return [[path], [before, last]] if dot else [[path]]


def _ticks(floats: int) -> list[int]:
    """About four round numbers of bytes up to an arena of that size, in floats."""
    step = 2.0 ** math.floor(math.log2(4 * floats / 3))
    return [round(i * step) // 4 for i in range(int(4 * floats // step) + 1)]


def _bytes(floats: int) -> str:
    """`4 MiB`, `61.2 KiB`."""
    if not floats:
        return "0"
    number, unit = (4 * floats / 2**20, "MiB") if floats >= 2**18 else (floats / 2**8, "KiB")
    return f"{number:.3g} {unit}" if number < 100 else f"{number:.0f} {unit}"
