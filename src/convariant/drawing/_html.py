"""A picture as one offline page: play, step, speed, and the sum of products of any output."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from convariant.drawing._palette import BACKGROUND, INKS, STYLES
from convariant.drawing._svg import FONT, interactive_svg

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

_STYLE = f"""
:root{{color-scheme:light dark;--paper:{BACKGROUND.fill};--ink:{INKS["ink"][0]};
--muted:{INKS["muted"][0]};--edge:{STYLES["box"].stroke};--box:{STYLES["box"].fill}}}
@media (prefers-color-scheme:dark){{:root{{--paper:{BACKGROUND.dark_fill};--ink:{INKS["ink"][1]};
--muted:{INKS["muted"][1]};--edge:{STYLES["box"].dark_stroke};--box:{STYLES["box"].dark_fill}}}}}
body{{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 {FONT}}}
main{{max-width:1240px;margin:0 auto;padding:16px;box-sizing:border-box}}
svg{{display:block;width:100%;height:auto;max-height:78vh}}
.hidden{{display:none}} .step{{pointer-events:none}}
[data-shows]{{cursor:pointer}}
nav{{display:flex;flex-wrap:wrap;gap:8px;align-items:center;justify-content:center;margin:8px 0}}
button{{font:inherit;color:inherit;background:var(--box);border:1px solid var(--edge);
border-radius:6px;padding:4px 14px;cursor:pointer;min-width:44px;min-height:36px}}
button:focus-visible,input:focus-visible{{outline:2px solid #d98800;outline-offset:2px}}
label{{color:var(--muted);display:flex;gap:8px;align-items:center}}
.notes{{text-align:center;min-height:4.6em;font-variant-numeric:tabular-nums}}
.notes p{{margin:2px 0;overflow-wrap:anywhere}} .hint{{color:var(--muted);text-align:center}}
"""

_SCRIPT = """
const shown = STILL.slice();
let clock = 0, timer = null;
const $ = id => document.getElementById(id);
function show(track, step) {
  $(`s${track}-${shown[track]}`).classList.add("hidden");
  const group = $(`s${track}-${step}`);
  group.classList.remove("hidden");
  shown[track] = step;
  $(`n${track}`).textContent = group.dataset.note;
}
function go(to) {
  clock = (to + LONGEST) % LONGEST;
  PLAYED.forEach((length, track) => show(track, Math.floor(clock * length / LONGEST)));
}
function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => go(clock + 1), 1000 / $("speed").value) : null;
  $("play").textContent = on ? "Pause" : "Play";
}
function point(event) {
  const cell = event.target.closest("[data-shows]");
  if (!cell) return;
  play(false);
  const [track, step] = cell.dataset.shows.split("-").map(Number);
  show(track, step);
  if (step < PLAYED[track]) clock = Math.ceil(step * LONGEST / PLAYED[track]);
}
$("play").onclick = () => play(!timer);
$("back").onclick = () => { play(false); go(clock - 1); };
$("next").onclick = () => { play(false); go(clock + 1); };
$("speed").oninput = () => timer && play(true);
document.querySelector("svg").addEventListener("click", point);
document.querySelector("svg").addEventListener("mouseover", point);
document.addEventListener("keydown", event => {
  if (event.target.tagName === "INPUT") return;
  if (event.key === "ArrowRight") $("next").click();
  else if (event.key === "ArrowLeft") $("back").click();
  else if (event.key === " " && event.target.tagName !== "BUTTON") {
    event.preventDefault(); $("play").click();
  }
});
STILL.forEach((step, track) => show(track, step));
"""


def page(picture: Picture) -> str:
    """The whole page as text."""
    still = [track.still for track in picture.tracks]
    played = [track.length for track in picture.tracks]
    constants = (
        f"const STILL = {json.dumps(still)}, PLAYED = {json.dumps(played)}, "
        f"LONGEST = {max(played, default=1)};"
    )
    notes = "".join(f'<p id="n{t}"></p>' for t in range(len(still)))
    controls = (
        '<nav aria-label="steps"><button id="back" aria-label="step back">◀</button>'
        '<button id="play">Play</button>'
        '<button id="next" aria-label="step forward">▶</button>'
        '<label>speed <input id="speed" type="range" min="0.5" max="8" step="0.5" value="2">'
        "</label></nav>"
        f'<div class="notes" aria-live="polite">{notes}</div>'
        '<p class="hint">Point at an output cell, or tap it, to see its sum. Keys: left, right, '
        "space.</p>"
    )
    moving = f"{controls}<script>{constants}{_SCRIPT}</script>" if still else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(picture.title)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main>{interactive_svg(picture)}{moving}</main></body></html>\n"
    )
