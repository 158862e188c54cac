"""The group networks answer the same for every turned copy of an image; the plain ones do not."""

from __future__ import annotations

import pytest
import torch

from convariant import OptionError, ShapeError, models
from convariant.nn import to_plain
from convariant.nn._group_table import order, turn
from support.compare import assert_close

SMALL = [
    ("p4_lenet", {}, 28),
    ("p4_lenet", {"group": "p4m"}, 32),
    ("p4m_resnet", {"depths": (1, 1), "width": 3}, 14),
    ("p4m_resnet", {"depths": (1, 1), "width": 3, "group": "p4"}, 10),
]


@pytest.mark.parametrize(("name", "options", "side"), SMALL)
def test_turned_images_get_the_same_answer(name, options, side):
    network = models.create(name, **options).double().eval()
    images = torch.rand(2, network.in_channels, side, side, dtype=torch.float64)
    with torch.no_grad():
        answer = network(images)
        for g in range(order(network.config["group"])):
            assert_close(network(turn(images, g)), answer, reduction=4096)
        assert_close(to_plain(network)(images), answer, reduction=4096)
    assert answer.std() > 0


def test_a_plain_lenet_answers_differently():
    network = models.create("lenet5").eval()
    images = torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        answer = network(images)
        change = (network(turn(images, 1)) - answer).abs().max()
    assert change > 0.05 * answer.abs().max()


def test_sizes_that_cannot_turn_are_refused():
    with pytest.raises(ShapeError, match="even sides up to 32, .* but got 27x28; resize or pad"):
        models.create("p4_lenet")(torch.rand(1, 1, 27, 28))
    with pytest.raises(ShapeError, match="GroupAvgPool2d with stride .* use a size of 8 or 10"):
        models.create("p4m_resnet", width=2)(torch.rand(1, 3, 18, 18))
    with pytest.raises(OptionError, match="takes three widths"):
        models.create("p4_lenet", widths=(3, 8))
