"""What the tabs share when they connect functions to the page."""

from __future__ import annotations

from typing import Any

import gradio as gr

# None of these is queued: a request of its own answers each, and nothing can overtake it. They are
# part of no programming interface.
_DIRECT: dict[str, Any] = {"queue": False, "api_visibility": "private"}
QUICK = _DIRECT | {"show_progress": "hidden"}
SLOW = _DIRECT | {"show_progress": "full"}  # work of seconds
# results that come one by one need Gradio's queue
ONE_BY_ONE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 1}


def slider(
    least: float, most: float, value: float, label: str, *, step: float = 1, visible: bool = True
) -> gr.Slider:
    """A slider in whole steps."""
    return gr.Slider(least, most, value, step=step, label=label, buttons=[], visible=visible)
