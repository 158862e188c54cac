"""The studio in a real browser: every tab, at two widths, with the network closed."""

import itertools
import re
import socket
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

import convariant as cv
from convariant.errors import OptionError
from convariant.studio._server import HOST, free_port

FIRST_VIEW = 3.0  # seconds from asking for the page to its first picture
FIRST_ANSWER = 150  # milliseconds from moving a slider to the new picture


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def upload(page, button, path):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files(path)


def fits(page):
    """Nothing is wider than the window."""
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return page.evaluate(width) <= 0


def set_number(page, label, value):
    field = page.get_by_label(f"number input for {label}").locator("visible=true")
    field.fill(str(value))
    field.press("Tab")


def test_arithmetic(page):
    assert fits(page)
    set_number(page, "Kernel", 2)
    page.get_by_text("4 × 4 → 3 × 3", exact=True).first.wait_for()
    assert "kernel_size=2" in page.locator("#arithmetic-code").inner_text()
    set_number(page, "Kernel", 6)
    page.get_by_role("alert").wait_for()
    assert "use an input of at least 6" in page.get_by_role("alert").inner_text()
    set_number(page, "Kernel", 3)
    set_number(page, "Input", 1_000_000)
    page.get_by_text("12 × 12 → 10 × 10", exact=True).first.wait_for()
    set_number(page, "Input", 6.7)
    page.get_by_text("7 × 7 → 5 × 5", exact=True).first.wait_for()
    set_number(page, "Input", "")
    page.get_by_text("use an input of at least 3").wait_for()
    set_number(page, "Input", 4)
    page.get_by_text("4 × 4 → 2 × 2", exact=True).first.wait_for()
    play = page.get_by_role("button", name=re.compile("Play|Pause"))
    play.wait_for()
    if play.inner_text() == "Pause":
        play.click()
    note = page.locator("convariant-player .notes p")
    before = note.inner_text()
    stage = page.locator("convariant-player .stage")
    stage.focus()
    stage.press("ArrowRight")
    assert note.inner_text() != before
    assert re.fullmatch(r"y\[\d, \d\] = .* = \d+", note.inner_text())


def test_arithmetic_by_keyboard_alone(page):
    slider = page.get_by_label("range slider for Padding", exact=True)
    slider.focus()
    slider.press("ArrowRight")
    page.get_by_text("4 × 4 → 4 × 4", exact=True).first.wait_for()
    page.get_by_role("tab", name="Arithmetic").focus()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "tab"


def test_networks_and_claims_by_keyboard_alone(page):
    page.get_by_role("tab", name="Networks").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#network-diagram convariant-player svg:visible")
    page.get_by_role("tab", name="Symmetry").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#network-symmetry table")
    group = page.get_by_role("combobox", name="Does it follow")
    group.focus()
    assert group.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.get_by_text("leaves 1 of 224 rows unread").first.wait_for()
    page.get_by_role("tab", name="Claims").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#claims-output .cv-claim summary")
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="hidden")
    page.locator("#claims-output summary").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#claims-output details[open]")


@pytest.mark.slow  # networks begin to train
def test_the_pen_is_seen_where_it_is_moved_by_keys(page):
    open_tab(page, "Draw a digit")
    pad = page.locator("convariant-pad canvas")
    pen = page.locator("convariant-pad i")
    page.keyboard.press("Tab")
    pad.focus()
    before = pen.bounding_box()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert pen.is_visible()
    assert pen.bounding_box()["y"] > before["y"]
    drawn = "e => e.getContext('2d').getImageData(140, 74, 1, 1).data[3]"
    assert pad.evaluate(drawn) == 255


def test_an_example_arrives_whole_and_stays(page):
    """Its settings move the widgets; no widget that has moved may answer for half of them."""
    choose(page, "Example of the lecture", "Causal, dilated, one axis")
    page.get_by_text("Dilated causal convolution 8 → 8", exact=True).first.wait_for()
    page.wait_for_timeout(1000)  # in which an answer to a moved widget would have come
    assert "padding=((4, 0),)" in page.locator("#arithmetic-code").inner_text()
    choose(page, "Example of the lecture", "Convolution 4 × 4 → 2 × 2")
    page.get_by_text("4 × 4 → 2 × 2", exact=True).first.wait_for()


