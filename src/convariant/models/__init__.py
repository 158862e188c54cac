"""The networks: one file a family, read in order block, network, table, builders."""

from convariant.models._network import Network
from convariant.models._registry import ModelInfo, create, info, names, register
from convariant.models.lenet import LeNet5, lenet5

__all__ = [
    "LeNet5",
    "ModelInfo",
    "Network",
    "create",
    "info",
    "lenet5",
    "names",
    "register",
]
