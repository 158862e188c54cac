"""Softmax, normalisation and reductions along any axes, in red zones and in programs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import (
    HERE,
    Apply,
    Guarded,
    build,
    call,
    check_native,
    each_target,
    random,
    run,
)
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler.kernels import (
    REDUCED,
    GroupNorm,
    LineLogSumExp,
    LineNorm,
    LineReduce,
    Lines,
    LineSoftmax,
    MatMul,
    Step,
)
from convariant.compiler.layout import Layout, lay_out
from convariant.graph import ops

targets = st.sampled_from(HERE)
LINES = st.tuples(
    st.integers(1, 5),
    st.integers(1, 70),
    st.one_of(st.just(1), st.integers(1, 40)),
)


def result(kernel, target, arrays, shape, threads):
    """What a kernel writes behind its inputs, each between red zones."""
    out = Guarded(np.full(np.prod(shape), np.nan, np.float32))
    buffers = [*(Guarded(a.ravel()) for a in arrays), out]
    call(build(kernel, target), buffers, threads)
    return torch.from_numpy(out.values.reshape(shape))


@settings(deadline=None, max_examples=40)
@given(targets, LINES, st.integers(1, 3), st.floats(0.1, 60), st.booleans())
def test_softmax(target, shape, threads, scale, log):
    x = random(*shape) * scale
    y = result(LineSoftmax(Lines(*shape), log), target, [x], shape, threads)
    truth = ops.Softmax(1, log).run(torch.from_numpy(x).double())[0]
    torch.testing.assert_close(y, truth.float(), rtol=2e-6, atol=3e-6 if log else 1e-7)


@settings(deadline=None, max_examples=60)
@given(targets, LINES, st.integers(1, 3), st.sampled_from(sorted(REDUCED)))
def test_reductions(target, shape, threads, function):
    x = np.abs(random(*shape)) if function == "log_sum" else random(*shape)
    y = result(LineReduce(Lines(*shape), function), target, [x], (shape[0], 1, shape[2]), threads)
    truth = ops.Reduce(function, (1,)).run(torch.from_numpy(x).double())[0]
    torch.testing.assert_close(y, truth.float(), rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(targets, LINES, st.integers(1, 3), st.floats(0.1, 200))
def test_log_sum_exp(target, shape, threads, scale):
    x = random(*shape) * np.float32(scale)
    y = result(LineLogSumExp(Lines(*shape)), target, [x], (shape[0], 1, shape[2]), threads)
    truth = torch.from_numpy(x).double().logsumexp(1, True)
    torch.testing.assert_close(y, truth.float(), rtol=1e-6, atol=2e-6)


@each_target
@pytest.mark.parametrize("inner", [1, 3, 20])
def test_log_sum_exp_of_infinities(target, inner):
    x = random(6, 21, inner)
    x[0, 3], x[1, 4], x[2], x[3, 5:7] = np.inf, np.nan, -np.inf, [[-np.inf], [np.inf]]
    x[4, 1:] = -np.inf
    y = result(LineLogSumExp(Lines(*x.shape)), target, [x], (6, 1, inner), 2)
    truth = torch.from_numpy(x).logsumexp(1, True)
    torch.testing.assert_close(y, truth, equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(targets, st.integers(1, 5), st.integers(1, 70), st.booleans(), st.integers(1, 3))
def test_layer_norm(target, outer, count, rms, threads):
    arrays = [random(outer, count) + 0.5, random(count + 1)[1:], random(count)]
    kernel = LineNorm(Lines(outer, count), 1e-5, rms=rms)
    y = result(kernel, target, arrays, (outer, count), threads)
    truth = ops.LayerNorm(1, 1e-5, rms).run(*(torch.from_numpy(a).double() for a in arrays))[0]
    torch.testing.assert_close(y, truth.float(), rtol=1e-5, atol=3e-5)


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 40)),
    st.integers(1, 3),
)
def test_group_norm(target, shape, threads):
    n, groups, width, area = shape
    arrays = [random(n, groups * width, area) * 2 - 1, random(groups * width), random(width)]
    arrays[2] = np.tile(arrays[2], groups)
    kernel = LineNorm(Lines(n * groups, width * area), 1e-5, width, groups)
    y = result(kernel, target, arrays, (n, groups * width, area), threads)
    truth = ops.GroupNorm(groups, 1e-5).run(*(torch.from_numpy(a).double() for a in arrays))[0]
    torch.testing.assert_close(y, truth.float(), rtol=1e-5, atol=3e-5)


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.sampled_from([1, 2, 4, 8, 16, 32, 48]),
    st.tuples(*(st.integers(1, m) for m in (2, 5, 3, 7, 11))),
    st.integers(1, 3),
)
def test_group_norm_in_blocks(target, width, shape, threads):
    n, groups, *size = shape
    if width % target.lanes and target.lanes % width:
        return
    c = groups * width
    values = random(n, c, *size) * np.arange(1, c + 1, dtype=np.float32).reshape(c, 1, 1, 1) + 3
    weight, bias, other = random(c + 1)[1:], random(c), random(n, c, *size)[::-1].copy()
    x = Layout.dense(values.shape, target.lanes, (1, 0, 2, 0))
    y = Layout.dense(values.shape, target.lanes, (0, 1, 0, 1))
    one = Layout.dense((1, c, 1, 1), target.lanes)
    known = [lay_out(array.reshape(1, c, 1, 1), one) for array in (weight, bias)]
    steps = (Step("add", operands=(x,)), Step("relu"))
    kernel = GroupNorm(x, y, width, 1e-3, steps)
    found = run(kernel, target, (values, x), *known, y, (other, x), threads=threads)
    arrays = (torch.from_numpy(a).double() for a in (values, weight, bias))
    truth = torch.relu(ops.GroupNorm(groups, 1e-3).run(*arrays)[0] + torch.from_numpy(other))
    torch.testing.assert_close(
        torch.from_numpy(found).view(truth.shape), truth.float(), rtol=1e-4, atol=1e-4
    )


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.tuples(st.integers(1, 3), st.integers(1, 11), st.integers(1, 20), st.integers(1, 70)),
    st.sampled_from(["both", "one a", "one b"]),
    st.integers(1, 3),
)
def test_matmul(target, sizes, which, threads):
    batch, rows, inner, columns = sizes
    a = random(1 if which == "one a" else batch, rows, inner)
    b = random(1 if which == "one b" else batch, inner, columns)
    apart = [0 if len(m) == 1 else m[0].size for m in (a, b)]
    kernel = MatMul(batch, rows, inner, columns, *apart)
    y = result(kernel, target, [a, b], (batch, rows, columns), threads)
    truth = torch.from_numpy(a).double() @ torch.from_numpy(b).double()
    assert_close(y, truth, dtype="float32", reduction=inner)


class Attention(nn.Module):
    """Several heads; keys are turned, one matrix is shared by all heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.first, self.last = heads, nn.Linear(width, 3 * width), nn.Linear(width, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, c = x.shape
        q, k, v = self.first(x).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) * 0.3).softmax(-1)
        return self.last((weights @ v).transpose(1, 2).reshape(n, t, c)) @ x[:1, :9].relu()


