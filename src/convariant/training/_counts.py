"""How large and how costly a network is."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convariant.training._preprocessing import Preprocessing


def count_parameters(network: nn.Module) -> int:
    """The trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def count_macs(network: nn.Module, preprocessing: Preprocessing) -> int:
    """Multiply-adds of convolutions and linear layers, for one image of the trained size."""
    parameter = next(network.parameters())
    h, w = preprocessing.size
    image = torch.zeros(1, preprocessing.channels, h, w, device=parameter.device)
    training = network.training
    network.eval()  # a norm in training mode would learn from the empty image
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(preprocessing.normalise(image))
    network.train(training)
    return counter.get_total_flops() // 2
