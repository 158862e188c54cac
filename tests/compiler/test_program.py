"""Whole programs: every model, random networks, shapes, threads, inputs of every kind, errors."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.harness import HERE
from tests.support.compare import assert_close, assert_equal
from tests.support.strangers import STRANGERS
from torch import nn
from torch.utils import _pytree as pytree

import convariant as cv
from convariant.compiler import compile
from convariant.compiler.llvm import TARGETS
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Call, make_plan
from convariant.compiler.program import Program
from convariant.errors import ShapeError
from convariant.graph import from_torch, interpret


def settle(model: nn.Module) -> nn.Module:
    """Batch norms with statistics that do something, in eval mode."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def check(model: nn.Module, *shape: int, threads: int = 1, tolerance: float = 2e-5) -> Program:
    x = torch.randn(*shape)
    graph = from_torch(settle(model), x)
    program = compile(graph, x, threads=threads, tolerance=tolerance)
    truth = interpret(graph, x, dtype=torch.float64)[0]
    # float32, many layers, Winograd's algorithm among them
    assert (program(x) - truth).abs().max() <= tolerance / 2 * truth.abs().max()
    return program


SMALL_UNET = {"mode": "same", "widths": (8, 20, 32)}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("lenet5", {}, (1, 1, 28, 28)),
        ("mobilenet_v1", {"width": 0.25}, (1, 3, 96, 96)),
        ("unet", SMALL_UNET, (1, 1, 48, 64)),
        pytest.param("resnet18", {}, (1, 3, 64, 64), marks=pytest.mark.slow),
        pytest.param("resnet50", {}, (1, 3, 64, 64), marks=pytest.mark.slow),
        pytest.param("resnext50_32x4d", {}, (1, 3, 64, 64), marks=pytest.mark.slow),
        pytest.param("unet", {"mode": "paper"}, (1, 1, 188, 188), marks=pytest.mark.slow),
        pytest.param("alexnet", {}, (1, 3, 227, 227), marks=pytest.mark.slow),
        ("lenet5_1998", {}, (1, 1, 32, 32)),
        ("p4_lenet", {}, (1, 1, 32, 32)),
    ],
)
def test_model_equals_the_float64_truth(name, options, shape, threads):
    check(cv.models.create(name, **options), *shape, threads=threads)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("p4m_resnet", "resnet34", "resnet101", "resnet152"),
        *("resnext101_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    ],
)
def test_deep_model_equals_the_float64_truth(name):
    model = cv.models.create(name)
    check(model, 1, model.config["in_channels"], 64, 64, threads=2, tolerance=1e-4)


class Random(nn.Module):
    """A network drawn by numbers: convolutions of every kind, pools, branches, residuals."""

    def __init__(self, channels: int, numbers: list[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for number in numbers:
            kind, rest = number % 9, number // 9
            layer, channels = self._layer(kind, rest, channels)
            self.steps.append(layer)

    def _layer(self, kind: int, rest: int, c: int) -> tuple[nn.Module, int]:
        co, kernel, stride, dilation = 1 + rest % 37, 1 + rest % 4, 1 + rest % 2, 1 + rest % 3
        if kind == 0:
            conv = nn.Conv2d(c, co, kernel, stride, kernel // 2 + 1, dilation)
            return nn.Sequential(conv, nn.BatchNorm2d(co), nn.ReLU()), co
        if kind == 1:
            conv = nn.Conv2d(c, c, (3, 1 + kernel), stride, 2, groups=c)
            return nn.Sequential(conv, nn.Hardswish()), c
        if kind == 2:
            return nn.ConvTranspose2d(c, co, 1 + kernel, 2, 1, output_padding=stride - 1), co
        if kind == 3:
            return nn.MaxPool2d(2, stride, 1, ceil_mode=rest % 2 == 0), c
        if kind == 4:
            return nn.AvgPool2d(3, stride, 1, count_include_pad=rest % 2 == 0), c
        if kind == 5:
            return nn.Upsample(scale_factor=2, mode=("nearest", "bilinear")[rest % 2]), c
        if kind == 6:
            return Branches(c, co), c + co
        if kind == 7:
            return Residual(c), c
        return nn.Sequential(nn.Conv2d(c, 16, 3, 1, 1), nn.SiLU()), 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in self.steps:
            if min(x.shape[2:]) > 40:
                x = x[..., :40, :40]
            x = step(x)
        return x


class Branches(nn.Module):
    def __init__(self, c: int, co: int) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(c, c, 1), nn.Conv2d(c, co, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.one(x), torch.sigmoid(self.other(x))), 1)


class Residual(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 1)
        self.gate = nn.Conv2d(c, c, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return torch.relu(self.other(torch.tanh(self.one(x))) * gate + x)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 9 * 60), min_size=1, max_size=5),
    st.tuples(*(st.integers(low, high) for low, high in ((1, 3), (1, 40), (6, 33), (6, 33)))),
    st.integers(1, 2),
    st.sampled_from(HERE),
)
def test_random_network_equals_the_float64_truth(numbers, shape, threads, target):
    torch.manual_seed(len(numbers))
    model = Random(shape[1], numbers).eval()
    x = torch.randn(*shape)
    graph = from_torch(model, x)
    program = Program(graph, threads=threads, target=target)
    truth = interpret(graph, x, dtype=torch.float64)[0]
    assert_close(program(x), truth, dtype="float32", reduction=10_000)


