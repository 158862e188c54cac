"""A picture as one offline page: play, step, speed, and the sum of products of any output."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from convariant.drawing._flow import flow
from convariant.drawing._palette import BACKGROUND, INKS, STYLES
from convariant.drawing._svg import FONT

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
)

_STYLE = f"""
:root{{color-scheme:light dark;--player-paper:{BACKGROUND.fill};--player-ink:{INKS["ink"][0]};
--player-muted:{INKS["muted"][0]};--player-edge:{STYLES["box"].stroke};
--player-box:{STYLES["box"].fill}}}
@media (prefers-color-scheme:dark){{:root{{--player-paper:{BACKGROUND.dark_fill};
--player-ink:{INKS["ink"][1]};--player-muted:{INKS["muted"][1]};
--player-edge:{STYLES["box"].dark_stroke};--player-box:{STYLES["box"].dark_fill}}}}}
body{{margin:0;background:var(--player-paper);color:var(--player-ink);font:15px/1.5 {FONT}}}
main{{max-width:1240px;margin:0 auto;padding:16px;box-sizing:border-box}}
.hint{{color:var(--player-muted);text-align:center}}
"""

_HINT = (
    '<p class="hint">Point at an output cell, or tap it, to see its sum. Keys: left, right, '
    "space.</p>"
)
# keys work wherever the focus is, except where the control that has it takes them
_KEYS = """
const player = document.querySelector("convariant-player");
document.addEventListener("keydown", event => {
  const focused = event.composedPath()[0];
  const taken = focused.tagName === "INPUT" || (focused.tagName === "BUTTON" && event.key === " ");
  if (!taken && !event.defaultPrevented) player.key(event);
});
"""


@cache
def script() -> str:
    """The player, that a page with pictures needs once."""
    return (Path(__file__).parent / "player.js").read_text(encoding="utf-8")


def player(picture: Picture, *, paused: bool = False) -> str:
    """A picture with its steps to play, on a page that has the `script`."""
    attributes = {
        "name": picture.name,
        "played": json.dumps([track.length for track in picture.tracks]),
        "still": json.dumps([track.still for track in picture.tracks]),
        "notes": json.dumps([[step.note for step in track.steps] for track in picture.tracks]),
        "picture": flow(picture),
    }
    text = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<convariant-player {text}{' paused' if paused else ''}></convariant-player>"


def page(picture: Picture) -> str:
    """The whole page as text."""
    hint = _HINT if picture.tracks else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(picture.title)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main>{player(picture, paused=True)}{hint}</main>\n"
        f"<script>{script()}{_KEYS}</script></body></html>\n"
    )
