"""Pooling modules: torch's maximum and average, any reducer, any axes."""

import copy
import pickle

import pytest
import torch

from convariant import GeometryError, UnknownNameError, functional, nn
from support.compare import assert_close, assert_equal
from support.configs import POOLS, each

CLASSES = {1: nn.Pool1d, 2: nn.Pool2d, 3: nn.Pool3d}


class PowerMean(torch.nn.Module):
    """A reducer with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.power = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, values):
        return values.clamp(min=1e-6).pow(self.power).mean(-1).pow(1 / self.power)


@each(POOLS)
@pytest.mark.parametrize("reducer", ["max", "mean", "median"])
def test_the_module_is_its_operator(config, reducer):
    pool = CLASSES[config.axes](
        reducer,
        config.kernel_size,
        config.stride,
        config.padding,
        config.dilation,
        ceil_mode=config.ceil_mode,
        count_include_pad=False,
    )
    x = config.tensor()
    expected = functional.pool(
        x,
        reducer,
        config.geometry.kernel_size,
        config.stride,
        config.padding,
        config.dilation,
        ceil_mode=config.ceil_mode,
        count_include_pad=False,
    )
    assert_equal(pool(x), expected)


def test_torchs_modules():
    x = torch.randn(2, 3, 7, 9)
    assert_equal(nn.Pool2d("max", 3, 2, 1)(x), torch.nn.MaxPool2d(3, 2, 1)(x))
    assert_equal(nn.Pool2d("mean", 3, 2, 1)(x), torch.nn.AvgPool2d(3, 2, 1)(x))
    ceil = nn.Pool2d("mean", 2, ceil_mode=True, count_include_pad=False)
    assert_equal(ceil(x), torch.nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)(x))
    assert_close(nn.Pool2d("lp", 2, p=4)(x), torch.nn.LPPool2d(4, 2)(x), reduction=16)


def test_unbatched_input_keeps_its_axes():
    """Three axes could be (n, c, w); the class says (c, h, w)."""
    x = torch.randn(3, 6, 8)
    assert_equal(nn.Pool2d("max", 2)(x), torch.nn.functional.max_pool2d(x, 2))
    assert nn.Pool1d("max", 2)(x).shape == (3, 6, 4)


def test_a_reducer_may_learn():
    pool = nn.Pool2d(PowerMean(), 2)
    assert [name for name, _ in pool.named_parameters()] == ["reducer.power"]
    pool(torch.rand(1, 2, 4, 4)).sum().backward()
    assert pool.reducer.power.grad.abs() > 0
    assert_equal(copy.deepcopy(pool)(torch.ones(1, 1, 2, 2)), torch.ones(1, 1, 1, 1))


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        (nn.Pool2d("max", 3, 2, 1), "Pool2d(max, kernel_size=(3, 3), stride=(2, 2), padding="),
        (nn.Pool1d("lp", 2, p=3), "Pool1d(lp, kernel_size=(2,), stride=(2,), p=3)"),
        (nn.Pool3d(torch.amax, 2, 1), "Pool3d(amax, kernel_size=(2, 2, 2))"),
        (
            nn.Pool1d("mean", 2, count_include_pad=False),
            "Pool1d(mean, kernel_size=(2,), stride=(2,), count_include_pad=False)",
        ),
    ],
)
def test_it_prints_what_is_not_at_its_default(pool, text):
    assert repr(pool).startswith(text)


def test_copies_and_pickles():
    pool = nn.Pool2d("median", (3, 2), 2, "same")
    x = torch.randn(1, 2, 5, 6)
    assert_equal(pickle.loads(pickle.dumps(pool))(x), pool(x))
    assert pool.state_dict() == {}


def test_arguments_that_make_no_layer():
    with pytest.raises(UnknownNameError, match="no reducer is named 'avg'"):
        nn.Pool2d("avg", 2)
    with pytest.raises(UnknownNameError, match="no reducer is named '3'"):
        nn.Pool2d(3, 2)
    with pytest.raises(GeometryError, match="^non-positive kernel_size is not supported"):
        nn.Pool2d("max", 0)
