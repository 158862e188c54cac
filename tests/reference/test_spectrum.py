"""Singular values, rank and null space, by singular value decomposition of the whole matrix."""

import numpy as np
import pytest
from hypothesis import given

from convariant import DataError, Geometry, GeometryError, ShapeError
from convariant.reference import (
    cross_correlate,
    null_space,
    spectrum,
    toeplitz,
    transposed_by_scatter,
)
from support.compare import assert_close
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each
from support.strategies import convolutions

CIRCULANT = (
    Config("1d", (8,), 3, 1, 1),
    Config("1d two aliases", (8,), 3, 2, ((1, 0),), in_channels=1),
    Config("1d three aliases even kernel", (9,), 4, 3, ((0, 1),)),
    Config("2d", (6, 5), (3, 2), 1, ((1, 1), (1, 0))),
    Config("2d dilated grouped", (7, 8), 3, 1, 2, 2, groups=2, in_channels=4, out_channels=2),
    Config("2d stride 2x3", (6, 9), (4, 3), (2, 3), ((1, 1), (0, 0)), in_channels=1),
    Config("2d same", (5, 6), 3, 1, "same"),
    Config("3d stride 2 depthwise", (4, 2, 6), 2, 2, 0, groups=2, out_channels=4),
    Config("transposed 1d", (4,), 3, 2, ((1, 0),), transposed=True),
    Config(
        "transposed 2d grouped",
        (3, 4),
        (4, 2),
        2,
        ((1, 1), (0, 0)),
        groups=2,
        in_channels=4,
        out_channels=6,
        transposed=True,
    ),
)


def whole_matrix(config: Config, mode: str = "zeros") -> np.ndarray:
    _, weight, _ = config.arrays()
    sparse = toeplitz(weight, config.geometry, config.input_size, config.groups, padding_mode=mode)
    return sparse.toarray()


@each(CIRCULANT)
def test_the_fourier_spectrum_is_that_of_the_whole_matrix(config):
    _, weight, _ = config.arrays()
    found = spectrum(
        weight, config.geometry, config.input_size, config.groups, padding_mode="circular"
    )
    matrix = whole_matrix(config, "circular")
    expected = np.linalg.svd(matrix, compute_uv=False)
    assert_close(found.values, expected, reduction=max(matrix.shape))
    assert (found.outputs, found.inputs) == matrix.shape
    assert found.rank == np.linalg.matrix_rank(matrix)


@each(CONVOLUTIONS + TRANSPOSED)
def test_every_window_has_its_spectrum(config):
    _, weight, _ = config.arrays()
    matrix = whole_matrix(config)
    if matrix.size > 200_000:
        return
    found = spectrum(weight, config.geometry, config.input_size, config.groups)
    assert found.rank == np.linalg.matrix_rank(matrix)
    assert found.nullity == matrix.shape[1] - found.rank
    assert found.injective == (found.nullity == 0)
    assert_close(
        np.sqrt((found.values[None] ** 2).sum(1)),
        np.array([np.linalg.norm(matrix)]),
        reduction=4096,
    )


@given(convolutions())
def test_what_is_in_the_null_space_leaves_no_trace(config):
    _, weight, _ = config.arrays()
    lost = null_space(weight, config.geometry, config.input_size, config.groups)
    found = spectrum(weight, config.geometry, config.input_size, config.groups)
    assert len(lost) == found.nullity
    seen = cross_correlate(lost, weight, config.geometry, groups=config.groups)
    assert_close(seen, np.zeros_like(seen), scale=float(np.abs(weight).sum()) + 1, reduction=4096)
    rows = lost.reshape(len(lost), found.inputs)
    assert_close(rows @ rows.T, np.eye(len(lost)), reduction=4096)


def test_a_transposed_convolution_has_the_singular_values_of_its_convolution():
    weight, window = np.random.default_rng(0).normal(size=(3, 2, 3, 3)), Geometry(3, 2, 1)
    there = spectrum(weight, window, (6, 7))
    back = spectrum(weight, window.transpose((6, 7)), window.output_size((6, 7)))
    assert_close(back.values, there.values, reduction=256)
    assert there.condition == float("inf")
    assert there.inputs == back.outputs


def test_a_box_of_three_loses_a_direction_where_three_divides_the_circle():
    box, window = np.ones((1, 1, 3)), Geometry(3, padding=1)
    for n in range(3, 13):
        found = spectrum(box, window, (n,), padding_mode="circular")
        assert found.nullity == (2 if n % 3 == 0 else 0)
    eight = spectrum(box, window, (8,), padding_mode="circular")
    assert_close(np.array(eight.condition), np.array(3 / (np.sqrt(2) - 1)), reduction=256)


def test_condition_is_the_largest_growth_of_noise():
    found = spectrum(np.array([[[1.0, 4.0, 1.0]]]), Geometry(3, padding=1), (5,))
    values = np.linalg.svd(
        np.diag([4.0] * 5) + np.diag([1.0] * 4, 1) + np.diag([1.0] * 4, -1), compute_uv=False
    )
    assert_close(np.array(found.condition), np.array(values[0] / values[-1]), reduction=256)


def test_nothing_passes_a_weight_of_zeros():
    found = spectrum(np.zeros((1, 1, 3)), Geometry(3), (5,))
    assert (found.rank, found.nullity, found.injective) == (0, 5, False)
    assert null_space(np.zeros((1, 1, 3)), Geometry(3), (5,)).shape == (5, 1, 5)


def test_a_matrix_too_large_to_factor_is_refused():
    with pytest.raises(GeometryError, match=r"spectrum: the matrix .* 10000 x 10000.*by FFT"):
        spectrum(np.ones((1, 1, 3, 3)), Geometry(3, padding=1), (100, 100))
    with pytest.raises(GeometryError, match="null_space: the matrix"):
        null_space(np.ones((1, 1, 3, 3)), Geometry(3, padding=1), (100, 100))


def test_a_circular_image_of_any_size_is_decomposed():
    found = spectrum(
        np.ones((1, 1, 3, 3)), Geometry(3, padding=1), (500, 400), padding_mode="circular"
    )
    assert found.values.shape == (200_000,)
    assert_close(found.values[:1], np.array([9.0]), reduction=16)


def test_weights_that_cannot_be_are_refused():
    with pytest.raises(DataError, match=r"spectrum: weight of size \[1, 1, 3\] has 1 values"):
        spectrum(np.array([[[1.0, np.nan, 1.0]]]), Geometry(3), (5,))
    with pytest.raises(ShapeError, match="kernel_size"):
        spectrum(np.ones((1, 1, 3)), Geometry(5), (9,))


def test_the_adjoint_of_a_wrapped_convolution_wraps_too():
    """The transposed blocks belong to the transposed operator, not only to its values."""
    config = CIRCULANT[-1]
    x, weight, _ = config.arrays()
    y = transposed_by_scatter(
        x, weight, config.geometry, groups=config.groups, padding_mode="circular"
    )
    matrix = whole_matrix(config, "circular")
    assert_close(y.reshape(2, -1), x.reshape(2, -1) @ matrix.T, reduction=64)
