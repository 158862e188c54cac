"""Building blocks of networks as diagrams: convolutions, branches, shortcut and sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from torch import nn
from torch.nn.modules.conv import _ConvNd

from convariant.drawing._numbers import by
from convariant.drawing._picture import Picture
from convariant.drawing._scene import (
    Line,
    Panel,
    Point,
    Polygon,
    Shape,
    Text,
    rectangle,
    text_width,
)
from convariant.drawing._trace import Call, brief, describe, trace
from convariant.errors import OptionError

BOX_HEIGHT, GAP, ASIDE = 36.0, 40.0, 26.0
SHOWN = 3  # of many equal paths


@dataclass(frozen=True)
class Layer:
    """A convolution and what follows it up to the next."""

    conv: _ConvNd
    shape: tuple[int, ...]
    then: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Branches that are added up, with a shortcut beside them where there is one."""

    branches: tuple[tuple[Layer, ...], ...]
    paths: int
    joined: tuple[str, ...]  # what happens to the joined paths before the shortcut is added
    shortcut: tuple[Layer, ...] | None
    after: tuple[str, ...]


def block(module: nn.Module, input_size: Sequence[int], *, title: str | None = None) -> Picture:
    """Draw a block as it runs: its convolutions with shapes and weights, branches, shortcut, sum.

    Known are blocks in a row (nn.Sequential), residual blocks with `downsample`, and aggregated
    ones with `paths`: those of convariant.models, and torchvision's of the same names.

    Raises OptionError for a module that has no convolution.

    >>> from convariant.models.resnet import Bottleneck
    >>> block(Bottleneck(256, 64, 1, inner=64), (56, 56)).subtitle
    '256 × 56 × 56 → 256 × 56 × 56, 69,632 weights in convolutions'

    Source: lecture, "ResNet", "MobileNet".
    """
    convs = [m for m in module.modules() if isinstance(m, _ConvNd)]
    if not convs:
        raise OptionError(
            f"{type(module).__name__} has no convolution to draw; give a block of a network"
        )
    shape = (convs[0].in_channels, *input_size)
    calls = trace(module, shape)
    parsed = _parse(module, calls)
    weights = sum(conv.weight.numel() for conv in convs)
    out = calls[-1].shape
    subtitle = f"{by(shape)} → {by(out)}, {weights:,} weights in convolutions"
    name = f"block_{type(module).__name__.lower()}_i{'x'.join(str(n) for n in shape)}"
    heading = title or type(module).__name__
    return Picture(name, heading, subtitle, _panel(parsed, shape, out), legend=False)


def _parse(module: nn.Module, calls: list[Call]) -> Block:
    """Calls in the order of the forward pass, sorted into branches and shortcut."""
    residual = hasattr(module, "downsample")
    listed = getattr(module, "paths", None)
    paths = len(listed) if isinstance(listed, nn.ModuleList) else 0
    skip = [c for c in calls if c.name.startswith("downsample")]
    main = [c for c in calls if c not in skip]
    after: list[str] = []
    if residual:  # what is called last comes after the sum
        while main and not isinstance(main[-1].module, _ConvNd) and brief(main[-1].module) != "BN":
            after.insert(0, brief(main.pop().module))
    shortcut = _layers(skip) if residual else None
    if not paths:
        return Block((_layers(main),), 1, (), shortcut, tuple(after))
    branches = tuple(
        _layers([c for c in main if c.name.startswith(f"paths.{path}.")]) for path in range(paths)
    )
    rest = [c.module for c in main if not c.name.startswith("paths.")]
    joined = tuple(describe(m) if isinstance(m, _ConvNd) else brief(m) for m in rest)
    return Block(branches, paths, joined, shortcut, tuple(after))


def _layers(calls: list[Call]) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for call in calls:
        if isinstance(call.module, _ConvNd):
            layers.append(Layer(call.module, call.shape, ()))
        elif layers and brief(call.module):
            last = layers.pop()
            layers.append(Layer(last.conv, call.shape, (*last.then, brief(call.module))))
    return tuple(layers)


