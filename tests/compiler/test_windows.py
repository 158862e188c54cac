"""Adaptive pools, unpooling and resizing, over one to three axes, against PyTorch in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE, Apply, check_native, each_target, run
from tests.support.compare import assert_equal
from torch import nn

from convariant.compiler.kernels import AdaptivePool, Unpool, window_table
from convariant.compiler.layout import Layout
from convariant.compiler.passes import Unpool as UnpoolOp
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.geometry import Geometry
from convariant.graph import GraphBuilder, TensorType, from_torch, interpret, ops

targets = st.sampled_from(HERE)


def volume(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.sampled_from(["max", "avg"]),
    st.tuples(*(st.integers(1, m) for m in (2, 20, 7, 13, 17))),
    st.tuples(*(st.integers(1, m) for m in (8, 15, 19))),
    st.integers(1, 3),
)
def test_adaptive_pool(target, mode, shape, size, threads):
    x, y = (
        Layout.dense(shape, target.lanes, (1, 0, 0, 2)),
        Layout.dense((*shape[:2], *size), target.lanes),
    )
    op, values = ops.AdaptivePool(mode, size), volume(*shape)
    table = window_table(*op.windows(shape[2:]))
    kernel = AdaptivePool(mode, x, y)
    result = run(kernel, target, (values.numpy(), x), table, y, threads=threads)
    truth = op.run(values.double())[0].float()
    torch.testing.assert_close(torch.from_numpy(result).view(truth.shape), truth)


@each_target
@pytest.mark.parametrize("mode", ["max", "avg"])
def test_adaptive_pool_keeps_nan_and_infinity(target, mode):
    x = volume(1, 3, 7, 8)
    x[0, 0, 3, 3], x[0, 1, 2, 2], x[0, 2] = torch.nan, torch.inf, -torch.inf
    pool = {"max": F.adaptive_max_pool2d, "avg": F.adaptive_avg_pool2d}[mode]
    model = Apply(lambda x: pool(x, (3, 5)) + 1)
    program = Program(from_torch(model, (x,)), threads=2, target=target)
    torch.testing.assert_close(program(x), model(x), equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.tuples(*(st.integers(1, m) for m in (2, 20, 3, 4, 9))),
    st.tuples(*(st.integers(1, m) for m in (2, 3, 3))),
    st.tuples(*(st.integers(0, m) for m in (1, 2, 2))),
    st.integers(1, 3),
)
def test_unpool(target, shape, window, extra, threads):
    """Among few different numbers many are equal; some are NaN or infinite."""
    counts = shape[2:]
    extra = tuple(min(e, k - 1) for e, k in zip(extra, window, strict=True))
    size = tuple(o * k + e for o, k, e in zip(counts, window, extra, strict=True))
    numbers = torch.tensor([1.0, 1.0, 2.0, -torch.inf, torch.inf, torch.nan])
    chosen = torch.randint(
        0, 6, (*shape[:2], *size), generator=torch.Generator().manual_seed(size[0])
    )
    x, v = numbers[chosen], volume(*shape)
    lanes = target.lanes
    layouts = [
        Layout.dense(tuple(x.shape), lanes, (1, 0, 0, 0)),
        Layout.dense(shape, lanes),
        Layout.dense(tuple(x.shape), lanes, (0, 1, 2, 0)),
    ]
    kernel = Unpool(*layouts, window)
    given = [(a.numpy(), layout) for a, layout in zip((x, v), layouts, strict=False)]
    result = torch.from_numpy(run(kernel, target, *given, layouts[2], threads=threads))
    _, places = F.max_pool3d(x, window, return_indices=True)
    truth = torch.zeros(x.shape).flatten(2).scatter(2, places.flatten(2), v.flatten(2))
    assert_equal(result.view(x.shape), truth.view(x.shape))


class SegNet(nn.Module):
    def __init__(self, axes, window):
        super().__init__()
        self.window = window
        kinds = {
            2: (nn.Conv2d, F.max_pool2d, F.max_unpool2d),
            3: (nn.Conv3d, F.max_pool3d, F.max_unpool3d),
        }
        conv, self.pool, self.unpool = kinds[axes]
        self.first, self.middle, self.last = (
            conv(i, o, 3, padding=1) for i, o in ((3, 20), (20, 20), (20, 5))
        )

    def forward(self, x):
        x = self.first(x).relu()
        y, places = self.pool(x, self.window, return_indices=True)
        y = self.unpool(self.middle(y) + y, places, self.window, output_size=x.shape[2:])
        return self.last(y.relu())


@each_target
@pytest.mark.parametrize(
    ("shape", "window"), [((2, 3, 10, 13), 2), ((1, 3, 11, 9), (3, 2)), ((2, 3, 4, 6, 7), 2)]
)
def test_segnet(target, shape, window):
    torch.manual_seed(0)
    model, x = SegNet(len(shape) - 2, window).eval(), volume(*shape)
    check_native(model, x, target=target, reduction=27 * 20)
    graph = from_torch(model, x)
    after = run_passes(graph, skip=["fuse_epilogues"])
    assert any(isinstance(node.op, UnpoolOp) for node in after.nodes)
    torch.testing.assert_close(interpret(after, x)[0], interpret(graph, x)[0])


@each_target
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_pool_by_norms(target, p):
    """As ONNX has it, with padding; torch spells it in parts."""
    op = ops.Pool("lp", Geometry((3, 2), stride=2, padding=1), p=p)
    x = volume(2, 19, 9, 8)
    x[0, 0, 0, 0], x[1, 2, 3, 4] = torch.inf, torch.nan
    builder = GraphBuilder("norms")
    builder.input("x", TensorType.of(x))
    graph = builder.build([builder.add(op, "x")])
    program = Program(graph, threads=2, target=target)
    torch.testing.assert_close(program(x), op.run(x)[0], equal_nan=True)
    assert not any(isinstance(s, Call) for s in program.latest().plan.steps)


def test_windows_that_overlap_keep_their_indices():
    class Overlapping(nn.Module):
        def forward(self, x):
            y, places = F.max_pool2d(x.relu(), 3, 2, return_indices=True)
            return F.max_unpool2d(y, places, 3, 2, output_size=x.shape[2:])

    x = volume(1, 5, 9, 9)
    program = Program(from_torch(Overlapping(), x), threads=2)
    assert_equal(program(x), Overlapping()(x))


@settings(deadline=None, max_examples=40)
@given(
    targets,
    st.sampled_from(["nearest", "linear", "bilinear", "trilinear", "bicubic", "antialias"]),
    st.lists(st.integers(1, 13), min_size=3, max_size=3),
    st.lists(st.integers(1, 19), min_size=3, max_size=3),
    st.booleans(),
    st.integers(1, 3),
)
def test_resize(target, mode, before, after, corners, threads):
    axes = {"linear": 1, "trilinear": 3, "nearest": 3}.get(mode, 2)
    x = volume(2, 19, *before[:axes])
    options = {} if mode == "nearest" else {"align_corners": corners and mode != "antialias"}
    if mode == "antialias":
        mode, options["antialias"] = "bicubic", True
    resize = Apply(lambda x: F.interpolate(x * 2, after[:axes], mode=mode, **options) + 1)
    program = check_native(resize, x, target=target, reduction=64)
    assert len(program.latest().plan.steps) > 1
