"""The reference convolutions against torch and against the sums of their definition."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given

from convariant import Geometry, GeometryError, ShapeError
from convariant.reference import convolve, cross_correlate, pad, source_index, unpad
from support.compare import assert_equal
from support.configs import CONVOLUTIONS, Config, each
from support.strategies import convolutions

MODES = pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])


def torch_convolution(config: Config, x, weight, bias):
    pads = config.geometry.pads(config.input_size)
    flat = [p for pair in reversed(pads) for p in pair]
    padded = torch.nn.functional.pad(torch.from_numpy(x), flat)
    operator = getattr(torch.nn.functional, f"conv{config.axes}d")
    return operator(
        padded,
        torch.from_numpy(weight),
        None if bias is None else torch.from_numpy(bias),
        stride=config.stride,
        dilation=config.dilation,
        groups=config.groups,
    )


@each(CONVOLUTIONS)
def test_cross_correlate_equals_torch_exactly(config):
    x, weight, bias = config.arrays()
    y = cross_correlate(x, weight, config.geometry, groups=config.groups, bias=bias)
    assert_equal(y, torch_convolution(config, x, weight, bias))
    assert y.shape == config.output_shape


@given(convolutions())
def test_cross_correlate_equals_torch_on_any_window(config):
    x, weight, bias = config.arrays()
    y = cross_correlate(x, weight, config.geometry, groups=config.groups, bias=bias)
    assert_equal(y, torch_convolution(config, x, weight, bias))


@given(convolutions(axes=2))
def test_cross_correlate_is_the_sum_of_its_definition(config):
    """Output by output, through the taps that geometry names."""
    x, weight, _ = config.arrays()
    y = cross_correlate(x, weight, config.geometry, groups=config.groups)
    n, co, oh, ow = y.shape
    ci = weight.shape[1]
    for place in itertools.product(range(oh), range(ow)):
        rows, columns = (config.geometry.taps(a, o, config.input_size) for a, o in enumerate(place))
        for channel in range(co):
            first = channel // (co // config.groups) * ci
            total = np.zeros(n)
            for (i, ki), (j, kj) in itertools.product(rows, columns):
                total += x[:, first : first + ci, i, j] @ weight[channel, :, ki, kj]
            assert_equal(y[(slice(None), channel, *place)], total)


@each(CONVOLUTIONS)
def test_convolve_flips_the_kernel(config):
    x, weight, bias = config.arrays()
    flipped = np.ascontiguousarray(np.flip(weight, tuple(range(2, weight.ndim))))
    y = convolve(x, flipped, config.geometry, groups=config.groups, bias=bias)
    expected = cross_correlate(x, weight, config.geometry, groups=config.groups, bias=bias)
    assert_equal(y, expected)


def test_convolve_is_numpys_and_scipys_convolution():
    from scipy.signal import convolve2d, correlate2d

    random = np.random.default_rng(0)
    x, kernel = random.integers(-9, 9, (6, 7)), random.integers(-9, 9, (3, 2))
    image, weight = x[None, None], kernel[None, None]
    window = Geometry((3, 2))
    assert_equal(convolve(image, weight, window)[0, 0], convolve2d(x, kernel, "valid"))
    assert_equal(cross_correlate(image, weight, window)[0, 0], correlate2d(x, kernel, "valid"))
    line = convolve(image[:, :, 0], weight[:, :, :, 0], Geometry(3, padding=2))
    assert_equal(line[0, 0], np.convolve(x[0], kernel[:, 0]))


def test_integers_stay_integers():
    y = cross_correlate(np.full((1, 1, 3), 2**40), np.full((1, 1, 2), 2**20), Geometry(2))
    assert y.dtype == np.int64
    assert y.tolist() == [[[2**61, 2**61]]]


@MODES
@pytest.mark.parametrize("size", [(5,), (4, 6), (3, 4, 5)])
def test_pad_equals_torch(mode, size):
    x = np.random.default_rng(0).integers(-9, 9, (2, 3, *size)).astype(float)
    pads = [(2, 1), (0, 3), (1, 2)][-len(size) :]
    flat = [p for pair in reversed(pads) for p in pair]
    name = "constant" if mode == "zeros" else mode
    assert_equal(pad(x, pads, mode), torch.nn.functional.pad(torch.from_numpy(x), flat, name))


@MODES
def test_unpad_is_the_adjoint_of_pad(mode):
    random = np.random.default_rng(0)
    pads = [(2, 1), (0, 3)]
    x, y = random.integers(-9, 9, (2, 4, 5)), random.integers(-9, 9, (2, 7, 8))
    assert (pad(x, pads, mode) * y).sum() == (x * unpad(y, pads, mode)).sum()


def test_border_errors():
    with pytest.raises(GeometryError, match="padding_mode must be one of .*'mirror'"):
        source_index(4, 1, 1, "mirror")
    with pytest.raises(GeometryError, match=r"\(1, 4\) is too large .*'reflect'.* 3 more"):
        source_index(4, 1, 4, "reflect")
    with pytest.raises(GeometryError, match="'circular' on an axis of size 4.* 4 more"):
        source_index(4, 5, 0, "circular")
    assert source_index(4, 4, 4, "circular").tolist() == [0, 1, 2, 3] * 3


def test_operands_that_do_not_fit():
    x = np.ones((1, 4, 6))
    with pytest.raises(ShapeError, match=r"weight of size \[4, 4, 2\] .* kernel_size=\(3,\)"):
        cross_correlate(x, np.ones((4, 4, 2)), Geometry(3))
    with pytest.raises(ShapeError, match=r"^Given groups=3, expected weight to be divisible by 3"):
        cross_correlate(x, np.ones((4, 1, 3)), Geometry(3), groups=3)
    with pytest.raises(ShapeError, match=r"^Given groups=2, .* to have 6 channels, but got 4"):
        cross_correlate(x, np.ones((4, 3, 3)), Geometry(3), groups=2)
    with pytest.raises(GeometryError, match="cross_correlate takes a geometry with transposed=Fa"):
        cross_correlate(x, np.ones((4, 4, 3)), Geometry(3, transposed=True))
    with pytest.raises(GeometryError, match="^Calculated padded input size per channel"):
        cross_correlate(x, np.ones((4, 4, 7)), Geometry(7))
