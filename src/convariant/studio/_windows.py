"""The Arithmetic tab: from the position of its sliders to a picture, the sizes, and the code."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from convariant.drawing import Picture, arithmetic
from convariant.drawing._operator import moving_parts
from convariant.errors import ConvariantError
from convariant.geometry import Geometry, PaddingLike
from convariant.reference import PaddingMode

Kind = Literal["Convolution", "Transposed convolution", "Max pooling", "Mean pooling"]
View = Literal["both", "gradient", "zero insertion"]
KINDS: tuple[Kind, ...] = (
    "Convolution",
    "Transposed convolution",
    "Max pooling",
    "Mean pooling",
)
MOST_PARTS = 20_000  # moving ones of a picture: more take a second and longer to reach the page
RULES = ("numbers", "same", "same_lower", "valid")
_REDUCERS: dict[str, str] = {"Max pooling": "max", "Mean pooling": "mean"}


@dataclass(frozen=True)
class Settings:
    """Where the controls of the tab stand; `width`, `kernel_width`, `padding_end` None: equal."""

    kind: Kind = "Convolution"
    axes: int = 2
    size: int = 5
    kernel: int = 3
    stride: int = 1
    rule: str = "numbers"
    padding: int = 0
    dilation: int = 1
    output_padding: int = 0
    width: int | None = None
    kernel_width: int | None = None
    padding_end: int | None = None
    padding_mode: PaddingMode = "zeros"
    in_channels: int = 1
    out_channels: int = 1
    groups: int = 1
    ceil_mode: bool = False
    view: View = "both"

    @property
    def transposed(self) -> bool:
        """Whether the sizes grow."""
        return self.kind == "Transposed convolution"

    @property
    def reducer(self) -> str | None:
        """The pooling, if it is one."""
        return _REDUCERS.get(self.kind)

    @property
    def input_size(self) -> tuple[int, ...]:
        """All axes as tall as the input but the last, which has a width of its own."""
        return (self.size,) * (self.axes - 1) + (self.width or self.size,)

    def geometry(self) -> Geometry:
        """The window.

        Raises GeometryError where the numbers do not fit together.
        """
        padding: PaddingLike = self.rule if self.rule != "numbers" else self.padding
        if self.rule == "numbers" and self.padding_end is not None:
            padding = ((self.padding, self.padding_end),) * self.axes
        return Geometry.of(
            self.axes,
            (self.kernel,) * (self.axes - 1) + (self.kernel_width or self.kernel,),
            self.stride,
            padding,
            self.dilation,
            output_padding=self.output_padding if self.transposed else 0,
            transposed=self.transposed,
            ceil_mode=self.ceil_mode and self.reducer is not None,
        )


@dataclass(frozen=True)
class Explanation:
    """What the tab shows; with a `message` there is no picture, and no facts if nothing fits."""

    picture: Picture | None = None
    facts: dict[str, str] = field(default_factory=dict)
    code: str = ""
    message: str = ""


EXAMPLES: dict[str, Settings] = {
    "Convolution 4 × 4 → 2 × 2": Settings(size=4),
    "Stride 2 and padding 1: 5 × 5 → 3 × 3": Settings(stride=2, padding=1),
    "The same from 6 × 6: its last padding is never read": Settings(size=6, stride=2, padding=1),
    "Transposed 2 × 2 → 4 × 4": Settings("Transposed convolution", size=2),
    "Transposed 3 × 3 → 5 × 5, stride 2": Settings(
        "Transposed convolution", size=3, stride=2, padding=1
    ),
    "Transposed 3 × 3 → 6 × 6, output padding 1": Settings(
        "Transposed convolution", size=3, stride=2, padding=1, output_padding=1
    ),
    "Dilated 7 × 7 → 3 × 3": Settings(size=7, dilation=2),
    "Grouped: 4 channels in 2 groups": Settings(size=4, in_channels=4, out_channels=4, groups=2),
    "Depthwise: as many groups as channels": Settings(
        size=4, in_channels=3, out_channels=3, groups=3
    ),
    "Pointwise: 1 × 1 over channels": Settings(size=4, kernel=1, in_channels=3, out_channels=2),
    "Max pooling 2 × 2": Settings("Max pooling", size=4, kernel=2, stride=2),
    "Mean pooling 2 × 2": Settings("Mean pooling", size=4, kernel=2, stride=2),
    "Causal, dilated, one axis": Settings(
        axes=1, size=8, kernel=3, dilation=2, padding=4, padding_end=0
    ),
    "Padding goes round the edge": Settings(padding=2, padding_mode="circular"),
}


def explain(settings: Settings) -> Explanation:
    """The picture, the sizes forward and back, the effective view, and the line of code."""
    try:
        window = settings.geometry()
        output = window.output_size(settings.input_size)
        facts = _facts(settings, window, output)
        ci, co = settings.in_channels, settings.out_channels
        co, groups = (ci, ci) if settings.reducer else (co, settings.groups)
        parts = moving_parts(ci, co, groups, window, settings.input_size, output)
        if parts > MOST_PARTS and ci % groups == co % groups == 0:
            return Explanation(None, facts, code(settings, window), _too_many(parts))
        picture = arithmetic(
            window,
            settings.input_size,
            in_channels=ci,
            out_channels=co,
            groups=1 if settings.reducer else groups,
            padding_mode=settings.padding_mode,
            reducer=settings.reducer,
            view=settings.view,
        )
    except ConvariantError as error:
        return Explanation(message=str(error))
    return Explanation(picture, facts, code(settings, window))


def _too_many(parts: int) -> str:
    return (
        f"The numbers fit, but their picture has {parts:,} moving parts, and the page follows the "
        f"sliders up to {MOST_PARTS:,}: use a smaller input or fewer channels, or convariant draw, "
        "which takes more"
    )


def _facts(settings: Settings, window: Geometry, output: tuple[int, ...]) -> dict[str, str]:
    """What the numbers mean, by the name of each fact."""
    size = settings.input_size
    facts = {"Forward": f"{_by(size)} → {_by(output)}"}
    inputs = " × ".join(_range(r) for r in window.input_sizes(output))
    facts["Inverse"] = f"{_by(output)} comes from {inputs}"
    if isinstance(window.padding, str):
        pads = dict.fromkeys(f"{b} before, {e} after" for b, e in window.pads(size))
        facts["Padding here"] = " × ".join(pads)
    if settings.transposed:
        facts |= _effective(window, size)
    elif settings.reducer is None:
        back = window.transpose(size)
        facts["Way back"] = f"transposed, output padding {_agreed(back.output_padding)}"
    if any(d > 1 for d in window.dilation):
        facts["Reach"] = f"{_by(window.kernel_size)} weights cover {_by(window.extent)}"
    return facts | _cost(settings, window, output)


def _effective(window: Geometry, size: tuple[int, ...]) -> dict[str, str]:
    """A transposed window as the stride-1 convolution of the figures, and what its zeros cost."""
    seen = window.effective(size)
    pads = dict.fromkeys(str(b) if b == e else f"{b} and {e}" for b, e in seen.padding)
    zeros = _agreed(seen.zeros_inserted)
    words = [f"padding {' × '.join(pads)}", "stride 1"]
    if any(seen.zeros_inserted):
        words.insert(0, f"{zeros} {'zero' if zeros == '1' else 'zeros'} between inputs")
    if any(seen.extra):
        words.insert(-1, f"{_agreed(seen.extra)} more at the end")
    facts = {"Effective view": ", ".join(words)}
    more = math.prod(seen.output_size(size)) / math.prod(size)
    if more > 1:
        facts["Zero insertion"] = f"{more:.3g} times the products of the gradient view"
    return facts


def _cost(settings: Settings, window: Geometry, output: tuple[int, ...]) -> dict[str, str]:
    """Products and weights; a pooling has neither."""
    cells = math.prod(window.kernel_size)
    if settings.reducer:
        return {"Cost": f"{math.prod(output) * cells * settings.in_channels:,} values read"}
    places = math.prod(settings.input_size if settings.transposed else output)
    weights = cells * settings.in_channels * settings.out_channels // settings.groups
    return {"Cost": f"{places * weights:,} products with {weights:,} weights"}


def code(settings: Settings, window: Geometry) -> str:
    """The module as one line to copy: torch's where torch has it, else ours."""
    if settings.reducer:
        return _pooling_code(settings, window)
    arguments = [
        str(settings.in_channels),
        str(settings.out_channels),
        f"kernel_size={_value(window.kernel_size)}",
    ]
    padding, ours = _padding(settings, window)
    options = {
        "stride": _value(window.stride),
        "padding": padding,
        "output_padding": _value(window.output_padding),
        "dilation": _value(window.dilation),
        "groups": str(settings.groups),
        "padding_mode": repr(settings.padding_mode),
    }
    defaults = {"stride": "1", "dilation": "1", "groups": "1", "padding_mode": "'zeros'"}
    arguments += [f"{n}={v}" for n, v in options.items() if v != defaults.get(n, "0")]
    name = "ConvTranspose" if settings.transposed else "Conv"
    home = "convariant" if ours else "torch"
    return f"{home}.nn.{name}{window.axes}d({', '.join(arguments)})"


