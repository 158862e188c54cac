"""LeNet and ResNet of group convolutions: the same answer for an image and its turned copies.

Source: Cohen and Welling, Group equivariant convolutional networks, 2016 (arXiv 1602.07576).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.models._init import initialise
from convariant.models._network import Network
from convariant.models._registry import register
from convariant.models.lenet import centre_on_field
from convariant.nn import (
    GroupAvgPool2d,
    GroupBatchNorm2d,
    GroupConv2d,
    GroupLift2d,
    GroupMaxPool2d,
    GroupPool2d,
)

FIELD = 32
COHEN_2016 = "Cohen and Welling, Group equivariant convolutional networks, 2016, arXiv 1602.07576"


class GroupLeNet(Network):
    """LeNet-5 with group convolutions; the maximum over the group makes its answer invariant.

    Images smaller than 32x32 are centred on a field of zeros, which needs an even difference.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, h and w even and at most 32.
    Raises: ShapeError.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        widths: tuple[int, ...],
        group: Literal["p4", "p4m"],
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, input_size=(FIELD, FIELD)
        )
        first, second, third = widths
        self.c1 = GroupLift2d(in_channels, first, 5, group=group)
        self.s2 = GroupMaxPool2d(2)
        self.c3 = GroupConv2d(first, second, 5, group=group)
        self.s4 = GroupMaxPool2d(2)
        self.c5 = GroupConv2d(second, third, 5, group=group)
        self.pool = GroupPool2d("max", group=group)
        self.f6 = nn.Linear(third, 84)
        self.output = nn.Linear(84, num_classes)
        self.relu = nn.ReLU()
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        self._check_images(images)
        if any(side > FIELD or side % 2 for side in images.shape[-2:]):
            raise self._refuse_size(
                images,
                f"takes images of even sides up to {FIELD}, which can stand in the very middle",
                "resize or pad them",
            )
        x = centre_on_field(images, FIELD)  # (n, ci, 32, 32)
        x = self.s2(self.relu(self.c1(x)))  # (n, 3 |G|, 14, 14)
        x = self.s4(self.relu(self.c3(x)))  # (n, 8 |G|, 5, 5)
        x = self.pool(self.relu(self.c5(x))).flatten(1)  # (n, 60)
        return self.output(self.relu(self.f6(x)))  # (n, num_classes)


class GroupBlock(nn.Module):
    """The basic residual block between group feature maps.

    Shape: `(n, ci |G|, h, w) -> (n, co |G|, h, w)`.
    """

    def __init__(self, ci: int, co: int, group: Literal["p4", "p4m"]) -> None:
        super().__init__()
        self.conv1 = GroupConv2d(ci, co, 3, padding=1, bias=False, group=group)
        self.bn1 = GroupBatchNorm2d(co, group=group)
        self.conv2 = GroupConv2d(co, co, 3, padding=1, bias=False, group=group)
        self.bn2 = GroupBatchNorm2d(co, group=group)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if ci != co:
            self.shortcut = nn.Sequential(
                GroupConv2d(ci, co, 1, bias=False, group=group), GroupBatchNorm2d(co, group=group)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both branches, rectified."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + self.shortcut(x))


class GroupResNet(Network):
    """Stages of residual blocks, halved by 2x2 means, which turn with the image as strides do not.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, h and w divisible by 2 at each halving.
    Raises: ShapeError.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        depths: tuple[int, ...],
        width: int,
        group: Literal["p4", "p4m"],
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, input_size=(FIELD, FIELD)
        )
        self.lift = GroupLift2d(in_channels, width, 3, padding=1, bias=False, group=group)
        self.bn = GroupBatchNorm2d(width, group=group)
        self.relu = nn.ReLU(inplace=True)
        self.stages = nn.Sequential()
        channels = width
        for i, depth in enumerate(depths):
            if i > 0:
                self.stages.append(GroupAvgPool2d(2))
            for _ in range(depth):
                self.stages.append(GroupBlock(channels, width * 2**i, group))
                channels = width * 2**i
        self.pool = GroupPool2d("max", group=group)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        initialise(self, mode="fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        self._check_images(images)
        x = self.relu(self.bn(self.lift(images)))  # (n, 11 |G|, 32, 32)
        x = self.stages(x)  # (n, 44 |G|, 8, 8)
        x = self.avgpool(self.pool(x)).flatten(1)  # (n, 44)
        return self.fc(x)  # (n, num_classes)


@register(input_size=(FIELD, FIELD), params=56_520, macs=1_393_080, paper=COHEN_2016)
def p4_lenet(
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    widths: tuple[int, ...] = (3, 8, 60),
    group: Literal["p4", "p4m"] = "p4",
) -> GroupLeNet:
    """LeNet-5 invariant to quarter turns, with about as many weights as the plain one."""
    if len(widths) != 3:
        raise OptionError(f"p4_lenet takes three widths, but got {widths}; try (3, 8, 60)")
    return GroupLeNet(num_classes, in_channels, widths, group)


@register(input_size=(FIELD, FIELD), params=655_885, macs=795_419_064, paper=COHEN_2016)
def p4m_resnet(
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    depths: tuple[int, ...] = (2, 2, 2),
    width: int = 11,
    group: Literal["p4", "p4m"] = "p4m",
) -> GroupResNet:
    """A small ResNet invariant to quarter turns and mirrors; depths (7, 7, 7) is the paper's 44."""
    return GroupResNet(num_classes, in_channels, depths, width, group)
