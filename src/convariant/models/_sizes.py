"""Which image sizes fit a stack of convolutions and pooling in front of a linear layer."""

from __future__ import annotations

from torch import nn

from convariant.errors import OptionError
from convariant.geometry import Geometry


def windows(features: nn.Module) -> list[Geometry]:
    """The windows that `features` slides over its images, in order of registration."""
    return [
        Geometry(module.kernel_size, module.stride, module.padding)
        for module in features.modules()
        if isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d))
    ]


def feature_side(features: nn.Module, side: int, name: str) -> int:
    """The side of the feature map of a square image; OptionError where nothing is left of it."""
    chain, least = windows(features), 1
    for window in reversed(chain):
        least = window.input_sizes((least, least))[0].start
    if side < least:
        raise OptionError(
            f"{name} takes input_size of at least {least}, but got {side}; "
            f"resize the images to {least} or more"
        )
    for window in chain:
        side = window.output_size((side, side))[0]
    return side


def fitting_sides(features: nn.Module, feature: int) -> range:
    """The sides of square images whose feature map has the side `feature`."""
    first = last = feature
    for window in reversed(windows(features)):
        first = window.input_sizes((first, first))[0].start
        last = window.input_sizes((last, last))[0].stop - 1
    return range(first, last + 1)
