"""The gallery in docs/ is what the code draws."""

import re
import sys
from pathlib import Path

import pytest
import torch

from convariant.drawing import _lecture, gallery
from convariant.drawing._deblurred import MOTION, blurred_photograph, motion
from convariant.drawing._trained import lenet
from convariant.errors import MissingDependencyError
from convariant.geometry import Geometry
from convariant.reference import cross_correlate
from convariant.training._digit_recipe import digits

DOCS = Path(__file__).parents[2] / "docs"


LEARNED = ("filters_", "maps_", "spectrum_")


def text_of(path):
    """What a picture says, without what differs from one machine to the next.

    That is pixels, for Pillow packs them its own way, and the numbers of a trained network.
    """
    text = re.sub(r"base64,[^\"]*", "", path.read_text())
    return re.sub(r"[\d.]+", "", text) if path.name.startswith(LEARNED) else text


def test_the_gallery_is_up_to_date(tmp_path):
    written = gallery.write(tmp_path)
    assert len(written) > 30
    for path in written:
        kept = DOCS / path.relative_to(tmp_path)
        assert text_of(kept) == text_of(path), f"{kept.name} is old: run make figures"
    kept = {p.name for p in (DOCS / "pictures").glob("*.svg")}
    drawn = {p.name for p in written if p.suffix == ".svg"}
    assert drawn <= kept
    figures = sum(len(section) for section in gallery.sections().values())
    assert len(drawn) == figures, "two figures have one name"


def test_without_scikit_image_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'convariant\[test\]'"):
        _lecture.field_of_resnet()
    found = gallery.drawn({"conv_i4x4_k3x3", "deconvolution"})
    assert list(found) == ["conv_i4x4_k3x3"]  # without the one that needs it


def test_what_takes_long_is_drawn_only_when_asked_for(monkeypatch):
    slow = [f for figures in gallery.sections().values() for f in figures if f.name is not None]
    learned = {"filters_lenet5_c1", "maps_lenet5_c1", "maps_lenet5_c3", "spectrum_lenet5_c1"}
    planned = {f.name for f in gallery.sections()["The compiler"]} - {None}
    assert {f.name for f in slow} == {"deconvolution", _lecture.FIELD} | learned | planned
    monkeypatch.setattr(_lecture, "deconvolution", lambda: pytest.fail("drawn"))
    assert list(gallery.drawn({"conv_i7x7_k3x3_d2"})) == ["conv_i7x7_k3x3_d2"]


def test_a_photograph_comes_back_as_far_as_its_noise_allows():
    """The figure's decibels are those of scikit-image, and as the docs say."""
    metrics = pytest.importorskip("skimage.metrics")
    known = blurred_photograph()
    images = (known.blurred, known.transposed, known.deconvolved)
    expected = [
        metrics.peak_signal_noise_ratio(known.truth, image.clip(0, 1), data_range=1)
        for image in images
    ]
    found = [known.decibels(image) for image in images]
    assert found == pytest.approx(expected, abs=1e-9)
    assert found == pytest.approx([20.9, 18.9, 27.1], abs=0.06)
    page = (DOCS / "equivalences.md").read_text()
    assert all(f"{value:.1f} dB" in page for value in found)
    assert known.found.method == "lsmr"
    assert known.found.nullity == 200**2 - 186**2
    # the answer explains what was seen: blurred again it is the blurred picture, to its 8 bits
    again = cross_correlate(known.found.x, motion(*MOTION)[None, None], Geometry(15))[0, 0]
    assert abs(again - known.blurred).mean() < 1 / 255


def test_the_network_of_the_gallery_has_learned():
    images, labels = digits("held_out")
    with torch.no_grad():
        right = (lenet()(images).argmax(1) == labels).float().mean()
    assert right > 0.9
