"""The wiring of the Arithmetic tab: sliders in, picture, sizes and code out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import gradio as gr

from convariant.reference import PaddingMode
from convariant.studio import _html
from convariant.studio._windows import (
    EXAMPLES,
    KINDS,
    RULES,
    Explanation,
    Settings,
    View,
    explain,
)
from convariant.studio._wiring import in_turn, slider

_IN_TURN = in_turn("arithmetic")
_FIRST = next(iter(EXAMPLES))
# settings that None turns off, with the checkbox that turns them on
_OPTIONAL = ("width", "kernel_width", "padding_end")


def arithmetic_tab() -> None:
    """Build the tab inside the page that is being built."""
    start = EXAMPLES[_FIRST]
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            example = gr.Dropdown(list(EXAMPLES), value=_FIRST, label="Example of the lecture")
            controls = _controls(start)
        with gr.Column(scale=3, min_width=320, elem_classes="cv-stage"):
            outputs = [
                gr.HTML(elem_id="arithmetic-picture", elem_classes="cv-first"),
                gr.HTML(elem_id="arithmetic-facts"),
                gr.Code(
                    language="python",
                    label="The module",
                    lines=1,
                    show_line_numbers=False,
                    wrap_lines=True,
                    interactive=False,
                    elem_id="arithmetic-code",
                ),
            ]
            for output, value in zip(outputs, _shown(explain(start)), strict=True):
                output.value = value
    widgets = list(controls.values())
    gr.on(
        [w.input for w in widgets],
        lambda *values: _shown(explain(_read(dict(zip(controls, values, strict=True))))),
        widgets,
        outputs,
        **_IN_TURN,
    )
    example.input(
        lambda name: [*_positions(EXAMPLES[name]).values(), *_shown(explain(EXAMPLES[name]))],
        example,
        [*widgets, *outputs],
        **_IN_TURN,
    )


def _controls(start: Settings) -> dict[str, Any]:
    """Every setting's widget by the name of the setting, in the order they are shown."""
    at = _positions(start)
    made: dict[str, Any] = {
        "kind": gr.Radio(KINDS, value=at["kind"], label="Operation"),
        "size": slider(1, 12, at["size"], "Input"),
        "kernel": slider(1, 7, at["kernel"], "Kernel"),
        "stride": slider(1, 5, at["stride"], "Stride"),
        "padding": slider(0, 6, at["padding"], "Padding"),
        "dilation": slider(1, 4, at["dilation"], "Dilation"),
        "output_padding": slider(0, 4, at["output_padding"], "Output padding (transposed only)"),
    }
    with gr.Accordion("Channels and groups", open=False):
        made["in_channels"] = slider(1, 6, at["in_channels"], "Input channels")
        made["out_channels"] = slider(1, 6, at["out_channels"], "Output channels")
        made["groups"] = slider(1, 6, at["groups"], "Groups")
    with gr.Accordion("Axes, sides and rules", open=False):
        made["axes"] = gr.Radio([1, 2, 3], value=at["axes"], label="Axes")
        made["rule"] = gr.Dropdown(list(RULES), value=at["rule"], label="Padding rule")
        made["padding_mode"] = gr.Dropdown(
            list(get_args(PaddingMode)), value=at["padding_mode"], label="What padding holds"
        )
        made["view"] = gr.Dropdown(
            list(get_args(View)), value=at["view"], label="View of a transposed convolution"
        )
        made["ceil_mode"] = gr.Checkbox(at["ceil_mode"], label="Ceil mode (pooling only)")
        for name, most, label in (
            ("width", 12, "Input width"),
            ("kernel_width", 7, "Kernel width"),
            ("padding_end", 6, "Padding at the end"),
        ):
            made[f"{name} differs"] = gr.Checkbox(at[f"{name} differs"], label=f"{label} differs")
            made[name] = slider(0 if name == "padding_end" else 1, most, at[name], label)
    return made


def _positions(settings: Settings) -> dict[str, Any]:
    """Where every widget stands for these settings, in the order of `_controls`."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    order = (
        *("kind", "size", "kernel", "stride", "padding", "dilation", "output_padding"),
        *("in_channels", "out_channels", "groups"),
        *("axes", "rule", "padding_mode", "view", "ceil_mode"),
    )
    at = {name: values[name] for name in order}
    equal = {
        "width": settings.size,
        "kernel_width": settings.kernel,
        "padding_end": settings.padding,
    }
    for name in _OPTIONAL:
        at[f"{name} differs"] = values[name] is not None
        at[name] = equal[name] if values[name] is None else values[name]
    return at


def _read(at: dict[str, Any]) -> Settings:
    """The settings for where the widgets stand; the other way round from `_positions`."""
    values = {name: value for name, value in at.items() if not name.endswith(" differs")}
    off = {name: None for name in _OPTIONAL if not at[f"{name} differs"]}
    return Settings(**(values | off))


def _shown(explanation: Explanation) -> list[Any]:
    """The values of the three outputs."""
    if explanation.picture is None:
        heading = "Too much to draw" if explanation.facts else "This does not fit"
        picture = _html.message(explanation.message, heading)
        return [picture, _html.facts(explanation.facts), explanation.code]
    return [
        _html.player(explanation.picture),
        _html.facts(explanation.facts),
        explanation.code,
    ]
