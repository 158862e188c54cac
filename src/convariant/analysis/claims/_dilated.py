"""Dilated convolution: the same parameters, a larger field."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from convariant.analysis.claims._claim import Fact, Topic, fact
from convariant.analysis.equivalent import prove, stuff_kernel
from convariant.geometry import Geometry, receptive_field

topic = Topic("Dilated convolution")


@topic("true", 20, picture="conv_i7x7_k3x3_d2.svg", docs="equivalences.md#rewrites")
def dilation_adds_no_parameters() -> Iterator[Fact]:
    """A dilated (atrous) convolution has a larger kernel with the same parameters: the places
    between its weights count as zero.
    """
    for dilation, side in ((1, 3), (2, 5), (4, 9)):
        conv = nn.Conv2d(1, 1, 3, dilation=dilation, bias=False)
        extent = Geometry.of(2, 3, dilation=dilation).extent
        yield fact(f"dilation {dilation}: parameters", conv.weight.numel(), 9)
        yield fact(f"dilation {dilation}: covers", extent, (side, side))
    conv = nn.Conv2d(2, 3, 3, dilation=2)
    equal = prove(conv, stuff_kernel, (1, 2, 9, 9)).equal
    yield fact("equal to the 5x5 kernel stuffed with zeros, in float64", equal, True)


@topic("true", 21, 22, picture="conv_i7x7_k3x3_d2.svg", docs="geometry.md#receptive-fields")
def dilation_enlarges_the_receptive_field() -> Iterator[Fact]:
    """Dilation enlarges the receptive field, the region of the input that affects an output."""
    for name, dilations, size in (
        ("one 3x3", (1,), 3),
        ("one 3x3, dilation 2", (2,), 5),
        ("three 3x3", (1, 1, 1), 7),
        ("three 3x3, dilations 1, 2, 4", (1, 2, 4), 15),
    ):
        windows = [Geometry(3, dilation=d) for d in dilations]
        computed = receptive_field(windows).size[0]
        yield fact(f"{name}: receptive field", computed, size)
        yield fact(f"{name}: measured by the gradient", _span_of_gradient(dilations), size)


def _span_of_gradient(dilations: tuple[int, ...]) -> int:
    """From the first to the last input that one output of such a network depends on."""
    layers = [nn.Conv1d(1, 1, 3, dilation=d, bias=False) for d in dilations]
    for layer in layers:
        nn.init.ones_(layer.weight)
    x = torch.ones(1, 1, 40, requires_grad=True)
    y = nn.Sequential(*layers)(x)
    (gradient,) = torch.autograd.grad(y[0, 0, y.shape[2] // 2], x)
    touched = gradient[0, 0].nonzero().ravel()
    return int(touched[-1] - touched[0]) + 1
