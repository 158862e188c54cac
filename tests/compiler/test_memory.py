"""The arena: buffers alive at the same time lie apart, and little room is lost between them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import convariant as cv
from convariant.compiler.llvm import get_target
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Buffer, liveness_bound, make_plan
from convariant.compiler.plan._memory import place_buffers
from convariant.graph import from_torch

# The arena is at most this many times what is alive at once.
NEAR = 1.1

buffers = st.lists(
    st.builds(
        lambda size, first, steps: Buffer("b", size, first, first + steps),
        st.integers(1, 5000),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=40,
)


def test_buffers_that_are_alive_together_fill_the_arena_and_others_share_it():
    placed = [Buffer("a", 32, 0, 1), Buffer("b", 64, 1, 2), Buffer("c", 32, 2, 3)]
    assert place_buffers(placed) == liveness_bound(placed) == 96
    assert {b.name: b.offset for b in placed} == {"a": 64, "b": 0, "c": 64}


def test_what_the_largest_first_order_leaves_on_top_finds_room_below():
    """By size, a and c lie at 0, d above a, and b, which meets c and d, above both."""
    sizes = {"a": (4, 4, 5), "b": (2, 1, 3), "c": (3, 1, 1), "d": (4, 3, 5)}
    placed = [Buffer(n, 160 * size, first, last) for n, (size, first, last) in sizes.items()]
    assert place_buffers(placed) == liveness_bound(placed) == 160 * 8


@settings(deadline=None)
@given(buffers)
def test_no_two_buffers_meet_in_time_and_place(placed):
    arena = place_buffers(placed)
    assert arena >= liveness_bound(placed)
    for number, a in enumerate(placed):
        assert 0 <= a.offset <= arena - a.size
        assert a.offset % 16 == 0, "kernels may ask for whole cache lines"
        for b in placed[:number]:
            together = a.first <= b.last and b.first <= a.last
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            assert apart or not together


@pytest.mark.parametrize("target", ["avx512", "neon"])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet5_1998", (1, 1, 32, 32)),
        ("mobilenet_v1", (1, 3, 128, 128)),
        ("p4m_resnet", (1, 3, 32, 32)),
        pytest.param("resnet50", (1, 3, 224, 224), marks=pytest.mark.slow),
        pytest.param("resnext101_64x4d", (1, 3, 224, 224), marks=pytest.mark.slow),
        pytest.param("unet", (1, 1, 256, 256), marks=pytest.mark.slow),
    ],
)
def test_the_arena_of_a_network_is_within_a_tenth_of_what_is_alive_at_once(name, shape, target):
    options = {"mode": "same"} if name == "unet" else {}
    graph = run_passes(from_torch(cv.models.create(name, **options).eval(), torch.zeros(shape)))
    plan = make_plan(graph, get_target(target), threads=2, tolerance=1e-4)
    assert liveness_bound(plan.buffers) <= plan.arena <= NEAR * liveness_bound(plan.buffers)
