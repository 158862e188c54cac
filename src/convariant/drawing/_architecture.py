"""The architecture of any network: boxes from top to bottom, skips at the side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from convariant.analysis._source import InputSize, Network, as_graph
from convariant.drawing._folding import fold
from convariant.drawing._numbers import by
from convariant.drawing._part import INPUT, Part
from convariant.drawing._picture import Picture
from convariant.drawing._scene import (
    NARROW,
    Line,
    Panel,
    Polygon,
    Shape,
    Text,
    rectangle,
    text_width,
    wrapped,
)
from convariant.errors import OptionError

GAP, TOP, LINE = 28.0, 34.0, 14.0
LANE, NARROWEST = 13.0, 340.0
MOST_PARTS = 24
LIMIT = 400


def architecture(
    network: Network, input_size: InputSize | None = None, *, depth: int | None = None
) -> Picture:
    """Draw a network as its parts: what each does, its parameters and cost, shapes in between.

    `network` is a torch module, a graph, or the path of an ONNX file. Modules are folded at the
    greatest depth that gives 24 boxes or fewer, or at `depth`; repetitions become one box. Blue
    lines at the side skip parts; the bar in a box is its share of the multiply-adds.

    Raises GraphError where the network cannot be captured, OptionError for a depth without parts.

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1))
    >>> architecture(net, (1, 3, 8, 8)).subtitle
    '296 parameters, 10,080 multiply-adds'

    Source: lecture, "Example Architectures".
    """
    if depth is not None and depth < 1:
        raise OptionError(f"depth={depth} has no parts; the least is 1, the network's children")
    graph = as_graph(network, input_size)
    if any(not isinstance(size, int) for t in graph.input_types for size in t.shape):
        graph = graph.at_batch(1)
    parts = fold(graph, most=MOST_PARTS, depth=depth)
    if not 0 < len(parts) <= LIMIT:
        raise OptionError(
            f"{graph.name} has {len(parts)} parts at depth={depth}; from 1 to {LIMIT} can be "
            "drawn, so choose a smaller depth"
        )
    params, macs = sum(p.params for p in parts), sum(p.macs for p in parts)
    shapes = [by(t.sizes[1:]) for t in graph.input_types]
    skips = [(s, i) for i, part in enumerate(parts) for s in part.sources if s != i - 1]
    lanes = _lanes(skips)
    column = _beside(parts)
    panel = _panel(parts, ", ".join(shapes), macs, column, lanes)
    narrow = None
    if panel.width > NARROW:
        column = _below(parts, NARROW - _aside(lanes))
        narrow = _panel(parts, ", ".join(shapes), macs, column, lanes)
    subtitle = f"{params:,} parameters, {macs:,} multiply-adds"
    size = "_".join("i" + shape.replace(" × ", "x") for shape in shapes)
    name = f"architecture_{graph.name.lower()}_{size}"
    return Picture(name, graph.name, subtitle, panel, legend=False, narrow=narrow)


@dataclass(frozen=True)
class _Column:
    """Boxes one below the other: the lines of text of each, every text `(width, 0)` at most."""

    width: float
    boxes: tuple[tuple[tuple[Text, ...], ...], ...]

    def height(self, index: int) -> float:
        """Of one box."""
        return 12 + LINE * len(self.boxes[index])

    @property
    def tops(self) -> list[float]:
        """The upper edge of every box, and where one more would begin."""
        heights = (self.height(i) + GAP for i in range(len(self.boxes)))
        return list(accumulate(heights, initial=TOP))

    def bottom(self, index: int) -> float:
        """The lower edge of one box."""
        return self.tops[index] + self.height(index)


def _beside(parts: Sequence[Part]) -> _Column:
    """Name and figures on one line, what a part does on the next; as wide as the longest."""
    labels = [(_heading(p), _figures(p), p.what) for p in parts]
    width = max(
        NARROWEST,
        *(text_width(a, 12.5, bold=True) + text_width(b, 10.5) + 40 for a, b, _ in labels),
        *(text_width(what, 11) + 24 for _, _, what in labels),
    )
    boxes = (
        (
            (_name(heading), Text((width - 12, 0), figures, 10.5, "muted", "end")),
            (Text((12, 0), what, 11, "muted", "start"),),
        )
        for heading, figures, what in labels
    )
    return _Column(width, tuple(boxes))


def _below(parts: Sequence[Part], width: float) -> _Column:
    """The same for a telephone: all on lines of their own, broken where they are too long."""

    def lines(part: Part) -> tuple[tuple[Text, ...], ...]:
        # a name has dots and no spaces to be broken at
        names = wrapped(_heading(part).replace(".", ". "), width - 24, 13.5)
        figures = [Text((12, 0), _figures(part), 11, "muted", "start")] if part.params else []
        what = wrapped(part.what, width - 24, 11)
        texts = [
            *(_name(name.replace(". ", ".")) for name in names),
            *figures,
            *(Text((12, 0), line, 11, "muted", "start") for line in what),
        ]
        return tuple((text,) for text in texts)

    return _Column(width, tuple(lines(part) for part in parts))


def _name(text: str) -> Text:
    return Text((12, 0), text, 12.5, "ink", "start", bold=True)


def _panel(
    parts: Sequence[Part],
    input_shape: str,
    macs: int,
    column: _Column,
    lanes: dict[tuple[int, int], int],
) -> Panel:
    tops, width = column.tops, column.width
    middle = width / 2
    shapes: list[Shape] = [Text((middle, 8), f"input {input_shape}", 12.5, "blue", bold=True)]
    for index, part in enumerate(parts):
        shapes += _box(column, index, part.macs / macs if macs else 0.0)
        if index - 1 in part.sources:
            start = 18.0 if index == 0 else tops[index] - GAP
            shapes.append(Line(((middle, start), (middle, tops[index] - 2)), arrow=True))
            if index:
                at = (middle + 9, tops[index] - GAP / 2)
                shapes.append(Text(at, by(parts[index - 1].shape), 10.5, "muted", "start"))
    for index, part in enumerate(parts[:-1]):
        if index not in parts[index + 1].sources:  # its map goes on at the side alone
            at = (width, column.bottom(index) + 10)
            shapes.append(Text(at, by(part.shape), 10.5, "blue", "end"))
    for skip, lane in lanes.items():
        shapes += _skip(skip, column, lane)
    end = tops[-1]
    shapes.append(Line(((middle, end - GAP), (middle, end - 8)), arrow=True))
    out = f"output {by(parts[-1].shape)}"
    shapes.append(Text((middle, end + 4), out, 12.5, "green", bold=True))
    if macs:
        bar = "orange: a box's share of the multiply-adds"
        shapes.append(Text((middle, end + 26), bar, 10.5, "muted"))
    return Panel(width + _aside(lanes), end + (36 if macs else 14), tuple(shapes))


def _aside(lanes: dict[tuple[int, int], int]) -> float:
    """The room of the skips beside the boxes."""
    return (max(lanes.values()) + 2) * LANE if lanes else 0.0


def _heading(part: Part) -> str:
    return f"{part.label} ({part.times} ×)" if part.times > 1 else part.label


def _figures(part: Part) -> str:
    figures = [f"{_short(part.params)} parameters"] if part.params else []
    figures += [f"{_short(part.macs)} MACs"] if part.macs else []
    return ", ".join(figures)


def _short(count: int) -> str:
    """`25,557,032 -> '25.6 M'`."""
    for unit, word in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if count >= unit:
            return f"{count / unit:.3g}{word}"
    return str(count)


def _box(column: _Column, index: int, share: float) -> list[Shape]:
    """The lines of a part, and at the lower edge its share of the cost."""
    top, width, height = column.tops[index], column.width, column.height(index)
    shapes: list[Shape] = [Polygon(rectangle(0, top, width, height), "box")]
    if share:
        bar = rectangle(0, top + height - 4, round(max(width * share, 1.0), 2), 4)
        shapes.append(Polygon(bar, "kernel-on"))
    for number, line in enumerate(column.boxes[index]):
        shapes += (text.moved(0, top + 13 + LINE * number) for text in line)
    return shapes


def _lanes(skips: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """A lane for every skip, so that no two in one lane overlap; short ones lie inside."""
    lanes: dict[tuple[int, int], int] = {}
    for skip in sorted(skips, key=lambda s: (s[1] - s[0], s)):
        taken = {lane for other, lane in lanes.items() if other[0] < skip[1] and skip[0] < other[1]}
        lanes[skip] = next(lane for lane in range(len(skips)) if lane not in taken)
    return lanes


def _skip(skip: tuple[int, int], column: _Column, lane: int) -> list[Shape]:
    """From the lower part of one box, or from the input, to the upper part of another."""
    start, end = skip
    width = column.width
    x = width + (lane + 1) * LANE
    y0 = 24.0 if start == INPUT else column.bottom(start) - 10
    y1 = column.tops[end] + 10
    left = width / 2 if start == INPUT else width
    return [Line(((left, y0), (x, y0), (x, y1), (width + 1, y1)), "skip", arrow=True)]
