"""StrassenConv against PyTorch in float64, and where the plan takes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, check_native, each_target, packed, random, run
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler.kernels import Pairs, Step, StrassenConv, Tile, rank_tiles
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import TARGETS, host_target
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import make_plan
from convariant.compiler.plan._strassen import STRASSEN_ERROR
from convariant.compiler.program import Program
from convariant.graph import from_torch


def paired(direction, rows, columns, stride):
    """Pairs over an output of rows x columns: neighbours, or halves that overlap where odd."""
    down, across = stride
    if direction == "rows":
        return Pairs(rows // 2, columns, (2, 1), (1, 0), (2 * down, across), (down, 0))
    if direction == "columns":
        return Pairs(rows, columns // 2, (1, 2), (0, 1), (down, 2 * across), (0, across))
    half = columns // 2
    return Pairs(rows, columns - half, (1, 1), (0, half), (down, across), (0, across * half))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(HERE),
    st.sampled_from(["rows", "columns", "halves"]),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.integers(1, 4),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 3),
)
def test_any_size_equals_pytorch(
    target, direction, shape, outs, stride, band, splits, threads, joined, size
):
    n, halves, rows, columns = shape
    rows *= 2 if direction == "rows" else 1
    columns *= 2 if direction == "columns" else 1
    ci, co = 2 * halves * target.lanes, 2 * outs * target.lanes
    sizes = ((rows - 1) * stride[0] + 1, (columns - 1) * stride[1] + 1)
    pairs = paired(direction, rows, columns, stride)
    tiles = rank_tiles(target, outs, pairs.rows, pairs.columns)
    x = Layout.dense((n, ci, *sizes), target.lanes, (1, 0, 1, 2))
    y = Layout.dense((n, co, rows, columns), target.lanes, (0, 1, 1, 0))
    values, weight, bias = random(n, ci, *sizes), random(co, ci), random(co)
    other = random(n, co, rows, columns)
    epilogue = (Step("add", operands=(Layout.dense(other.shape, target.lanes),)),) if joined else ()
    truth = F.conv2d(
        *(torch.from_numpy(a).double() for a in (values, weight[:, :, None, None], bias)), stride
    )
    if joined:
        truth = truth + torch.from_numpy(other)
    for tile in {tiles[0], Tile(min(2, pairs.rows), pairs.columns, 1)}:
        shares = splits if outs // tile.vectors >= splits else 1
        conv = StrassenConv(x, y, pairs, tile, band, shares, epilogue, size)
        scratch = np.zeros(conv.scratch * threads, np.float32)
        operands = [(other, epilogue[0].operands[0])] if joined else []
        result = run(
            conv, target, (values, x), packed(conv, weight), bias, scratch, y, *operands,
            threads=threads,
        )  # fmt: skip
        assert_close(
            result, truth, dtype="float32", reduction=4 * ci, scale=float(truth.abs().max())
        )


@each_target
@pytest.mark.parametrize("channels", [32, 512, 2048])
def test_the_error_is_within_what_the_choice_of_algorithm_counts_on(target, channels):
    x = Layout.dense((1, channels, 8, 9), target.lanes)
    y = Layout.dense((1, 128, 8, 9), target.lanes)
    conv = StrassenConv(x, y, Pairs(4, 9, (2, 1), (1, 0), (2, 1), (1, 0)), Tile(1, 4, 1), 4)
    values, weight = random(1, channels, 8, 9), random(128, channels)
    bias, scratch = np.zeros(128, np.float32), np.zeros(conv.scratch, np.float32)
    result = run(conv, target, (values, x), packed(conv, weight), bias, scratch, y)
    truth = np.einsum("oi,nihw->nohw", weight.astype(float), values.astype(float))
    assert np.abs(result - truth).max() <= STRASSEN_ERROR * np.abs(truth).max()


# Strassen's algorithm pays where weights come as fast as they are multiplied.
KEEPS_UP = replace(host_target(), near=0)


def steps(program):
    return [step.algorithm for step in program.latest().plan.steps if step.node is not None]


class Bottleneck(nn.Module):
    """Pointwise layers of an odd, an even and a strided size, with a residual."""

    def __init__(self):
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(256, 128, 1), nn.Conv2d(128, 256, 1)
        self.down = nn.Conv2d(256, 512, 1, stride=2)

    def forward(self, x):
        return self.down(torch.relu(x + self.wide(torch.relu(self.narrow(x)))))


@each_target
@pytest.mark.parametrize("size", [(2, 28, 28), (1, 27, 28), (1, 25, 25)])
def test_a_plan_takes_it_where_the_sizes_are_even_enough(target, size):
    n, h, w = size
    x = torch.from_numpy(random(n, 256, h, w))
    program = check_native(Bottleneck(), x, target=replace(target, near=0), reduction=4000)
    assert ("strassen" in steps(program)) == (h % 2 == 0 or w % 2 == 0)


@pytest.mark.parametrize(
    ("name", "channels", "pixels", "way", "size"),
    [
        ("avx512", (256, 256), 28, "strassen", 0),
        ("avx2", (512, 512), 14, "strassen", 16),
        ("avx2", (256, 256), 28, "strassen", 16),
        ("avx2", (256, 64), 56, "pointwise", 0),  # sums of many inputs for few outputs
    ],
)
def test_where_a_plan_takes_it(name, channels, pixels, way, size):
    """By slices where a first-level cache must keep the weights."""
    x = torch.zeros(1, channels[0], pixels, pixels)
    graph = run_passes(from_torch(nn.Conv2d(*channels, 1).eval(), x))
    plan = make_plan(graph, TARGETS[name], 1, 1e-4)
    (step,) = (step for step in plan.steps if step.node is not None)
    assert step.algorithm == way
    if way == "strassen":
        assert step.kernel.slice == size


def test_a_plan_takes_it_within_the_tolerance_only():
    model, x = nn.Conv2d(256, 256, 1), torch.from_numpy(random(1, 256, 28, 28))
    graph = from_torch(model.eval(), x)
    for tolerance, way in ((1e-4, "strassen"), (1e-6, "pointwise")):
        program = Program(graph, tolerance=tolerance, target=KEEPS_UP)
        program.prepare()
        assert steps(program) == [way]


def test_three_axes():
    x = torch.from_numpy(random(1, 128, 3, 14, 14))
    program = check_native(nn.Conv3d(128, 128, 1), x, target=KEEPS_UP, reduction=1000)
    assert steps(program) == ["strassen"]


def test_phases_of_a_transposed_convolution():
    x = torch.from_numpy(random(2, 256, 13, 14))
    model = nn.Sequential(nn.ConvTranspose2d(256, 128, 3, 3, 1, output_padding=1), nn.ReLU())
    program = check_native(model, x, target=KEEPS_UP, reduction=2000)
    assert set(steps(program)) == {"transposed, 9 phases, strassen"}
