"""The Operators tab without a browser: results, ranks, bad kernels, hostile uploads."""

import numpy as np
import pytest
from PIL import Image

from convariant.errors import DataError, GeometryError, OptionError, UnknownNameError
from convariant.studio import _photos
from convariant.studio._operators import (
    KERNELS,
    OPERATORS,
    Request,
    apply,
    as_picture,
    parse_kernel,
)
from convariant.studio._photos import LONGEST, NAMES, photo, read_upload

GREY = np.full((12, 16, 3), 100, np.uint8)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_keeps_the_size_at_stride_1(operator):
    assert apply(photo("Cat"), Request(operator)).pixels.shape == photo("Cat").shape


def test_a_mean_of_a_grey_image_is_grey_inside():
    result = apply(GREY, Request(kernel=KERNELS["Mean 3 × 3"]))
    assert (result.pixels[1:-1, 1:-1] == 100).all()
    assert (result.pixels[0, 1:-1] == 67).all()  # a third of every window is padding
    assert result.facts["Size"] == "12 × 16 → 12 × 16"


@pytest.mark.parametrize(
    ("name", "rank"), [("The lecture's, of rank one", "1"), ("Laplacian", "2"), ("Identity", "1")]
)
def test_rank_of_the_kernel(name, rank):
    assert apply(GREY, Request(kernel=KERNELS[name])).facts["Rank of the kernel"] == rank


def test_singular_values_of_the_lectures_kernel():
    facts = apply(
        GREY, Request(kernel=KERNELS["The lecture's, of rank one"], normalise=False)
    ).facts
    assert facts["Singular values"] == "26.5, 0, 0"
    assert facts["Products per pixel"] == "9 at once; 6 as 1 column and row after each other"


def test_rank_kept_tells_the_error_of_the_kernel():
    facts = apply(GREY, Request(kernel="1 0; 0 1", rank=1)).facts
    assert facts["Rank kept"] == "1, relative error of the kernel 70.7%"


def test_transposed_convolution_enlarges():
    assert apply(GREY, Request("Transposed convolution", stride=2)).pixels.shape == (24, 32, 3)


def test_a_kernel_of_zeros_is_no_error():
    facts = apply(GREY, Request(kernel="0 0; 0 0")).facts
    assert facts["Rank of the kernel"] == "0: all weights are zero"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2\n3", "2, 1 entries"),
        ("", "the kernel is empty"),
        ("1 a", "no number"),
        ("nan 1", "finite"),
        ("1 -2e6", r"up to 2e\+06"),
        (" ".join(["1"] * 40), "at most 31 × 31"),
    ],
)
def test_a_kernel_that_is_none(text, words):
    with pytest.raises(OptionError, match=words):
        parse_kernel(text)


def test_a_kernel_reads_rows_commas_and_semicolons():
    assert parse_kernel("1, 2;\n 3 4;").tolist() == [[1, 2], [3, 4]]


def test_a_window_larger_than_the_photo_is_refused():
    with pytest.raises(GeometryError, match="Kernel size can't be greater than actual input size"):
        apply(GREY, Request(kernel="1 1 1;" * 20, padding="valid"))


@pytest.mark.parametrize(
    ("values", "middle", "words"),
    [
        ([0.0, 0.5, 1.0], 128, "0 is black, 1 white"),
        ([0.0, 1.0, 2.0], 128, "0 is black, 2 white"),
        ([-1.0, 0.0, 1.0], 128, "zero is mid-grey"),
    ],
)
def test_any_values_become_a_picture(values, middle, words):
    shown, caption = as_picture(np.array(values).reshape(1, 3, 1).repeat(3, 2))
    assert shown[0, 1, 0] == middle
    assert words in caption


@pytest.mark.parametrize("name", NAMES)
def test_example_photos_are_small_enough(name):
    assert max(photo(name).shape) <= LONGEST
    assert photo(name).dtype == np.uint8


def test_an_unknown_photo():
    with pytest.raises(UnknownNameError, match="did you mean 'Cat'"):
        photo("Kat")


def test_an_upload_is_scaled_down(tmp_path):
    Image.new("L", (1000, 500), 7).save(tmp_path / "a.png")
    assert read_upload(tmp_path / "a.png").shape == (160, 320, 3)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"not an image", b"\x89PNG\r\n\x1a\n" + b"0" * 99]
)
def test_what_is_no_image_gives_a_sentence_without_the_servers_path(tmp_path, content):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"photo\.png is") as error:
        read_upload(path)
    assert str(tmp_path) not in str(error.value)


def test_a_photo_beyond_what_pillow_decodes_is_told_the_same_limit(tmp_path):
    Image.new("1", (20_000, 10_000)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match=r"^huge\.png has more than the 50,000,000 pixels"):
        read_upload(tmp_path / "huge.png")


def test_limits_of_uploads(tmp_path, monkeypatch):
    Image.new("RGB", (400, 400)).save(tmp_path / "a.png")
    monkeypatch.setattr(_photos, "MOST_PIXELS", 1000)
    with pytest.raises(DataError, match="400 × 400 pixels; the most are 1,000"):
        read_upload(tmp_path / "a.png")
    monkeypatch.setattr(_photos, "MOST_BYTES", 10)
    with pytest.raises(DataError, match="the most for a photo are"):
        read_upload(tmp_path / "a.png")
