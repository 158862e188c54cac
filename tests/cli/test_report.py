"""convariant report: one page for a network of ours, a file, or one that takes no images."""

import onnx
import onnx.parser
import pytest
from PIL import Image


@pytest.fixture
def sound(tmp_path):
    """A network on one axis."""
    text = (
        '<ir_version: 8, opset_import: ["" : 17]> net (float[1, 2, 9] x) => (float[1, 2, 4] y)'
        "{ y = MaxPool <kernel_shape = [3], strides = [2]> (x) }"
    )
    path = tmp_path / "sound.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    return path


def test_a_network_of_ours_and_a_photo(run, tmp_path):
    Image.new("L", (60, 40), 90).save(tmp_path / "photo.png")
    out = tmp_path / "page.html"
    answer = run("report", "lenet5", "--image", tmp_path / "photo.png", "--out", out)
    assert answer.code == 0, answer.err
    assert "left out" not in answer.out
    assert "symmetry\nseparability\ncompiled speed\n" in answer.err  # progress
    assert "1×1×32×32 → 1×10; 61,706 parameters" in out.read_text()


def test_a_network_that_takes_no_images(run, sound, tmp_path):
    answer = run("report", sound, "--out", tmp_path / "page.html")
    assert answer.code == 0, answer.err
    assert f"wrote {tmp_path / 'page.html'}" in answer.out.replace("\n", "")
    assert "Symmetry: left out: " in answer.out
    assert "<h1>sound.onnx</h1>" in (tmp_path / "page.html").read_text()


def test_an_image_for_a_network_that_takes_none(run, sound, tmp_path):
    answer = run("report", sound, "--image", tmp_path / "photo.png")
    assert "takes 1x2x9, which is no image; leave out --image" in answer.sentence()
