"""Measuring and predicting with a network whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convariant import models
from convariant.errors import DataError, OptionError
from convariant.training import Preprocessing, SavedModel, evaluate, predict
from convariant.training._evaluate import batch_size, matched
from convariant.training._hardware import is_first_process
from convariant.training._reading import Images
from convariant.training.sources import Part, Source
from support.compare import assert_equal

SHADES = ("black", "grey", "white")


class Shade(models.Network):
    """Says how near the mean of an image, or each pixel of it, is to 0, 1/2 and 1."""

    def __init__(self, pixels: bool) -> None:
        super().__init__(num_classes=3, in_channels=1, input_size=(4, 4))
        self.pixels = pixels
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        levels = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)
        nearness = -50 * (images - levels).abs()
        return nearness if self.pixels else nearness.mean((2, 3))


def shade_model(pixels: bool = False) -> SavedModel:
    task = "segmentation" if pixels else "classification"
    return SavedModel(Shade(pixels), task, SHADES, Preprocessing((4, 4), 1, (0.0,), (1.0,)))


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """Five images a class; one of the white ones is grey in truth."""
    for name, value in (("black", 0), ("white", 255)):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.new("L", (4, 4), value).save(tmp_path / name / f"{number}.png")
    Image.new("L", (4, 4), 128).save(tmp_path / "white" / "3.png")
    return tmp_path


def test_classes_are_matched_by_name_and_counted(shades: Path) -> None:
    scores = evaluate(shade_model(), f"folder:{shades}", split="all")
    assert scores.confusion == ((5, 0, 0), (0, 0, 0), (0, 1, 4))
    assert scores.accuracy == 0.9
    parts = [evaluate(shade_model(), f"folder:{shades}", split=s) for s in ("train", "held-out")]
    assert [part.images for part in parts] == [8, 2]


def test_what_cannot_be_measured(shades: Path) -> None:
    with pytest.raises(DataError, match="does not say what it was trained on; name a data set"):
        evaluate(shade_model())
    with pytest.raises(OptionError, match="split held-out, train, all, but got 'test'"):
        evaluate(shade_model(), f"folder:{shades}", split="test")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="is for classification, but the model was trained for seg"):
        evaluate(shade_model(pixels=True), f"folder:{shades}")
    (shades / "black").rename(shades / "ebony")
    with pytest.raises(
        DataError, match="has the class 'ebony', which the model does not know; its"
    ):
        evaluate(shade_model(), f"folder:{shades}")


def test_masks_get_the_numbers_of_the_model() -> None:
    masks = torch.tensor([[[0, 1], [255, 0]]], dtype=torch.uint8)
    nothing = Part(np.zeros(0), np.zeros(0))
    source = Source("s", "segmentation", ("white", "black"), 1, None, nothing, nothing, "")
    images = Images(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), masks)
    expected = torch.tensor([[[2, 0], [255, 2]]], dtype=torch.uint8)
    assert_equal(matched(images, source, SHADES).targets, expected)


def test_predictions_are_in_order_with_probabilities() -> None:
    images = [np.full((9, 6), value, np.uint8) for value in (0, 255, 120)]
    found = list(predict(shade_model(), images))
    assert [p.label for p in found] == ["black", "white", "grey"]
    assert [p.image for p in found] == ["image 1", "image 2", "image 3"]
    assert found[2].ranking[0] == ("grey", pytest.approx(1.0, abs=1e-6))
    assert sum(found[2].probabilities) == pytest.approx(1)
    inverted = list(predict(shade_model(), images, invert=True))
    assert [p.label for p in inverted] == ["white", "black", "grey"]


def test_masks_have_the_size_of_the_image() -> None:
    image = np.zeros((8, 24), np.uint8)
    image[:, 12:] = 255
    (found,) = predict(shade_model(pixels=True), [image])
    assert found.mask is not None
    assert found.mask.shape == (8, 24)
    assert set(np.unique(found.mask[:, :9])) == {0}
    assert set(np.unique(found.mask[:, 15:])) == {2}
    shares = dict(found.ranking)
    assert shares["black"] + shares["grey"] + shares["white"] == pytest.approx(1)
    assert "shares" in found.to_json()


def test_arrays_that_are_no_images() -> None:
    for wrong in (np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)):
        with pytest.raises(DataError, match=r"array of bytes \(h, w\) or \(h, w, 3\), but got"):
            list(predict(shade_model(), [wrong]))


def test_batches_shrink_as_images_grow() -> None:
    assert [batch_size((side, side)) for side in (28, 128, 1024, 4096)] == [256, 64, 1, 1]


def test_the_first_process_is_known_by_its_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert is_first_process()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert not is_first_process()
    monkeypatch.setenv("RANK", "0")
    assert is_first_process()
