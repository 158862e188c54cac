"""LeNet-5 as it is built today: full C3, ReLU, max pooling, a linear output."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from convariant.models._network import Network
from convariant.models._registry import register
from convariant.models._sizes import feature_side

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
_POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def centre_on_field(images: Tensor, field: int) -> Tensor:
    """Smaller images stand in the middle of a field of zeros, an odd spare row at the bottom."""
    bottom, right = field - images.shape[-2], field - images.shape[-1]
    if bottom == 0 and right == 0:
        return images
    return F.pad(images, (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2))


class LeNet5(Network):
    """Two convolutions with pooling, then three linear layers.

    Images smaller than `input_size` are centred on a field of zeros of that size, as the paper
    puts 28x28 digits on a 32x32 field.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, h and w at most `input_size`.
    Raises: OptionError, ShapeError.
    """

    def __init__(
        self, num_classes: int, in_channels: int, input_size: int, activation: str, pooling: str
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, input_size=(input_size, input_size)
        )
        self.c1 = nn.Conv2d(in_channels, 6, 5)
        self.s2 = _POOLINGS[pooling](2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.s4 = _POOLINGS[pooling](2)
        side = feature_side(self, input_size, "lenet5")
        self.c5 = nn.Linear(16 * side * side, 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, num_classes)
        self.activation = _ACTIVATIONS[activation]()

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        self._check_images(images)
        field = self.input_size[0]
        if max(images.shape[-2:]) > field:
            raise self._refuse_size(
                images,
                f"takes images of at most {field}x{field}",
                f"resize them or build it with input_size={max(images.shape[-2:])}",
            )
        x = centre_on_field(images, field)  # (n, ci, 32, 32)
        x = self.s2(self.activation(self.c1(x)))  # (n, 6, 14, 14)
        x = self.s4(self.activation(self.c3(x)))  # (n, 16, 5, 5)
        x = self.activation(self.c5(x.flatten(1)))  # (n, 120)
        x = self.activation(self.f6(x))  # (n, 84)
        return self.output(x)  # (n, num_classes)


@register(
    input_size=(32, 32),
    params=61_706,
    macs=416_520,
    paper="LeCun et al., Gradient-based learning applied to document recognition, 1998",
)
def lenet5(
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    input_size: int = 32,
    activation: Literal["relu", "tanh"] = "relu",
    pooling: Literal["max", "average"] = "max",
) -> LeNet5:
    """LeNet-5 in its modern form; `lenet5_1998` is the paper's.

    >>> import torch
    >>> lenet5(num_classes=10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    return LeNet5(num_classes, in_channels, input_size, activation, pooling)