def test_operations_by_mouse_and_by_keyboard(page):
    kinds = page.get_by_role("radio")
    page.get_by_label("Transposed convolution").click()
    page.get_by_text("Transposed convolution 4 × 4 → 6 × 6", exact=True).first.wait_for()
    kinds.nth(2).focus()  # each is a tab stop of its own
    page.keyboard.press("Space")
    page.get_by_text("Max pooling 4 × 4 → 2 × 2", exact=True).first.wait_for()
    assert kinds.nth(2).is_checked()


def test_operators(page, tmp_path):
    open_tab(page, "Operators on an image")
    page.wait_for_selector("#operators-picture img")
    assert fits(page)
    set_number(page, "Stride", 4)
    page.get_by_text("320 × 320 → 80 × 80", exact=True).wait_for()
    hostile = tmp_path / "photo.png"
    hostile.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00" * 64)
    upload(page, "Use a photo of yours", hostile)
    page.get_by_text("This photo cannot be used").wait_for()
    assert str(tmp_path) not in page.get_by_role("alert").inner_text()
    good = tmp_path / "good.png"
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(good)
    upload(page, "Use a photo of yours", good)
    page.get_by_text("40 × 60 → 10 × 15", exact=True).wait_for()
    upload(page, "Use a photo of yours", hostile)
    page.get_by_text("This photo cannot be used").wait_for()
    page.wait_for_timeout(500)  # in which the photo of before would have taken its place
    assert page.get_by_text("This photo cannot be used").is_visible()
    page.locator("#operators-kernel textarea").fill("1 2\n3")
    page.get_by_text("2, 1 entries").wait_for()


def test_networks(page, tmp_path):
    open_tab(page, "Networks")
    page.wait_for_selector("#network-diagram convariant-player svg:visible")
    assert fits(page)
    page.locator("#network-totals").get_by_text("4,231,976", exact=True).wait_for()
    open_tab(page, "Table")
    page.wait_for_selector("#network-table table")
    open_tab(page, "Cost by layer")
    page.wait_for_selector("#network-cost convariant-player svg:visible")
    open_tab(page, "Receptive field")
    page.wait_for_selector("#network-field convariant-player svg:visible")
    assert fits(page)
    size = page.locator("#network-size").locator("input, textarea")
    for text in ("", "48xtwo", "100000"):
        size.fill(text)
        size.press("Enter")
        page.get_by_text(f"but got {text or 'nothing'}").wait_for()
    size.fill("64x96")
    size.press("Enter")
    page.get_by_text("1×3×64×96 → 1×1000", exact=True).wait_for()
    hostile = tmp_path / "hostile.onnx"
    hostile.write_bytes(b"\x08\x07" * 500)
    upload(page, "Use an ONNX file", hostile)
    page.get_by_text("This network cannot be used").wait_for()
    assert str(tmp_path) not in page.locator("#network-totals").inner_text()


def test_the_last_question_has_the_last_word(page, tmp_path):
    """A network is changed while a slow view of the one before is still being made."""
    open_tab(page, "Networks")
    page.wait_for_selector("#network-diagram convariant-player svg:visible")
    open_tab(page, "Receptive field")  # not waited for
    hostile = tmp_path / "hostile.onnx"
    hostile.write_bytes(b"\x08\x07" * 500)
    upload(page, "Use an ONNX file", hostile)
    page.get_by_text("This network cannot be used").wait_for()
    page.wait_for_timeout(1000)  # in which an answer that came late would take its place
    assert page.get_by_text("This network cannot be used").is_visible()
    assert page.locator("#network-field convariant-player").count() == 0


def choose(page, label, option):
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).click()


def test_claims(page):
    open_tab(page, "Claims")
    page.wait_for_selector("#claims-output .cv-claim")
    assert fits(page)
    choose(page, "Topic", "Dilated convolution")
    page.get_by_text("facts, computed in").first.wait_for()