def test_other_shapes_compile_on_first_use_and_are_kept():
    model = settle(cv.models.create("unet", **SMALL_UNET))
    program = compile(model, torch.zeros(1, 1, 32, 32), threads=1)
    for shape in ((2, 1, 32, 32), (1, 1, 48, 32), (1, 1, 32, 32)):
        x = torch.randn(*shape)
        assert_close(program(x), model(x), reduction=10_000)
    assert len(program._instances) == 3


def test_an_empty_batch_gives_an_empty_result():
    program = compile(cv.models.create("lenet5").eval(), torch.zeros(1, 1, 28, 28), threads=1)
    assert program(torch.zeros(0, 1, 28, 28)).shape == (0, 10)


def test_an_empty_example_compiles_for_what_comes():
    model, x = cv.models.create("lenet5").eval(), torch.randn(2, 1, 28, 28)
    program = compile(model, x[:0], threads=1)
    assert program(x[:0]).shape == (0, 10)
    assert_close(program(x), model(x).detach(), reduction=400)


def test_more_threads_than_cores_give_the_same():
    model, x = cv.models.create("lenet5").eval(), torch.randn(2, 1, 28, 28)
    program = compile(model, x, threads=8)
    assert_close(program(x), model(x).detach(), reduction=400)


def test_arrays_and_strided_tensors():
    model = cv.models.create("lenet5").eval()
    program = compile(model, torch.zeros(4, 1, 28, 28), threads=1)
    x = torch.randn(4, 1, 28, 28)
    truth = model(x).detach()
    assert_close(program(x.numpy()), truth.numpy(), reduction=400)
    assert_close(program(x.to(memory_format=torch.channels_last)), truth, reduction=400)
    assert_close(program(x.transpose(2, 3).contiguous().transpose(2, 3)), truth, reduction=400)


def test_what_has_no_kernel_runs_with_pytorch_and_is_named():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 20, 3)

        def forward(self, x):
            y = torch.cumsum(torch.relu(self.conv(x)), 3)
            return torch.relu(y[:, :, ::2]) + 1, x.flip(2), y.argmax(1)

    model = Odd().eval()
    x = torch.randn(2, 3, 9, 9)
    program = compile(model, x, threads=1)
    for result, truth in zip(program(x), model(x), strict=True):
        torch.testing.assert_close(result, truth, rtol=1e-5, atol=1e-5)
    calls = [s for s in program.prepare().plan.steps if isinstance(s, Call)]
    assert {"cumsum", "argmax"} <= {call.node.op.text().split(".")[0] for call in calls}
    assert all(call.reason for call in calls)


def test_views_that_pytorch_makes_are_not_overwritten_by_later_steps():
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 64, 3, padding=1)
            # wide in between, so that its memory is where the first was
            self.after = nn.Sequential(nn.Conv2d(32, 256, 1), nn.Conv2d(256, 32, 1))

        def forward(self, x):
            y, size, strides = self.conv(x), (1, 32, 14, 14), (12544, 196, 14, 1)
            a, b = y.as_strided(size, strides), y.as_strided(size, strides, 6272)
            return torch.tanh(self.after(a)) + b

    model, x = Views().eval(), torch.randn(1, 8, 14, 14)
    program = compile(model, x, threads=1)
    assert sum(isinstance(step, Call) for step in program.prepare().plan.steps) == 2
    assert_close(program(x), model(x).detach(), reduction=400)


