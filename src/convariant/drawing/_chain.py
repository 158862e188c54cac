"""Several windows one after the other: what one puts out, the next takes in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from convariant.drawing._canvas import Place
from convariant.drawing._names import file_name
from convariant.drawing._numbers import by
from convariant.drawing._operator import Numbers, Operator, prepare
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Panel, beside, stacked, with_notes
from convariant.drawing._sheet import Sheet, Words
from convariant.drawing._strip import sweep_strip
from convariant.drawing._sweep import Sweep
from convariant.errors import OptionError

if TYPE_CHECKING:
    import torch

WIDEST = 1400.0


def chain(
    modules: Sequence[torch.nn.Module],
    input_size: Sequence[int],
    *,
    x: Numbers | None = None,
    headings: Sequence[str] = (),
    values: bool = True,
    output: Sequence[int] | None = None,
) -> Picture:
    """Draw convolutions and poolings that follow each other, one panel for each.

    The still picture follows one element of the last output back through the chain. Biases are
    left out, as in `arithmetic`; a transposed convolution is drawn as its equal convolution.

    Raises GeometryError, ShapeError or OptionError where these do not fit, or are too large to see.

    >>> from torch import nn
    >>> layers = [nn.Conv2d(1, 1, (3, 1)), nn.Conv2d(1, 1, (1, 3))]
    >>> picture = chain(layers, (5, 5), headings=("3 products", "3 products"))
    >>> [len(track.steps) for track in picture.tracks]
    [15, 9]

    Source: lecture, "Separable Convolution".
    """
    if not modules:
        raise OptionError("chain needs at least one convolution or pooling to draw")
    operators: list[Operator] = []
    size = tuple(input_size)
    for module in modules:
        operator = prepare(
            module,
            size,
            in_channels=None,
            out_channels=None,
            groups=1,
            padding_mode="zeros",
            reducer=None,
            x=operators[-1].y if operators else x,
            weight=None,
        )
        operators.append(operator)
        size = operator.output_size
    sweeps = [Sweep.of(operator) for operator in operators]
    places = _path(sweeps, operators[-1].place(output))
    panels = []
    for index, (sweep, place) in enumerate(zip(sweeps, places, strict=True)):
        heading = headings[index] if index < len(headings) else f"Stage {index + 1}"
        second = f"{sweep.x.shape[0]} channels" if sweep.x.shape[0] > 1 else ""
        words = Words(heading=heading, x_second=second, kernel=operators[index].slides)
        panels.append(with_notes(_panel(sweep, words, place, values=values)))
    across = sum(panel.width for panel in panels) <= WIDEST and sweeps[0].y.ndim > 2
    panel = beside(panels, gap=60, level=True) if across else stacked(panels, gap=20)
    sizes = [operators[0].input_size, *(o.output_size for o in operators)]
    channels = [operators[0].x.shape[0], *(o.y.shape[0] for o in operators)]
    subtitle = " → ".join(
        f"{c} × {by(s)}" if max(channels) > 1 else by(s)
        for c, s in zip(channels, sizes, strict=True)
    )
    name = "_then_".join(file_name(operator) for operator in operators)
    slides = " or ".join(dict.fromkeys(operator.slides for operator in operators))
    return Picture(name, "One after the other", subtitle, panel, slides=slides)


def _path(sweeps: Sequence[Sweep], last: Place) -> list[Place]:
    """One output element of each stage: the middle one of those that the next is made of."""
    places = [last]
    for following, _ in pairwise(reversed(sweeps)):
        marked = sorted(following.marked(places[0]))
        if not marked:
            raise OptionError(
                f"output={last} comes from padding alone; choose one nearer to the middle"
            )
        places.insert(0, marked[len(marked) // 2])
    return places


def _panel(sweep: Sweep, words: Words, place: Place, *, values: bool) -> Panel:
    if len(sweep.canvas.size) == 1:
        return sweep_strip(sweep, words, place, values=values)
    return Sheet.of(sweep, words, values=values).panel(place)
