"""The page: its title and its tabs."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from convariant.drawing._html import script
from convariant.studio._claims_tab import claims_tab
from convariant.studio._digits import Trainer
from convariant.studio._digits_tab import digits_tab
from convariant.studio._networks_tab import networks_tab
from convariant.studio._operators_tab import operators_tab
from convariant.studio._windows_tab import arithmetic_tab

_FONT = ("system-ui", "Segoe UI", "DejaVu Sans", "sans-serif")  # of the reader's machine
_MONO = ("ui-monospace", "DejaVu Sans Mono", "monospace")


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


THEME = gr.themes.Base(
    primary_hue="sky",
    neutral_hue="slate",
    radius_size="md",
    font=_FONT,
    font_mono=_MONO,
).set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400")
# in the head and not as Gradio's css=, which would put its own selectors before every one of these
HEAD = f"<style>{_text('style.css')}</style>" + "".join(
    f"<script>{{{text}}}</script>" for text in (script(), _text("pad.js"))
)

_TITLE = """<div class="cv-title"><h1>convariant studio</h1>
<p>Convolution and its variants, drawn and measured by the library itself. Runs on this machine
alone.</p></div>"""


def build() -> gr.Blocks:
    """The page with all its tabs."""
    with gr.Blocks(title="convariant studio", analytics_enabled=False) as page:
        gr.HTML(_TITLE)
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Arithmetic"):
                arithmetic_tab()
            with gr.Tab("Operators on an image") as tab:
                operators_tab(tab)
            with gr.Tab("Networks"):
                networks_tab()
            with gr.Tab("Draw a digit") as tab:
                digits_tab(tab, Trainer())
            with gr.Tab("Claims") as tab:
                claims_tab(tab)
    return page
