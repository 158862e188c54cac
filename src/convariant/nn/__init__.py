"""Torch modules over `functional/`, and layers that keep a symmetry exactly."""

from convariant.nn._blur import BlurPool1d, BlurPool2d, BlurPool3d
from convariant.nn._convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from convariant.nn._group import GroupConv2d, GroupConvTranspose2d, GroupLift2d, to_plain
from convariant.nn._group_layers import (
    GroupAvgPool2d,
    GroupBatchNorm2d,
    GroupMaxPool2d,
    GroupPool2d,
)
from convariant.nn._orbit import Canonical2d, OrbitAverage2d
from convariant.nn._polyphase import (
    PolyphasePool1d,
    PolyphasePool2d,
    PolyphasePool3d,
    PolyphaseUnpool1d,
    PolyphaseUnpool2d,
    PolyphaseUnpool3d,
)
from convariant.nn._pooling import Pool1d, Pool2d, Pool3d
from convariant.nn._scale import ScaleConv2d, ScalePool2d
from convariant.nn._separable import (
    DepthwiseSeparableConv1d,
    DepthwiseSeparableConv2d,
    DepthwiseSeparableConv3d,
    SpatialSeparableConv2d,
)
from convariant.nn._sphere import SphericalCNN, SphericalConv, SphericalMean, SphericalPool
from convariant.nn._sphere_transform import (
    SphericalTransform,
    image_on_sphere,
    random_rotation,
    rotate_sphere,
)
from convariant.nn._steerable import SteerableConv2d, SteerablePool2d

__all__ = [
    "BlurPool1d",
    "BlurPool2d",
    "BlurPool3d",
    "Canonical2d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DepthwiseSeparableConv1d",
    "DepthwiseSeparableConv2d",
    "DepthwiseSeparableConv3d",
    "GroupAvgPool2d",
    "GroupBatchNorm2d",
    "GroupConv2d",
    "GroupConvTranspose2d",
    "GroupLift2d",
    "GroupMaxPool2d",
    "GroupPool2d",
    "OrbitAverage2d",
    "PolyphasePool1d",
    "PolyphasePool2d",
    "PolyphasePool3d",
    "PolyphaseUnpool1d",
    "PolyphaseUnpool2d",
    "PolyphaseUnpool3d",
    "Pool1d",
    "Pool2d",
    "Pool3d",
    "ScaleConv2d",
    "ScalePool2d",
    "SpatialSeparableConv2d",
    "SphericalCNN",
    "SphericalConv",
    "SphericalMean",
    "SphericalPool",
    "SphericalTransform",
    "SteerableConv2d",
    "SteerablePool2d",
    "image_on_sphere",
    "random_rotation",
    "rotate_sphere",
    "to_plain",
]
