"""Layers over the last axis, read as layers over channels: the pass, its kernel, whole blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, check_native, each_target, random, run
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler.kernels import ChannelNorm
from convariant.compiler.layout import Layout, lay_out
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret, ops


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(HERE),
    st.tuples(*(st.integers(1, most) for most in (2, 40, 2, 3, 10))),
    st.booleans(),
    st.integers(1, 3),
)
def test_channel_norm(target, shape, rms, threads):
    c, lanes = shape[1], target.lanes
    x, y = Layout.dense(shape, lanes, (1, 0, 0, 1)), Layout.dense(shape, lanes, (0, 1, 2, 0))
    values, weight, bias = random(*shape) * 3 + 1, random(c + 1)[1:], random(c)
    one = Layout.dense((1, c, 1, 1), lanes)
    affine = [lay_out(a.reshape(1, -1, 1, 1), one) for a in (weight, bias)]
    result = run(ChannelNorm(x, y, 1e-5, rms), target, (values, x), *affine, y, threads=threads)
    tensors = (torch.from_numpy(a).double() for a in (values, weight, bias))
    truth = ops.LayerNorm(1, 1e-5, rms).run(next(tensors).movedim(1, -1), *tensors)[0]
    truth = truth.movedim(-1, 1).reshape(result.shape)
    torch.testing.assert_close(torch.from_numpy(result), truth.float(), rtol=1e-5, atol=3e-5)


class ConvNeXtBlock(nn.Module):
    """Depthwise, then norm and two linear layers over the last axis, and a residual."""

    def __init__(self, channels: int, axes: int) -> None:
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
        self.depthwise = conv(channels, channels, 5, padding=2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand, self.project = nn.Linear(channels, 64), nn.Linear(64, channels)
        self.gamma = nn.Parameter(torch.randn(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.depthwise(x).movedim(1, -1)
        y = self.gamma * self.project(F.gelu(self.expand(self.norm(y))))
        return x + y.movedim(-1, 1)


def check(model, *shape, target=None, reduction=1000):
    torch.manual_seed(0)
    x = torch.randn(shape)
    program = check_native(model, x, target=target, reduction=reduction)
    truth = interpret(program.graph, x, dtype=torch.float64)[0]
    graph = run_passes(program.graph)
    assert_close(interpret(graph, x)[0], truth, dtype="float32", reduction=reduction)
    return [step.algorithm for step in program.latest().plan.steps]


@each_target
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("axes", "size"), [(1, (19,)), (2, (9, 11)), (3, (3, 5, 4))])
def test_convnext_blocks_permute_nothing(target, batch, axes, size):
    model = nn.Sequential(ConvNeXtBlock(24, axes), ConvNeXtBlock(24, axes))
    names = check(model, batch, 24, *size, target=target)
    assert "permute" not in names
    assert names.count("channel norm") == 2
    assert names.count("pointwise") == 4


class Perceptron(nn.Module):
    """The second half of a transformer's layer, and a product with a constant."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.layers = nn.Sequential(nn.Linear(width, 40), nn.SiLU(), nn.Linear(40, width))
        self.scale = nn.Parameter(torch.randn(width))
        self.matrix = nn.Parameter(torch.randn(width, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.scale * self.layers(self.norm(x))
        return (x @ self.matrix).softmax(-1)


@each_target
@pytest.mark.parametrize("shape", [(2, 7, 32), (1, 5, 3, 20), (1, 2, 1, 3, 2, 16), (3, 17)])
def test_layers_over_the_last_axis_of_any_rank(target, shape):
    names = check(Perceptron(shape[-1]), *shape, target=target)
    assert names.count("pointwise") == 3


class Both(nn.Module):
    """The permuted value is read by what cannot follow, and is a result as well."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 20, 3)
        self.linear = nn.Linear(20, 20)
        self.table = nn.Parameter(torch.randn(6, 7, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        last = self.conv(x).permute(0, 2, 3, 1)
        y = torch.relu(self.linear(last) + self.table) * last
        return y.flatten(1, 2), y.permute(0, 3, 1, 2), last, y.cumsum(1)


def test_what_cannot_follow_reads_the_permuted_value():
    torch.manual_seed(0)
    model, x = Both().eval(), torch.randn(2, 3, 8, 9)
    results = Program(from_torch(model, x), threads=1)(x)
    for result, truth in zip(results, model(x), strict=True):
        assert_close(result, truth.detach(), reduction=200)


def test_an_open_or_empty_batch():
    model, x = ConvNeXtBlock(8, 2).eval(), torch.randn(2, 8, 5, 6)
    program = Program(from_torch(model, x), threads=1)
    for batch in (1, 4, 0):
        y = torch.randn(batch, 8, 5, 6)
        assert_close(program(y), model(y).detach(), reduction=200)


class SpatialAttention(nn.Module):
    """One map of weights for all channels, behind an element-wise function and a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = nn.Conv2d(2, 1, 5, padding=2)
        self.conv = nn.Conv2d(channels, 33, 1)
        self.up = nn.ConvTranspose2d(channels, 18, 2, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        weights = torch.sigmoid(self.map(both))
        low = nn.functional.interpolate(weights, scale_factor=2.0)
        return x * weights, torch.relu(self.conv(x) - weights), low / (self.up(x).abs() + 1)


@each_target
@pytest.mark.parametrize(("batch", "channels"), [(1, 20), (2, 1), (3, 64)])
def test_one_channel_for_all(target, batch, channels):
    torch.manual_seed(0)
    model, x = SpatialAttention(channels).eval(), torch.randn(batch, channels, 7, 9)
    program = Program(from_torch(model, x), threads=2, target=target)
    truths = interpret(program.graph, x, dtype=torch.float64)
    for result, truth in zip(program(x), truths, strict=True):
        assert_close(result, truth, dtype="float32", reduction=channels * 50)
    steps = program.latest().plan.steps
    assert [s.reason for s in steps if isinstance(s, Call)] == []
    assert len([s for s in steps if s.algorithm == "element-wise"]) <= 1