def _panel(parsed: Block, shape: tuple[int, ...], out: tuple[int, ...]) -> Panel:
    shown = list(parsed.branches)
    if len(shown) > SHOWN:
        shown = [*shown[: SHOWN - 1], shown[-1]]
    labels = [describe(layer.conv) for branch in shown for layer in branch]
    width = max(150.0, *(text_width(label, 12.5) + 24 for label in labels))
    pitch = width + 22
    many = parsed.paths > SHOWN
    lefts = [i * pitch for i in range(len(shown))]
    if many:  # room for the dots
        lefts[-1] += pitch / 2
    middle = (lefts[0] + lefts[-1] + width) / 2
    shapes: list[Shape] = [Text((middle, 8), f"input {by(shape)}", 12.5, "blue", bold=True)]
    fork, top = 34.0, 58.0
    rows = max(len(branch) for branch in shown)
    join = top + rows * (BOX_HEIGHT + GAP) - GAP + 46
    for left, branch in zip(lefts, shown, strict=True):
        shapes += _branch(branch, left, width, fork, top, join - 30, middle)
    if many:
        x = (lefts[-2] + width + lefts[-1]) / 2
        y = top + rows * (BOX_HEIGHT + GAP) / 2 - GAP / 2
        shapes.append(Text((x, y - 8), "…", 20, "muted"))
        shapes.append(Text((x, y + 12), f"{parsed.paths} paths", 11.5, "muted"))
    shapes.append(Line(((middle, 18), (middle, fork))))
    right = lefts[-1] + width
    if parsed.shortcut is None:
        shapes.append(Line(((middle, join - 30), (middle, join - 10)), arrow=True))
        low = join + 2
    else:
        shapes += _plus((middle, join))
        if parsed.joined:
            at = (middle + 10, join - 21)
            shapes.append(Text(at, ", ".join(parsed.joined), 11.5, "muted", "start"))
        shapes += _shortcut(parsed.shortcut, (middle, fork), (middle, join), right)
        low = join + 52
        shapes.append(Line(((middle, join + 11), (middle, low - 12)), arrow=True))
        if parsed.after:
            at = (middle + 10, join + 25)
            shapes.append(Text(at, ", ".join(parsed.after), 11.5, "muted", "start"))
        right += 60 + (width if parsed.shortcut else 40)
    shapes.append(Text((middle, low), f"output {by(out)}", 12.5, "green", bold=True))
    return Panel(right, low + 10, tuple(shapes))


def _branch(
    layers: tuple[Layer, ...],
    left: float,
    width: float,
    fork: float,
    top: float,
    end: float,
    middle: float,
) -> list[Shape]:
    """Boxes from top to bottom, what follows each beside the arrow below it."""
    x = left + width / 2
    shapes: list[Shape] = [Line(((middle, fork), (x, fork), (x, top - 2)), arrow=True)]
    for index, layer in enumerate(layers):
        y = top + index * (BOX_HEIGHT + GAP)
        shapes += _box(left, y, width, layer)
        below = y + BOX_HEIGHT
        last = index == len(layers) - 1
        shapes.append(
            Line(((x, below), (x, end), (middle, end)))
            if last
            else Line(((x, below), (x, below + GAP - 2)), arrow=True)
        )
        if layer.then:
            at = (x + 9, below + (18 if last else GAP / 2))
            shapes.append(Text(at, ", ".join(layer.then), 11.5, "muted", "start"))
    if x != middle or not layers:
        shapes.append(Line(((middle, end), (middle, end + 4))))
    return shapes


def _box(left: float, top: float, width: float, layer: Layer) -> list[Shape]:
    """A convolution: orange as kernels are, with its number of weights."""
    x = left + width / 2
    weights = layer.conv.weight.numel()
    return [
        Polygon(rectangle(left, top, width, BOX_HEIGHT), "kernel"),
        Text((x, top + 12), describe(layer.conv), 12.5, "ink", bold=True),
        Text((x, top + 27), f"{weights:,} weights", 10.5, "muted"),
    ]


def _shortcut(layers: tuple[Layer, ...], start: Point, end: Point, right: float) -> list[Shape]:
    """The way round, blue as the input that it carries."""
    x = right + ASIDE
    y = (start[1] + end[1]) / 2
    path = (start, (x, start[1]), (x, end[1]), (end[0] + 12, end[1]))
    shapes: list[Shape] = [Line(path, "skip", arrow=True)]
    if not layers:
        return [*shapes, Text((x + 8, y), "identity", 12, "blue", "start")]
    width = text_width(describe(layers[0].conv), 12.5) + 24
    return shapes + _box(x - 14, y - BOX_HEIGHT / 2, width, layers[0])


def _plus(centre: Point, radius: float = 11.0) -> list[Shape]:
    x, y = centre
    circle = tuple(
        (round(x + radius * cos(2 * pi * i / 24), 2), round(y + radius * sin(2 * pi * i / 24), 2))
        for i in range(24)
    )
    arms = (((x - 6, y), (x + 6, y)), ((x, y - 6), (x, y + 6)))
    return [
        Line(((x, y - 30), (x, y - radius)), arrow=True),
        Polygon(circle, "box"),
        *(Line(arm, "block") for arm in arms),
    ]
