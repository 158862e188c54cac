"""Groups of any width, plain and transposed: kernels in red zones, then whole programs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, check_native, each_target, packed, random, run
from tests.support.compare import assert_close, assert_equal
from torch import nn

from convariant.compiler.kernels import GroupedConv, Regroup, Step
from convariant.compiler.layout import Axis, Layout, lay_out
from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret

targets = st.sampled_from(HERE)
WIDTHS = st.integers(1, 70)


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.integers(1, 20),
    st.integers(1, 35),
    st.tuples(st.integers(0, 17), st.integers(0, 17)),
    st.tuples(*(st.integers(1, m) for m in (2, 3, 4, 9))),
    st.integers(1, 3),
)
def test_regroup(target, groups, width, more, size, threads):
    """Groups move to any distance; the channels between them become 0, then the epilogue's."""
    n, d, h, w = size
    x_apart, y_apart = (width + m for m in more)
    values = random(n, groups * x_apart, d, h, w)
    x, y = (Layout.dense((n, groups * a, d, h, w), target.lanes) for a in (x_apart, y_apart))
    kernel = Regroup(x, y, width, x_apart, y_apart, (Step("sigmoid"),))
    result = run(kernel, target, (values, x), y, threads=threads)
    truth = np.zeros((n, groups, y_apart, d, h, w))
    truth[:, :, :width] = values.reshape(n, groups, x_apart, d, h, w)[:, :, :width]
    truth = torch.from_numpy(truth).sigmoid().reshape(n, groups * y_apart, d, h, w)
    assert_close(result.reshape(truth.shape), truth, dtype="float32")


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.integers(1, 11),
    st.tuples(st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([1, 2, 4, 8])),
    st.integers(0, 3),
    st.tuples(*(st.integers(1, m) for m in (2, 4, 5, 9))),
    st.tuples(*(st.integers(1, 3) for _ in range(3))),
    st.integers(1, 2),
)
def test_groups_of_unequal_widths(target, groups, widths, unused, size, kernel, stride):
    (n, d, h, w), lanes = size, target.lanes
    u, v = min(widths[0], lanes), min(widths[1], lanes)
    used, pads = max(u - unused, 1), [k // 2 for k in kernel]
    halo = (pads[1], pads[1], pads[2], pads[2])
    sizes = [(i + 2 * p - k) // stride + 1 for i, p, k in zip((d, h, w), pads, kernel, strict=True)]
    x = Layout.dense((n, groups * u, d, h, w), lanes, halo)
    y = Layout.dense((n, groups * v, *sizes), lanes)
    planes, rows, columns = (
        Axis(o, taps=k, stride=stride, offset=-p)
        for o, k, p in zip(sizes, kernel, pads, strict=True)
    )
    conv = GroupedConv(x, y, rows, columns, (u, v), used, 2, 3, 2, planes=planes)
    values, weight = random(n, groups * u, d, h, w), random(groups * v, used, *kernel)
    bias = lay_out(random(1, groups * v, 1, 1), Layout.dense((1, groups * v, 1, 1), lanes))
    result = run(conv, target, (values, x), packed(conv, weight), bias, y, threads=2)
    whole = np.zeros((groups * v, u, *kernel), np.float32)
    whole[:, :used] = weight
    terms = [torch.from_numpy(a).double() for a in (values, whole, bias[: groups * v])]
    truth = torch.nn.functional.conv3d(*terms, stride, pads, 1, groups)
    magnitude = torch.nn.functional.conv3d(*(t.abs() for t in terms), stride, pads, 1, groups)
    reduction, scale = used * int(np.prod(kernel)), float(magnitude.max())
    result = result.reshape(truth.shape)
    assert_close(result, truth, dtype="float32", reduction=reduction, scale=scale)


KINDS = {
    (1, False): nn.Conv1d,
    (2, False): nn.Conv2d,
    (3, False): nn.Conv3d,
    (1, True): nn.ConvTranspose1d,
    (2, True): nn.ConvTranspose2d,
    (3, True): nn.ConvTranspose3d,
}


def convolution(axes, transposed, groups, widths, numbers):
    """A layer whose kernel, stride, dilation and padding on each axis are drawn by numbers."""
    kernel, stride, dilation = ([1 + n // m % 3 for n in numbers] for m in (1, 3, 9))
    padding = [
        min(n // 27 % 3, d * (k - 1)) for n, d, k in zip(numbers, dilation, kernel, strict=True)
    ]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        options["output_padding"] = [n // 81 % s for n, s in zip(numbers, stride, strict=True)]
    ci, co = (groups * width for width in widths)
    return KINDS[axes, transposed](ci, co, kernel, **options)


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 5),
    st.tuples(WIDTHS, WIDTHS),
    st.lists(st.integers(0, 243), min_size=3, max_size=3),
    st.tuples(st.integers(1, 3), st.lists(st.integers(7, 10), min_size=3, max_size=3)),
    st.integers(1, 2),
)
def test_any_groups_on_any_axes_check_native(
    target, axes, transposed, groups, widths, numbers, shape, threads
):
    torch.manual_seed(sum(numbers))
    conv = convolution(axes, transposed, groups, widths, numbers[:axes])
    model = nn.Sequential(conv, nn.Hardswish()).eval()
    x = torch.randn(shape[0], groups * widths[0], *shape[1][:axes])
    graph = from_torch(model, x)
    program = Program(graph, threads=threads, target=target)
    truth = interpret(graph, x, dtype=torch.float64)[0]
    assert_close(program(x), truth, dtype="float32", reduction=27 * widths[0])
    assert not [s.reason for s in program.latest().plan.steps if isinstance(s, Call)]


@each_target
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_no_tap_meets_is_the_bias(target, axis):
    stride = tuple(2 if a == axis else 1 for a in range(3))
    model = nn.ConvTranspose3d(3, 9, 1, stride, output_padding=tuple(s - 1 for s in stride))
    x = torch.randn(1, 3, 4, 3, 5)
    program = check_native(model, x, target=target, reduction=3)
    between = program(x).select(2 + axis, -1)
    bias = model.bias.detach().view(1, -1, 1, 1).expand_as(between)
    assert_close(between, bias, dtype="float32")


@each_target
@pytest.mark.parametrize("width", [3, 5, 12, 24])
@pytest.mark.parametrize("transposed", [False, True])
def test_infinity_stays_in_its_group(target, width, transposed):
    conv = KINDS[2, transposed](4 * width, 4 * width, 3, padding=1, groups=4).eval()
    x = torch.randn(1, 4 * width, 5, 5)
    x[0, width + 1, 2, 2] = float("inf")
    program = Program(from_torch(conv, x), threads=1, target=target)
    result, truth = program(x), conv(x).detach()
    assert_equal(result.isfinite(), truth.isfinite())
    clean = truth.isfinite().all(-1).all(-1)[0]
    assert 3 * width == int(clean.sum())
    assert_close(result[:, clean], truth[:, clean], reduction=9 * width)


class Multiplier(nn.Module):
    """Depthwise layers with several outputs for each channel, and a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(20, 40, 3, padding=1, groups=20)
        self.wider = nn.Conv2d(20, 60, 3, stride=2, padding=1, groups=20)
        self.up = nn.ConvTranspose2d(60, 40, 4, 2, 1, groups=20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.wide(x) + self.up(torch.relu(self.wider(x))))


def test_a_program_with_grouped_layers_takes_other_batches_and_none():
    model, x = Multiplier().eval(), torch.randn(2, 20, 14, 18)
    truth = copy.deepcopy(model).double()
    program = Program(from_torch(model, x), threads=2)
    for batch in (2, 1, 3, 0):
        x = torch.randn(batch, 20, 14, 18)
        result = program(x)
        assert_close(result, truth(x.double()).detach(), dtype="float32", reduction=100)
        calls = [s for s in program.latest().plan.steps if isinstance(s, Call)]
        assert calls == []
