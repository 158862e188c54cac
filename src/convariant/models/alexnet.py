"""AlexNet in one tower of two groups: local response norm, overlapping pooling.

Source: Krizhevsky, Sutskever, Hinton, ImageNet classification with deep convolutional neural
networks, 2012.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.models._init import initialise
from convariant.models._network import Network
from convariant.models._registry import register
from convariant.models._sizes import feature_side, fitting_sides


class Row(NamedTuple):
    """One convolution and what follows it."""

    channels: int
    kernel_size: int
    stride: int
    padding: int
    split: bool  # in two groups, which the paper computes on two GPUs
    norm: bool
    pool: bool


STEM = Row(96, 11, 4, 0, split=False, norm=True, pool=True)
SMALL_STEM = Row(96, 5, 1, 2, split=False, norm=True, pool=True)
ROWS = (
    Row(256, 5, 1, 2, split=True, norm=True, pool=True),
    Row(384, 3, 1, 1, split=False, norm=False, pool=False),
    Row(384, 3, 1, 1, split=True, norm=False, pool=False),
    Row(256, 3, 1, 1, split=True, norm=False, pool=True),
)


class AlexNet(Network):
    """Five convolutions and three linear layers.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, h and w in `fits`.
    Raises: OptionError, ShapeError.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        rows: tuple[Row, ...],
        *,
        input_size: int,
        groups: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, input_size=(input_size, input_size)
        )
        if not 0 <= dropout < 1:
            raise OptionError(f"alexnet takes dropout from 0 to below 1, but got {dropout}")
        self.features = nn.Sequential()
        channels = in_channels
        for i, row in enumerate(rows, start=1):
            self.features.add_module(
                f"conv{i}",
                nn.Conv2d(
                    channels,
                    row.channels,
                    row.kernel_size,
                    row.stride,
                    row.padding,
                    groups=groups if row.split else 1,
                ),
            )
            self.features.add_module(f"relu{i}", nn.ReLU(inplace=True))
            if row.norm:
                # torch divides alpha by the five channels, the paper does not: 1e-4 there
                norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
                self.features.add_module(f"norm{i}", norm)
            if row.pool:
                self.features.add_module(f"pool{i}", nn.MaxPool2d(3, stride=2))
            channels = row.channels
        side = feature_side(self.features, input_size, "alexnet")
        self.fits = fitting_sides(self.features, side)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(channels * side * side, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        self._check_images(images)
        if not all(side in self.fits for side in images.shape[-2:]):
            raise self._refuse_size(
                images,
                f"takes images of {self.fits[0]} to {self.fits[-1]} pixels a side",
                f"resize them to {self.input_size[0]}x{self.input_size[1]}, or build it with "
                "another input_size, for images below 67 pixels with small_input=True",
            )
        x = self.features(images)  # (n, 256, 6, 6)
        return self.classifier(x)  # (n, num_classes)


@register(
    input_size=(227, 227),
    params=60_965_224,
    macs=724_406_816,
    paper="Krizhevsky et al., ImageNet classification with deep CNNs, 2012",
)
def alexnet(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    input_size: int | None = None,
    groups: Literal[1, 2] = 2,
    hidden: int = 4096,
    dropout: float = 0.5,
    small_input: bool = False,
) -> AlexNet:
    """AlexNet; `groups=1` joins its two halves, `small_input` is for images of 28 or 32 pixels.

    The small form begins with a 5x5 convolution of stride 1 instead of 11x11 of stride 4.
    `input_size` is 227 by default (the paper says 224, which fits no padding), 32 in the small
    form; the linear layers depend on it.

    >>> import torch
    >>> network = alexnet(num_classes=10, in_channels=1, small_input=True, hidden=64)
    >>> network(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 10])
    >>> network.fits
    range(31, 39)
    """
    return AlexNet(
        num_classes,
        in_channels,
        ((SMALL_STEM if small_input else STEM), *ROWS),
        input_size=input_size or (32 if small_input else 227),
        groups=groups,
        hidden=hidden,
        dropout=dropout,
    )
