"""WinogradConv against PyTorch in float64, and its matrices against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, packed, run
from tests.support.compare import assert_close

from convariant.compiler.kernels import (
    Step,
    Tile,
    WinogradConv,
    winograd_matrices,
    winograd_tiles,
)
from convariant.compiler.layout import Axis, Layout, lay_out
from convariant.compiler.plan._choose import winograd_error


@pytest.mark.parametrize("m", [2, 4, 6])
def test_matrices_give_the_correlation_of_six_with_three(m):
    rng = np.random.default_rng(m)
    data, kernel = rng.standard_normal(m + 2), rng.standard_normal(3)
    output, weights, inputs = map(np.array, winograd_matrices(m))
    result = output @ ((weights @ kernel) * (inputs @ data))
    np.testing.assert_allclose(result, np.correlate(data, kernel, "valid"), rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(HERE),
    st.sampled_from([2, 4, 6]),
    st.tuples(*(st.integers(1, n) for n in (3, 37, 19, 19))),
    st.integers(1, 40),
    st.integers(0, 2),
    st.tuples(st.integers(1, 3), st.integers(1, 4)),
    st.integers(1, 3),
)
def test_any_size_equals_pytorch(target, m, shape, co, padding, dilation, threads):
    n, ci, h, w = shape
    h, w = h + 2 * dilation[0], w + 2 * dilation[1]
    size = (h + 2 * (padding - dilation[0]), w + 2 * (padding - dilation[1]))
    rows, columns = (
        Axis(o, taps=3, step=d, offset=-padding) for o, d in zip(size, dilation, strict=True)
    )
    # whole tiles are read, also where they reach beyond the output
    ends = [
        (winograd_tiles(axis, m) * m + 2) * axis.step - padding - i
        for axis, i in zip((rows, columns), (h, w), strict=True)
    ]
    x = Layout.dense((n, ci, h, w), target.lanes, (padding, ends[0], padding, ends[1]))
    y = Layout.dense((n, co, *size), target.lanes, (0, 1, 1, 0))
    vectors = 2 if y.blocks % 2 == 0 else 1
    tile = Tile(1, 4, vectors)
    slice = (n - 1) * (1 + ci % 2)  # 0 for all at once, else up to 4 blocks of up to 10
    conv = WinogradConv(
        x, y, rows, columns, m, tile, tiles=7, epilogue=(Step("relu"),), slice=slice
    )
    rng = np.random.default_rng(0)
    values, weight, bias = (
        rng.standard_normal(s).astype(np.float32) for s in ((n, ci, h, w), (co, ci, 3, 3), co)
    )
    packed_bias = lay_out(bias[None, :, None, None], Layout.dense((1, co, 1, 1), target.lanes))
    scratch = np.full(conv.scratch * threads, np.nan, np.float32)
    result = run(
        conv, target, (values, x), packed(conv, weight), packed_bias, scratch, y, threads=threads
    )  # fmt: skip
    truth = F.conv2d(
        *(torch.from_numpy(a).double() for a in (values, weight, bias)), 1, padding, dilation
    )
    # the transforms lose about a digit
    assert_close(
        result,
        torch.relu(truth),
        dtype="float32",
        reduction=ci * 9 * 100,
        scale=float(truth.abs().max()),
    )


@pytest.mark.parametrize("m", [2, 4, 6])
@pytest.mark.parametrize("channels", [16, 128, 512])
def test_the_error_is_within_what_the_choice_of_algorithm_counts_on(m, channels):
    target = HERE[0]
    y = Layout.dense((1, 64, 14, 14), target.lanes)
    x = Layout.dense((1, channels, 16, 16), target.lanes, (0, 4, 0, 4))
    conv = WinogradConv(x, y, Axis(14, taps=3), Axis(14, taps=3), m, Tile(1, 4, 1), tiles=16)
    rng = np.random.default_rng(channels)
    values, weight = (
        rng.standard_normal(s).astype(np.float32)
        for s in ((1, channels, 16, 16), (64, channels, 3, 3))
    )
    scratch, bias = np.zeros(conv.scratch, np.float32), np.zeros(64, np.float32)
    result = run(conv, target, (values, x), packed(conv, weight), bias, scratch, y)
    truth = F.conv2d(torch.from_numpy(values).double(), torch.from_numpy(weight).double()).numpy()
    assert np.abs(result - truth).max() <= winograd_error(m, channels) * np.abs(truth).max()
