"""The initial weights of networks that are trained from scratch."""

from __future__ import annotations

from typing import Literal

from torch import nn

from convariant.nn import GroupConv2d, GroupLift2d

_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, GroupLift2d, GroupConv2d)


def initialise(network: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_in") -> None:
    """He's normal initialisation for ReLU in convolutions (by `mode`) and linear layers (fan-in).

    Biases are zero. Source: He et al., Delving deep into rectifiers, 2015 (arXiv 1502.01852).
    """
    for module in network.modules():
        if isinstance(module, _LAYERS):
            fan: Literal["fan_in", "fan_out"] = "fan_in" if isinstance(module, nn.Linear) else mode
            nn.init.kaiming_normal_(module.weight, mode=fan, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
