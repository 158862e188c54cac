"""What claims count: parameters, and multiply-adds as torch's own counter sees them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convariant import models


def parameters(module: nn.Module) -> int:
    """The numbers that are learned."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def multiply_adds(module: nn.Module, x: Tensor) -> int:
    """Those of one evaluation, counted while it runs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops() // 2


def of_network(name: str, size: int, **options: Any) -> tuple[int, int]:
    """Parameters and multiply-adds for one image, without allocating either."""
    with torch.device("meta"):
        network = models.create(name, **options).eval()
        image = torch.empty(1, network.in_channels, size, size)
    return parameters(network), multiply_adds(network, image)


def pair(counts: tuple[int, int]) -> str:
    """Two counts in one cell: `61,706, 416,520`."""
    return ", ".join(f"{count:,}" for count in counts)
