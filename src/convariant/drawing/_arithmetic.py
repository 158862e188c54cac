"""Window arithmetic as a picture: what meets what in a convolution of any kind, or a pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from convariant.drawing._canvas import Place
from convariant.drawing._names import file_name, subtitle, title
from convariant.drawing._operator import Numbers, Operator, prepare
from convariant.drawing._picture import Picture
from convariant.drawing._scatter import Scatter
from convariant.drawing._scatter_sheet import ScatterSheet
from convariant.drawing._scene import Panel, beside, stacked, with_notes
from convariant.drawing._sheet import Sheet, Words
from convariant.drawing._strip import scatter_strip, sweep_strip
from convariant.drawing._sweep import Sweep
from convariant.errors import OptionError
from convariant.geometry import Geometry
from convariant.reference import PaddingMode

if TYPE_CHECKING:
    import torch

View = Literal["both", "gradient", "zero insertion"]
WIDEST = 1250.0  # beyond this, two views stand one above the other


def arithmetic(
    operator: Geometry | torch.nn.Module,
    input_size: Sequence[int],
    *,
    in_channels: int | None = None,
    out_channels: int | None = None,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    reducer: str | None = None,
    x: Numbers | None = None,
    weight: Numbers | None = None,
    values: bool = True,
    output: Sequence[int] | None = None,
    view: View = "both",
) -> Picture:
    """Draw how a window's outputs come about: one step per output element, in the order of y.

    A convolution shows the kernel over its input (`padding_mode` as torch's), `groups` as piles
    of planes; `reducer` ('max', 'mean'...) makes it a pooling; a transposed geometry is drawn as
    the gradient (every input stamps the kernel) beside the equal convolution over inserted zeros,
    or as one `view` of them. Instead of a geometry, a torch Conv, ConvTranspose or Pool module may
    be given. `x (ci, h, w)` and `weight` are drawn where given, else small whole numbers.
    `output (co, oh, ow)` or `(oh, ow)` is the element that the still picture shows.

    Raises GeometryError, ShapeError or OptionError where these do not fit, or are too large to see.

    >>> picture = arithmetic(Geometry(3, stride=2, padding=1, transposed=True), (3, 3))
    >>> picture.title, picture.name
    ('Transposed convolution 3 × 3 → 5 × 5', 'conv_transpose_i3x3_k3x3_s2_p1')
    >>> max_pool = arithmetic(
    ...     Geometry(2, stride=2), (2, 2), reducer="max", x=[[1, 0], [3, 4]], output=(0, 0)
    ... )
    >>> max_pool.tracks[0].steps[0].note
    'y[0, 0] = max(1, 0, 3, 4) = 4'

    Source: lecture, "2D Transposed Convolution" to "Pooling"; https://arxiv.org/abs/1603.07285.
    """
    prepared = prepare(
        operator,
        input_size,
        in_channels=in_channels,
        out_channels=out_channels,
        groups=groups,
        padding_mode=padding_mode,
        reducer=reducer,
        x=x,
        weight=weight,
    )
    if view not in ("both", "gradient", "zero insertion"):
        raise OptionError(
            f"view={view!r} is none of 'both', 'gradient' and 'zero insertion' (the views of a "
            "transposed convolution)"
        )
    still = prepared.place(output)
    panel = _panel(prepared, still, view, values=values)
    name = file_name(prepared)
    if prepared.geometry.transposed and view != "both":
        name += f"_{view.replace(' ', '_')}"
    return Picture(name, title(prepared), subtitle(prepared), panel, slides=prepared.slides)


def _panel(operator: Operator, still: Place, view: View, *, values: bool) -> Panel:
    flat = operator.geometry.axes == 1
    if not operator.geometry.transposed:
        sweep = Sweep.of(operator)
        words = Words(x_second=_channels(operator), kernel=operator.slides)
        if flat:
            return with_notes(sweep_strip(sweep, words, still, values=values))
        return with_notes(Sheet.of(sweep, words, values=values).panel(still))
    panels = []
    if view != "zero insertion":
        scatter = Scatter.of(operator)
        heading = "As a gradient: every input stamps the kernel"
        if flat:
            panels.append(scatter_strip(scatter, heading, still, values=values))
        else:
            panels.append(ScatterSheet.of(scatter, heading, values=values).panel(still))
    if view != "gradient":
        sweep = Sweep.of(operator)
        words = Words(
            heading="As a convolution of stride 1 over inserted zeros",
            x_second=_effective(operator),
            kernel="flipped kernel",
        )
        if flat:
            panels.append(sweep_strip(sweep, words, still, values=values))
        else:
            panels.append(Sheet.of(sweep, words, values=values).panel(still))
    panels = [with_notes(panel) for panel in panels]
    wide = sum(panel.width for panel in panels) > WIDEST
    return stacked(panels, gap=20) if wide or flat else beside(panels, gap=64, level=True)


def _effective(operator: Operator) -> str:
    """`1 zero between, padding 1, stride 1`: the numbers under the lecture's pictures."""
    effective = operator.geometry.effective(operator.input_size)
    zeros = "/".join(str(z) for z in dict.fromkeys(effective.zeros_inserted))
    sides = dict.fromkeys(str(b) if b == e else f"{b}/{e}" for b, e in effective.padding)
    parts = [f"{zeros} between", f"padding {' × '.join(sides)}"]
    if any(effective.extra):
        parts.append(f"{'/'.join(str(e) for e in dict.fromkeys(effective.extra))} extra")
    return ", ".join(parts)


def _channels(operator: Operator) -> str:
    ci = operator.x.shape[0]
    if ci == 1:
        return ""
    grouped = operator.groups > 1 and operator.reducer is None
    return f"{ci} channels in {operator.groups} groups" if grouped else f"{ci} channels"
