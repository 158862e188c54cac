"""Number formats, gradients and modes: what the kernels do not compute is said, never guessed."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from tests.support.compare import assert_close, assert_equal
from torch import nn

import convariant as cv
from convariant.compiler.plan import Call, Step

SHAPE = (2, 1, 28, 28)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return cv.models.create("lenet5").eval()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_in_another_format_is_run_by_pytorch_and_says_so(model, dtype, tmp_path):
    other, x = copy.deepcopy(model).to(dtype), torch.randn(SHAPE, dtype=dtype)
    message = rf"LeNet5 computes in {dtype}, .*layers and pools \(7\).*model\.float\(\).*x\.float"
    with pytest.warns(UserWarning, match=message) as caught:
        fast = cv.compile(other, x, threads=1)
    assert [warning.filename for warning in caught] == [__file__]
    assert_equal(fast(x), other(x).detach())  # the same operators in the same order
    report = fast.report
    assert report.fallbacks == report.rows
    assert report.error < 10 * torch.finfo(dtype).eps
    fast.save(tmp_path / "other")
    loaded = cv.load(tmp_path / "other")
    assert_equal(loaded(x), fast(x))
    assert_equal(loaded(x[:1]), fast(x[:1]))


def test_a_part_in_another_format_is_named_though_the_rest_has_kernels(model):
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = copy.deepcopy(model).half()

        def forward(self, x):
            return self.inner(x.half()).float().softmax(1)

    x = torch.randn(SHAPE)
    with pytest.warns(UserWarning, match=r"Mixed computes in torch\.float16"):
        fast = cv.compile(Mixed().eval(), x, threads=1)
    assert any(isinstance(step, Step) for step in fast.latest().plan.steps)
    assert_close(fast(x), Mixed()(x).detach(), reduction=10)


def test_float32_and_networks_without_heavy_layers_do_not_warn(model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cv.compile(model, torch.zeros(SHAPE), threads=1)
        cv.compile(nn.ReLU(), torch.zeros(SHAPE, dtype=torch.float64), threads=1)
        cv.compile(model, torch.zeros(0, *SHAPE[1:]), threads=1)
    assert caught == []


def test_a_model_in_training_mode_acts_as_in_eval_mode():
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.5)).train()
    net[1].running_mean.normal_()
    x = torch.randn(SHAPE)
    fast = cv.compile(net, x, threads=1)
    assert all(module.training for module in net.modules())
    assert_close(fast(x), net.eval()(x).detach(), reduction=9)


def test_results_carry_no_gradient(model):
    x = torch.randn(SHAPE, requires_grad=True)
    fast = cv.compile(model, x, threads=1)
    for _ in range(2):
        assert not fast(x).requires_grad


class Fallback(nn.Module):
    """A matrix product that PyTorch runs, in bfloat16 within autocast, between two kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        y = self.conv(x).flatten(1)
        return torch.relu(torch.addbmm(y[:, :2], y[None], y.t()[None])) + 1


def test_autocast_changes_nothing_of_a_program():
    """Kernels read float32 wherever the caller stands."""
    net, x, other = Fallback().eval(), torch.randn(2, 1, 6, 6), torch.randn(2, 1, 7, 8)
    truth, other_truth = net(x).detach(), net(other).detach()
    outside = cv.compile(net, x, threads=1)
    assert any(isinstance(step, Call) for step in outside.latest().plan.steps)
    with torch.autocast("cpu"):
        assert net(x).dtype == torch.bfloat16 or not torch.equal(net(x), truth)
        inside = cv.compile(net, x, threads=1)
        for fast in (outside, inside):
            assert_close(fast(x), truth, reduction=200)
            assert_close(fast(other), other_truth, reduction=200)
    assert_close(inside(x), truth, reduction=200)


def test_autocast_in_a_forward_is_the_models_own(model):
    class Auto(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = copy.deepcopy(model), nn.Linear(10, 5)

        def forward(self, x):
            with torch.autocast("cpu"):
                y = self.inner(x)
            return self.head(y.float() * 2)

    net, x = Auto().eval(), torch.randn(SHAPE)
    assert_close(cv.compile(net, x, threads=1)(x), net(x).detach(), reduction=10)


def test_autocast_around_torch_compile_is_followed(model):
    fast, x = torch.compile(model, backend="convariant"), torch.randn(SHAPE)
    with torch.no_grad(), torch.autocast("cpu"):
        with pytest.warns(UserWarning, match=r"computes in torch\.bfloat16"):
            result = fast(x)
        assert_equal(result, model(x))


def test_inference_mode_changes_nothing_of_a_program(model):
    x, other, third = torch.randn(SHAPE), torch.randn(3, 1, 28, 28), torch.randn(1, 1, 28, 28)
    outside = cv.compile(model, x, threads=1)
    with torch.inference_mode():
        inside = cv.compile(model, x, threads=1)
        found = [fast(other) for fast in (outside, inside)]
    for fast, early in zip((outside, inside), found, strict=True):
        for given, result in ((x, fast(x)), (other, early), (third, fast(third))):
            assert_close(result, model(given).detach(), reduction=400)
