"""The networks: one file a family, read in order block, network, table, builders."""

from convariant.models._network import Network
from convariant.models._registry import ModelInfo, create, info, names
from convariant.models.alexnet import AlexNet, alexnet
from convariant.models.group_equivariant import GroupLeNet, GroupResNet, p4_lenet, p4m_resnet
from convariant.models.lenet import LeNet5, lenet5
from convariant.models.lenet_1998 import LeNet1998, lenet5_1998, map_loss
from convariant.models.mobilenet import MobileNetV1, mobilenet_v1
from convariant.models.resnet import (
    BasicBlock,
    Bottleneck,
    ResNet,
    resnet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from convariant.models.resnext import (
    ConcatenatedPaths,
    SummedPaths,
    as_grouped,
    resnext50_32x4d,
    resnext101_32x4d,
    resnext101_32x8d,
    resnext101_64x4d,
)
from convariant.models.unet import UNet, unet

__all__ = [
    "AlexNet",
    "BasicBlock",
    "Bottleneck",
    "ConcatenatedPaths",
    "GroupLeNet",
    "GroupResNet",
    "LeNet5",
    "LeNet1998",
    "MobileNetV1",
    "ModelInfo",
    "Network",
    "ResNet",
    "SummedPaths",
    "UNet",
    "alexnet",
    "as_grouped",
    "create",
    "info",
    "lenet5",
    "lenet5_1998",
    "map_loss",
    "mobilenet_v1",
    "names",
    "p4_lenet",
    "p4m_resnet",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "unet",
]