@each_target
@pytest.mark.parametrize("width", [24, 64])
@pytest.mark.parametrize("batch", [1, 2])
def test_attention(target, width, batch):
    torch.manual_seed(0)
    model, x = Attention(width, 4).eval(), torch.randn(batch, 13, width)
    check_native(model, x, target=target, reduction=width * 13)


@each_target
@pytest.mark.parametrize("inner", [1, 3, 20])
def test_infinity_and_nan_stay_in_their_lines(target, inner):
    x = random(2, 21, inner)
    x[0, 5, 0], x[1, 20, 0] = np.nan, -np.inf
    softmax = result(LineSoftmax(Lines(2, 21, inner)), target, [x], x.shape, 2)
    torch.testing.assert_close(softmax, torch.from_numpy(x).softmax(1), equal_nan=True)
    greatest = result(LineReduce(Lines(2, 21, inner), "max"), target, [x], (2, 1, inner), 2)
    torch.testing.assert_close(greatest, torch.from_numpy(x).amax(1, True), equal_nan=True)


@each_target
@pytest.mark.parametrize(
    "model",
    [
        nn.LayerNorm(24),
        nn.LayerNorm((7, 24), elementwise_affine=False),
        nn.RMSNorm(24),
        nn.GroupNorm(3, 18),
        nn.Sequential(nn.GroupNorm(3, 18), nn.ReLU()),
        nn.Sequential(nn.MaxPool2d(1), nn.GroupNorm(1, 18), nn.SiLU()),
        nn.Sequential(nn.MaxPool2d(1), nn.GroupNorm(9, 18), nn.SiLU()),
        nn.Sequential(nn.MaxPool2d(1), nn.InstanceNorm2d(18), nn.SiLU()),
        nn.GroupNorm(6, 18, affine=False),
        nn.InstanceNorm2d(18, affine=True),
        Apply(lambda x: x.softmax(-1)),
        Apply(lambda x: x.softmax(2)),
        Apply(lambda x: x.softmax(0)),
        Apply(lambda x: x.mean(1)),
        Apply(lambda x: x.sum((1, 2, 3))),
        Apply(lambda x: x.amax(-1, True)),
        Apply(lambda x: x.amin(0)),
        Apply(lambda x: x.sum((0, 2))),
        Apply(lambda x: x.amax((0, 2), True)),
        Apply(lambda x: x.var((1, 3), keepdim=True)),
        Apply(lambda x: x.norm(dim=(0, 3))),
        Apply(lambda x: x.logsumexp(1)),
        Apply(lambda x: (x * 50).logsumexp((1, 3), True)),
        Apply(lambda x: F.normalize(x.abs() + 1, dim=1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("batch", [1, 3])
def test_programs(target, model, batch):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    model = nn.Sequential(nn.Tanh(), model).eval()
    x = torch.randn(batch, 18, 7, 24)
    check_native(model, x, target=target, reduction=18 * 7 * 24)
