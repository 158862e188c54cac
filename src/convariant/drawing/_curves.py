"""Curves of a symmetry measurement: what stays of the answers as the input moves further."""

from __future__ import annotations

from collections.abc import Sequence

from convariant.analysis.symmetry import Measurement
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Line, Panel, Polygon, Shape, Text, beside
from convariant.errors import OptionError

WIDE, TALL = 250.0, 150.0
LEFT, TOP, BELOW = 44.0, 28.0, 42.0


def symmetry_curves(measurements: Sequence[Measurement]) -> Picture:
    """Draw a chart for each measurement: the part of the predictions that stay, and the error.

    The pale band holds the first with 95 %. The error is |f(Tx) - Tf(x)| / |f(Tx)|; above 1, as
    large as the output itself, it lies on the upper edge.

    Raises OptionError for no measurement.

    >>> import torch, convariant as cv
    >>> images = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> found = cv.symmetry.measure(cv.models.create("p4_lenet"), images, "quarter_turn", False)
    >>> symmetry_curves([found]).subtitle
    '2 images; blue: part of the predictions that stay (pale: 95 % sure), orange: relative error'

    Source: lecture, "Invariance", "Equivariance".
    """
    if not measurements:
        raise OptionError("symmetry_curves needs at least one measurement, of symmetry.measure")
    images = measurements[0].images
    return Picture(
        "symmetry_" + "_".join(m.transform.name for m in measurements),
        "What the network keeps",
        f"{images} image{'s' * (images > 1)}; blue: part of the predictions that stay "
        "(pale: 95 % sure), orange: relative error",
        beside([_chart(m) for m in measurements], gap=30),
        legend=False,
    )


def _chart(found: Measurement) -> Panel:
    """Axes, the band, and two lines."""
    shapes: list[Shape] = [Text((LEFT + WIDE / 2, 8), found.transform.name, 13, bold=True)]
    for share in (0.0, 0.5, 1.0):
        y = _height(share)
        shapes.append(Line(((LEFT, y), (LEFT + WIDE, y)), "frame"))
        shapes.append(Text((LEFT - 8, y), f"{share:.0%}", 10.5, "muted", "end"))
    xs = [_across(found.amounts, amount) for amount in found.amounts]
    kept = found.consistency
    upper = [(x, _height(v)) for x, v in zip(xs, kept.high, strict=True)]
    lower = [(x, _height(v)) for x, v in zip(xs, kept.low, strict=True)]
    shapes.append(Polygon((*upper, *reversed(lower)), "input"))
    shapes.append(_curve(xs, kept.mean, "skip"))
    shapes.append(_curve(xs, found.output.mean, "window"))
    middle = len(found.amounts) // 2
    for i in sorted({0, middle, len(found.amounts) - 1}):
        label = found.transform.label(found.amounts[i])
        shapes.append(Text((xs[i], TOP + TALL + 14), label, 10.5, "muted"))
    return Panel(LEFT + WIDE + 20, TOP + TALL + BELOW, tuple(shapes))


def _curve(xs: Sequence[float], values: Sequence[float], style: str) -> Line:
    points = tuple((x, _height(value)) for x, value in zip(xs, values, strict=True))
    return Line(points if len(points) > 1 else (*points, *points), style)


def _height(value: float) -> float:
    return round(TOP + TALL * (1 - min(max(value, 0.0), 1.0)), 1)


def _across(amounts: Sequence[float], amount: float) -> float:
    low, high = min(amounts), max(amounts)
    part = (amount - low) / (high - low) if high > low else 0.5
    return round(LEFT + WIDE * part, 1)
