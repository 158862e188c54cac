"""Pooling from its definition against torch and the matrices of the lecture."""

import numpy as np
import pytest
import torch
from hypothesis import given

from convariant import Geometry, GeometryError, UnknownNameError
from convariant.reference import depthwise_separable, pool, spatially_separable
from convariant.reference.convolution import cross_correlate
from support.compare import assert_close, assert_equal
from support.configs import POOLS, each
from support.strategies import pools

LECTURE = np.array([[[[1, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]]])


def check_against_torch(config, name: str, **options) -> None:
    x = config.tensor(torch.float64)
    operator = getattr(torch.nn.functional, f"{name}_pool{config.axes}d")
    window = {"stride": config.stride, "padding": config.torch_padding}
    if name == "max":
        window["dilation"] = config.dilation
    expected = operator(x, config.kernel_size, ceil_mode=config.ceil_mode, **window, **options)
    reducer = "max" if name == "max" else "mean"
    assert_close(pool(x.numpy(), reducer, config.geometry, **options), expected, reduction=64)


@each(tuple(config for config in POOLS if config.torch_padding is not None))
def test_max_equals_torch(config):
    check_against_torch(config, "max")


@each(tuple(c for c in POOLS if c.torch_padding is not None and c.dilation == 1))
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_mean_equals_torch(config, count_include_pad):
    check_against_torch(config, "avg", count_include_pad=count_include_pad)


@given(pools(torch_accepts=True))
def test_max_and_mean_equal_torch_on_any_window(config):
    check_against_torch(config, "max")
    for count_include_pad in (True, False):
        check_against_torch(config, "avg", count_include_pad=count_include_pad)


def test_matrices_of_the_lecture():
    window = Geometry(2, stride=2)
    assert pool(LECTURE, "max", window)[0, 0].tolist() == [[4, 5], [7, 9]]
    assert pool(LECTURE, "mean", window)[0, 0].tolist() == [[2, 3], [4, 6]]
    assert pool(LECTURE, "min", window)[0, 0].tolist() == [[0, 2], [1, 3]]
    assert pool(LECTURE, "sum", window)[0, 0].tolist() == [[8, 12], [16, 24]]
    assert pool(LECTURE, "median", window)[0, 0].tolist() == [[2, 2.5], [4, 6]]
    for signed in (LECTURE, -LECTURE):  # of absolute values
        assert pool(signed, "lp", window, p=1)[0, 0].tolist() == [[8, 12], [16, 24]]
    assert pool(np.array([[[[-3, 4]]]]), "lp", Geometry((1, 2)))[0, 0].tolist() == [[5]]


def test_any_function_of_the_elements_and_only_of_those_inside():
    window = Geometry(3, stride=2, padding=1)
    spread = pool(LECTURE, lambda v: v.max(-1) - v.min(-1), window)
    assert spread[0, 0].tolist() == [[4, 5], [6, 7]]
    count = pool(LECTURE, lambda v: np.full(v.shape[:2], v.shape[-1]), window)
    assert count[0, 0].tolist() == [[4, 6], [6, 9]]


def test_refusals():
    with pytest.raises(UnknownNameError, match="no reducer is named 'maxx'; did you mean 'max'"):
        pool(LECTURE, "maxx", Geometry(2))
    with pytest.raises(GeometryError, match="pool takes a geometry with transposed=False"):
        pool(LECTURE, "max", Geometry(2, transposed=True))


def test_the_rank_one_kernel_of_the_lecture_is_separable():
    kernel = np.array([[3, 6, 9], [4, 8, 12], [5, 10, 15]])
    column, row = np.array([3, 4, 5]), np.array([1, 2, 3])
    assert np.outer(column, row).tolist() == kernel.tolist()
    x = np.random.default_rng(0).integers(-9, 9, (2, 1, 7, 6))
    for geometry in (Geometry(3), Geometry(3, 2, "same"), Geometry(3, 1, ((1, 2), (0, 3)), (2, 1))):
        two = spatially_separable(
            x, column.reshape(1, 1, 3, 1), row.reshape(1, 1, 1, 3), geometry.on_axes(2)
        )
        assert_equal(two, cross_correlate(x, kernel[None, None], geometry))


def test_depthwise_separable_is_the_dense_convolution_of_the_products():
    """`dense[o, i] = sum over m of pointwise[o, i m] depthwise[i m]`, m filters per channel."""
    random = np.random.default_rng(0)
    x = random.integers(-4, 5, (2, 3, 5, 6))
    depthwise, pointwise = (
        random.integers(-4, 5, (6, 1, 3, 2)),
        random.integers(-4, 5, (4, 6, 1, 1)),
    )
    dense = np.einsum("oim,imhw->oihw", pointwise.reshape(4, 3, 2), depthwise.reshape(3, 2, 3, 2))
    geometry = Geometry((3, 2), stride=2, padding=1)
    y = depthwise_separable(x, depthwise, pointwise, geometry)
    assert_equal(y, cross_correlate(x, dense, geometry))
