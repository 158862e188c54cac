"""Depthwise and pointwise in one kernel: values, bounds, and when the pass joins them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, random, run
from tests.support.compare import assert_close
from torch import nn

from convariant import compile
from convariant.compiler.kernels import (
    DirectConv,
    GroupedConv,
    Step,
    StripConv,
    Tile,
    strip_layout,
)
from convariant.compiler.layout import Axis, Layout, lay_out
from convariant.compiler.passes import Strip, run_passes
from convariant.graph import from_torch, interpret


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(HERE),
    st.tuples(*(st.integers(1, most) for most in (2, 37, 13, 17))),
    st.integers(1, 40),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(1, 6),
    st.integers(1, 3),
)
def test_a_strip_equals_both_convolutions(target, shape, co, kernel, stride, band, threads):
    n, c, h, w = shape
    p, lanes = kernel // 2 + 1, target.lanes
    size = [(i + 2 * p - kernel) // stride + 1 for i in (h, w)]
    x = Layout.dense(shape, lanes, (p, p, p, p))
    y = Layout.dense((n, co, *size), lanes, (1, 0, 0, 2))
    strip = strip_layout((n, c, *size), lanes, band)
    axes = (Axis(o, taps=kernel, stride=stride, offset=-p) for o in size)
    relu = (Step("relu"),)
    depthwise = GroupedConv(
        x, strip, *axes, (1, 1), 1, tile_rows=2, tile_columns=5, band=band, epilogue=relu
    )
    pointwise = DirectConv(strip, y, Axis(size[0]), Axis(size[1]), Tile(2, 3, 1), band)
    conv = StripConv(depthwise, pointwise, band)
    values, w1, b1 = random(n, c, h, w), random(c, 1, kernel, kernel), random(c)
    w2, b2 = random(co, c, 1, 1), random(co)
    biases = [
        lay_out(b[None, :, None, None], Layout.dense((1, b.size, 1, 1), lanes)) for b in (b1, b2)
    ]
    scratch = np.full(conv.scratch * threads, np.nan, np.float32)
    weights = depthwise.pack(w1[:, :, None]), biases[0], pointwise.pack(w2[:, :, None]), biases[1]
    result = run(conv, target, (values, x), *weights, scratch, y, threads=threads)
    wide = [torch.from_numpy(a).double() for a in (values, w1, b1, w2, b2)]
    middle = F.conv2d(wide[0], wide[1], wide[2], stride, p, groups=c).relu()
    assert_close(result, F.conv2d(middle, wide[3], wide[4]), dtype="float32", reduction=c * 9)


def separable(channels=32, outputs=48, **options):
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, **options),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
        nn.Conv2d(channels, outputs, 1),
        nn.BatchNorm2d(outputs),
        nn.Hardswish(),
    ).eval()


def joined(model, x):
    graph = run_passes(from_torch(model, (x,)))
    assert_close(interpret(graph, x)[0], model(x), dtype="float32", reduction=300)
    return [node for node in graph.nodes if isinstance(node.op, Strip)]


class Residual(nn.Module):
    """The pointwise layer adds what came in, as in MobileNet v2."""

    def __init__(self):
        super().__init__()
        self.branch = separable(32, 32)

    def forward(self, x):
        return (x + self.branch(x)).relu()


class Twice(nn.Module):
    """Two layers read what the depthwise one gives: it is needed in memory."""

    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.a, self.b = nn.Conv2d(32, 8, 1), nn.Conv2d(32, 8, 1)

    def forward(self, x):
        x = self.depthwise(x)
        return self.a(x) + self.b(x)


@pytest.mark.parametrize(
    ("model", "size", "strips"),
    [
        (separable(), (1, 32, 96, 96), 1),
        (separable(stride=2), (3, 32, 113, 90), 1),
        (Residual(), (2, 32, 70, 71), 1),
        (separable(), (1, 32, 20, 20), 0),  # small enough for the cache
        (separable(1024, 512), (1, 1024, 14, 14), 0),  # weights too heavy to read again
        (Twice(), (1, 32, 96, 96), 0),
    ],
    ids=["plain", "stride", "residual", "small", "heavy", "two readers"],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_programs_take_strips_where_they_pay(model, size, strips, threads):
    torch.manual_seed(0)
    x = torch.randn(size)
    assert len(joined(model, x)) == strips
    program = compile(model, x, threads=threads)
    algorithms = [step.algorithm for step in program.prepare().plan.steps]
    assert algorithms.count("strips") == strips
    truth = interpret(program.graph, x, dtype=torch.float64)[0]
    assert_close(program(x), truth, dtype="float32", reduction=size[1] * 9)
