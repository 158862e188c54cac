"""Depthwise and pointwise in one kernel: values, bounds, and when the pass joins them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, packed, random, run
from tests.support.compare import assert_close
from torch import nn

from convariant import compile
from convariant.compiler.kernels import (
    DirectConv,
    GroupedConv,
    Pairs,
    Step,
    StrassenConv,
    StripConv,
    Tile,
    strip_layout,
)
from convariant.compiler.layout import Axis, Layout, lay_out
from convariant.compiler.llvm import get_target
from convariant.compiler.passes import Strip, run_passes
from convariant.compiler.plan import make_plan
from convariant.graph import from_torch, interpret


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(HERE),
    st.tuples(*(st.integers(1, most) for most in (2, 37, 13, 17))),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(1, 6),
    st.integers(1, 3),
)
def test_a_strip_equals_its_convolutions(target, shape, widths, kernel, stride, band, threads):
    """A depthwise layer, and pointwise ones behind it: by Strassen's algorithm where that fits."""
    n, c, h, w = shape
    p, lanes = kernel // 2 + 1, target.lanes
    size = [(i + 2 * p - kernel) // stride + 1 for i in (h, w)]
    x = Layout.dense(shape, lanes, (p, p, p, p))
    y = Layout.dense((n, widths[-1], *size), lanes, (1, 0, 0, 2))
    strips = [strip_layout((n, co, *size), lanes, band) for co in (c, *widths[:-1])]
    axes = (Axis(o, taps=kernel, stride=stride, offset=-p) for o in size)
    relu = (Step("relu"),)
    depthwise = GroupedConv(
        x, strips[0], *axes, (1, 1), 1, tile_rows=2, tile_columns=5, band=band, epilogue=relu
    )
    pointwise = [pointwise_stage(*pair, size, band) for pair in itertools.pairwise([*strips, y])]
    conv = StripConv((depthwise, *pointwise), band)
    values = random(n, c, h, w)
    shapes = [(c, 1, kernel, kernel), *((o, i, 1, 1) for i, o in itertools.pairwise([c, *widths]))]
    weights, biases = [random(*s) for s in shapes], [random(s[0]) for s in shapes]
    arguments = []
    for stage, weight, bias in zip(conv.stages, weights, biases, strict=True):
        channels = Layout.dense((1, bias.size, 1, 1), lanes)
        arguments += [
            packed(stage, weight[:, :, None]),
            lay_out(bias[None, :, None, None], channels),
        ]
    scratch = np.full(conv.scratch * threads, np.nan, np.float32)
    result = run(conv, target, (values, x), *arguments, scratch, y, threads=threads)
    truth, *wide = (torch.from_numpy(a).double() for a in (values, *weights))
    truth = F.conv2d(truth, wide[0], torch.from_numpy(biases[0]).double(), stride, p, groups=c)
    truth = truth.relu()
    for weight, bias in zip(wide[1:], biases[1:], strict=True):
        truth = F.conv2d(truth, weight, torch.from_numpy(bias).double())
    assert_close(result, truth, dtype="float32", reduction=c * 9 + sum(widths))


def pointwise_stage(x, y, size, band):
    rows, columns = size
    if x.channels % (2 * x.lanes) or y.blocks % 2 or columns % 2:
        slice = 2 * (columns % 2)  # with and without
        return DirectConv(x, y, Axis(rows), Axis(columns), Tile(2, 3, 1), band, slice=slice)
    pairs = Pairs(rows, columns // 2, (1, 2), (0, 1), (1, 2), (0, 1))
    return StrassenConv(x, y, pairs, Tile(1, 3, 1), band)


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


def expanding(channels=32, inner=64, kernel_size=5):
    """Depthwise, then wider and narrower by pointwise layers, as in ConvNeXt."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels),
        nn.Conv2d(channels, inner, 1),
        nn.GELU(),
        nn.Conv2d(inner, channels, 1),
    ).eval()


def wide_and_narrow():
    """Pointwise layers behind a 3x3 one: the strip begins with a pointwise layer."""
    first = nn.Conv2d(32, 32, 3, padding=1)
    return nn.Sequential(first, nn.Conv2d(32, 64, 1), nn.ReLU(), nn.Conv2d(64, 32, 1)).eval()


class Gated(nn.Module):
    """What the first pointwise layer gives is added to: its operand would have to be cut too."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(32, 32, 3, padding=1)
        self.a, self.b = nn.Conv2d(32, 32, 1), nn.Conv2d(32, 32, 1)

    def forward(self, x):
        x = self.body(x)
        return self.b(self.a(x) + x)


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
        (expanding(), (1, 32, 95, 96), 1),  # one strip of three layers
        (nn.Sequential(expanding(), expanding()), (2, 32, 80, 77), 2),
        (wide_and_narrow(), (1, 32, 99, 101), 1),
        (wide_and_narrow()[1:], (1, 32, 96, 96), 0),  # its input is the network's, not in blocks
        (Gated(), (1, 32, 96, 96), 0),
    ],
    ids=[
        "plain",
        "stride",
        "residual",
        "small",
        "heavy",
        "two readers",
        "three layers",
        "three twice",
        "pointwise first",
        "pointwise input",
        "operand between",
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_programs_take_strips_where_they_pay(model, size, strips, threads):
    torch.manual_seed(0)
    x = torch.randn(size)
    assert len(joined(model, x)) == strips
    program = compile(model, x, threads=threads)
    algorithms = [step.algorithm for step in program.prepare().plan.steps]
    assert sum(algorithm.startswith("strips") for algorithm in algorithms) == strips
    truth = interpret(program.graph, x, dtype=torch.float64)[0]
    assert_close(program(x), truth, dtype="float32", reduction=size[1] * 9)


@pytest.mark.parametrize(("inner", "declined"), [(64, 0), (48, 1)], ids=["both may", "neither may"])
def test_strassen_is_declined_once_where_no_stage_takes_it(inner, declined):
    """On vectors of 16: 48 channels have no halves of whole blocks, on either side."""
    graph = run_passes(from_torch(expanding(32, inner), (torch.zeros(1, 32, 96, 96),)))
    plan = make_plan(graph, get_target("avx512"), 1, 1e-4)
    (choice,) = (plan.choices[n.name] for n in graph.nodes if isinstance(n.op, Strip))
    assert [way.algorithm for way in choice.declined] == ["strassen"] * declined
    assert len(choice.ways) == 2 - declined
