"""ResNet: one network, whose block is basic, bottleneck or aggregated (ResNeXt).

Parameters have the names and shapes of torchvision's, so that its state dicts load unchanged.
Sources: He et al., Deep residual learning for image recognition, 2015 (arXiv 1512.03385);
Xie et al., Aggregated residual transformations, 2016 (arXiv 1611.05431).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.models._init import initialise
from convariant.models._network import Network
from convariant.models._registry import register


def conv3x3(ci: int, co: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Padded, without bias: a batch norm follows."""
    return nn.Conv2d(ci, co, 3, stride, padding=1, groups=groups, bias=False)


def conv1x1(ci: int, co: int, stride: int = 1) -> nn.Conv2d:
    """Pointwise, without bias: a batch norm follows."""
    return nn.Conv2d(ci, co, 1, stride, bias=False)


def shortcut(ci: int, co: int, stride: int) -> nn.Sequential | None:
    """The projection of the input onto the shape of the output; None where they agree."""
    if stride == 1 and ci == co:
        return None
    return nn.Sequential(conv1x1(ci, co, stride), nn.BatchNorm2d(co))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut.

    Shape: `(n, ci, h, w) -> (n, width, h/stride, w/stride)`.
    """

    expansion = 1

    def __init__(self, ci: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(ci, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(ci, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both branches, rectified."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up beside a shortcut; with groups it is the aggregated block of ResNeXt.

    Version 1, the paper's, strides in the first 1x1; version 1.5 in the 3x3, which so sees every
    pixel.

    Shape: `(n, ci, h, w) -> (n, 4 width, h/stride, w/stride)`.
    """

    expansion = 4

    def __init__(
        self, ci: int, width: int, stride: int, *, inner: int, groups: int = 1, v: float = 1.5
    ) -> None:
        super().__init__()
        co = width * self.expansion
        first, second = (stride, 1) if v == 1 else (1, stride)
        self.conv1 = conv1x1(ci, inner, first)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = conv3x3(inner, inner, second, groups)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = conv1x1(inner, co)
        self.bn3 = nn.BatchNorm2d(co)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(ci, co, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both branches, rectified."""
        y = self.relu(self.bn1(self.conv1(x)))  # (n, inner, h, w)
        y = self.relu(self.bn2(self.conv2(y)))  # (n, inner, h/stride, w/stride)
        y = self.bn3(self.conv3(y))  # (n, co, h/stride, w/stride)
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


Block = BasicBlock | Bottleneck


class ResNet(Network):
    """A stem, stages of one kind of block, a global average and a linear layer.

    Each stage but the first halves the image and doubles the width.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, any h and w.
    Raises: ShapeError.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        block: Callable[[int, int, int], Block],
        *,
        depths: tuple[int, ...],
        width: int,
        small_input: bool,
    ) -> None:
        side = 32 if small_input else 224
        super().__init__(num_classes=num_classes, in_channels=in_channels, input_size=(side, side))
        if small_input:
            self.conv1 = conv3x3(in_channels, width)
            self.maxpool: nn.Module = nn.Identity()
        else:
            self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        channels = width
        for i, depth in enumerate(depths):
            stage = nn.Sequential()
            for j in range(depth):
                unit = block(channels, width * 2**i, 2 if i > 0 and j == 0 else 1)
                channels = width * 2**i * unit.expansion
                stage.append(unit)
            self.add_module(f"layer{i + 1}", stage)
        self.stages = len(depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        initialise(self, mode="fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        self._check_images(images)
        x = self.relu(self.bn1(self.conv1(images)))  # (n, 64, 112, 112)
        x = self.maxpool(x)  # (n, 64, 56, 56)
        for i in range(self.stages):
            x = self.get_submodule(f"layer{i + 1}")(x)  # (n, 256, 56, 56), (n, 512, 28, 28), ...
        x = self.avgpool(x).flatten(1)  # (n, 2048)
        return self.fc(x)  # (n, num_classes)


def make_block(
    kind: str, *, width: int, v: float, paths: int, path_width: int
) -> Callable[[int, int, int], Block]:
    """What builds one block from (input channels, width of its stage, stride)."""
    if v not in (1, 1.5):
        raise OptionError(f"resnet takes v as 1 or 1.5, but got {v}; 1 is the paper's stride")

    def bottleneck(ci: int, stage_width: int, stride: int) -> Bottleneck:
        return Bottleneck(ci, stage_width, stride, inner=stage_width, v=v)

    def aggregated(ci: int, stage_width: int, stride: int) -> Bottleneck:
        inner = paths * path_width * stage_width // width  # paths widen with the stage
        return Bottleneck(ci, stage_width, stride, inner=inner, groups=paths)

    makers: dict[str, Callable[[int, int, int], Block]] = {
        "basic": BasicBlock,
        "bottleneck": bottleneck,
        "aggregated": aggregated,
    }
    return makers[kind]


HE_2015 = "He et al., Deep residual learning for image recognition, 2015, arXiv 1512.03385"


@register(input_size=(224, 224), params=11_689_512, macs=1_814_073_344, paper=HE_2015)
def resnet(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    block: Literal["basic", "bottleneck", "aggregated"] = "basic",
    depths: tuple[int, ...] = (2, 2, 2, 2),
    width: int = 64,
    v: float = 1.5,
    paths: int = 32,
    path_width: int = 4,
    small_input: bool = False,
) -> ResNet:
    """Any residual network: what block, how many in each stage, how wide the first stage.

    `v` is of the bottleneck; `paths` and their `path_width` are of the aggregated block, which
    always strides in its 3x3. `small_input` is for images of 28 or 32 pixels: a 3x3 stem of stride
    1 and no pooling. `depths=(3, 3, 3), width=16, small_input=True` is the ResNet-20 of CIFAR-10,
    with projections where the paper pads with zeros.

    >>> import torch
    >>> network = resnet(depths=(1, 1), block="aggregated", paths=4, width=8, small_input=True)
    >>> network(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 1000])
    """
    make = make_block(block, width=width, v=v, paths=paths, path_width=path_width)
    return ResNet(
        num_classes, in_channels, make, depths=depths, width=width, small_input=small_input
    )


@register(input_size=(224, 224), params=11_689_512, macs=1_814_073_344, paper=HE_2015)
def resnet18(*, num_classes: int = 1000, in_channels: int = 3, small_input: bool = False) -> ResNet:
    """Basic blocks, 18 layers."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="basic",
        depths=(2, 2, 2, 2),
        small_input=small_input,
    )


@register(input_size=(224, 224), params=21_797_672, macs=3_663_761_408, paper=HE_2015)
def resnet34(*, num_classes: int = 1000, in_channels: int = 3, small_input: bool = False) -> ResNet:
    """Basic blocks, 34 layers."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="basic",
        depths=(3, 4, 6, 3),
        small_input=small_input,
    )


@register(input_size=(224, 224), params=25_557_032, macs=4_089_184_256, paper=HE_2015)
def resnet50(
    *, num_classes: int = 1000, in_channels: int = 3, v: float = 1.5, small_input: bool = False
) -> ResNet:
    """Bottleneck blocks, 50 layers; `v=1` has the paper's strides."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="bottleneck",
        depths=(3, 4, 6, 3),
        v=v,
        small_input=small_input,
    )


@register(input_size=(224, 224), params=44_549_160, macs=7_801_405_440, paper=HE_2015)
def resnet101(
    *, num_classes: int = 1000, in_channels: int = 3, v: float = 1.5, small_input: bool = False
) -> ResNet:
    """Bottleneck blocks, 101 layers; `v=1` has the paper's strides."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="bottleneck",
        depths=(3, 4, 23, 3),
        v=v,
        small_input=small_input,
    )


@register(input_size=(224, 224), params=60_192_808, macs=11_513_626_624, paper=HE_2015)
def resnet152(
    *, num_classes: int = 1000, in_channels: int = 3, v: float = 1.5, small_input: bool = False
) -> ResNet:
    """Bottleneck blocks, 152 layers; `v=1` has the paper's strides."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="bottleneck",
        depths=(3, 8, 36, 3),
        v=v,
        small_input=small_input,
    )
