"""A stream of random networks over one to three axes, made of every kind of operation.

`CONVARIANT_STREAM=5000` draws so many instead of a few.
"""

from __future__ import annotations

import math
import os

import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE
from torch import Tensor, nn

from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret

EXAMPLES = int(os.environ.get("CONVARIANT_STREAM", "25"))

CHANNELS = 70


class Step(nn.Module):
    """One operation on (n, c, *size), told by a number which one and by another how."""

    def __init__(self, axes: int, c: int, kind: int, how: int) -> None:
        super().__init__()
        self.axes, self.how, self.c = axes, how, c
        self.kind = KINDS[kind % len(KINDS)]
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
        turned = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[axes - 1]
        k, s, d, co = 1 + how % 4, 1 + how % 2, 1 + how % 3, 1 + how % 37
        groups = max(g for g in range(1, 9) if c % g == 0 and (how % 2 or g == 1))
        p = d * (k - 1) // 2
        self.conv = conv(c, groups * -(-co // groups), k, s, p + how % 2, d, groups)
        self.same = conv(c, c, 3, 1, 1, groups=groups)
        self.point = conv(c, c, 1)
        self.depth = conv(c, c, k, s, p, d, groups=c)
        self.turned = turned(c, co, 1 + k, 2, 1, how % 2)
        self.norm = nn.GroupNorm(groups, c)

    def forward(self, x: Tensor) -> Tensor:
        return self.kind(self, x)


def every_second(m: Step, x: Tensor) -> Tensor:
    """Steps of 1 or 2 on each axis."""
    return x[(slice(None), slice(None), *(slice(m.how % 2, None, 1 + m.how % 2),) * m.axes)]


def split(m: Step, x: Tensor) -> Tensor:
    first, last = x[:, : 1 + x.shape[1] // 2], x[:, x.shape[1] // 2 :]
    return torch.cat((last * 0.5, first.sigmoid(), last[:, :1]), 1)


def attention(m: Step, x: Tensor) -> Tensor:
    both = torch.cat((x.mean(1, True), x.amax(1, True)), 1).sum(1, True)
    return x * torch.sigmoid(both) + m.point(x)


def fewer_axes(m: Step, x: Tensor) -> Tensor:
    """Operands computed with fewer axes than the tensor."""
    line = x.mean((0, 1))
    return x + torch.sin(line) * 0.5 - x.std(tuple(range(1, m.axes + 2)), keepdim=True)


def over_the_batch(m: Step, x: Tensor) -> Tensor:
    apart = (0, *range(2, m.axes + 2))
    return (x - x.mean(apart, keepdim=True)) * torch.rsqrt(x.square().mean(apart, keepdim=True) + 1)


def masks(m: Step, x: Tensor) -> Tensor:
    """Continuous functions, so that rounding decides nothing."""
    y = torch.where(x > 0.25, x - 0.25, torch.zeros_like(x)) + x * (x < 0)
    return torch.where((x >= -1) & ~(x > 2), y, y.new_ones(()) * y)


def softmaxes(m: Step, x: Tensor) -> Tensor:
    axis = m.how % (m.axes + 2)
    return x.softmax(axis) * 4 + x - x.logsumexp(axis, True) * 0.1


def standardised(m: Step, x: Tensor) -> Tensor:
    w = m.same.weight
    apart = tuple(range(1, w.dim()))
    w = (w - w.mean(apart, True)) / (w.var(apart, keepdim=True, unbiased=False) + 0.1).sqrt()
    options = {"padding": 1, "groups": m.same.groups}
    return (F.conv1d, F.conv2d, F.conv3d)[m.axes - 1](x, w * 0.2, m.same.bias, **options)


def resized(m: Step, x: Tensor) -> Tensor:
    mode = ("nearest", ("linear", "bilinear", "trilinear")[m.axes - 1])[m.how % 2]
    size = tuple(1 + (i * (3 + (m.how + a) % 9)) // 7 for a, i in enumerate(x.shape[2:]))
    if m.axes == 2 and m.how % 3 == 0:
        return F.interpolate(x, size, mode="bicubic", antialias=m.how % 5 == 0)
    return F.interpolate(x, size, mode=mode)


def max_pool(m: Step, x: Tensor) -> Tensor:
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[m.axes - 1]
    return pool(x, 2 + m.how % 2, 1 + m.how % 3, 1, ceil_mode=m.how % 5 == 0)


def average_pool(m: Step, x: Tensor) -> Tensor:
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[m.axes - 1]
    return pool(x, 3, 1 + m.how % 2, 1, m.how % 3 == 0, m.how % 5 == 0)


def adaptive_pool(m: Step, x: Tensor) -> Tensor:
    pools = (
        (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
        (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
    )
    size = [1 + (m.how + a) % 11 for a in range(m.axes)]
    return pools[m.how % 2][m.axes - 1](x, size)


def lp_pool(m: Step, x: Tensor) -> Tensor:
    pool = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[m.axes - 1]
    return pool(x.abs() + 0.1, 2.0 + m.how % 2, 1 + m.how % 2, 1 + m.how % 3)


def unpooled(m: Step, x: Tensor) -> Tensor:
    """Of maxima that a second network moves."""
    if m.axes == 1:
        return x
    pool = (F.max_pool2d, F.max_pool3d)[m.axes - 2]
    back = (F.max_unpool2d, F.max_unpool3d)[m.axes - 2]
    if min(x.shape[2:]) < 2:
        return x
    y, places = pool(x, 2, return_indices=True)
    return back(m.point(y), places, 2, output_size=x.shape[2:])


def shuffled(m: Step, x: Tensor) -> Tensor:
    return F.channel_shuffle(x, next(g for g in (4, 3, 2, 1) if x.shape[1] % g == 0))


def pixels(m: Step, x: Tensor) -> Tensor:
    if m.axes != 2:
        return x.flip(2)
    if x.shape[1] % 4 == 0:
        return F.pixel_shuffle(x, 2)
    return F.pixel_unshuffle(F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)), 2)


def padded(m: Step, x: Tensor) -> Tensor:
    most = min(2, min(x.shape[2:]) - 1)
    mode = ("constant", "reflect", "replicate", "circular")[m.how % 4]
    return F.pad(x, [(m.how >> a) % (most + 1) for a in range(2 * m.axes)], mode=mode)


def products(m: Step, x: Tensor) -> Tensor:
    y = x.flatten(2)
    weights = (y @ y.transpose(1, 2) / math.sqrt(y.shape[2])).softmax(-1)
    return x + (weights @ y).view(x.shape)


def repeated(m: Step, x: Tensor) -> Tensor:
    return x.repeat(1, 1 + m.how % 2, *(1,) * m.axes).transpose(1, 2) if m.how % 3 else x.cos()


def dense(m: Step, x: Tensor) -> Tensor:
    one, other = m.same(x), m.point(x)
    return torch.cat((one.relu(), other, x), 1)


KINDS = [
    lambda m, x: m.conv(x).relu(),
    lambda m, x: F.hardswish(m.depth(x)),
    lambda m, x: torch.tanh(m.turned(x)),
    lambda m, x: F.silu(m.point(m.depth(x))),
    lambda m, x: torch.relu(m.same(torch.tanh(m.same(x))) + x),
    lambda m, x: x * torch.sigmoid(m.point(x.mean(tuple(range(2, m.axes + 2)), keepdim=True))),
    lambda m, x: F.gelu(m.norm(x)),
    lambda m, x: F.instance_norm(x + 1) if x[0, 0].numel() > 1 else x,
    lambda m, x: F.local_response_norm(x, 3 + m.how % 3, 0.1),
    lambda m, x: torch.sin(m.same(x)) + torch.atan(x),
    lambda m, x: F.glu(torch.cat((x, m.point(x)), 1), 1),
    lambda m, x: F.layer_norm(x.movedim(1, -1), (x.shape[1],)).movedim(-1, 1) + x,
    lambda m, x: x.transpose(1, 2).softmax(2).transpose(1, 2) * 3,
    lambda m, x: x.clamp(-1, 1.5) / (1 + x.norm(dim=1, keepdim=True)),
    *(every_second, split, attention, fewer_axes, over_the_batch, masks, softmaxes, standardised),
    *(resized, max_pool, average_pool, adaptive_pool, lp_pool, unpooled, shuffled, pixels, padded),
    *(products, repeated, dense),
]


class Stream(nn.Module):
    """Steps drawn by numbers, each made for the channels that the one before gives."""

    def __init__(self, shape: tuple[int, ...], steps: list[tuple[int, int]]) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        x = torch.zeros(1, *shape[1:])
        for kind, how in steps:
            step = Step(len(shape) - 2, x.shape[1], kind, how)
            try:
                y = bounded(step(x))
            except (RuntimeError, ValueError):  # a window larger than the tensor
                continue
            if min(y.shape) > 0:
                self.steps.append(step)
                x = y

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = bounded(step(x))
        return x


def bounded(x: Tensor) -> Tensor:
    """Not too many channels, nor too large a plane."""
    x = x[:, :CHANNELS]
    most = {1: 300, 2: 30, 3: 9}[x.dim() - 2]
    return x[(slice(None), slice(None), *(slice(0, most),) * (x.dim() - 2))]


SIZES = {1: (1, 67), 2: (1, 30), 3: (1, 9)}


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.integers(1, 3).flatmap(
        lambda axes: st.tuples(
            st.integers(1, 3), st.integers(1, CHANNELS), *(st.integers(*SIZES[axes]),) * axes
        )
    ),
    st.lists(
        st.tuples(st.integers(0, len(KINDS) - 1), st.integers(0, 999)), min_size=1, max_size=5
    ),
    st.integers(1, 2),
    st.sampled_from(HERE),
)
def test_any_network_equals_the_float64_truth(shape, steps, threads, target):
    torch.manual_seed(len(steps))
    with torch.no_grad():
        model = Stream(shape, steps).eval()
    if not model.steps:
        return
    x = torch.randn(shape)
    graph = from_torch(model, x)
    program = Program(graph, threads=threads, target=target)
    truth = interpret(graph, x, dtype=torch.float64)[0]
    single = interpret(graph, x)[0]
    scale = float(truth.abs().max()) + 1e-3
    # what PyTorch's own float32 loses, and as much again as a deep network may
    own = float((single - truth).abs().max())
    assert float((program(x) - truth).abs().max()) <= 8 * own + 1e-5 * scale
    calls = [s.reason for s in program.latest().plan.steps if isinstance(s, Call)]
    assert calls == []
