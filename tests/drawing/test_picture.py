"""The formats a picture is saved in: complete, offline, and refreshed only on purpose."""

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html import unescape
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convariant as cv
from convariant.drawing import _film, _raster
from convariant.drawing._scene import Line
from convariant.errors import MissingDependencyError, OptionError, StorageError
from convariant.geometry import Geometry

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {
    "convolution": (Geometry(3, stride=2, padding=1), (5, 5), {}),
    "transposed": (Geometry(3, stride=2, padding=1, transposed=True), (3, 3), {}),
    "grouped": (Geometry(3), (4, 4), {"groups": 2, "in_channels": 4, "out_channels": 2}),
    "reflect": (Geometry(3, padding=1), (4, 4), {"padding_mode": "reflect", "output": (0, 0)}),
    "causal": (Geometry(3, padding=((4, 0),), dilation=2), (7,), {}),
    "transposed_1d": (Geometry(3, stride=2, transposed=True), (3,), {}),
    "max_pool": (Geometry(2, stride=2), (4, 4), {"reducer": "max"}),
    "depth": (Geometry(2), (3, 3, 3), {}),
}


def picture_of(name):
    geometry, size, options = PICTURES[name]
    return cv.draw.arithmetic(geometry, size, **options)


@pytest.fixture
def picture():
    return picture_of("convolution")


@pytest.mark.parametrize("name", PICTURES)
def test_golden_svg(name, request):
    golden = GOLDEN / f"{name}.svg"
    text = picture_of(name).svg()
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text(), "see the difference, then run pytest with --update-golden"