class JoinedSlice(nn.Module):
    """Half of the channels passes by, as in ShuffleNet v2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pointwise = nn.Conv2d(8, 64, 3, padding=1), nn.Conv2d(32, 32, 1)

    def forward(self, x):
        kept, changed = self.conv(x).chunk(2, 1)
        return torch.cat((kept, self.pointwise(changed)), 1)


class JoinedReshape(nn.Module):
    """A vector that was an image of one pixel, joined with another vector."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(8, 64, 1), nn.Linear(64, 32)

    def forward(self, x):
        pooled = self.conv(x).mean((2, 3), keepdim=True)
        return torch.cat((pooled.flatten(1), self.head(pooled.flatten(1))), 1)


@pytest.mark.parametrize("model", [JoinedSlice(), JoinedReshape()], ids=["slice", "reshape"])
def test_what_shares_memory_is_copied_into_a_concatenation(model):
    x = torch.randn(1, 8, 10, 10)
    program = compile(model.eval(), x, threads=1)
    assert_close(program(x), model(x).detach(), reduction=400)


def test_results_do_not_change_with_a_later_call():
    model = cv.models.create("lenet5").eval()
    program = compile(model, torch.zeros(1, 1, 28, 28), threads=1)
    first = program(torch.ones(1, 1, 28, 28))
    kept = first.clone()
    program(torch.zeros(1, 1, 28, 28))
    assert torch.equal(first, kept)


def test_several_threads_may_call_one_program():
    model = settle(cv.models.create("unet", **SMALL_UNET))
    program = compile(model, torch.zeros(1, 1, 32, 32), threads=2)
    inputs = [torch.randn(1, 1, 32, 32) for _ in range(4)]
    truth = [program(x) for x in inputs]
    wrong = []

    def work(number: int) -> None:
        for _ in range(10):
            if not torch.equal(program(inputs[number]), truth[number]):
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_programs_for_the_shapes_used_last_are_kept(monkeypatch):
    monkeypatch.setattr("convariant.compiler.program._SHAPES_KEPT", 2)
    made = []
    make = Program._make
    monkeypatch.setattr(Program, "_make", lambda p, key: (made.append(key[0][2]), make(p, key))[1])
    model = nn.Conv2d(3, 4, 3).eval()
    program = compile(model, torch.randn(1, 3, 8, 8), threads=1)
    for side in (8, 9, 8, 10, 8, 9):
        x = torch.randn(1, 3, side, 7)
        assert_close(program(x), model(x).detach(), reduction=64)
    assert made == [8, 8, 9, 10, 9], "of (8, 8), then of sides by 7: 9 made room for 10"


@pytest.mark.parametrize("name", STRANGERS)
def test_networks_of_others(name):
    torch.manual_seed(0)
    make, shapes = STRANGERS[name]
    net, inputs = make().eval(), [torch.randn(shape) for shape in shapes]
    expected = pytree.tree_leaves(net(*inputs))
    found = pytree.tree_leaves(compile(net, inputs)(*inputs))
    for mine, theirs in zip(found, expected, strict=True):
        if theirs.is_floating_point():
            assert_close(mine, theirs.detach(), reduction=1000)  # of many layers
        else:
            assert_equal(mine, theirs)


def test_a_tight_tolerance_takes_the_direct_way():
    model = nn.Conv2d(64, 64, 3, padding=1).eval()
    x = torch.randn(1, 64, 28, 28)
    graph, ways = run_passes(from_torch(model, x)), {}
    for tolerance in (1e-4, 1e-5, 1e-6, 1e-7):
        steps = make_plan(graph, TARGETS["avx512"], 1, tolerance).steps
        ways[tolerance] = next(s.algorithm for s in steps if s.node is not None)
    assert ways == {
        1e-4: "winograd F(6,3)",
        1e-5: "winograd F(4,3)",
        1e-6: "winograd F(2,3)",
        1e-7: "direct",
    }


@pytest.mark.parametrize("name", ["unet", "resnet18"])
def test_the_error_of_a_network_stays_below_half_of_the_default_tolerance(name):
    options, channels = (SMALL_UNET, 1) if name == "unet" else ({}, 3)
    check(cv.models.create(name, **options), 1, channels, 96, 96, tolerance=1e-4)


def test_layers_share_the_tolerance():
    x, ways = torch.randn(1, 64, 28, 28), []
    for count in (1, 4):
        model = nn.Sequential(*(nn.Conv2d(64, 64, 3, padding=1) for _ in range(count))).eval()
        steps = make_plan(run_passes(from_torch(model, x)), TARGETS["avx512"], 1, 2e-5).steps
        ways.append({s.algorithm for s in steps if s.node is not None})
    assert ways == [{"winograd F(6,3)"}, {"winograd F(4,3)"}]


