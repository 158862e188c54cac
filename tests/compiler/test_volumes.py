"""Whole programs over three axes: convolutions, pools, residuals, strips, flattening."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, check_native, each_target
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler.program import Program
from convariant.graph import from_torch


def check(model, *shape, target=None, reduction=2000):
    """Run without PyTorch; what the steps are called."""
    torch.manual_seed(0)
    program = check_native(model, torch.randn(shape), target=target, reduction=reduction)
    return [s.algorithm for s in program.latest().plan.steps if s.node is not None]


class VolumeNet(nn.Module):
    """A classifier of volumes: a residual, channels that are scaled, a head behind flattening."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(1, 20, 3, stride=(1, 2, 2), padding=1)
        self.norm = nn.BatchNorm3d(20)
        self.pool = nn.MaxPool3d(3, 2, 1)
        self.block = nn.Sequential(nn.Conv3d(20, 20, (3, 1, 1), padding=(1, 0, 0)), nn.Hardswish())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Conv3d(20, 20, 1), nn.Sigmoid())
        self.up = nn.ConvTranspose3d(20, 12, 2, 2)
        self.head = nn.Sequential(nn.AvgPool3d(2), nn.Flatten(), nn.Linear(12 * 3 * 4 * 5, 7))

    def forward(self, x):
        x = self.pool(torch.relu(self.norm(self.stem(x))))
        x = torch.relu(x + self.block(x))
        return self.head(self.up(x * self.squeeze(x)))


@each_target
@pytest.mark.parametrize("batch", [1, 3])
def test_a_network_of_volumes(target, batch):
    names = check(VolumeNet(), batch, 1, 6, 16, 20, target=target)
    assert {"direct", "max pool", "avg pool", "transposed, 8 phases"} <= set(names)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(HERE),
    st.sampled_from(["max", "avg", "avg of all"]),
    st.lists(st.integers(1, 3), min_size=3, max_size=3),
    st.lists(st.integers(1, 3), min_size=3, max_size=3),
    st.booleans(),
    st.tuples(*(st.integers(1, most) for most in (2, 20))),
    st.lists(st.integers(3, 9), min_size=3, max_size=3),
)
def test_pools_over_three_axes(target, mode, kernel, stride, ceil, channels, size):
    padding = [k // 2 for k in kernel]
    if mode == "max":
        pool = nn.MaxPool3d(kernel, stride, padding, ceil_mode=ceil)
    else:
        pool = nn.AvgPool3d(kernel, stride, padding, ceil, count_include_pad=mode == "avg of all")
    check(pool, *channels, *size, target=target, reduction=27)


@pytest.mark.parametrize("batch", [1, 2])
def test_separable_layers_of_volumes_run_in_strips(batch):
    model = nn.Sequential(
        nn.Conv3d(24, 24, 3, padding=1, stride=(2, 1, 1), groups=24),
        nn.ReLU(),
        nn.Conv3d(24, 40, 1),
        nn.Hardswish(),
    )
    assert check(model, batch, 24, 6, 40, 50) == ["strips"]


def test_planes_go_through_winograd_one_by_one():
    model = nn.Conv3d(32, 64, (1, 3, 3), padding=(0, 1, 1))
    (name,) = check(model, 2, 32, 3, 31, 30)
    assert name.startswith("winograd")


def test_no_volume_at_all():
    model = VolumeNet().eval()
    x = torch.randn(2, 1, 6, 16, 20)
    program = Program(from_torch(model, x), threads=1)
    assert program(x[:0]).shape == (0, 7)


def test_infinity_in_a_volume_reaches_what_pytorch_says():
    conv = nn.Conv3d(5, 20, 3, padding=1).eval()
    x = torch.randn(1, 5, 5, 6, 7)
    x[0, 1, 0, 0, 0], x[0, 2, 4, 5, 6] = float("inf"), float("nan")
    result, truth = Program(from_torch(conv, x), threads=1)(x), conv(x).detach()
    assert torch.equal(result.isnan(), truth.isnan())
    clean = truth.isfinite()
    assert_close(result[clean], truth[clean], reduction=135)
