"""Grouped convolution as volumes: which slices of the input each group of filters reads."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from convariant.drawing._numbers import by
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Line, Panel, Point, Polygon, Shape, Text, rectangle, stacked
from convariant.drawing._trace import trace
from convariant.errors import OptionError

LONGEST, TALLEST = 190.0, 92.0  # the most channels and the largest side on paper
OBLIQUE = 0.34
GAP = 74.0
MOST_GROUPS = 6


def groups(module: nn.Conv2d, input_size: Sequence[int], *, title: str | None = None) -> Picture:
    """Draw a convolution in groups: each reads its slice of the channels and makes one of its own.

    The length of a volume is its number of channels; filters are as deep as the slice they read.

    Raises OptionError for what is no 2-D convolution, or has too many groups to be told apart.

    >>> groups(nn.Conv2d(96, 256, 5, padding=2, groups=2), (27, 27)).subtitle
    '96 × 27 × 27 → 256 × 27 × 27, 307,200 weights: 1/2 of the 614,400 without groups'

    Source: lecture, "Grouped Convolution".
    """
    if not isinstance(module, nn.Conv2d) or module.groups > MOST_GROUPS:
        raise OptionError(
            f"{module} cannot be drawn as volumes; give an nn.Conv2d of at most {MOST_GROUPS} "
            "groups (cv.draw.arithmetic draws depthwise convolution)"
        )
    g, size = module.groups, tuple(input_size)
    (call,) = trace(nn.Sequential(module), (module.in_channels, *size))
    weights = module.weight.numel()
    share = f": 1/{g} of the {weights * g:,} without groups" if g > 1 else ""
    subtitle = f"{by((module.in_channels, *size))} → {by(call.shape)}, {weights:,} weights{share}"
    kernel = module.kernel_size
    rows = [_row(module, size, call.shape, kernel, i) for i in range(g)]
    name = f"groups_i{'x'.join(map(str, size))}_k{kernel[0]}x{kernel[1]}_g{g}"
    name += f"_c{module.in_channels}-{module.out_channels}"
    heading = title or (f"Convolution in {g} groups" if g > 1 else "Convolution without groups")
    return Picture(name, heading, subtitle, stacked(rows, gap=8), legend=False)


def _row(
    module: nn.Conv2d, size: tuple[int, ...], out: tuple[int, ...], kernel: tuple[int, ...], i: int
) -> Panel:
    """One group from left to right: its input channels, its filters, its output channels."""
    ci, co = module.in_channels // module.groups, module.out_channels // module.groups
    along = LONGEST / max(module.in_channels, module.out_channels)
    side = TALLEST / max(*size, *out[1:])
    height = TALLEST + 34 + TALLEST * OBLIQUE
    middle = height / 2 - 8

    x_width = _width(module.in_channels * along, size[1] * side)
    shapes = _volume((0.0, middle), ci * along, size[0] * side, size[1] * side, "input")
    label = f"channels {i * ci}–{(i + 1) * ci - 1}" if module.groups > 1 else f"{ci} channels"
    foot = height - 8
    shapes.append(Text((0.0, foot), label, 11.5, "blue", "start"))

    left = x_width + GAP
    deep = max(kernel[0] * side, 13.0), max(kernel[1] * side, 13.0)
    for row in (-1, 0, 1):
        centre = (left, middle + row * (deep[0] + 12))
        shapes += _volume(centre, ci * along, deep[0], deep[1], "kernel")
    text = f"{co} filters {by((ci, *kernel))}"
    shapes.append(Text((left, foot), text, 11.5, "orange", "start"))

    k_width = _width(module.in_channels * along, deep[1])
    right = left + max(k_width, 100.0) + GAP
    shapes += _volume((right, middle), co * along, out[1] * side, out[2] * side, "output")
    made = f"channels {i * co}–{(i + 1) * co - 1}" if module.groups > 1 else f"{co} channels"
    shapes.append(Text((right, foot), made, 11.5, "green", "start"))

    own_x, own_k = _width(ci * along, size[1] * side), _width(ci * along, deep[1])
    shapes.append(Line(((own_x + 12, middle), (left - 12, middle)), arrow=True))
    shapes.append(Line(((left + own_k + 12, middle), (right - 12, middle)), arrow=True))
    width = right + _width(module.out_channels * along, out[2] * side)
    return Panel(width, height, tuple(shapes))


def _width(length: float, depth: float) -> float:
    return length + depth * OBLIQUE


def _volume(
    left_middle: Point, length: float, height: float, depth: float, style: str
) -> list[Shape]:
    """A box seen from the front, its upper and right faces drawn obliquely."""
    x, y = left_middle
    d = depth * OBLIQUE
    top = y - height / 2 + d / 2
    front = rectangle(x, top, length, height)
    upper: tuple[Point, ...] = (
        (x, top),
        (x + d, top - d),
        (x + length + d, top - d),
        (x + length, top),
    )
    aside: tuple[Point, ...] = (
        (x + length, top),
        (x + length + d, top - d),
        (x + length + d, top - d + height),
        (x + length, top + height),
    )
    faces = ((upper, style), (aside, f"{style}-side"), (front, style))
    return [Polygon(tuple((round(a, 2), round(b, 2)) for a, b in face), s) for face, s in faces]
