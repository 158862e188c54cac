"""Truth values as numbers, and functions of tensors that broadcast in any way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, Apply, Guarded, build, call, each_target, random
from tests.support.compare import assert_equal

from convariant.compiler.kernels import Map, Step
from convariant.compiler.layout import SINGLE_NUMBER
from convariant.compiler.passes import Mask, run_passes
from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret, ops

targets = st.sampled_from(HERE)
NUMBERS = torch.tensor([0.0, -0.0, 1.0, -2.5, torch.inf, -torch.inf, torch.nan])


@settings(deadline=None, max_examples=60)
@given(targets, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 150), st.data())
def test_map_of_three_tensors(target, sizes, last, data):
    sizes = (*sizes, last)
    shapes = [[data.draw(st.sampled_from([n, 1])) for n in sizes] for _ in range(3)]
    arrays = [random(*shape) for shape in shapes]
    views = [np.broadcast_to(a, sizes) for a in arrays]
    y = np.full(sizes, np.nan, np.float32)
    strides = [[s // 4 for s in a.strides] for a in (y, *views)]
    steps = (
        Step("sub", (), (SINGLE_NUMBER,), 1),
        Step("where", (), (SINGLE_NUMBER,) * 2, data.draw(st.integers(0, 2))),
    )
    x, a, b = views
    kernel = Map.of(sizes, [*strides, strides[1]], steps)
    buffers = [Guarded(arrays[0].ravel()), Guarded(y.ravel())]
    buffers += [Guarded(arrays[i].ravel()) for i in (1, 2, 0)]
    call(build(kernel, target), buffers, data.draw(st.integers(1, 3)))
    arguments = [b, x]
    arguments.insert(steps[1].place, a - x)
    truth = np.where(arguments[0] != 0, *arguments[1:])
    assert_equal(buffers[1].values.reshape(sizes), truth)


def check(function, *inputs, target=None, threads=2, reasons=()):
    """The program of a function gives bit by bit what PyTorch gives, and calls it for nothing."""
    model = Apply(function)
    program = Program(from_torch(model, inputs), threads=threads, target=target)
    torch.testing.assert_close(program(*inputs), model(*inputs), rtol=0, atol=0, equal_nan=True)
    steps = program.latest().plan.steps
    assert tuple(s.node.op.text() for s in steps if isinstance(s, Call)) == reasons
    return program


def grid(*shape):
    """All pairs of the numbers that comparisons treat in ways of their own, and others."""
    left = NUMBERS.repeat(7)[torch.arange(np.prod(shape)) % 49].reshape(shape)
    right = NUMBERS.repeat_interleave(7)[torch.arange(np.prod(shape)) % 49].reshape(shape)
    return left, right


LOGIC = sorted(name for name, f in ops.FUNCTIONS.items() if f.result == "bool" and f.arity == 2)


@each_target
@pytest.mark.parametrize("name", LOGIC)
def test_comparisons_choose(target, name):
    function = ops.FUNCTIONS[name].run
    x, y = grid(2, 19, 7, 3)
    check(lambda x, y: torch.where(function(x, y), x, y * 0.5), x, y, target=target)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * (y > 0.5),
        lambda x, y: (x >= y).float() + 1,
        lambda x, y: torch.where(x.isnan() | ~y.isinf(), x, -1.0),
        lambda x, y: x.masked_fill((y < 1) & x.bool(), 7.0),
        lambda x, y: torch.where(y[:, :1] > x.new_zeros(3), 2.0, x),
        lambda x, y: torch.where(torch.ones(3, 3).tril().bool(), x, y),
        lambda x, y: torch.where((x > 0).transpose(2, 3)[..., 1:, :], 1.0, x[:, :, 1:]),
        lambda x, y: torch.cat((x > 0, y > 0), 1).float(),
        lambda x, y: (x > 0).unsqueeze(1).expand(2, 4, 19, 3, 3).float() * y[:, None],
    ],
)
def test_masks_on_their_way(function):
    check(function, *grid(2, 19, 3, 3))


def test_a_mask_that_goes_out_is_cast_at_the_end():
    x = grid(2, 19, 3, 3)[0]
    check(lambda x: (x > 0) & (x < 2), x, reasons=("to bool",))


def test_whole_numbers_are_compared_by_pytorch():
    x = torch.arange(12).reshape(3, 4)
    check(lambda x: torch.where(x > 3, 1.0, 0.5), x, reasons=("greater", "where"))


def test_the_mask_pass_keeps_the_values():
    x = torch.randn(2, 3, 4, 5)
    model = Apply(lambda x: torch.where((x > 0) & ~x.isnan(), x.exp(), x.mean((2, 3), True) * 0.5))
    graph = from_torch(model, (x,))
    after = run_passes(graph)
    assert any(isinstance(n.op, Mask) for n in run_passes(graph, skip=["fuse_epilogues"]).nodes)
    assert {t.dtype for t in after.types.values()} == {torch.float32}
    torch.testing.assert_close(interpret(after, x)[0], interpret(graph, x)[0])


@pytest.mark.parametrize("target", HERE, ids=lambda t: t.name)
@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * y[0, 0],
        lambda x, y: x - y.mean((0, 2, 3))[:, None, None],
        lambda x, y: x[:, :, :1] * y[:, :1, :, :1],
        lambda x, y: (x.flatten() * 2 - y.flatten()).relu(),
        lambda x, y: x.view(2, 19, 5, 1, 7, 1) * y.view(2, 19, 1, 5, 1, 7),
        lambda x, y: (x.view(2, 19, 5, 1, 7, 1) * y.view(2, 19, 1, 5, 1, 7) + y[0, 0, 0]).abs(),
        lambda x, y: torch.sigmoid((x.flatten() * 2 - y.flatten()) * x.flatten() + y.mean()),
        lambda x, y: (x.sum() + y).abs().relu() + x[0, 0, 0],
        lambda x, y: torch.relu(x.mean((2, 3), keepdim=True) * y + x[:1]) - y[0, :, 0, :1, None],
    ],
)
def test_operands_of_any_shape(target, function):
    x, y = torch.randn(2, 19, 5, 7), torch.randn(2, 19, 5, 7)
    program = Program(from_torch(Apply(function), (x, y)), threads=2, target=target)
    truth = interpret(program.graph, x, y, dtype=torch.float64)[0]
    torch.testing.assert_close(program(x, y), truth.float(), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(s, Call) for s in program.latest().plan.steps)
