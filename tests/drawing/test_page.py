"""The interactive page in a real browser, where one is installed."""

from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import convariant as cv
from convariant.analysis.inspection import inspect
from convariant.drawing._flow import flow
from convariant.drawing._scene import Polygon, Text
from convariant.models import create

WIDE, NARROW = 1280, 390


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a picture's page at a width; fails where the page logs an error."""
    errors = []

    def opened(picture, width=WIDE):
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(picture.save(tmp_path / "page.html").as_uri())
        return page

    yield opened
    assert errors == []


def seen(page):
    """The notes under the picture, one for each track."""
    return page.locator("convariant-player .notes p").all_inner_texts()


def shown(page):
    """The steps that can be seen."""
    groups = page.locator("convariant-player .step:not(.hidden)")
    return sorted(set(groups.evaluate_all("all => all.map(g => g.dataset.step)")))


def cell(page, name):
    return page.locator(f'[data-shows="{name}"]')


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_pointing_stepping_and_keys_show_the_sum_of_products(opened, width):
    picture = cv.draw.arithmetic(cv.Geometry(3), (4, 4), output=(0, 1))
    notes = [step.note for step in picture.tracks[0].steps]
    page = opened(picture, width)

    def stands_at(step):
        return seen(page) == [notes[step]] and shown(page) == [f"0-{step}"]

    assert stands_at(1)
    cell(page, "0-3").hover()
    assert stands_at(3)
    page.get_by_role("button", name="step forward").click()  # round to the first
    assert stands_at(0)
    page.keyboard.press("ArrowLeft")
    assert stands_at(3)
    page.mouse.move(0, 0)
    cell(page, "0-0").click()
    assert stands_at(0)


