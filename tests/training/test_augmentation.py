"""Random changes: within their bounds, masks beside their images, off by default."""

from __future__ import annotations

import pytest
import torch

from convariant.errors import OptionError
from convariant.training import Augmentation
from convariant.training._augmentation import Augment
from convariant.training._reading import UNCOUNTED
from support.compare import assert_close, assert_equal


def spots(n: int = 64) -> torch.Tensor:
    """Images with one soft bright spot in the middle of 33x33."""
    line = torch.arange(33.0) - 16
    spot = torch.exp(-(line[:, None] ** 2 + line**2) / 8)
    return spot.expand(n, 1, 33, 33).clone()


def centres(images: torch.Tensor) -> torch.Tensor:
    """The centre of mass of each image, (n, 2) as (y, x)."""
    line = torch.arange(33.0)
    mass = images.sum((1, 2, 3))
    y = (images.sum((1, 3)) * line).sum(1) / mass
    x = (images.sum((1, 2)) * line).sum(1) / mass
    return torch.stack((y, x), dim=1)


def test_nothing_is_changed_by_default() -> None:
    assert not Augmentation()
    assert str(Augmentation()) == ""
    assert str(Augmentation(shift=0.1, flip=True)) == "shift 0.1, flip"


def test_shift_moves_each_image_by_up_to_its_bound() -> None:
    images, _ = Augment(Augmentation(shift=0.2))(spots(), torch.zeros(64))
    moved = (centres(images) - 16).abs()
    assert moved.max() < 0.2 * 33 + 0.1
    assert moved.amax(0).min() > 0.15 * 33  # 64 draws come near the bound on both axes
    assert (centres(images).unique(dim=0).shape[0]) == 64


def test_scale_changes_the_size_both_ways() -> None:
    images, _ = Augment(Augmentation(scale=0.3))(spots(), torch.zeros(64))
    areas = (images.sum((1, 2, 3)) / spots(1).sum()).sqrt()
    assert 0.69 < areas.min() < 0.8
    assert 1.2 < areas.max() < 1.31


def test_rotation_turns_about_the_centre() -> None:
    lines = torch.zeros(64, 1, 33, 33)
    lines[:, :, 16, 4:29] = 1
    images, _ = Augment(Augmentation(rotation=30))(lines, torch.zeros(64))
    y, x = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    angles = torch.rad2deg(
        0.5
        * torch.atan2(2 * (images * x * y).sum((1, 2, 3)), (images * (x**2 - y**2)).sum((1, 2, 3)))
    )
    assert 22 < angles.max() < 31
    assert -31 < angles.min() < -22


def test_flip_turns_about_half_of_the_images() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3).expand(200, 1, 3, 3) / 9
    flipped, _ = Augment(Augmentation(flip=True))(image, torch.zeros(200))
    turned = (flipped[:, 0, 0, 0] != image[:, 0, 0, 0]).nonzero().flatten()
    assert 70 < len(turned) < 130
    assert_close(flipped[turned], image[turned].flip(3))


def test_noise_has_the_deviation_asked_for() -> None:
    images, _ = Augment(Augmentation(noise=0.1))(torch.full((8, 1, 40, 40), 0.5), torch.zeros(8))
    assert (images - 0.5).std().item() == pytest.approx(0.1, rel=0.05)


def test_masks_go_with_their_images_and_keep_their_numbers() -> None:
    change = Augmentation(shift=0.2, rotation=30, scale=0.2, flip=True)
    masks = (torch.arange(33)[None, :, None] // 12 + torch.zeros(16, 33, 33)).long()
    masks[:, :4, :4] = UNCOUNTED
    images, moved = Augment(change)(masks[:, None].float(), masks)
    assert set(moved.unique().tolist()) == {UNCOUNTED, 0, 1, 2}
    inside = images[:, 0].round() == images[:, 0]  # away from edges, where pixels are mixed
    assert_equal(moved[inside].float(), images[:, 0][inside])
    assert not torch.equal(moved, masks)


def test_the_same_seed_draws_the_same_changes() -> None:
    augment = Augment(Augmentation(shift=0.1, noise=0.1))
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(augment(spots(4), torch.zeros(4))[0])
    assert_equal(*results)


@pytest.mark.parametrize(
    ("name", "value"), [("shift", 1.5), ("rotation", -1), ("scale", 1), ("noise", float("nan"))]
)
def test_values_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"augmentation takes {name} of 0 to .*, but got {value}"):
        Augmentation(**{name: value})