def test_claims_can_be_stopped_and_give_way_to_another_topic(page):
    open_tab(page, "Claims")
    page.wait_for_selector("#claims-output .cv-claim")
    claims = page.locator("#claims-output .cv-claim")
    status = page.locator("#claims-status")
    total = len(cv.claims.claims())

    choose(page, "Topic", "All topics")
    status.get_by_text(f" of {total} checked. Now: ").wait_for()
    assert status.locator("progress").get_attribute("max") == str(total)
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.click()
    status.get_by_text("Stopped: ").wait_for()
    stop.wait_for(state="hidden")
    page.wait_for_timeout(500)  # in which it would have begun again
    assert status.inner_text().startswith("Stopped: ")
    assert claims.count() < total

    choose(page, "Topic", "Pooling")
    page.wait_for_function("!document.querySelector('#claims-status').innerText.trim()")
    choose(page, "Topic", "All topics")
    status.get_by_text(f" of {total} checked. Now: ").wait_for()
    choose(page, "Topic", "Dilated convolution")  # does not wait for all of the others
    few = len(cv.claims.claims("Dilated convolution"))
    page.wait_for_function(
        "few => document.querySelectorAll('#claims-output .cv-claim').length === few"
        " && !document.querySelector('#claims-status progress')",
        arg=few,
    )
    page.wait_for_timeout(500)
    assert claims.count() == few


@pytest.mark.slow
def test_draw_a_digit(page):
    open_tab(page, "Draw a digit")
    page.wait_for_selector("#digit-answers .cv-card", timeout=300_000)
    assert fits(page)
    box = page.locator("convariant-pad canvas").bounding_box()
    x, y, scale = box["x"], box["y"], box["width"] / 280
    page.mouse.move(x + 140 * scale, y + 40 * scale)
    page.mouse.down()
    page.mouse.move(x + 140 * scale, y + 240 * scale, steps=8)
    page.mouse.up()
    page.locator("#digit-answers .cv-digit", has_text="1").first.wait_for()
    set_number(page, "Rotation, degrees", 90)
    page.locator("#digit-maps img").first.wait_for()


def test_first_view_and_answers_are_quick(studio, browser):
    context = browser.new_context()
    page = context.new_page()

    def view():
        start = time.perf_counter()
        page.goto(studio)
        page.wait_for_selector("#arithmetic-picture svg")
        return time.perf_counter() - start

    assert least(view, FIRST_VIEW) < FIRST_VIEW
    page.locator(_INPUT_SLIDER).wait_for()  # it may appear after the picture
    sizes = itertools.cycle((5, 6, 7))
    assert (
        least(lambda: page.evaluate(_DELAY, [next(sizes), _INPUT_SLIDER]), FIRST_ANSWER)
        < FIRST_ANSWER
    )
    context.close()


def least(measure, limit):
    """Of half a minute, or until one is below: other work here is no fault of the page."""
    end, found = time.perf_counter() + 30, measure()
    while found >= limit and time.perf_counter() < end:
        found = min(found, measure())
    return found


def test_what_is_never_below_the_limit_is_not_taken_for_it(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert least(iter((7, 5, 6)).__next__, limit=6) == 5
    assert least(itertools.cycle((7, 8)).__next__, limit=6) == 7


_INPUT_SLIDER = "input[type=range][aria-label='range slider for Input']"

# milliseconds from moving the slider of the input to the new picture
_DELAY = """async ([size, input]) => {
  const player = () => document.querySelector("#arithmetic-picture convariant-player");
  const slider = document.querySelector(input);
  const before = player().getAttribute("picture");
  const start = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(slider, size);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  while (player()?.getAttribute("picture") === before && performance.now() - start < 5000) {
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - start;
}"""


def test_only_this_machine_is_served(studio):
    assert studio.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(studio) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    request = urllib.request.Request(studio, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_a_port_that_is_taken_gives_way():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


def test_no_port_of_that_number():
    with pytest.raises(OptionError, match="port 70000 is none"):
        free_port(70_000)
