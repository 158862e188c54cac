"""A network for files, and whether two programs compute the same."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """Convolutions, a step that PyTorch runs, a whole-number result, a result that is a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 20, 3, padding=1)
        self.norm = nn.BatchNorm2d(20)
        self.deep = nn.Conv3d(1, 2, 3)
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        z = self.deep(y[:, None])
        return {"map": y, "best": [y.argmax(1), z]}, self.scale


def same(program, other, x) -> bool:
    one, two = (torch.utils._pytree.tree_flatten(p(x)) for p in (program, other))
    return one[1] == two[1] and all(map(torch.equal, one[0], two[0]))
