"""What the tabs share when they connect functions to the page."""

from __future__ import annotations

from typing import Any

import gradio as gr

# for answers that come at once: not queued, no progress bar, not part of any programming interface
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# for work of seconds: in turn, with a progress bar
SLOW: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 1}


def slider(
    least: float, most: float, value: float, label: str, *, step: float = 1, visible: bool = True
) -> gr.Slider:
    """A slider in whole steps."""
    return gr.Slider(least, most, value, step=step, label=label, buttons=[], visible=visible)
