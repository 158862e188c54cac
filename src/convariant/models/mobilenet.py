"""MobileNet v1: a plain network whose 3x3 convolutions are depthwise separable.

Source: Howard et al., MobileNets: efficient convolutional neural networks for mobile vision
applications, 2017 (arXiv 1704.04861).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.models._network import Network
from convariant.models._registry import register

ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6}


class Row(NamedTuple):
    """One row of the paper's Table 1."""

    kind: Literal["conv", "conv dw", "conv 1x1"]  # 3x3, 3x3 of each channel alone, pointwise
    stride: int
    channels: int  # of the output, at width 1


# Table 1, without its last rows (average pool, fully connected, softmax). The paper prints
# "Conv dw / s2" for the last depthwise row too, but the row below it still has 7x7 inputs: its
# stride is 1, as here. MobileNetV1 takes the printed stride as `last_stride=2`.
TABLE_1 = (
    Row("conv", 2, 32),
    Row("conv dw", 1, 32),
    Row("conv 1x1", 1, 64),
    Row("conv dw", 2, 64),
    Row("conv 1x1", 1, 128),
    Row("conv dw", 1, 128),
    Row("conv 1x1", 1, 128),
    Row("conv dw", 2, 128),
    Row("conv 1x1", 1, 256),
    Row("conv dw", 1, 256),
    Row("conv 1x1", 1, 256),
    Row("conv dw", 2, 256),
    Row("conv 1x1", 1, 512),
    *(Row("conv dw", 1, 512), Row("conv 1x1", 1, 512)) * 5,
    Row("conv dw", 2, 512),
    Row("conv 1x1", 1, 1024),
    Row("conv dw", 1, 1024),
    Row("conv 1x1", 1, 1024),
)


class Unit(nn.Sequential):
    """A convolution, batch normalisation, activation.

    Shape: `(n, ci, h, w) -> (n, co, h/stride, w/stride)`, rounded up.
    """

    def __init__(self, row: Row, ci: int, co: int, activation: type[nn.Module]) -> None:
        kernel_size = 1 if row.kind == "conv 1x1" else 3
        conv = nn.Conv2d(
            ci,
            co,
            kernel_size,
            row.stride,
            padding=kernel_size // 2,
            groups=ci if row.kind == "conv dw" else 1,
            bias=False,
        )
        super().__init__(
            OrderedDict(conv=conv, norm=nn.BatchNorm2d(co), activation=activation(inplace=True))
        )


class MobileNetV1(Network):
    """The rows of a table, a global average and a linear layer.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, any h and w.
    Raises: OptionError, ShapeError.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        rows: Sequence[Row],
        *,
        width: float,
        resolution: int,
        activation: type[nn.Module],
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, input_size=(resolution, resolution)
        )
        if width <= 0:
            raise OptionError(f"mobilenet_v1 takes width above 0, but got {width}; try 0.25")
        self.features = nn.Sequential()
        channels = in_channels
        for row in rows:
            co = max(1, round(row.channels * width))
            self.features.append(Unit(row, channels, co, activation))
            channels = co
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        self._check_images(images)
        x = self.features(images)  # (n, 1024, 7, 7)
        x = self.avgpool(x).flatten(1)  # (n, 1024)
        return self.fc(x)  # (n, num_classes)


def make_rows(*, last_stride: int, dense: bool, small_input: bool) -> list[Row]:
    """Table 1 with the changes that the options ask for."""
    rows = list(TABLE_1)
    rows[-2] = rows[-2]._replace(stride=last_stride)
    if small_input:
        strided = [i for i, row in enumerate(rows) if row.stride == 2]
        for i in strided[:2]:
            rows[i] = rows[i]._replace(stride=1)
    if not dense:
        return rows
    pairs = zip(rows[1::2], rows[2::2], strict=True)
    return [rows[0], *(Row("conv", dw.stride, pw.channels) for dw, pw in pairs)]


@register(
    input_size=(224, 224),
    params=4_231_976,
    macs=568_740_352,
    paper="Howard et al., MobileNets, 2017, arXiv 1704.04861",
)
def mobilenet_v1(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    width: float = 1.0,
    resolution: int | None = None,
    activation: Literal["relu", "relu6"] = "relu",
    dense: bool = False,
    last_stride: Literal[1, 2] = 1,
    small_input: bool = False,
) -> MobileNetV1:
    """MobileNet v1 with the paper's multipliers of width and resolution.

    Every image size fits; `resolution` only records the one meant, 224 by default. `dense` has a
    full 3x3 convolution for each separable pair, the paper's "Conv MobileNet". `last_stride=2` is
    what Table 1 prints by mistake. `small_input` is for images of 28 or 32 pixels: the first two
    strides are 1.

    >>> import torch
    >>> network = mobilenet_v1(num_classes=10, in_channels=1, width=0.25, small_input=True)
    >>> network(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    return MobileNetV1(
        num_classes,
        in_channels,
        make_rows(last_stride=last_stride, dense=dense, small_input=small_input),
        width=width,
        resolution=resolution or (32 if small_input else 224),
        activation=ACTIVATIONS[activation],
    )
