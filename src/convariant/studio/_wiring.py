"""What the tabs share when they connect functions to the page."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr


def in_turn(tab: str, *, slow: bool = False) -> dict[str, Any]:
    """How every event of a tab is answered: one after the other, in the order they were asked.

    Were two answered at once, the older answer could come last and stay on the page. An event that
    is asked for again while it is under way runs once more when it is through: nothing is lost.
    None of them is part of a programming interface.
    """
    return {
        "concurrency_id": tab,
        "concurrency_limit": 1,
        "trigger_mode": "always_last",
        "show_progress": "full" if slow else "hidden",  # slow: work of seconds
        "api_visibility": "private",
    }


def slider(
    least: float, most: float, value: float, label: str, *, step: float = 1, visible: bool = True
) -> gr.Slider:
    """A slider in whole steps; what is typed beside it counts as the nearest number allowed.

    The page puts such a number right when one leaves the field; before that, Gradio alone would
    answer with a bare "Error".
    """

    def inside(payload: float | None) -> float:
        if payload is None or not math.isfinite(payload):
            return least
        whole = least + round((payload - least) / step) * step
        return min(max(round(whole, 9), least), most)

    made = gr.Slider(least, most, value, step=step, label=label, buttons=[], visible=visible)
    # not by a subclass, for which Gradio would write a file beside this one
    made.preprocess = inside
    return made
