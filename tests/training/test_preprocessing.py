"""From an image to the input of a network and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convariant.errors import ModelFileError
from convariant.training import Preprocessing
from convariant.training._preprocessing import Placement, measure
from support.compare import assert_close

sides = st.integers(1, 60)


@given(sides, sides, sides, sides)
def test_an_image_fills_one_side_of_its_frame(h: int, w: int, fh: int, fw: int) -> None:
    place = Placement.of((h, w), (fh, fw))
    (top, bottom), (left, right) = place.border
    assert top + place.scaled[0] + bottom == fh
    assert left + place.scaled[1] + right == fw
    assert min(top, bottom, left, right) >= 0
    assert place.scaled[0] == fh or place.scaled[1] == fw
    assert 0 <= bottom - top <= 1


def test_maps_are_restored_to_the_image() -> None:
    place = Placement.of((2, 4), (8, 8))  # scaled to 4x8, rows 2 to 5
    maps = torch.full((1, 1, 8, 8), -1.0)
    maps[:, :, 2:6] = torch.arange(8.0)
    restored = place.restore(maps)
    assert_close(restored, torch.tensor([[[[0.5, 2.5, 4.5, 6.5]] * 2]]))


def test_normalising_and_margin() -> None:
    made = Preprocessing((3, 3), 1, (0.5,), (0.25,), margin=(1, 2))
    image = torch.arange(9.0).view(1, 1, 3, 3) / 8
    result = made.normalise(image)
    assert result.shape == (1, 1, 5, 7)
    assert_close(result[0, 0, 1:4, 2:5], image[0, 0] * 4 - 2)
    assert_close(result[0, 0, 0, 2:5], image[0, 0, 1] * 4 - 2)  # reflected


def test_measured_mean_and_deviation_are_exact() -> None:
    pixels = torch.randint(0, 256, (50, 3, 5, 7), dtype=torch.uint8)
    pixels[:, 2] = 51
    mean, std = measure(pixels)
    values = pixels.double() / 255
    assert_close(torch.tensor(mean, dtype=torch.float64), values.mean((0, 2, 3)), reduction=256)
    expected = values.std((0, 2, 3), correction=0)
    expected[2] = 1  # a channel without variation is not divided by zero
    assert_close(torch.tensor(std, dtype=torch.float64), expected, reduction=256)


def test_json_round_trip_and_its_refusals() -> None:
    made = Preprocessing((3, 4), 1, (0.5,), (0.25,))
    values = made.to_json()
    assert Preprocessing.from_json(values) == made
    for key in values:
        with pytest.raises(ModelFileError, match="'preprocessing' of config.json is not as"):
            Preprocessing.from_json({k: v for k, v in values.items() if k != key})
    for wrong in ({"size": [0, 4]}, {"std": [0.0]}, {"margin": [-1, 0]}):
        with pytest.raises(ModelFileError, match="'preprocessing' of config.json has no sense"):
            Preprocessing.from_json({**values, **wrong})
    with pytest.raises(ModelFileError, match="has 1 channels, but 2 means and 1 deviations"):
        Preprocessing.from_json({**values, "mean": [0.5, 0.5]})


def test_all_bytes_are_counted() -> None:
    ramp = torch.from_numpy(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16))
    mean, _ = measure(ramp)
    assert mean == (pytest.approx(0.5),)
