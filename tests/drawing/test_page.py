"""The interactive page in a real browser, where one is installed."""

import re
import shutil
import subprocess

import pytest

import convariant as cv

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

# what a reader does, then what the page shows: hidden groups and the notes under the picture
DRIVER = """<script>
const seen = [];
const look = () => seen.push([
  [...document.querySelectorAll(".step:not(.hidden)")].map(g => g.id).join(" "),
  [...document.querySelectorAll(".notes p")].map(p => p.textContent).join(" | "),
].join(": "));
const cell = name => document.querySelector(`[data-shows="${name}"]`);
addEventListener("error", event => seen.push("error " + event.message));
look();
cell("TRACK-3").dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); look();
document.getElementById("next").click(); look();
document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"})); look();
cell("TRACK-0").dispatchEvent(new MouseEvent("click", {bubbles: true})); look();
document.body.dataset.seen = JSON.stringify(seen);
</script>"""


def played(picture, tmp_path, track):
    page = picture.html().replace("</main>", f"</main>{DRIVER.replace('TRACK', str(track))}")
    path = tmp_path / "page.html"
    path.write_text(page)
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *("--disable-background-networking", f"--user-data-dir={tmp_path}", path.as_uri()),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    (seen,) = re.findall(r'data-seen="([^"]*)"', dom)
    return re.findall(r"&quot;(.*?)&quot;", seen)


def test_pointing_stepping_and_keys_show_the_sum_of_products(tmp_path):
    picture = cv.draw.arithmetic(cv.Geometry(3), (4, 4), output=(0, 1))
    notes = [step.note for step in picture.tracks[0].steps]
    shown = [1, 3, 0, 3, 0]  # still, pointed at, next (round to the first), back, clicked
    assert played(picture, tmp_path, 0) == [f"s0-{i}: {notes[i]}" for i in shown]


def test_both_views_move_together_and_each_answers_for_itself(tmp_path):
    geometry = cv.Geometry(2, stride=2, transposed=True)
    picture = cv.draw.arithmetic(geometry, (1, 2), output=(0, 0))
    gradient, insertion = ([s.note for s in t.steps] for t in picture.tracks)
    # two stamps and eight outputs end together, so that a stamp lasts four outputs
    shown = [(0, 0), (0, 3), (1, 4), (0, 3), (0, 0)]
    assert played(picture, tmp_path, 1) == [
        f"s0-{a} s1-{b}: {gradient[a]} | {insertion[b]}" for a, b in shown
    ]
