"""The networks that are timed: those of the lecture, and others that stress one operator each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convariant import models


@dataclass(frozen=True)
class Case:
    """A network, how it is built, and the shape of its input without the batch."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]

    def network(self) -> nn.Module:
        """The network in eval mode, its batch norms filled with statistics of random images."""
        torch.manual_seed(0)
        network = self.build()
        norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        if norms:
            with torch.no_grad():
                network.train()(self.example(4))
        return network.eval()

    def example(self, batch: int) -> Tensor:
        """Random images of unit variance."""
        return torch.randn(batch, *self.shape, generator=torch.Generator().manual_seed(1))


def dilated_head() -> nn.Module:
    """Parallel dilated branches over a stride-8 feature map, as in DeepLab v3."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            rates = (6, 12, 18)
            self.branches = nn.ModuleList(
                [
                    nn.Conv2d(256, 128, 1),
                    *(nn.Conv2d(256, 128, 3, padding=r, dilation=r) for r in rates),
                ]
            )
            self.project = nn.Conv2d(512, 128, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.project(torch.cat([branch(x).relu() for branch in self.branches], 1)).relu()

    return Head()


def dcgan() -> nn.Module:
    """The generator of DCGAN: transposed convolutions from 4x4 to 64x64."""
    widths = (512, 256, 128, 64)
    layers: list[nn.Module] = []
    for ci, co in itertools.pairwise(widths):
        layers += [nn.ConvTranspose2d(ci, co, 4, 2, 1, bias=False), nn.BatchNorm2d(co), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())


def large_depthwise() -> nn.Module:
    """Depthwise 7x7 and 5x5 between pointwise layers, as in ConvNeXt."""
    layers: list[nn.Module] = []
    for kernel_size in (7, 5, 7, 5):
        layers += [
            nn.Conv2d(96, 96, kernel_size, padding=kernel_size // 2, groups=96),
            nn.Conv2d(96, 192, 1),
            nn.GELU(),
            nn.Conv2d(192, 96, 1),
        ]
    return nn.Sequential(*layers)


class SqueezeExcite(nn.Module):
    """An inverted residual with squeeze-excite and hard-swish, as in MobileNet v3."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, inner, 1)
        self.depthwise = nn.Conv2d(inner, inner, 5, padding=2, groups=inner)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inner, inner // 4, 1),
            nn.ReLU(),
            nn.Conv2d(inner // 4, inner, 1),
            nn.Hardsigmoid(),
        )
        self.project = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.hardswish(self.expand(x))
        y = nn.functional.hardswish(self.depthwise(y))
        return x + self.project(y * self.gate(y))


class WaveNet(nn.Module):
    """Causal dilated convolutions on one axis with gates and skips."""

    def __init__(self, channels: int = 64, depth: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, channels, 1)
        self.gated = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, 2, dilation=2**i) for i in range(depth)
        )
        self.skips = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(depth))
        self.last = nn.Conv1d(channels, 256, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        total = torch.zeros_like(x)
        for i, (gated, skip) in enumerate(zip(self.gated, self.skips, strict=True)):
            y = gated(nn.functional.pad(x, (2**i, 0)))
            tanh, sigmoid = y.chunk(2, dim=1)
            y = skip(tanh.tanh() * sigmoid.sigmoid())
            total, x = total + y, x + y
        return self.last(total.relu())


def _model(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: models.create(name, **options)


CASES = {
    case.name: case
    for case in (
        Case("lenet5", _model("lenet5", input_size=28), (1, 28, 28)),
        Case("mobilenet_v1", _model("mobilenet_v1"), (3, 224, 224)),
        Case("resnet18", _model("resnet18"), (3, 224, 224)),
        Case("resnet50", _model("resnet50"), (3, 224, 224)),
        Case("resnext50_32x4d", _model("resnext50_32x4d"), (3, 224, 224)),
        Case("unet", _model("unet", mode="same"), (1, 256, 256)),
        Case("dilated head", dilated_head, (256, 32, 32)),
        Case("dcgan", dcgan, (512, 4, 4)),
        Case("large depthwise", large_depthwise, (96, 56, 56)),
        Case(
            "squeeze-excite",
            lambda: nn.Sequential(*(SqueezeExcite(40, 120) for _ in range(3))),
            (40, 28, 28),
        ),
        Case("wavenet", WaveNet, (1, 4000)),
    )
}
