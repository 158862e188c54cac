"""U-Net as the U it is named after, with the channels and sizes of the model at hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from torch import nn

from convariant.drawing._picture import Picture
from convariant.drawing._scene import Line, Panel, Polygon, Shape, Text, rectangle, text_width
from convariant.drawing._trace import Call, trace
from convariant.errors import OptionError
from convariant.models.unet import UNet

STRIDE = 56.0  # from bar to bar
SHORTEST = 30.0  # of an arrow between two bars, and the room at its ends
ASIDE = 20.0
DROP = 58.0  # between levels
THICK, TALL = 0.9, 5.0  # of the square roots of channels and size


def unet(model: nn.Module, input_size: Sequence[int] | None = None) -> Picture:
    """Draw a U-Net: every map as a bar, as wide as its channels, as tall as its side.

    Shapes are those of a run, so both modes and any widths and sizes show what happens.

    Raises OptionError for another model, ShapeError where it refuses the size.

    >>> from convariant.models import create
    >>> unet(create("unet", widths=(8, 16), mode="same"), (32, 32)).title
    'U-Net: 1 × 32 × 32 → 2 × 32 × 32'

    Source: lecture, "U-Net"; https://arxiv.org/abs/1505.04597.
    """
    if not isinstance(model, UNet):
        raise OptionError(
            f"{type(model).__name__} is not a U-Net of convariant.models; give create('unet')"
        )
    size = tuple(input_size or model.input_size)
    shape = (model.in_channels, *size)
    ups = [f"up.{i}" for i in range(len(model.up))]
    calls = trace(model, shape, also=ups)
    kept = [c for c in calls if _kind(c) and not (c.name.startswith("up.") and c.name not in ups)]
    out = kept[-1].shape
    title = f"U-Net: {' × '.join(map(str, shape))} → {' × '.join(map(str, out))}"
    params = sum(p.numel() for p in model.parameters())
    subtitle = f"{params:,} parameters; wider bars have more channels, taller ones are larger"
    drawing = _Drawing(shape)
    for call in kept:
        drawing.add(call)
    name = f"unet_i{'x'.join(map(str, shape))}_{'same' if model.same else 'paper'}"
    return Picture(name, title, subtitle, drawing.panel(_key(model)), legend=False)


def _key(model: UNet) -> dict[str, str]:
    """What each arrow stands for."""
    transposed = isinstance(model.up[0], nn.ConvTranspose2d)
    return {
        "link": "3 × 3 convolution, ReLU",
        "block": "2 × 2 max pooling",
        "up": "2 × 2 transposed convolution" if transposed else "1 × 1 convolution, resize",
        "skip": "copy, concatenate" if model.same else "copy, crop, concatenate",
        "point": "1 × 1 convolution",
    }


def _kind(call: Call) -> str:
    """What leads to this map; '' for activations and norms, which keep it."""
    name = type(call.module).__name__
    if call.name.startswith("up."):
        return "up"
    if name == "Conv2d":
        return "output" if call.name == "output" else "conv"
    return "pool" if name == "MaxPool2d" else ""


class _Drawing:
    """Bars from left to right, down and up the levels."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shapes: list[Shape] = []
        self.tops = [34.0]
        self.level, self.x = 0, 0.0
        self.skips: list[tuple[float, tuple[int, ...]]] = []
        self.shape = shape
        self.tallest = [self._height(shape)]
        self._bar(shape, "input")

    def _height(self, shape: tuple[int, ...]) -> float:
        return TALL * sqrt(shape[1])

    def _width(self, shape: tuple[int, ...]) -> float:
        return max(THICK * sqrt(shape[0]), 3.0)

    def _middle(self) -> float:
        return self.tops[self.level] + self.tallest[self.level] / 2

    def _bar(self, shape: tuple[int, ...], style: str, *, before: float = 0.0) -> None:
        """A bar with its channels above and its side below; `before` of it is a skip's."""
        width, height = self._width(shape), self._height(shape)
        top = self._middle() - height / 2
        x = self.x - width / 2
        self.shapes.append(Polygon(_cut(rectangle(x, top, width, height)), style))
        if before:
            cut = rectangle(x, top, before, height)
            self.shapes.append(Polygon(_cut(cut), "input"))
        self.shapes.append(Text((self.x, top - 9), str(shape[0]), 11, "ink"))
        side = str(shape[1]) if shape[1] == shape[2] else f"{shape[1]}×{shape[2]}"
        self.shapes.append(Text((self.x, top + height + 10), side, 10, "muted"))
        self.shape = shape

    def _to_next(self, style: str, shape: tuple[int, ...]) -> None:
        """An arrow from this bar to the edge of the next one."""
        y = round(self._middle(), 2)
        start = round(self.x + self._width(self.shape) / 2 + 2, 2)
        self.x += max(STRIDE, (self._width(self.shape) + self._width(shape)) / 2 + SHORTEST)
        end = round(self.x - self._width(shape) / 2 - 4, 2)
        self.shapes.append(Line(((start, y), (end, y)), style, arrow=True))

    def add(self, call: Call) -> None:
        """The map that a layer makes, and the arrow to it."""
        kind = _kind(call)
        if kind == "pool":
            self._down(call.shape)
        elif kind == "up":
            self._up(call.shape)
        else:
            self._to_next("point" if kind == "output" else "link", call.shape)
            self._bar(call.shape, "output" if kind == "output" else "input")

    def _down(self, shape: tuple[int, ...]) -> None:
        self.skips.append((self.x, self.shape))
        bottom = self._middle() + self._height(self.shape) / 2
        self.level += 1
        self.tops.append(self.tops[-1] + self.tallest[-1] + DROP)
        self.tallest.append(self._height(shape))
        start, end = round(bottom + 20, 2), round(self.tops[-1] - 20, 2)
        self.shapes.append(Line(((self.x, start), (self.x, end)), "block", arrow=True))
        self._bar(shape, "input")

    def _up(self, shape: tuple[int, ...]) -> None:
        """Up one level, beside the map that the skip brings."""
        top = self._middle() - self._height(self.shape) / 2
        self.level -= 1
        skip_x, skip_shape = self.skips.pop()
        joined = (skip_shape[0] + shape[0], *shape[1:])
        bottom = self._middle() + self._height(shape) / 2
        start, end = round(top - 20, 2), round(bottom + 20, 2)
        self.shapes.append(Line(((self.x, start), (self.x, end)), "up", arrow=True))
        y = round(self._middle(), 2)
        left = round(skip_x + self._width(skip_shape) / 2 + 4, 2)
        # above the arrow of the next convolution, which starts from the same bar
        high = y - 12
        right = round(self.x - self._width(joined) / 2 - 4, 2)
        self.shapes.append(Line(((left, high), (right, high)), "skip", arrow=True))
        part = self._width(joined) * skip_shape[0] / joined[0]
        self._bar(joined, "output", before=part)

    def panel(self, key: dict[str, str]) -> Panel:
        """All of it, with the meaning of the arrows."""
        bottom = self.tops[-1] + self.tallest[-1] + 60
        x = 0.0
        for style, text in key.items():
            self.shapes.append(Line(((x, bottom), (x + 24, bottom)), style, arrow=True))
            self.shapes.append(Text((x + 32, bottom), text, 11.5, "muted", "start"))
            x += 56 + text_width(text, 11.5)
        panel = Panel(max(self.x + 2 * ASIDE, x), bottom + 10, tuple(self.shapes))
        return panel.moved(ASIDE, 0)


def _cut(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 2), round(y, 2)) for x, y in points)
