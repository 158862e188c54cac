"""ResNeXt: ResNet with the aggregated block, and the three equal forms of that block.

Source: Xie et al., Aggregated residual transformations for deep neural networks, 2016
(arXiv 1611.05431), figure 3.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from convariant.models._registry import register
from convariant.models.resnet import Bottleneck, ResNet, conv1x1, conv3x3, resnet

# the axis along which the paths cut each layer of the grouped form, its tensors with it
CUT = {"conv1": 0, "bn1": 0, "conv2": 0, "bn2": 0, "conv3": 1}


def make_path(block: Bottleneck) -> nn.Sequential:
    """1x1 down to a few channels, then 3x3: what one path of the block does by itself."""
    width = block.conv2.out_channels // block.conv2.groups
    return nn.Sequential(
        OrderedDict(
            conv1=conv1x1(block.conv1.in_channels, width, block.conv1.stride[0]),
            bn1=nn.BatchNorm2d(width),
            relu1=nn.ReLU(inplace=True),
            conv2=conv3x3(width, width, block.conv2.stride[0]),
            bn2=nn.BatchNorm2d(width),
            relu2=nn.ReLU(inplace=True),
        )
    )


class SummedPaths(nn.Module):
    """Form (a) of an aggregated block: every path goes up by a 1x1 of its own, then the sum.

    It starts with a copy of the block's weights, so that both compute the same.

    Shape: `(n, ci, h, w) -> (n, co, h/stride, w/stride)`.

    >>> grouped = Bottleneck(256, 64, 1, inner=128, groups=32)
    >>> x = torch.rand(2, 256, 7, 7)
    >>> torch.allclose(SummedPaths(grouped)(x), grouped(x), atol=1e-5)
    True
    """

    def __init__(self, block: Bottleneck) -> None:
        super().__init__()
        self.paths = nn.ModuleList(make_path(block) for _ in range(block.conv2.groups))
        for path in self.paths:
            width = block.conv3.in_channels // len(self.paths)
            path.add_module("conv3", conv1x1(width, block.conv3.out_channels))
        self.bn3, self.relu = deepcopy(block.bn3), deepcopy(block.relu)
        self.downsample = deepcopy(block.downsample)
        take_weights(self, block)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the paths and the shortcut, rectified."""
        y = self.bn3(torch.stack([path(x) for path in self.paths]).sum(0))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ConcatenatedPaths(nn.Module):
    """Form (b) of an aggregated block: the paths are concatenated early, one 1x1 goes up.

    It starts with a copy of the block's weights, so that both compute the same.

    Shape: `(n, ci, h, w) -> (n, co, h/stride, w/stride)`.
    """

    def __init__(self, block: Bottleneck) -> None:
        super().__init__()
        self.paths = nn.ModuleList(make_path(block) for _ in range(block.conv2.groups))
        self.conv3, self.bn3 = deepcopy(block.conv3), deepcopy(block.bn3)
        self.relu, self.downsample = deepcopy(block.relu), deepcopy(block.downsample)
        take_weights(self, block)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the block and the shortcut, rectified."""
        y = torch.cat([path(x) for path in self.paths], dim=1)  # (n, paths * path_width, h, w)
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def take_weights(form: SummedPaths | ConcatenatedPaths, block: Bottleneck) -> None:
    """Cut the block's weights into the form's paths, and take its type, device and mode."""
    form.to(block.conv1.weight).train(block.training)
    state, theirs = form.state_dict(), block.state_dict()
    for key, tensor in theirs.items():
        if key in state:  # a layer that all paths share
            state[key] = tensor
            continue
        axis = CUT[key.partition(".")[0]]
        for i in range(len(form.paths)):
            whole = tensor.dim() == 0  # the count of batches that a norm has seen
            part = tensor if whole else tensor.chunk(len(form.paths), axis)[i]
            state[f"paths.{i}.{key}"] = part
    form.load_state_dict(state)


def as_grouped(form: SummedPaths | ConcatenatedPaths) -> Bottleneck:
    """Form (c), one grouped convolution, with a copy of the weights of form (a) or (b).

    >>> grouped = Bottleneck(256, 64, 1, inner=128, groups=32)
    >>> again = as_grouped(SummedPaths(grouped))
    >>> torch.equal(again.conv3.weight, grouped.conv3.weight)
    True
    """
    first: Any = form.paths[0]
    paths, inner = len(form.paths), len(form.paths) * first.conv1.out_channels
    block = Bottleneck(
        first.conv1.in_channels,
        form.bn3.num_features // Bottleneck.expansion,
        first.conv1.stride[0] * first.conv2.stride[0],
        inner=inner,
        groups=paths,
        v=1 if first.conv1.stride[0] > 1 else 1.5,
    )
    theirs, state = form.state_dict(), block.state_dict()
    for key in state:
        if key in theirs:
            state[key] = theirs[key]
            continue
        parts = [theirs[f"paths.{i}.{key}"] for i in range(paths)]
        whole = parts[0].dim() == 0  # the count of batches that a norm has seen
        state[key] = parts[0] if whole else torch.cat(parts, CUT[key.partition(".")[0]])
    block.to(form.bn3.weight).train(form.training).load_state_dict(state)
    return block


XIE_2016 = "Xie et al., Aggregated residual transformations, 2016, arXiv 1611.05431"


@register(input_size=(224, 224), params=25_028_904, macs=4_230_479_872, paper=XIE_2016)
def resnext50_32x4d(
    *, num_classes: int = 1000, in_channels: int = 3, small_input: bool = False
) -> ResNet:
    """50 layers, 32 paths of width 4 in the first stage."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="aggregated",
        depths=(3, 4, 6, 3),
        paths=32,
        path_width=4,
        small_input=small_input,
    )


@register(input_size=(224, 224), params=44_177_704, macs=7_969_996_800, paper=XIE_2016)
def resnext101_32x4d(
    *, num_classes: int = 1000, in_channels: int = 3, small_input: bool = False
) -> ResNet:
    """101 layers, 32 paths of width 4 in the first stage."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="aggregated",
        depths=(3, 4, 23, 3),
        paths=32,
        path_width=4,
        small_input=small_input,
    )


@register(input_size=(224, 224), params=88_791_336, macs=16_414_015_488, paper=XIE_2016)
def resnext101_32x8d(
    *, num_classes: int = 1000, in_channels: int = 3, small_input: bool = False
) -> ResNet:
    """101 layers, 32 paths of width 8 in the first stage."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="aggregated",
        depths=(3, 4, 23, 3),
        paths=32,
        path_width=8,
        small_input=small_input,
    )


@register(input_size=(224, 224), params=83_455_272, macs=15_460_270_080, paper=XIE_2016)
def resnext101_64x4d(
    *, num_classes: int = 1000, in_channels: int = 3, small_input: bool = False
) -> ResNet:
    """101 layers, 64 paths of width 4 in the first stage."""
    return resnet(
        num_classes=num_classes,
        in_channels=in_channels,
        block="aggregated",
        depths=(3, 4, 23, 3),
        paths=64,
        path_width=4,
        small_input=small_input,
    )
