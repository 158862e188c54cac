"""Copies by any strides, and the operations made of them, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, Apply, Guarded, build, call, random, run
from tests.support.compare import assert_equal

from convariant.compiler.kernels import Copy, Pick
from convariant.compiler.layout import Layout
from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch

targets = st.sampled_from(HERE)


@settings(deadline=None, max_examples=80)
@given(targets, st.integers(1, 5), st.integers(1, 3), st.data())
def test_copy(target, rank, threads, data):
    """A view of x, permuted, cut, repeated and reversed, written into part of a permuted y."""
    order = data.draw(st.permutations(range(rank)))
    most = {1: 100, 2: 40, 3: 20}.get(rank, 5)
    sizes = [data.draw(st.integers(1, most)) for _ in range(rank)]
    steps = [data.draw(st.sampled_from([1, 1, 1, 2, -1, 0])) for _ in range(rank)]
    room = [1 if s == 0 else (n - 1) * abs(s) + 1 for n, s in zip(sizes, steps, strict=True)]
    whole = np.arange(np.prod(room), dtype=np.float32).reshape([room[a] for a in order])
    x = whole.transpose(np.argsort(order))
    cut = tuple(slice(None, None, s) if s else slice(None) for s in steps)
    view = np.broadcast_to(x[cut], sizes)
    more = [n + data.draw(st.integers(0, 1)) for n in sizes]
    y = np.full(more, -1.0, np.float32)
    inside = tuple(slice(0, n) for n in sizes)
    strides = [tuple(s // 4 for s in a.strides) for a in (view, y)]
    start = (view.ctypes.data - whole.ctypes.data) // 4
    buffers = [Guarded(whole.ravel(), start), Guarded(y.ravel())]
    call(build(Copy.of(sizes, *strides), target), buffers, threads)
    y[inside] = view
    assert_equal(buffers[1].values, y.ravel())


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.tuples(*(st.integers(1, m) for m in (2, 3, 4, 7))),
    st.lists(st.integers(1, 37), min_size=1, max_size=3),
    st.integers(1, 50),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_pick(target, shape, channels, count, threads, chance):
    """Any channels of several tensors, each with a halo of its own, and NaN where none is."""
    n, *size = shape
    arrays = [random(n, c, *size) for c in channels]
    xs = tuple(Layout.dense(a.shape, target.lanes, (i, 0, 1, i)) for i, a in enumerate(arrays))
    y = Layout.dense((n, count, *size), target.lanes, (0, 1, 0, 2))
    sources = []
    for _ in range(count):
        i = chance.randrange(len(channels))
        sources.append((i, chance.randrange(channels[i])))
    kernel = Pick(xs, y, tuple(sources))
    result = run(kernel, target, *zip(arrays, xs, strict=True), y, threads=threads)
    assert_equal(
        result.reshape(n, count, *size), np.stack([arrays[i][:, k] for i, k in sources], 1)
    )


def check(function, *inputs, target=None, threads=2):
    model = Apply(function)
    program = Program(from_torch(model, inputs), threads=threads, target=target)
    assert_equal(program(*inputs), model(*inputs))
    steps = program.latest().plan.steps
    assert [s.reason for s in steps if isinstance(s, Call)] == []
    return {s.algorithm for s in steps}


def volume(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


SHAPES = st.lists(st.integers(1, 19), min_size=2, max_size=5)


@settings(deadline=None, max_examples=20)
@given(targets, SHAPES, st.data())
def test_permute_and_slices_in_any_direction(target, shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    cuts = []
    for a in order:
        start = data.draw(st.integers(0, shape[a] - 1))
        cuts.append(slice(start, data.draw(st.integers(start + 1, shape[a])), 1 + shape[a] % 3))
    dims = [data.draw(st.integers(0, len(shape) - 1))]
    check(
        lambda x: (x + 0.5).permute(order)[tuple(cuts)].flip(dims) * 2,
        volume(*shape),
        target=target,
    )


@settings(deadline=None, max_examples=20)
@given(targets, SHAPES, st.integers(-5, 4), st.lists(st.integers(1, 20), min_size=2, max_size=3))
def test_concatenation_along_any_axis(target, shape, axis, sizes):
    axis = axis % len(shape)
    inputs = [volume(*shape[:axis], n, *shape[axis + 1 :]) for n in sizes]
    check(lambda *xs: torch.cat([x * 0.5 for x in xs], axis), *inputs, target=target)


@settings(deadline=None, max_examples=20)
@given(
    targets,
    st.sampled_from(["constant", "reflect", "replicate", "circular"]),
    st.integers(1, 3),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.integers(1, 20),
)
def test_padding(target, mode, axes, pads, channels):
    x = volume(2, channels, *(7, 5, 4)[:axes])
    value = {"value": -1.5} if mode == "constant" else {}
    check(lambda x: F.pad(x + 1, pads[: 2 * axes], mode=mode, **value), x, target=target)


@pytest.mark.parametrize("pads", [(-2, 3, 1, -1), (2, 0, 0, 0, 3, 1), (0, 0, 0, 0, 0, 0, 1, 2)])
def test_padding_that_crops_and_padding_of_channels(pads):
    check(lambda x: F.pad(x.relu(), pads, value=2.0), volume(2, 18, 6, 7))


@settings(deadline=None, max_examples=25)
@given(targets, st.integers(1, 4), st.integers(1, 9), st.tuples(*(st.integers(1, 9),) * 2))
def test_pixel_shuffle_and_back(target, block, channels, size):
    x = volume(2, channels * block**2, *size)
    check(lambda x: F.pixel_shuffle(x + 1, block), x, target=target)
    x = volume(1, channels, *(block * s for s in size))
    check(lambda x: F.pixel_unshuffle(x + 1, block), x, target=target)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1, 20, 1, 1), (3, 20, 4, 5)),
        ((2, 1, 4), (2, 6, 4)),
        ((7,), (3, 2, 7)),
        ((2, 18, 3, 1, 5), (-1, -1, -1, 9, -1)),
    ],
)
def test_expand(before, after):
    check(lambda x: x.expand(after).clone(), volume(*before))


def test_channel_shuffle():
    def shuffle(x):
        n, c, h, w = x.shape
        return x.relu().view(n, 4, c // 4, h, w).transpose(1, 2).reshape(n, c, h, w).abs()

    names = check(shuffle, volume(2, 48, 9, 7))
    assert "channel shuffle by copy" in names


@settings(deadline=None, max_examples=30)
@given(
    targets,
    st.integers(1, 3),
    st.lists(st.integers(1, 40), min_size=2, max_size=4),
    st.integers(0, 39),
    st.sampled_from([-1, 1, 2, 3]),
)
def test_channels_of_convolved_tensors_stay_in_blocks(target, axes, channels, first, step):
    """Joined, cut, turned round and shuffled, with no conversion but at both ends."""
    x = volume(2, 3, *(5, 4, 3)[:axes])
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[axes - 1]

    def moved(x):
        y = pool(x, 1)
        whole = torch.cat([y.repeat(1, 14, *(1,) * axes)[:, :c] * 2 for c in channels], 1)
        part = whole[:, min(first, whole.shape[1] - 1) :: abs(step)]
        part = torch.cat((part, whole), 1)
        part = part.flip(1) if step < 0 else part
        return (
            F.channel_shuffle(part[:, : part.shape[1] // 4 * 4], 4) + 1
            if len(part[0]) > 3
            else part
        )

    check(moved, x, target=target)


def test_windows_of_six_axes():
    def windows(x):
        n, h, w, c = x.shape
        return x.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)

    check(windows, volume(2, 8, 12, 24))
