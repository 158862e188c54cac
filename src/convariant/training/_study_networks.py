"""The seven ways to a classifier that the symmetry study compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from convariant import models
from convariant.analysis.symmetry import make_shift_invariant
from convariant.nn import (
    GroupBatchNorm2d,
    GroupConv2d,
    GroupLift2d,
    GroupMaxPool2d,
    GroupPool2d,
)


def small_network() -> nn.Sequential:
    """Three convolutions, pooling after each, a pointwise one, a mean over all places."""
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 5, padding=2, bias=False), nn.BatchNorm2d(12), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(12, 26, 3, padding=1, bias=False), nn.BatchNorm2d(26), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(26, 44, 3, padding=1, bias=False), nn.BatchNorm2d(44), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(44, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10)),
    )


def group_network() -> nn.Sequential:
    """The same of p4m group convolutions with as many weights, and a maximum over the group."""

    def block(conv: nn.Module, width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
        return conv, GroupBatchNorm2d(width, group="p4m"), nn.ReLU()

    return nn.Sequential(
        *block(GroupLift2d(1, 4, 5, padding=2, bias=False, group="p4m"), 4),
        GroupMaxPool2d(2),
        *block(GroupConv2d(4, 8, 3, padding=1, bias=False, group="p4m"), 8),
        GroupMaxPool2d(2),
        *block(GroupConv2d(8, 16, 3, padding=1, bias=False, group="p4m"), 16),
        GroupMaxPool2d(2),
        *block(GroupConv2d(16, 32, 1, bias=False, group="p4m"), 32),
        *(GroupPool2d("max", group="p4m"), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(32, 10),
    )


@dataclass(frozen=True)
class Contender:
    """A way to a classifier: how it is built, and whether its images are augmented."""

    build: Callable[[], nn.Module]
    augmented: bool = False


CONTENDERS = {
    "LeNet-5": Contender(lambda: models.create("lenet5")),
    "LeNet-5 augmented": Contender(lambda: models.create("lenet5"), augmented=True),
    "CNN": Contender(small_network),
    "CNN augmented": Contender(small_network, augmented=True),
    "CNN blur": Contender(lambda: make_shift_invariant(small_network(), "blur")),
    "CNN polyphase": Contender(lambda: make_shift_invariant(small_network(), "polyphase")),
    "CNN p4m": Contender(group_network),
}
