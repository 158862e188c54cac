"""The wiring of the Operators tab: a photo and an operator in, a photo and its cost out."""

from __future__ import annotations

from typing import Any, TypeAlias, get_args

import gradio as gr
import numpy as np

from convariant.errors import ConvariantError
from convariant.functional import PaddingMode
from convariant.studio import _html
from convariant.studio._operators import KERNELS, MIXES, OPERATORS, Request, apply
from convariant.studio._photos import LIMITS, NAMES, data_address, photo, read_upload
from convariant.studio._wiring import in_turn, slider

Source: TypeAlias = str | np.ndarray  # the name of an example photo, or an uploaded one

_IN_TURN = in_turn("operators")
_KERNEL = ("Convolution", "Transposed convolution")
_POOLING = ("Max pooling", "Mean pooling", "Median pooling")
# the operators for which a control means something; the others go for all
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "preset": _KERNEL,
    "kernel": _KERNEL,
    "normalise": _KERNEL,
    "rank": _KERNEL,
    "window": (*_POOLING, "Blur pooling"),
    "mix": ("Pointwise convolution",),
    "dilation": (*_KERNEL, *_POOLING),
    "padding": (*_KERNEL, *_POOLING),
    "padding_mode": ("Convolution",),
}


def operators_tab(tab: gr.Tab) -> None:
    """Build what stands in the tab."""
    source = gr.State(NAMES[0])
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            name = gr.Dropdown(list(NAMES), value=NAMES[0], label="Photo")
            upload = gr.UploadButton("Use a photo of yours", size="sm", elem_id="operators-upload")
            gr.HTML(_html.quiet(LIMITS))
            controls = _controls(Request())
        with gr.Column(scale=3, min_width=320, elem_classes="cv-stage"):
            picture = gr.HTML(elem_id="operators-picture", elem_classes="cv-first")
            details = gr.HTML(elem_id="operators-facts")
            spectrum = gr.HTML(elem_id="operators-spectrum")
    preset = controls.pop("preset")
    inputs, outputs = [source, *controls.values()], [picture, details, spectrum]

    def show(source: Source, *values: Any) -> list[str]:
        return shown(source, Request(**dict(zip(controls, values, strict=True))))

    def received(path: str, before: Source, *values: Any) -> list[Any]:
        try:
            source = read_upload(path)
        except ConvariantError as error:
            words = _html.message(str(error), "This photo cannot be used")
            return [before, words, gr.skip(), gr.skip()]
        return [source, *show(source, *values)]

    tab.select(show, inputs, outputs, **_IN_TURN)
    gr.on(
        [c.change if key == "kernel" else c.input for key, c in controls.items()],
        show,
        inputs,
        outputs,
        **_IN_TURN,
    )
    preset.input(KERNELS.get, preset, controls["kernel"], **_IN_TURN)  # whose change shows it
    limited = [preset if control == "preset" else controls[control] for control in _ONLY_FOR]
    controls["operator"].input(_visible, controls["operator"], limited, **_IN_TURN)
    name.input(lambda name: name, name, source, **_IN_TURN).then(show, inputs, outputs, **_IN_TURN)
    upload.upload(received, [upload, source, *controls.values()], [source, *outputs], **_IN_TURN)


def _controls(start: Request) -> dict[str, Any]:
    """Every part of the request by name, and the kernels to choose from."""
    visible = {name: start.operator in of for name, of in _ONLY_FOR.items()}
    return {
        "operator": gr.Dropdown(list(OPERATORS), value=start.operator, label="Operator"),
        "preset": gr.Dropdown(
            list(KERNELS), value=next(iter(KERNELS)), label="Kernel", visible=visible["preset"]
        ),
        "kernel": gr.Textbox(
            start.kernel,
            lines=5,
            max_lines=8,
            label="Its numbers, to change as you like",
            visible=visible["kernel"],
            elem_id="operators-kernel",
        ),
        "normalise": gr.Checkbox(
            start.normalise, label="Divide by the sum, unless it is 0", visible=visible["normalise"]
        ),
        "rank": slider(0, 5, start.rank, "Rank to keep (0: all)", visible=visible["rank"]),
        "window": slider(1, 15, start.window, "Window", visible=visible["window"]),
        "mix": gr.Dropdown(list(MIXES), value=start.mix, label="Colours", visible=visible["mix"]),
        "stride": slider(1, 8, start.stride, "Stride"),
        "dilation": slider(1, 8, start.dilation, "Dilation", visible=visible["dilation"]),
        "padding": gr.Radio(
            ["same", "valid"], value=start.padding, label="Padding", visible=visible["padding"]
        ),
        "padding_mode": gr.Dropdown(
            list(get_args(PaddingMode)),
            value=start.padding_mode,
            label="What padding holds",
            visible=visible["padding_mode"],
        ),
    }


def _visible(operator: str) -> list[Any]:
    return [gr.update(visible=operator in of) for of in _ONLY_FOR.values()]


def shown(source: Source, request: Request) -> list[str]:
    """The photo before and after, the facts, and the spectrum, as pieces of the page."""
    try:
        pixels = photo(source) if isinstance(source, str) else source
        result = apply(pixels, request)
    except ConvariantError as error:
        return [_html.message(str(error)), "", ""]
    pictures = [
        (data_address(pixels), "before"),
        (data_address(result.pixels), f"after: {result.caption}"),
    ]
    spectrum = "" if result.spectrum is None else _html.player(result.spectrum)
    return [_html.figures(pictures), _html.facts(result.facts), spectrum]
