"""Pointwise kernels whose pixels are dealt out in other rows than those of the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, check_native, each_target, packed, random, run
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler.kernels import (
    DirectConv,
    Pairs,
    Step,
    StrassenConv,
    choose_tile,
)
from convariant.compiler.layout import Axis, Layout
from convariant.compiler.llvm import TARGETS
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import make_plan
from convariant.graph import from_torch

HALOS = st.tuples(*(st.integers(0, 2) for _ in range(4)))
SIZES = st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9))


def outcome(conv, target, tensors, y, other, threads):
    """What the kernel gives for (x, weight, bias, joined), each tensor as it lies in memory."""
    x, weight, bias, joined = tensors
    spare = [np.zeros(conv.scratch * threads, np.float32)] if conv.scratch else []
    own = packed(conv, weight if isinstance(conv, StrassenConv) else weight[:, :, None, None, None])
    x_layout = Layout.dense(x.shape, target.lanes)
    places = ((x, x_layout), own, bias, *spare, y, (joined, other))
    return run(conv, target, *places, threads=threads)


def truth(x, weight, bias, joined):
    sums = np.einsum("oi,nihw->nohw", weight.astype(float), x.astype(float))
    return sums + bias[:, None, None] + joined


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(HERE), SIZES, HALOS, HALOS, st.integers(1, 2), st.integers(0, 2))
def test_a_line_of_pixels_goes_to_rows_with_a_halo(target, size, halo, joined_halo, threads, part):
    n, h, w = size
    x, weight, bias = random(n, 20, h, w), random(40, 20), random(48)
    joined = random(n, 40, h, w)
    y, other = (Layout.dense(joined.shape, target.lanes, each) for each in (halo, joined_halo))
    epilogue = (Step("add", operands=(other.dealt(1, h * w),)),)
    tile = choose_tile(target, y.blocks, 1, h * w)
    conv = DirectConv(
        Layout.dense(x.shape, target.lanes).dealt(1, h * w), y.dealt(1, h * w),
        Axis(1), Axis(h * w), tile, 1, epilogue=epilogue, slice=part,
    )  # fmt: skip
    result = outcome(conv, target, (x, weight, bias, joined), y, other, threads)
    assert_close(result, truth(x, weight, bias[:40], joined), dtype="float32", reduction=40)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(HERE),
    SIZES,
    HALOS,
    HALOS,
    st.integers(0, 20),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 2),
)
def test_pairs_go_to_rows_with_a_halo(target, size, halo, joined_halo, which, band, threads, part):
    n, h, w = size
    w += h * w % 2  # an even number of pixels
    lengths = [c for c in range(1, h * w) if h * w % (2 * c) == 0]
    columns = lengths[which % len(lengths)]
    dealt = h * w // columns, columns
    ci, co = 4 * target.lanes, 2 * target.lanes
    x, weight, bias, joined = random(n, ci, h, w), random(co, ci), random(co), random(n, co, h, w)
    y, other = (Layout.dense(joined.shape, target.lanes, each) for each in (halo, joined_halo))
    epilogue = (Step("add", operands=(other.dealt(*dealt),)),)
    pairs = Pairs(dealt[0] // 2, columns, (2, 1), (1, 0), (2, 1), (1, 0))
    tile = choose_tile(target, 1, pairs.rows, columns)
    conv = StrassenConv(
        Layout.dense(x.shape, target.lanes).dealt(*dealt), y.dealt(*dealt),
        pairs, tile, band, 1, epilogue, part,
    )  # fmt: skip
    result = outcome(conv, target, (x, weight, bias, joined), y, other, threads)
    expected = truth(x, weight, bias, joined)
    assert_close(
        result, expected, dtype="float32", reduction=4 * ci, scale=float(np.abs(expected).max())
    )


class Block(nn.Module):
    """Pointwise in front of a windowed layer, and pointwise behind it with a residual."""

    def __init__(self, wide, *, also=False):
        super().__init__()
        self.first, self.window = nn.Conv2d(wide, wide, 1), nn.Conv2d(wide, wide, 3, padding=1)
        self.last, self.also = nn.Conv2d(wide, wide, 1), nn.Conv2d(wide, wide, 3, padding=1)
        self.twice = also

    def forward(self, x):
        x = torch.relu(x)
        y = x + self.last(torch.relu(self.window(torch.relu(self.first(x)))))
        return y + self.also(x) if self.twice else y


def kernels(program, kind):
    return [s.kernel for s in program.latest().plan.steps if isinstance(s.kernel, kind)]


@each_target
@pytest.mark.parametrize("size", [(2, 7, 7), (1, 5, 9), (3, 1, 7)])
def test_rows_of_a_plan_are_joined_where_the_input_has_no_halo(target, size):
    n, h, w = size
    x = torch.from_numpy(random(n, 48, h, w))
    program = check_native(Block(48), x, target=target, reduction=2000)
    widths = [k.columns.count for k in kernels(program, DirectConv) if k.columns.taps == 1]
    assert set(widths) <= {h * w, n * h * w}
    haloed = check_native(Block(48, also=True), x, target=target, reduction=2000)
    first = next(k for k in kernels(haloed, DirectConv) if k.columns.taps == 1)
    assert first.columns.count == w


class Joined(nn.Module):
    """A pointwise layer in front of a windowed one, something of another shape added between."""

    def __init__(self, shape):
        super().__init__()
        self.first, self.window = nn.Conv2d(24, 24, 1), nn.Conv2d(24, 24, 3, padding=1)
        self.added = nn.Parameter(torch.from_numpy(random(*shape)))

    def forward(self, x):
        return self.window(torch.relu(self.first(x) + self.added))


@each_target
@pytest.mark.parametrize(
    "shape", [(1, 24, 1, 1), (1, 1, 5, 7), (1, 24, 1, 7), (2, 24, 5, 1), (2, 1, 1, 1)]
)
def test_what_is_added_may_repeat_along_any_axis(target, shape):
    x = torch.from_numpy(random(2, 24, 5, 7))
    program = check_native(Joined(shape), x, target=target, reduction=1000)
    (first,) = (k for k in kernels(program, DirectConv) if k.columns.taps == 1)
    assert (first.columns.count, first.y.fold) == (35, 7)


@pytest.mark.skipif(TARGETS["avx2"] not in HERE, reason="runs programs of AVX2")
@pytest.mark.parametrize("threads", [1, 2])
def test_pairs_of_a_plan_are_dealt_out_where_the_input_has_no_halo(threads):
    x = torch.from_numpy(random(2, 256, 14, 14))
    for also, first in ((False, (4, 49)), (True, (14, 14))):
        program = check_native(
            Block(256, also=also), x, target=TARGETS["avx2"], threads=threads, reduction=9000
        )
        sizes = [(k.x.height, k.x.width) for k in kernels(program, StrassenConv)]
        assert sizes == [first, (4, 49)]


def test_where_a_plan_deals_pixels_out():
    graph = run_passes(from_torch(nn.Conv2d(512, 1024, 1).eval(), torch.zeros(1, 512, 14, 14)))
    plan = make_plan(graph, TARGETS["avx2"], 1, 1e-4)
    (kernel,) = (step.kernel for step in plan.steps if step.node is not None)
    assert (kernel.x.height, kernel.x.width) == (4, 49)