def _pooling_code(settings: Settings, window: Geometry) -> str:
    padding, ours = _padding(settings, window)
    mean = settings.reducer == "mean"
    halves = settings.rule == "numbers" and 2 * settings.padding <= min(window.kernel_size)
    ours = ours or not (halves or padding == "0") or (mean and any(d > 1 for d in window.dilation))
    options = {
        "stride": _value(window.stride),
        "padding": padding,
        "dilation": _value(window.dilation),
        "ceil_mode": str(window.ceil_mode),
    }
    defaults = {"padding": "0", "dilation": "1", "ceil_mode": "False"}
    arguments = [f"kernel_size={_value(window.kernel_size)}"]
    arguments += [f"{n}={v}" for n, v in options.items() if v != defaults.get(n)]
    if ours:
        return (
            f"convariant.nn.Pool{window.axes}d({', '.join([repr(settings.reducer), *arguments])})"
        )
    return f"torch.nn.{'Avg' if mean else 'Max'}Pool{window.axes}d({', '.join(arguments)})"


def _padding(settings: Settings, window: Geometry) -> tuple[str, bool]:
    """The padding argument, and whether it is one that torch does not take."""
    if settings.rule == "valid":
        return "0", False
    if settings.rule != "numbers":
        torch_takes = (
            settings.rule == "same"
            and not settings.transposed
            and settings.reducer is None
            and set(window.stride) == {1}
        )
        return repr(settings.rule), not torch_takes
    if settings.padding_end in (None, settings.padding):
        return str(settings.padding), False
    return repr(window.padding), True


def _value(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else repr(values)


def _agreed(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else _by(values)


def _by(size: tuple[int, ...]) -> str:
    return " × ".join(map(str, size))


def _range(sizes: range) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
