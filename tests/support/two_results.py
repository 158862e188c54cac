"""What a detector has: more than one output."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TwoResults(nn.Module):
    """The means of a map, and the map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.relu(self.conv(x))
        return y.mean((2, 3)), y
