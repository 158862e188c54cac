"""Every other kernel against PyTorch in float64: random odd sizes, all targets of this machine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, Guarded, build, call, each_target, packed, random, run
from tests.support.compare import assert_close

from convariant.compiler.kernels import (
    BINARY,
    UNARY,
    ClearHalo,
    Convert,
    Elementwise,
    GroupedConv,
    Pool,
    Resize,
    Softmax,
    Step,
    resize_table,
)
from convariant.compiler.layout import Axis, Layout, lay_out
from convariant.graph import ops

targets = st.sampled_from(HERE)
FORMS = st.sampled_from(["planar", "last", "blocked"])
shapes = st.tuples(*(st.integers(1, m) for m in (2, 37, 13, 17)))


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.sampled_from([1, 2, 4]),
    shapes,
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 3),
)
def test_grouped(target, width, shape, kernel, stride, dilation, threads):
    n, groups, h, w = shape
    c, p = groups * width, dilation * (kernel - 1) // 2 + 1
    x = Layout.dense((n, c, h, w), target.lanes, (p, p, p, p))
    size = [(i + 2 * p - dilation * (kernel - 1) - 1) // stride + 1 for i in (h, w)]
    y = Layout.dense((n, c, *size), target.lanes)
    axes = (Axis(o, taps=kernel, stride=stride, step=dilation, offset=-p) for o in size)
    conv = GroupedConv(x, y, *axes, (width, width), width, tile_rows=2, tile_columns=5, band=4)
    values, weight, bias = random(n, c, h, w), random(c, width, kernel, kernel), random(c)
    packed_bias = lay_out(bias[None, :, None, None], Layout.dense((1, c, 1, 1), target.lanes))
    result = run(
        conv, target, (values, x), packed(conv, weight[:, :, None]), packed_bias, y, threads=threads
    )
    tensors = (torch.from_numpy(a).double() for a in (values, weight, bias))
    truth = F.conv2d(*tensors, stride, p, dilation, groups)
    assert_close(result, truth, dtype="float32", reduction=width * kernel**2)


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.sampled_from(["max", "avg"]),
    shapes,
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 2),
    st.booleans(),
)
def test_pool(target, mode, shape, kernel, stride, dilation, ceil):
    h, w = shape[2:]
    dilation = dilation if mode == "max" else 1
    p = kernel // 2
    values = random(*shape)
    wide = torch.from_numpy(values).double()
    span = dilation * (kernel - 1) + 1
    if min(h, w) + 2 * p < span:
        return
    if mode == "max":
        truth = F.max_pool2d(wide, kernel, stride, p, dilation, ceil)
    else:
        truth = F.avg_pool2d(wide, kernel, stride, p, ceil, count_include_pad=False)
    x, y = (
        Layout.dense(shape, target.lanes),
        Layout.dense((*shape[:2], *truth.shape[2:]), target.lanes),
    )
    axes = [Axis(o, taps=kernel, stride=stride, step=dilation, offset=-p) for o in truth.shape[2:]]
    pool = Pool(mode, x, y, *axes)
    counts = (window_counts(axis, i) for axis, i in zip(axes, (h, w), strict=True))
    scales = pool.pack((np.ones(1), *counts) if mode == "avg" else None)
    result = run(pool, target, (values, x), scales, y, threads=2)
    assert_close(result, truth, dtype="float32", reduction=kernel**2)


def window_counts(axis, size):
    starts = np.arange(axis.count) * axis.stride + axis.offset
    taps = starts[:, None] + np.arange(axis.taps) * axis.step
    return ((taps >= 0) & (taps < size)).sum(axis=1).astype(np.float32)


@each_target
def test_max_pool_keeps_nan_and_infinity(target):
    values = random(1, 3, 7, 7)
    values[0, 0, 3, 3], values[0, 1, 2, 2], values[0, 2] = np.nan, np.inf, -np.inf
    x, y = Layout.dense((1, 3, 7, 7), target.lanes), Layout.dense((1, 3, 4, 4), target.lanes)
    axis = Axis(4, taps=3, stride=2, offset=-1)
    result = run(Pool("max", x, y, axis, axis), target, (values, x), np.zeros(1), y)
    truth = F.max_pool2d(torch.from_numpy(values), 3, 2, 1)
    torch.testing.assert_close(torch.from_numpy(result), truth, equal_nan=True, rtol=0, atol=0)


@settings(deadline=None, max_examples=20)
@given(targets, shapes, st.integers(1, 2))
def test_softmax(target, shape, threads):
    x = Layout.dense(shape, target.lanes, (0, 1, 0, 1))
    y = Layout.dense(shape, target.lanes)
    values = 3 * random(*shape)
    result = run(Softmax(x, y), target, (values, x), y, threads=threads)
    assert_close(
        result, torch.softmax(torch.from_numpy(values).double(), 1), dtype="float32", reduction=64
    )


@settings(deadline=None, max_examples=30)
@given(
    targets,
    shapes,
    st.sampled_from(["nearest", "linear", "cubic"]),
    st.integers(1, 25),
    st.integers(1, 25),
)
def test_resize(target, shape, mode, oh, ow):
    op = ops.Resize(mode, (oh, ow))
    values = random(*shape)
    tables = [op.taps(axis, shape[axis + 2], o) for axis, o in enumerate((oh, ow))]
    x, y = Layout.dense(shape, target.lanes), Layout.dense((*shape[:2], oh, ow), target.lanes)
    tables.insert(0, (np.zeros((1, 1), np.int64), np.ones((1, 1))))
    kernel = Resize(x, y, tuple(index.shape[1] for index, _ in tables))
    result = run(kernel, target, (values, x), resize_table(*tables), y, threads=2)
    assert_close(
        result, op.run(torch.from_numpy(values).double())[0], dtype="float32", reduction=16
    )


@settings(deadline=None, max_examples=20)
@given(targets, shapes, st.integers(1, 3))
def test_elementwise_with_broadcast_operands(target, shape, threads):
    n, c, h, w = shape
    x = Layout.dense(shape, target.lanes, (1, 0, 1, 0))
    y = Layout.dense(shape, target.lanes, (0, 2, 0, 1))
    per_channel = Layout.dense((n, c, 1, 1), target.lanes)
    repeated = Layout(n, c, h, w, target.lanes, per_channel.image, per_channel.block, 0, 0)
    kernel = Elementwise(
        x,
        y,
        (Step("sub", operands=(x,), place=1), Step("mul", operands=(repeated,)), Step("relu")),
    )
    values, other, scale = random(*shape), random(n, c, h, w)[:, ::-1], random(n, c, 1, 1)
    result = run(kernel, target, (values, x), y, (other, x), (scale, per_channel), threads=threads)
    truth = np.maximum((other.astype(np.float64) - values) * scale, 0)
    assert_close(result, truth, dtype="float32", reduction=4)


@settings(deadline=None, max_examples=40)
@given(targets, shapes, FORMS, FORMS)
@example(HERE[0], (2, 19, 2, 37), "planar", "blocked")
@example(HERE[0], (2, 19, 2, 37), "blocked", "planar")
@example(HERE[0], (2, 37, 2, 3), "blocked", "last")
def test_convert(target, shape, source, wanted):
    n, c, h, w = shape
    values = random(*shape)
    layouts = {
        "blocked": Layout.dense(shape, target.lanes, (0, 1, 2, 0)),
        "planar": Layout.dense(shape, 1, (1, 0, 0, 1)),
        "last": Layout(n, c, h, w, 1, h * w * c, 1, w * c, c),
    }
    x, y = layouts[source], layouts[wanted]
    if x.lanes == y.lanes == target.lanes:
        return
    result = run(Convert(x, y), target, (values, x), y, threads=2)
    np.testing.assert_array_equal(result, values)


@each_target
def test_convert_fills_up_the_last_block_with_zeros(target):
    x, y = Layout.dense((1, 3, 2, 5), 1), Layout.dense((1, 3, 2, 5), target.lanes)
    buffers = [
        Guarded(lay_out(random(1, 3, 2, 5), x)),
        Guarded(np.full(y.size, np.nan, np.float32)),
    ]
    call(build(Convert(x, y), target), buffers)
    assert (buffers[1].values.reshape(-1, target.lanes)[:, 3:] == 0).all()


@each_target
def test_clear_halo_writes_the_halo_and_nothing_else(target):
    y = Layout.dense((2, 20, 3, 5), target.lanes, (1, 2, 3, 4))
    buffer = Guarded(np.ones(y.size, np.float32), y.origin)
    call(build(ClearHalo(y), target), [buffer], threads=3)
    inside = lay_out(np.ones((2, y.blocks * target.lanes, 3, 5), np.float32), y_all(y))
    np.testing.assert_array_equal(buffer.values, inside)


def y_all(y):
    """The same layout with every lane a channel."""
    return Layout.dense((y.batch, y.blocks * y.lanes, y.height, y.width), y.lanes, y.halo)


PARAMS = {
    "celu": (0.7,),
    "clip": (-0.5, 2.0),
    "elu": (1.3, 1.1),
    "hard_shrink": (0.5,),
    "hard_sigmoid": (1 / 6, 0.5),
    "leaky_relu": (0.1,),
    "shrink": (0.5, 0.25),
    "soft_shrink": (0.5,),
    "softplus": (1.5, 20.0),
    "threshold": (0.375, -2.0),
}
EXTREMES = [0.0, -0.0, np.inf, -np.inf, np.nan, 88.0, -88.0, 200.0, -200.0, 1e-30, -1e-30, 1e30]


@each_target
@pytest.mark.parametrize("name", sorted(UNARY))
def test_function_of_one_number(target, name):
    params = PARAMS.get(name, ())
    values = np.concatenate((EXTREMES, np.linspace(-12, 12, 2001), np.geomspace(1e-6, 90, 200)))
    x = Layout.dense((1, 1, 1, values.size), target.lanes)
    grid = values.astype(np.float32).reshape(1, 1, 1, -1)
    result = run(Elementwise(x, x, (Step(name, params),)), target, (grid, x), x)
    truth = ops.FUNCTIONS[name].run(torch.from_numpy(grid).double(), *params).float()
    torch.testing.assert_close(
        torch.from_numpy(result), truth, rtol=2e-6, atol=1e-7, equal_nan=True
    )


@each_target
@pytest.mark.parametrize("name", sorted(BINARY))
def test_function_of_two_numbers(target, name):
    numbers = np.array([*EXTREMES, 1.0, -2.5, 3.75], np.float32)
    left, right = (a.reshape(1, 1, 1, -1) for a in np.meshgrid(numbers, numbers))
    x = Layout.dense(left.shape, target.lanes)
    result = run(Elementwise(x, x, (Step(name, operands=(x,)),)), target, (left, x), x, (right, x))
    truth = ops.FUNCTIONS[name].run(torch.from_numpy(left), torch.from_numpy(right))
    torch.testing.assert_close(torch.from_numpy(result), truth.float(), equal_nan=True)


@each_target
@pytest.mark.parametrize("exponent", [-3.0, -1.0, 0.5, 1 / 3, 2.0, 2.9, 3.0, 7.5])
def test_powers(target, exponent):
    values = np.geomspace(1e-3, 1e3, 999).astype(np.float32).reshape(1, 1, 1, -1)
    x, power = Layout.dense(values.shape, target.lanes), np.float32(exponent)
    exponents = np.full_like(values, power)
    result = run(Elementwise(x, x, (Step("pow", operands=(x,)),)), target, (values, x), x,
                 (exponents, x))  # fmt: skip
    truth = values.astype(np.float64) ** float(power)
    np.testing.assert_allclose(result, truth, rtol=1e-6)