def test_infinity_and_nan_go_through_as_in_pytorch():
    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()
    x = torch.randn(1, 2, 8, 8)
    x[0, 0, 1, 1], x[0, 1, 6, 6] = float("inf"), float("nan")
    result = compile(model, x, threads=1)(x)
    torch.testing.assert_close(result, model(x).detach(), equal_nan=True)
    np.testing.assert_array_equal(result.isnan(), model(x).isnan())


def test_denormal_numbers_count_as_zero_inside_a_program_only():
    model = nn.Conv2d(1, 4, 1, bias=False).eval()
    tiny = torch.full((1, 1, 8, 8), 1e-41)
    program = compile(model, tiny, threads=2)
    assert (program(tiny) == 0).all()
    assert (tiny * 1.0 == tiny).all(), "PyTorch keeps them afterwards"


FORK = """
import os, sys, threading, torch, convariant as cv
model = torch.nn.Conv2d(3, 40, 3).eval()
x = torch.randn(1, 3, 30, 30)
program = cv.compile(model, x, threads=2)
truth = program(x)
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(program(x), truth) else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert torch.equal(program(x), truth)
print("child", status, "workers", threading.active_count() - 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_has_workers_of_its_own_and_the_interpreter_ends():
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("child 0 workers 1\n", 0), done.stderr


def test_a_small_network_runs_on_one_thread_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    model, x = cv.models.create("lenet5").eval(), torch.zeros(1, 1, 28, 28)
    assert compile(model, x).threads == 1
    assert compile(model, x, threads=2).threads == 2
    assert compile(model, torch.zeros(64, 1, 28, 28)).threads == 2


def test_repeated_calls_take_what_is_near_the_compiled_input():
    """The short way of a repeated call takes the same inputs as the long one, and no others."""
    model, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), torch.randn(2, 3, 9, 9)
    fast = compile(model, x)
    truth = model(x).detach()
    near = {
        "contiguous": x,
        "channels last": x.to(memory_format=torch.channels_last),
        "strided": torch.randn(2, 3, 9, 18)[..., ::2].copy_(x),
        "with gradient": x.clone().requires_grad_(),
        "array": x.numpy(),
        "strided array": np.repeat(x.numpy(), 2, axis=3)[..., ::2],
    }
    for name, value in near.items():
        first, second = fast(value), fast(value)
        assert type(first) is (np.ndarray if "array" in name else torch.Tensor), name
        for result in (first, second):
            assert_close(torch.as_tensor(result), truth, dtype="float32", reduction=27)
    kept = fast(x)
    fast(x + 1)
    assert_close(kept, truth, dtype="float32", reduction=27)  # results are never written again
    with pytest.raises(ShapeError, match="float64"):
        fast(x.double())
    assert fast(x[:0]).shape == (0, 4, 7, 7)
    assert_close(fast(x[:1]), truth[:1], dtype="float32", reduction=27)


def test_results_are_float32_whatever_the_default_type():
    model, x = nn.Conv2d(3, 4, 3).eval(), torch.randn(1, 3, 9, 9)
    fast = compile(model, x)
    torch.set_default_dtype(torch.float64)
    try:
        result = fast(x)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_close(result, model(x).detach(), dtype="float32", reduction=27)


class _Parts(nn.Module):
    """Slices of channels that do and do not start a block, read by convolutions with padding."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 80, 3, padding=1)
        self.left = nn.Conv2d(32, 20, 3, padding=1)
        self.right = nn.Conv2d(48, 20, 5, padding=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        z = self.left(y[:, :32]) + self.right(y[:, 32:])
        return torch.cat([z, y[:, 16:32], y[:, 5:10], y[:, 64:].tanh()], 1)


def test_slices_of_whole_channel_blocks_are_read_in_place():
    model, x = _Parts().eval(), torch.randn(2, 3, 9, 7)
    fast = compile(model, x)
    truth = interpret(from_torch(model, (x,)), x, dtype=torch.float64)[0]
    assert_close(fast(x), truth.float(), dtype="float32", reduction=1200)
    copied = [s for s in fast.latest().plan.steps if s.algorithm == "slice"]
    assert [s.node.op.text() for s in copied] == ["axis 1 [5:10]"]


def test_a_program_that_nobody_holds_is_gone_at_once():
    """Its arena and code do not wait for the garbage collector."""
    model, x = nn.Conv2d(3, 4, 3).eval(), torch.randn(1, 3, 9, 9)
    fast = compile(model, x)
    fast(x)
    held = weakref.ref(fast.latest())
    gc.disable()
    try:
        del fast
        assert held() is None
    finally:
        gc.enable()
