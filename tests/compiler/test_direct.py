"""DirectConv against PyTorch in float64, on random odd sizes, on every target of this machine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, each_target, packed, run
from tests.support.compare import assert_close

from convariant.compiler import compile
from convariant.compiler.kernels import DirectConv, Step, Tile, choose_tile
from convariant.compiler.layout import Axis, Layout


def make(
    target, shape, co, kernel, stride, dilation, padding, *, groups=1, planar=False, **options
):
    """The kernel, its input layout and output layout, for a padded convolution."""
    n, _, h, w = shape
    p = padding
    x = Layout.dense(shape, 1 if planar else target.lanes, (p, p, p, p))
    size = [(i + 2 * p - dilation * (kernel - 1) - 1) // stride + 1 for i in (h, w)]
    y = Layout.dense((n, co, *size), target.lanes)
    rows, columns = (Axis(o, taps=kernel, stride=stride, step=dilation, offset=-p) for o in size)
    tile = options.pop("tile", None) or choose_tile(target, y.blocks // groups, *size)
    return DirectConv(
        x, y, rows, columns, tile, band=options.pop("band", 3), groups=groups, **options
    )


def check(target, conv, *, seed=0, threads=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((conv.x.batch, conv.x.channels, conv.x.height, conv.x.width))
    kernel = (conv.rows.taps, conv.columns.taps)
    weight = rng.standard_normal((conv.y.channels, conv.inputs, *kernel))
    bias = rng.standard_normal(conv.y.channels)
    x, weight, bias = (a.astype(np.float32) for a in (x, weight, bias))
    padded_bias = np.zeros(conv.y.blocks * target.lanes, np.float32)
    padded_bias[: bias.size] = bias
    result = run(
        conv,
        target,
        (x, conv.x),
        packed(conv, weight[:, :, None]),
        padded_bias,
        *([np.full(conv.scratch * threads, np.nan)] if conv.slice else []),
        conv.y,
        threads=threads,
    )
    truth = F.conv2d(
        *(torch.from_numpy(a).double() for a in (x, weight, bias)),
        (conv.rows.stride, conv.columns.stride),
        (-conv.rows.offset, -conv.columns.offset),
        (conv.rows.step, conv.columns.step),
        conv.groups,
    )
    for step in conv.epilogue:
        truth = torch.relu(truth) if step.function == "relu" else truth
    assert_close(result, truth, dtype="float32", reduction=conv.inputs * kernel[0] * kernel[1])


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(HERE),
    st.tuples(*(st.integers(1, m) for m in (2, 35, 19, 19))),
    st.integers(1, 67),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_any_size_equals_pytorch(
    target, shape, co, kernel, stride, dilation, planar, weights_outer, slice, threads
):
    padding = dilation * (kernel - 1) // 2 + 1
    conv = make(
        target, shape, co, kernel, stride, dilation, padding,
        planar=planar, weights_outer=weights_outer, slice=slice,
    )  # fmt: skip
    check(target, conv, threads=threads)


@each_target
def test_two_groups_of_whole_blocks(target):
    lanes = target.lanes
    for slice in (0, 1):
        conv = make(target, (2, 4 * lanes, 9, 7), 6 * lanes, 3, 1, 1, 1, groups=2, slice=slice)
        check(target, conv, threads=2)


@each_target
def test_tall_tiles_and_their_rest_rows(target):
    for slice in (0, 1):
        conv = make(target, (1, 19, 7, 3), 7, 3, 1, 1, 1, tile=Tile(3, 3, 1), band=7, slice=slice)
        check(target, conv)


@each_target
def test_epilogue_is_applied_in_order(target):
    conv = make(target, (1, 5, 6, 6), 9, 1, 1, 1, 0, epilogue=(Step("relu"),))
    check(target, conv)


@each_target
def test_residual_is_added_before_the_activation(target):
    shape, lanes = (2, 8, 5, 6), target.lanes
    other = Layout.dense((2, 11, 5, 6), lanes, (1, 2, 1, 0))
    conv = make(
        target, shape, 11, 1, 1, 1, 0, epilogue=(Step("add", operands=(other,)), Step("relu"))
    )
    rng = np.random.default_rng(1)
    x, weight, residual = (
        rng.standard_normal(s).astype(np.float32) for s in (shape, (11, 8, 1, 1), (2, 11, 5, 6))
    )
    bias = np.zeros(other.blocks * lanes, np.float32)
    result = run(
        conv, target, (x, conv.x), packed(conv, weight[:, :, None]), bias, conv.y, (residual, other)
    )
    truth = F.conv2d(torch.from_numpy(x).double(), torch.from_numpy(weight).double())
    assert_close(
        result, torch.relu(truth + torch.from_numpy(residual)), dtype="float32", reduction=8
    )


@each_target
def test_a_batch_of_vectors_is_one_line_of_pixels(target):
    x = Layout.dense((37, 23, 1, 1), target.lanes).flat
    y = Layout.dense((37, 50, 1, 1), target.lanes).flat
    line = Axis(37)
    tile = choose_tile(target, y.blocks, 1, 37)
    conv = DirectConv(x, y, Axis(1), line, tile, band=1, weights_outer=True)
    rng = np.random.default_rng(2)
    values, weight = rng.standard_normal((37, 23)), rng.standard_normal((50, 23))
    bias = np.zeros(y.blocks * target.lanes, np.float32)
    single = Layout.dense((37, 23, 1, 1), target.lanes)
    outcome = Layout.dense((37, 50, 1, 1), target.lanes)
    result = run(
        conv, target, (values[:, :, None, None].astype(np.float32), single),
        packed(conv, weight[:, :, None, None, None].astype(np.float32)), bias, outcome,
    )  # fmt: skip
    assert_close(result[:, :, 0, 0], values @ weight.T, dtype="float32", reduction=23)


@each_target
def test_infinity_and_nan_reach_the_outputs_that_pytorch_says(target):
    conv = make(target, (1, 3, 5, 5), 4, 3, 1, 1, 1, epilogue=(Step("relu"),))
    x, weight = torch.randn(1, 3, 5, 5), torch.rand(4, 3, 3, 3) + 0.1
    x[0, 1, 0, 0], x[0, 2, 4, 4] = float("inf"), float("nan")
    bias = np.zeros(target.lanes, np.float32)
    result = run(
        conv, target, (x.numpy(), conv.x), packed(conv, weight.numpy()[:, :, None]), bias, conv.y
    )
    truth = torch.relu(F.conv2d(x, weight, padding=1))
    torch.testing.assert_close(torch.from_numpy(result), truth, equal_nan=True)


def test_tiles_fit_the_registers():
    for target in HERE:
        for blocks in (1, 2, 3, 4, 5, 16):
            for rows, columns in ((1, 1), (7, 7), (56, 56), (1, 49), (3, 100)):
                tile = choose_tile(target, blocks, rows, columns)
                sums = tile.rows * tile.columns * tile.vectors
                assert sums + tile.vectors + 1 <= target.registers
                assert blocks % tile.vectors == 0


@each_target
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("tile", [Tile(1, 5, 1), Tile(2, 5, 2)])
@pytest.mark.parametrize("columns", [4, 20, 37])
def test_spans_of_columns(target, threads, outer, tile, columns):
    """Whole tiles in each; the last with less than one, too, or it alone."""
    options = {"tile": tile, "span": 10, "weights_outer": outer}
    for channels, slice in ((7, 0), (2 * target.lanes + 3, 1)):
        shape = (2, channels, 3, columns)
        conv = make(target, shape, 2 * target.lanes, 3, 1, 1, 1, slice=slice, **options)
        check(target, conv, threads=threads)


def test_long_lines_leave_no_thread_without_work():
    model, x = torch.nn.Conv1d(64, 16, 3, padding=1).eval(), torch.randn(1, 64, 4000)
    for threads in (2, 3, 16):
        plan = compile(model, x, threads=threads).prepare().plan
        (step,) = (s for s in plan.steps if s.node is not None)
        panels = step.kernel.y.blocks // step.kernel.tile.vectors
        spans = -(-4000 // step.kernel.span)
        assert panels * spans >= threads
