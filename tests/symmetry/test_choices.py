"""Polyphase layers in a certificate: maps move alike only where one choice made both."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convariant.analysis.symmetry import certify
from convariant.nn import PolyphasePool2d, PolyphaseUnpool2d
from support.compare import assert_equal


def conv(ci: int, co: int) -> nn.Module:
    return nn.Conv2d(ci, co, 3, padding=1, padding_mode="circular")


class TwoChoices(nn.Module):
    """Two polyphase layers, or one that runs twice, choose each by what they see."""

    def __init__(self, once: bool, back: bool) -> None:
        super().__init__()
        self.a, self.b = conv(1, 1), conv(1, 1)
        self.first = PolyphasePool2d(2, return_indices=True)
        self.second = self.first if once else PolyphasePool2d(2, return_indices=True)
        self.back = PolyphaseUnpool2d(2) if back else None

    def forward(self, x):
        (y, _), (z, index) = self.first(self.a(x)), self.second(self.b(x))
        return y + z if self.back is None else self.back(y, index) + x


class OneChoice(nn.Module):
    """The second layer is told what the first chose, and so is the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv(1, 1), conv(1, 1), conv(1, 1)
        self.pool = PolyphasePool2d(2, return_indices=True)
        self.low = PolyphasePool2d((2, 1), return_indices=True)
        self.up, self.back = PolyphaseUnpool2d((2, 1)), PolyphaseUnpool2d(2)

    def forward(self, x):
        y, index = self.pool(self.a(x))
        half = y + self.pool(self.b(x), index)[0]
        low, lower = self.low(half)
        return self.back(self.up(self.c(low), lower) + half, index)


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_maps_on_two_choices_do_not_move_alike(once, back):
    torch.manual_seed(0)
    model = TwoChoices(once, back)
    certificate = certify(model, (1, 1, 8, 8))
    assert certificate.verdict == "broken"
    assert "move by different steps" in certificate.output.reason
    example = certificate.counterexample
    with torch.no_grad():
        before, after = (model.double()(x) for x in (example.image, example.moved))
    rolls = (before.roll((i, j), (2, 3)) for i in range(8) for j in range(8))
    assert not any(torch.allclose(rolled, after, 1e-9, 0) for rolled in rolls)


def test_a_mean_after_a_foreign_way_back_stands_still():
    class Foreign(TwoChoices):
        def forward(self, x):
            y, index = self.first(self.a(x))[0], self.second(self.b(x))[1]
            return self.back(y, index).mean((2, 3))

    certificate = certify(Foreign(False, True), (1, 1, 8, 8))
    assert (certificate.verdict, certificate.output.modulus) == ("exact", (1, 1))
    assert certificate.check.error < 1e-12


def test_one_choice_that_is_handed_on_is_exact():
    model = OneChoice()
    certificate = certify(model, (1, 1, 8, 12))
    assert (certificate.verdict, certificate.check.error) == ("exact", 0)
    assert certificate.output.modulus == (1, 1)
    generator = torch.Generator().manual_seed(0)
    model = model.double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randint(-2, 3, p.shape, generator=generator))
        x = torch.randint(-3, 4, (2, 1, 8, 12), generator=generator).double()
        for shift in ((1, 0), (0, 1), (3, 5)):
            assert_equal(model(x.roll(shift, (2, 3))), model(x).roll(shift, (2, 3)))
    assert certify(model, (1, 1, 8, 12), "shift").verdict == "broken"
