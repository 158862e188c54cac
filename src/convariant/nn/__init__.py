"""Torch modules over `functional/`, and layers that keep a symmetry exactly."""

from convariant.nn._group import GroupConv2d, GroupConvTranspose2d, GroupLift2d, to_plain
from convariant.nn._group_layers import (
    GroupAvgPool2d,
    GroupBatchNorm2d,
    GroupMaxPool2d,
    GroupPool2d,
)

__all__ = [
    "GroupAvgPool2d",
    "GroupBatchNorm2d",
    "GroupConv2d",
    "GroupConvTranspose2d",
    "GroupLift2d",
    "GroupMaxPool2d",
    "GroupPool2d",
    "to_plain",
]
