"""Batch norms folded into the weights before them, as exact as the weights' own type."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from convariant.compiler.passes import run_passes
from convariant.graph import from_torch


@pytest.mark.parametrize(
    ("dtype", "digits"),
    [(torch.float16, 0.52), (torch.bfloat16, 0.52), (torch.float32, 1.0), (torch.float64, 2.0)],
    ids=str,
)
@pytest.mark.parametrize("layer", [nn.Conv2d(6, 6, 3, groups=2), nn.ConvTranspose2d(6, 6, 3)])
def test_scaled_weights_are_exact_within_a_unit_of_their_last_digit(layer, dtype, digits):
    """`digits` units, of what float64 gives; where that is no wider, of its rounding too."""
    net = nn.Sequential(copy.deepcopy(layer), nn.BatchNorm2d(6)).eval()
    net[1].running_var.uniform_(0.5, 2)
    nn.init.uniform_(net[1].weight, 0.5, 2)
    net = net.to(dtype)
    graph = run_passes(from_torch(net, torch.zeros(1, 6, 8, 8, dtype=dtype)))
    (weight,) = (t for t in graph.constants.values() if t.dim() == 4)
    with torch.no_grad():
        scale = net[1].weight.double() * (net[1].running_var.double() + net[1].eps).rsqrt()
        axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        shape = [6 if a == axis else 1 for a in range(4)]
        expected = net[0].weight.double() * scale.view(shape)
    assert weight.dtype is dtype
    kind = torch.finfo(dtype)
    unit = kind.eps * expected.abs().clamp(min=kind.smallest_normal)
    assert ((weight.double() - expected).abs() <= digits * unit).all()
