"""Image files of every mode that programs write, and files that are no images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convariant.errors import DataError, StorageError
from convariant.training import write_mask
from convariant.training._images import (
    IGNORED,
    frame_image,
    frame_mask,
    list_images,
    peek,
    read_image,
    read_mask,
)

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10  # 4 rows, 6 columns


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def values(path: Path, channels: int = 1) -> np.ndarray:
    return np.asarray(read_image(path, channels))


def test_grey_and_colour_convert_both_ways(tmp_path: Path) -> None:
    grey = saved(tmp_path / "grey.png", Image.fromarray(GREY))
    assert np.array_equal(values(grey), GREY)
    assert np.array_equal(values(grey, 3), np.repeat(GREY[..., None], 3, axis=2))
    red = saved(tmp_path / "red.png", Image.new("RGB", (2, 2), (200, 0, 0)))
    assert values(red).tolist() == [[60, 60], [60, 60]]  # 0.299 of 200


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    wide = GREY.astype(np.uint16) * 257
    assert np.array_equal(values(saved(tmp_path / "16.png", Image.fromarray(wide))), GREY)
    assert np.array_equal(values(saved(tmp_path / "16.tif", Image.fromarray(wide))), GREY)


def test_floats_of_0_to_1_and_one_bit(tmp_path: Path) -> None:
    unit = saved(tmp_path / "f.tif", Image.fromarray(GREY.astype(np.float32) / 255))
    assert np.array_equal(values(unit), GREY)
    ink = saved(tmp_path / "1.png", Image.fromarray(GREY > 100))
    assert np.array_equal(values(ink), np.where(GREY > 100, 255, 0))
    wild = saved(tmp_path / "wild.tif", Image.fromarray(GREY.astype(np.float32)))
    with pytest.raises(DataError, match="wild.tif has values from 0 to 230.*8 or 16 bits"):
        read_image(wild, 1)


def test_palette_and_transparency_show_as_on_white_paper(tmp_path: Path) -> None:
    colours = Image.new("P", (2, 1))
    colours.putpalette([255, 0, 0, 0, 0, 255])
    colours.putdata([0, 1])
    assert values(saved(tmp_path / "p.png", colours), 3).tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert values(saved(tmp_path / "pt.png", colours, transparency=0), 3).tolist() == [
        [[255, 255, 255], [0, 0, 255]]
    ]
    half = Image.fromarray(np.array([[[0, 0, 0, 255], [0, 0, 0, 0]]], dtype=np.uint8))
    assert values(saved(tmp_path / "rgba.png", half)).tolist() == [[0, 255]]
    assert values(saved(tmp_path / "la.png", half.convert("LA"))).tolist() == [[0, 255]]


def test_cmyk_and_first_picture_of_an_animation(tmp_path: Path) -> None:
    paper = saved(tmp_path / "cmyk.jpg", Image.new("CMYK", (8, 8)))
    assert values(paper, 3).min() == 255
    frames = [Image.new("L", (4, 4), 0), Image.new("L", (4, 4), 255)]
    film = saved(tmp_path / "film.gif", frames[0], save_all=True, append_images=frames[1:])
    assert values(film).max() == 0


def test_a_photograph_taken_sideways_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right to see it upright
    path = saved(tmp_path / "sideways.png", Image.fromarray(GREY), exif=exif)
    assert np.array_equal(values(path), np.rot90(GREY, -1))
    assert peek(path) == ((6, 4), True)


@pytest.mark.parametrize("keep", [0, 3, 40, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_cut_short_is_named(tmp_path: Path, kind: str, keep: float) -> None:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    Image.fromarray(noise).save(content, kind)
    full = content.getvalue()
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(full[: int(len(full) * keep) if keep < 1 else int(keep)])
    with pytest.raises(DataError, match="cut.*(damaged|not an image)"):
        read_image(path, 1)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("not an image")
    with pytest.raises(DataError, match="notes.png is not an image"):
        read_image(text, 1)
    with pytest.raises(DataError, match="there is no image .*absent.png"):
        read_image(tmp_path / "absent.png", 1)
    with pytest.raises(DataError, match="is a folder; name the images in it"):
        read_image(tmp_path, 1)
    assert peek(text) is None


def test_an_image_too_large_to_decode_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "bomb.png", Image.new("1", (20_000, 10_000)))
    with pytest.raises(DataError, match="bomb.png is larger than 178,956,970 pixels; scale it"):
        read_image(path, 1)
    assert peek(path) is None


def test_networks_with_two_channels_take_no_files(tmp_path: Path) -> None:
    path = saved(tmp_path / "grey.png", Image.fromarray(GREY))
    with pytest.raises(DataError, match="1 or 3 channels, but the network takes 2"):
        read_image(path, 2)


def test_listing_leaves_out_what_is_hidden_or_no_image(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.JPG", "b.png"]


def test_the_frame_keeps_proportions_and_continues_edges(tmp_path: Path) -> None:
    tall = Image.fromarray(np.array([[10], [20]], dtype=np.uint8))
    assert frame_image(tall, (2, 4)).tolist() == [[[10] * 4, [20] * 4]]
    colour = Image.new("RGB", (4, 2), (1, 2, 3))
    framed = frame_image(colour, (4, 4))
    assert framed.shape == (3, 4, 4)
    assert framed[:, 0, 0].tolist() == [1, 2, 3]


def test_masks_keep_their_numbers(tmp_path: Path) -> None:
    labels = (GREY % 3).astype(np.uint8)
    for mode in ("L", "P"):
        path = saved(tmp_path / f"{mode}.png", Image.fromarray(labels).convert("L"))
        if mode == "P":
            write_mask(path, labels)
        assert np.array_equal(read_mask(path), labels)
    wide = saved(tmp_path / "16.png", Image.fromarray(labels.astype(np.uint16)))
    assert np.array_equal(read_mask(wide), labels)
    bits = saved(tmp_path / "1.png", Image.fromarray(labels > 0))
    assert np.array_equal(read_mask(bits), labels > 0)


def test_masks_with_colours_or_large_numbers_are_refused(tmp_path: Path) -> None:
    colour = saved(tmp_path / "colour.png", Image.new("RGB", (2, 2)))
    with pytest.raises(DataError, match="colour.png has colours.*one class number per pixel"):
        read_mask(colour)
    large = saved(tmp_path / "large.png", Image.fromarray(np.full((2, 2), 300, np.uint16)))
    with pytest.raises(DataError, match="large.png has labels from 300 to 300"):
        read_mask(large)


def test_framed_masks_ignore_the_border_and_invent_no_class() -> None:
    mask = np.array([[0, 5], [5, 0]], dtype=np.uint8)
    framed = frame_mask(mask, (4, 8))
    assert (framed[:, :2] == IGNORED).all()
    assert (framed[:, 6:] == IGNORED).all()
    assert set(np.unique(framed[:, 2:6])) == {0, 5}


def test_a_written_mask_shows_class_0_black_and_others_apart(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_mask(path, np.arange(256, dtype=np.uint8).reshape(16, 16))
    with Image.open(path) as image:
        colours = np.asarray(image.convert("RGB")).reshape(256, 3)
    assert colours[0].tolist() == [0, 0, 0]
    assert len(np.unique(colours, axis=0)) == 256
    with pytest.raises(StorageError, match="cannot write into"):
        write_mask(path / "below" / "mask.png", np.zeros((2, 2), np.uint8))
