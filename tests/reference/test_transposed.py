"""Transposed convolution three ways, against each other, torch, the lecture and ONNX."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from convariant import Geometry, GeometryError, ShapeError
from convariant.reference import (
    cross_correlate,
    transposed_by_gradient,
    transposed_by_scatter,
    transposed_by_zero_insertion,
)
from support.compare import assert_equal
from support.configs import TRANSPOSED, Config, each
from support.strategies import transposed

WAYS = (transposed_by_gradient, transposed_by_zero_insertion, transposed_by_scatter)
ANY_WAY = pytest.mark.parametrize("way", WAYS)
MODES = pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])


def torch_transposed(config: Config, y, weight, bias):
    """Torch's operator without padding, then cropped: it knows no one-sided padding."""
    full = config.geometry.explicit(config.input_size)
    operator = getattr(torch.nn.functional, f"conv_transpose{config.axes}d")
    whole = operator(
        torch.from_numpy(y),
        torch.from_numpy(weight),
        None if bias is None else torch.from_numpy(bias),
        stride=full.stride,
        output_padding=full.output_padding,
        groups=config.groups,
        dilation=full.dilation,
    )
    crop = [slice(b, n - e) for (b, e), n in zip(full.padding, whole.shape[2:], strict=True)]
    return whole[(..., *crop)]


@ANY_WAY
@each(TRANSPOSED)
def test_every_way_equals_torch_exactly(config, way):
    y, weight, bias = config.arrays()
    x = way(y, weight, config.geometry, groups=config.groups, bias=bias)
    assert_equal(x, torch_transposed(config, y, weight, bias))
    assert x.shape == config.output_shape


@given(transposed())
@settings(max_examples=60)
def test_the_three_ways_agree_on_any_window(config):
    y, weight, bias = config.arrays()
    results = [way(y, weight, config.geometry, groups=config.groups, bias=bias) for way in WAYS]
    assert_equal(results[0], results[2])
    assert_equal(results[1], results[2])


@given(transposed())
def test_scatter_equals_torch_on_any_window(config):
    y, weight, bias = config.arrays()
    x = transposed_by_scatter(y, weight, config.geometry, groups=config.groups, bias=bias)
    assert_equal(x, torch_transposed(config, y, weight, bias))


@MODES
@pytest.mark.parametrize("way", [transposed_by_gradient, transposed_by_scatter])
def test_with_a_padding_mode_it_is_the_adjoint_of_the_padded_convolution(mode, way):
    random = np.random.default_rng(0)
    forward = Geometry((3, 2), stride=(2, 1), padding=((2, 1), (1, 0)), dilation=(1, 2))
    weight = random.integers(-5, 5, (4, 1, 3, 2))
    x, y = random.integers(-5, 5, (2, 2, 6, 5)), random.integers(-5, 5, (2, 4, 4, 4))
    back = forward.transpose((6, 5))
    wx = cross_correlate(x, weight, forward, groups=2, padding_mode=mode)
    wty = way(y, weight, back, groups=2, padding_mode=mode)
    assert (wx * y).sum() == (x * wty).sum()


# facts of the lecture: a 3x3 kernel of ones over an input of ones
LECTURE = [
    (Geometry(3, transposed=True), (2, 2), (4, 4), [1, 2, 2, 1]),
    (Geometry(3, 2, 1, transposed=True), (3, 3), (5, 5), [1, 2, 1, 2, 1]),
    (Geometry(3, 2, 1, 1, 1, transposed=True), (3, 3), (6, 6), [1, 2, 1, 2, 1, 1]),
    (Geometry(3, 2, transposed=True), (3, 3), (7, 7), [1, 1, 2, 1, 2, 1, 1]),
    (Geometry(4, 2, 1, transposed=True), (3, 3), (6, 6), [1, 2, 2, 2, 2, 1]),
    (Geometry(2, 2, transposed=True), (3, 3), (6, 6), [1] * 6),
]


@ANY_WAY
@pytest.mark.parametrize(("geometry", "size", "out_size", "line"), LECTURE)
def test_overlap_counts_of_the_lecture(way, geometry, size, out_size, line):
    weight = np.ones((1, 1, *geometry.kernel_size * 2), int)
    x = way(np.ones((1, 1, *size), int), weight, geometry.on_axes(2))
    assert x.shape[2:] == out_size
    assert x[0, 0].tolist() == np.outer(line, line).tolist()


@ANY_WAY
def test_onnx_convtranspose_vector(way):
    y = np.arange(9).reshape(1, 1, 3, 3)
    x = way(y, np.ones((1, 2, 3, 3), int), Geometry(3, transposed=True))
    expected = [
        [0, 1, 3, 3, 2],
        [3, 8, 15, 12, 7],
        [9, 21, 36, 27, 15],
        [9, 20, 33, 24, 13],
        [6, 13, 21, 15, 8],
    ]
    assert x.tolist() == [[expected, expected]]


@ANY_WAY
def test_onnx_convtranspose_dilations_vector(way):
    y = np.array([[[[3, 8, 1], [9, 5, 7], [3, 2, 6]]]])
    weight = np.array([[[[7, 2], [1, 9]]]])
    x = way(y, weight, Geometry(2, dilation=2, transposed=True))
    assert x[0, 0].tolist() == [
        [21, 56, 13, 16, 2],
        [63, 35, 67, 10, 14],
        [24, 22, 76, 76, 21],
        [9, 5, 88, 45, 63],
        [3, 2, 33, 18, 54],
    ]


@ANY_WAY
def test_onnx_convtranspose_autopad_same_vector(way):
    y = np.arange(9).reshape(1, 1, 3, 3)
    geometry = Geometry(3, stride=2, padding="same", transposed=True)
    x = way(y, np.ones((1, 2, 3, 3), int), geometry)
    expected = [
        [0, 0, 1, 1, 3, 2],
        [0, 0, 1, 1, 3, 2],
        [3, 3, 8, 5, 12, 7],
        [3, 3, 7, 4, 9, 5],
        [9, 9, 20, 11, 24, 13],
        [6, 6, 13, 7, 15, 8],
    ]
    assert x.tolist() == [[expected, expected]]


def test_errors_name_the_operator():
    y = np.ones((1, 4, 3))
    with pytest.raises(GeometryError, match="transposed_by_scatter takes .* transposed=True"):
        transposed_by_scatter(y, np.ones((4, 2, 3)), Geometry(3))
    with pytest.raises(ShapeError, match=r"expected input to have 3 channels, but got 4 .*scatter"):
        transposed_by_scatter(y, np.ones((3, 2, 3)), Geometry(3, transposed=True))