def test_a_finger_shows_the_sum_too(browser, tmp_path):
    x, weight = [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2], [3, 4]]
    picture = cv.draw.arithmetic(cv.Geometry(2), (3, 3), x=x, weight=weight)
    context = browser.new_context(viewport={"width": NARROW, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(picture.save(tmp_path / "page.html").as_uri())
    cell(page, "0-2").tap()
    assert seen(page) == ["y[1, 0] = 3·1 + 4·2 + 6·3 + 7·4 = 57"]
    context.close()


def test_both_views_move_together_and_each_answers_for_itself(opened):
    geometry = cv.Geometry(2, stride=2, transposed=True)
    picture = cv.draw.arithmetic(geometry, (1, 2), output=(0, 0))
    gradient, insertion = ([s.note for s in t.steps] for t in picture.tracks)
    page = opened(picture)

    def stands_at(a, b):
        return seen(page) == [gradient[a], insertion[b]] and shown(page) == [f"0-{a}", f"1-{b}"]

    # two stamps and eight outputs end together, so that a stamp lasts four outputs
    assert stands_at(0, 0)
    cell(page, "1-3").hover()
    assert stands_at(0, 3)
    page.get_by_role("button", name="step forward").click()
    assert stands_at(1, 4)
    cell(page, "0-2").hover()  # the first output of the gradient, which only pointing shows
    assert stands_at(2, 4)


def test_what_is_saved_is_the_whole_picture_at_this_step(opened):
    picture = cv.draw.arithmetic(cv.Geometry(2), (3, 3))
    page = opened(picture)
    cell(page, "0-2").hover()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save SVG").click()
    assert download.value.suggested_filename == f"{picture.name}.svg"
    saved = ElementTree.parse(download.value.path()).getroot()
    step = picture.tracks[0].steps[2]
    polygons = [s for s in (*picture.full.shapes, *step.shapes) if isinstance(s, Polygon)]
    assert len(saved.findall(".//{*}polygon")) == len(polygons)
    assert picture.title in {text.text for text in saved.findall(".//{*}text")}


NETWORK = create("mobilenet_v1", width=0.25)
SIDES = (1, 3, 64, 64)


@pytest.mark.parametrize(
    "picture",
    [cv.draw.architecture(NETWORK, SIDES), cv.draw.costs(inspect(NETWORK, SIDES))],
    ids=["architecture", "costs"],
)
def test_networks_are_set_anew_for_a_telephone(opened, picture):
    page = opened(picture, NARROW)
    part = page.locator(".part:visible")
    assert part.count() == 1
    assert part.bounding_box()["width"] <= NARROW
    sizes = part.locator("text").evaluate_all(
        "all => all.map(t => t.getAttribute('font-size') * t.getScreenCTM().a)"
    )
    assert min(sizes) > 9.5
    letters = "".join(part.locator("text").all_text_contents())
    whole = [s.text for s in picture.panel.shapes if isinstance(s, Text)]
    # the same is said, in other lines
    assert sorted(letters.replace(" ", "")) == sorted("".join(whole).replace(" ", ""))
    with page.expect_download() as download:
        page.get_by_role("button", name="Save SVG").click()
    saved = ElementTree.parse(download.value.path()).getroot()
    assert len(saved.findall(".//{*}text")) == len(whole) + 2  # title and subtitle


@pytest.mark.parametrize(
    "picture",
    [cv.draw.unet(create("unet")), cv.draw.toeplitz(cv.Geometry(3, padding=1), (7, 7))],
    ids=["still", "with steps"],
)
def test_keys_scroll_what_is_wider_than_the_page(opened, picture):
    page = opened(picture, NARROW)
    rows = page.locator(".rows")
    place, notes = "rows => rows.scrollLeft", seen(page)
    rows.focus()
    start = rows.evaluate(place)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "start => player.shadowRoot.querySelector('.rows').scrollLeft > start", arg=start
    )
    assert seen(page) == notes
    assert page.locator(".part").evaluate("part => part.getScreenCTM().a") > (
        0.69 if notes else 0.89
    )
    if notes:
        page.locator(".stage").focus()
        page.keyboard.press("ArrowRight")
        assert seen(page) != notes


def test_parts_stand_side_by_side_or_one_below_the_other(opened):
    picture = cv.draw.arithmetic(cv.Geometry(3, stride=2, padding=1), (7, 7))
    for width, rows in ((WIDE, 1), (NARROW, 2)):
        page = opened(picture, width)
        middles = page.locator(".part").evaluate_all(
            "all => all.map(p => p.getBoundingClientRect()).map(r => Math.round(r.y + r.height/2))"
        )
        assert len(middles) == 3
        assert len({middle // 40 for middle in middles}) == rows, middles
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        numbers = page.locator(".part text").first
        assert numbers.evaluate("t => t.getBoundingClientRect().height") > 12


@pytest.mark.parametrize(
    "picture",
    [
        cv.draw.arithmetic(cv.Geometry(3, stride=2, padding=1, transposed=True), (3, 3)),
        cv.draw.arithmetic(cv.Geometry(3), (4, 4), in_channels=4, out_channels=4, groups=2),
        cv.draw.arithmetic(cv.Geometry(3, stride=2, padding=1), (9,)),
        cv.draw.toeplitz(cv.Geometry(3), (4, 4)),
        cv.draw.chain([nn.Conv2d(1, 1, (3, 1)), nn.Conv2d(1, 1, (1, 3))], (5, 5)),
        cv.draw.spectrum(nn.Conv2d(1, 1, 3)),
    ],
    ids=lambda picture: picture.name,
)
def test_no_shape_is_lost_between_the_parts(picture):
    """Frame and parts hold what the picture holds, each shape once; so does what is saved."""
    steps = [s for track in picture.full.tracks for step in track.steps for s in step.shapes]
    html = flow(picture)
    legend = len(picture.entries)
    polygons = sum(isinstance(s, Polygon) for s in (*picture.full.shapes, *steps))
    texts = [s.text for s in (*picture.full.shapes, *steps) if isinstance(s, Text)]
    assert html.count("<polygon ") == polygons
    assert html.count("<text ") == len(texts)
    assert html.count("<li>") == legend


def test_curves_keep_their_size_on_a_telephone(opened):
    network, images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), torch.rand(2, 1, 8, 8)
    measured = [cv.symmetry.measure(network, images, name, False) for name in ("shift", "rotation")]
    page = opened(cv.draw.symmetry_curves(measured), NARROW)
    boxes = [part.bounding_box() for part in page.locator(".part").all()]
    assert len(boxes) == 2
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    assert all(box["width"] > 250 and box["x"] + box["width"] <= NARROW for box in boxes)