@pytest.mark.parametrize("name", PICTURES)
def test_svg_is_well_formed_and_within_its_page(name):
    for text in (picture_of(name).svg(), picture_of(name).svg(animated=True)):
        root = ElementTree.fromstring(text)
        _, _, width, height = (float(n) for n in root.get("viewBox").split())
        for polygon in root.iter("{http://www.w3.org/2000/svg}polygon"):
            for point in polygon.get("points").split():
                x, y = (float(n) for n in point.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def outside_links(text):
    return set(re.findall(r"https?://[^\s\"'<)]+|@import|url\(", text)) - {
        "http://www.w3.org/2000/svg"
    }


def test_nothing_is_loaded_from_outside(picture):
    assert outside_links(picture.svg() + picture.svg(animated=True) + picture.html()) == set()
    assert "<script" not in picture.svg(animated=True)
    assert "Content-Security-Policy" in picture.html()
    assert "default-src 'none'" in picture.html()


def test_light_and_dark(picture, tmp_path):
    assert "prefers-color-scheme:dark" in picture.svg()
    light = opened(picture.save(tmp_path / "light.png", scale=1))
    dark = opened(picture.save(tmp_path / "dark.png", scale=1, dark=True))
    assert light.getpixel((1, 1)) == (255, 255, 255)
    assert max(dark.getpixel((1, 1))) < 40


def test_animated_svg_has_every_step_and_respects_no_motion(picture):
    text = picture.svg(animated=True, seconds=0.5)
    assert text.count('class="t0') == 9
    assert text.count("still") == 2  # the rule and the one group it shows
    assert "4.5s step-end infinite" in text
    assert "prefers-reduced-motion:reduce" in text


def test_two_tracks_end_together():
    text = picture_of("transposed").svg(animated=True, seconds=1)
    assert "t0 25s" in text
    assert "t1 25s" in text
    assert text.count('class="t0') == 9
    assert text.count('class="t1') == 25


def test_png_of_each_step_differs(picture, tmp_path):
    files = [picture.save(tmp_path / f"{i}.png", step=i, scale=1).read_bytes() for i in (0, 1, 8)]
    assert len(set(files)) == 3


def test_png_scale(picture, tmp_path):
    image = opened(picture.save(tmp_path / "x.png"))
    assert image.size == tuple(2 * n for n in picture.size)


def test_gif_shows_every_step(picture, tmp_path):
    with Image.open(picture.save(tmp_path / "x.gif", seconds=0.5)) as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (9, 500, 0)
        assert image.size == picture.size


@pytest.mark.parametrize("dark", [False, True])
def test_a_gif_drawn_in_parts_is_every_moment_drawn_whole(dark, tmp_path):
    """Two tracks of different length, planes, and lines that reach over many parts."""
    window = Geometry.of(2, 3, 2, 1, output_padding=1, transposed=True)
    picture = cv.draw.arithmetic(window, (2, 2), in_channels=2, out_channels=2, groups=2)
    moments = [picture._moments(steps) for steps in picture._played()]
    canvas = _raster.Canvas(picture, 1.0, dark)
    palette = canvas.whole(moments[len(moments) // 2]).quantize(_film._COLOURS)
    assert sum(_film.changed(*pair, canvas.size, 1.0) == [] for pair in pairwise(moments)) == 0
    with Image.open(picture.save(tmp_path / "x.gif", dark=dark)) as film:
        assert film.n_frames == len(moments)
        for number, moment in enumerate(moments):
            film.seek(number)
            whole = canvas.whole(moment).quantize(palette=palette, dither=0).convert("RGB")
            assert np.array_equal(np.asarray(film.convert("RGB")), np.asarray(whole))


def test_what_stays_in_another_order_is_drawn_anew():
    low, high = Line(((0, 0), (9, 9))), Line(((0, 9), (9, 0)))
    assert _film.changed([low, high], [low, high], (50, 40), 1.0) == []
    assert _film.changed([low, high], [high, low], (50, 40), 1.0) == [(0, 0, 50, 40)]
    far = Line(((30, 30), (34, 30)))
    boxes = _film.changed([low], [high, far], (50, 40), 1.0)
    assert sorted(boxes) == [(0, 0, 13, 13), (26, 26, 38, 34)]


def test_png_draws_the_scene_that_the_svg_does(picture, tmp_path):
    """The colour in the middle of the lit output is the colour the SVG gives it."""
    image = opened(picture.save(tmp_path / "x.png", scale=2))
    (polygon,) = re.findall(
        r'class="output-on" points="([\d., ]+)"/>(?=<text class="i-on")', picture.svg()
    )
    x, y = (float(n) for n in polygon.split()[0].split(","))
    assert image.getpixel((round(2 * x + 8), round(2 * y + 8))) == (0x00, 0x7A, 0x5A)


def test_page_has_a_step_for_every_output(picture, tmp_path):
    page = picture.save(tmp_path / "x.html").read_text()
    (notes,) = json.loads(unescape(re.search(r'notes="([^"]*)"', page)[1]))
    assert notes == [step.note for step in picture.tracks[0].steps]
    assert len(notes) == 9
    assert set(re.findall(r'data-step="([^"]*)"', unescape(page))) == {f"0-{i}" for i in range(9)}
    assert set(re.findall(r'data-shows="([^"]*)"', unescape(page))) == {f"0-{i}" for i in range(9)}


def test_a_folder_gets_the_name_made_of_the_parameters(picture, tmp_path):
    assert picture.save(tmp_path) == tmp_path / "conv_i5x5_k3x3_s2_p1.svg"
    assert (tmp_path / "conv_i5x5_k3x3_s2_p1.svg").read_text() == picture.svg()
    assert picture._repr_svg_() == picture.svg()


def test_bad_files_are_answered(picture, tmp_path):
    with pytest.raises(OptionError, match=r"cannot be saved as 'x.bmp'; end the name with .svg"):
        picture.save(tmp_path / "x.bmp")
    with pytest.raises(StorageError, match="cannot be written to .*No such file"):
        picture.save(tmp_path / "missing" / "x.svg")
    with pytest.raises(OptionError, match="no step 9; its steps are 0 to 8"):
        picture.svg(step=9)
    assert list(tmp_path.iterdir()) == []


def test_without_pillow_the_command_is_named(picture, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'convariant\[draw\]'"):
        picture.save(tmp_path / "x.png")
    assert picture.save(tmp_path / "x.svg").exists()


def test_without_matplotlib_text_is_refused_by_name(picture, tmp_path, monkeypatch):
    from convariant.drawing import _raster

    _raster._font.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="text in PNG and GIF .*matplotlib"):
        picture.save(tmp_path / "x.png")


def test_output_is_the_same_every_time(picture):
    again = picture_of("convolution")
    assert picture.svg() == again.svg()
    assert picture.html() == again.html()
    assert io.BytesIO(picture.svg().encode()).read().decode() == picture.svg()
