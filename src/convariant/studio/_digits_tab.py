"""The wiring of the digit tab: a drawing and sliders in, what three networks read out."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
from torch import Tensor

from convariant.drawing._pixels import as_bytes
from convariant.errors import DataError
from convariant.studio import _html
from convariant.studio._digits import (
    READERS,
    Answer,
    Motion,
    Trainer,
    example,
    from_ink,
    moved,
    read,
)
from convariant.studio._photos import data_address
from convariant.studio._wiring import in_turn, slider

_IN_TURN = in_turn("digits")
_FIRST = 3  # the example shown first
_HINT = "Draw a digit with the pointer, or choose one of those that no network has learned from."
# the pad's drawing becomes the value of the component around it
_SEND = """
element.querySelector("convariant-pad").addEventListener("ink", event => {
  props.value = event.detail;
  trigger("input");
});
"""


def digits_tab(tab: gr.Tab, trainer: Trainer) -> None:
    """Build what stands in the tab."""
    source = gr.State(_FIRST)  # the number of an example, or a drawing
    clock = gr.Timer(1.0, active=False)
    start = Motion()
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            ink = gr.HTML("", html_template="<convariant-pad></convariant-pad>", js_on_load=_SEND)
            number = slider(0, 999, _FIRST, "Example, of 1,000")
            controls = {
                "right": slider(-12, 12, start.right, "Shift right, pixels"),
                "down": slider(-12, 12, start.down, "Shift down, pixels"),
                "rotation": slider(-180, 180, start.rotation, "Rotation, degrees", step=5),
                "scale": slider(0.4, 1.6, start.scale, "Scale", step=0.05),
                "squeeze": slider(0.4, 1.6, start.squeeze, "Squeeze the width", step=0.05),
                "noise": slider(0, 0.6, start.noise, "Noise", step=0.02),
            }
            still = gr.Button("No motion", size="sm")
            gr.HTML(_html.quiet(_HINT))
        with gr.Column(scale=3, min_width=320, elem_classes="cv-stage"):
            answers = gr.HTML(elem_id="digit-answers", elem_classes="cv-first")
            maps = gr.HTML(elem_id="digit-maps")
    inputs, outputs = [source, *controls.values()], [answers, maps]

    def show(source: Any, *values: float) -> list[str]:
        return shown(trainer, source, Motion(*values))

    def drawn(ink: str, before: Any, *values: float) -> list[Any]:
        source = _drawn(ink, before)
        return [source, *show(source, *values)]

    def waiting(*values: Any) -> list[Any]:
        return [*show(*values), gr.Timer(active=trainer.busy)]

    tab.select(trainer.start, None, None, **_IN_TURN).then(
        waiting, inputs, [*outputs, clock], **_IN_TURN
    )
    clock.tick(waiting, inputs, [*outputs, clock], **_IN_TURN)
    gr.on(
        [c.input for c in controls.values()],
        show,
        inputs,
        outputs,
        **_IN_TURN,
    )
    gr.on([ink.input], drawn, [ink, *inputs], [source, *outputs], **_IN_TURN)
    number.input(
        lambda number, _, *values: [int(number), *show(int(number), *values)],
        [number, *inputs],
        [source, *outputs],
        **_IN_TURN,
    )
    still.click(lambda: list(vars(start).values()), None, list(controls.values()), **_IN_TURN).then(
        show, inputs, outputs, **_IN_TURN
    )


def _drawn(ink: str, before: Any) -> Any:
    """The drawing as an image; an empty pad leaves what was there."""
    try:
        return from_ink(ink)
    except DataError:
        return before


def shown(trainer: Trainer, source: Any, motion: Motion) -> list[str]:
    """The image as the networks see it, their scores, and their feature maps."""
    if trainer.failure:
        return [_html.message(trainer.failure, "The networks cannot be trained"), ""]
    status = _html.quiet(f"{trainer.status}… this happens once") if trainer.status else ""
    if not trainer.networks:
        return [status or _html.quiet("Starting…"), ""]
    image = source if isinstance(source, Tensor) else example(int(source))
    ready = [(name, network) for name, network in list(trainer.networks.items())]
    found = [read(name, network, image, motion) for name, network in ready]
    seen = as_bytes(moved(image, motion)[0, 0].numpy())
    cards = "".join(_card(answer) for answer in found)
    return [
        f'{status}<div class="cv-digits"><figure><img alt="what the networks see" '
        f'src="{data_address(seen)}"><figcaption>what they see, 32 × 32</figcaption></figure>'
        f"{cards}</div>",
        "".join(_maps(answer) for answer in found),
    ]


def _card(answer: Answer) -> str:
    """The digit a network reads, whether the motion changed it, and ten bars."""
    kept = answer.digit == answer.before
    verdict, rest = ("same", " as") if kept else (f"was {answer.before}", "")
    bars = "".join(
        f'<div class="cv-bar{" cv-on" if digit == answer.digit else ""}"><span>{digit}</span>'
        f'<i style="width:{100 * score:.1f}%"></i><b>{score:.0%}</b></div>'
        for digit, score in enumerate(answer.scores)
    )
    return (
        f'<section class="cv-card"><h4>{escape(answer.name)}</h4>'
        f'<p class="cv-digit">{answer.digit}</p>'
        f'<p class="cv-quiet">{"✓" if kept else "✗"} {verdict}'
        f'<span class="cv-wide">{rest} without motion</span></p>{bars}'
        f'<p class="cv-quiet cv-wide">keeps its answer under: {READERS[answer.name].keeps}</p>'
        "</section>"
    )


def _maps(answer: Answer) -> str:
    pictures = [
        (data_address(pixels), f"{answer.name}, after pooling {number}")
        for number, pixels in enumerate(answer.maps, start=1)
    ]
    return _html.figures(pictures)
