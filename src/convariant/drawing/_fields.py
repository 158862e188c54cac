"""The receptive field of one unit of every layer, drawn over a real image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convariant.analysis._source import Network, as_graph
from convariant.drawing._picture import Picture
from convariant.drawing._pixels import as_bytes, picture_of
from convariant.drawing._scene import Panel, Polygon, Region, Shape, Step, Text, Track, rectangle
from convariant.errors import OptionError
from convariant.graph import Graph, receptive_fields
from convariant.graph.ops import Conv, Pool

LONGEST = 400.0
MOST_LAYERS = 160
ROW = 17.0


@dataclass(frozen=True)
class Seen:
    """The input region, first and last on each axis, behind one unit of a layer."""

    layer: str
    unit: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, padding included."""
        return self.rows[1] - self.rows[0] + 1, self.columns[1] - self.columns[0] + 1


def receptive_field(
    network: Network,
    image: np.ndarray,
    *,
    at: tuple[float, float] = (0.5, 0.5),
    layer: str | None = None,
) -> Picture:
    """Draw which part of an image one unit of each convolution and pooling can see.

    `at` tells which unit, as fractions of the height and width of every map; `layer` which layer
    the still picture shows (the last by default). The regions are exact, for any graph of paths;
    what they have of padding lies beyond the image. Image `(h, w)`, `(h, w, 3)` or `(3, h, w)`.

    Raises OptionError for an unknown layer, or a network without a window; DataError, GraphError.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 4, 3, dilation=2))
    >>> picture = receptive_field(net, np.zeros((32, 32, 3)))
    >>> [step.note for step in picture.tracks[0].steps]
    ['0: a unit sees 3 × 3 of 32 × 32 pixels', '1: a unit sees 7 × 7 of 32 × 32 pixels']

    Source: lecture, "2D Dilated Convolution"; https://distill.pub/2019/computing-receptive-fields.
    """
    photo = as_bytes(image)
    graph = as_graph(network, photo.shape[:2])
    seen = regions(graph, at)
    if not 0 < len(seen) <= MOST_LAYERS:
        raise OptionError(
            f"{graph.name} has {len(seen)} convolutions and poolings over two axes; from 1 to "
            f"{MOST_LAYERS} can be drawn"
        )
    names = [s.layer for s in seen]
    if layer is not None and layer not in names:
        raise OptionError(f"no layer is named {layer!r}; known: {', '.join(names)}")
    still = len(names) - 1 if layer is None else names.index(layer)
    h, w = photo.shape[:2]
    title = f"Receptive field in {graph.name}"
    y, x = (f"{100 * f:.0f} %" for f in at)
    subtitle = f"what one unit sees, {y} from the top and {x} from the left, layer by layer"
    name = f"receptive_field_{graph.name.lower()}_i{h}x{w}"
    return Picture(name, title, subtitle, _panel(photo, seen, still), legend=False)


def regions(graph: Graph, at: Sequence[float]) -> list[Seen]:
    """For every windowed node the region behind one of its units."""
    fields = receptive_fields(graph)
    found = []
    for node in graph.nodes:
        if not isinstance(node.op, (Conv, Pool)):
            continue
        axes = fields.of(node.outputs[0])
        if len(axes) != 2 or axes[0] is None or axes[1] is None:
            continue
        units, ends = [], []
        for field, fraction in zip(axes, at, strict=True):
            assert field is not None
            unit = min(max(int(fraction * field.length), 0), field.length - 1)
            units.append(unit)
            ends.append(field.interval(unit))
        if ends[0] is not None and ends[1] is not None:
            name = node.path or node.name
            found.append(Seen(name, (units[0], units[1]), ends[0], ends[1]))
    return found


def _panel(photo: np.ndarray, seen: list[Seen], still: int) -> Panel:
    h, w = photo.shape[:2]
    scale = LONGEST / max(h, w)
    step = max(max(h, w) // 512, 1)  # no finer than can be seen
    shapes: list[Shape] = [
        picture_of(photo[::step, ::step], (0.0, 0.0), (w * scale, h * scale)),
        Polygon(rectangle(0, 0, w * scale, h * scale), "frame"),
    ]
    listed = _listed(seen, still)
    left = w * scale + 28
    steps = []
    for i, one in enumerate(seen):
        outline: list[Shape] = []
        for earlier in _distinct(seen[:i]):
            outline.append(Polygon(_clipped(earlier, h, w, scale), "field"))
        outline.append(Polygon(_clipped(one, h, w, scale), "field-on"))
        for row, j in enumerate(listed):
            ink, text = ("orange", "▸ ") if j == i else ("muted", "")
            a, b = seen[j].size
            label = f"{text}{seen[j].layer}: {a} × {b}"
            outline.append(Text((left, 8 + row * ROW), label, 11.5, ink, "start", bold=j == i))
        a, b = one.size
        note = f"{one.layer}: a unit sees {a} × {b} of {h} × {w} pixels"
        steps.append(Step(tuple(outline), note))
    height = max(h * scale, len(listed) * ROW)
    track = Track(tuple(steps), still, note_at=(w * scale / 2, height + 20), note_width=w * scale)
    beside = (Region(-1, -1, w * scale + 1, height), Region(left - 8, 0, left + 1000, height))
    return Panel(left + 210, height + 40, tuple(shapes), (track,), beside)


def _listed(seen: list[Seen], still: int) -> list[int]:
    """Layers for the list at the side: all, or those where the field has grown, or every nth."""
    every = list(range(len(seen)))
    most = int(LONGEST // ROW)
    if len(every) > most:
        every = [i for i in every if i in (0, still) or seen[i].size != seen[i - 1].size]
    while len(every) > most:
        every = [i for n, i in enumerate(every) if n % 2 == 0 or i == still]
    return every


def _distinct(seen: list[Seen]) -> list[Seen]:
    return list({(s.rows, s.columns): s for s in seen}.values())


def _clipped(one: Seen, h: int, w: int, scale: float) -> tuple[tuple[float, float], ...]:
    """The region's outline, as far as the image goes."""
    top, bottom = max(one.rows[0], 0), min(one.rows[1] + 1, h)
    left, right = max(one.columns[0], 0), min(one.columns[1] + 1, w)
    return rectangle(
        round(left * scale, 2),
        round(top * scale, 2),
        round(max(right - left, 0) * scale, 2),
        round(max(bottom - top, 0) * scale, 2),
    )
