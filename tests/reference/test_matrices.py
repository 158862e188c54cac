"""Convolution as a matrix product, from both sides: filter as matrix, data as matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given

from convariant import Geometry, ShapeError
from convariant.reference import (
    cross_correlate,
    im2patch,
    patch2im,
    toeplitz,
    toeplitz_operator,
    transposed_by_scatter,
)
from support.compare import assert_equal
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each
from support.strategies import convolutions, transposed

MODES = ("reflect", "replicate", "circular")


def check_both_products(config: Config, padding_mode: str = "zeros") -> None:
    """W x and W^T y by the sparse matrix and by the operator, against the convolutions."""
    x, weight, _ = config.arrays()
    operator = transposed_by_scatter if config.transposed else cross_correlate
    options = {"groups": config.groups, "padding_mode": padding_mode}
    expected = operator(x, weight, config.geometry, **options)
    y = np.random.default_rng(1).integers(-4, 5, expected.shape).astype(float)
    for make in (toeplitz, toeplitz_operator):
        matrix = make(weight, config.geometry, config.input_size, **options)
        assert matrix.shape == (np.prod(expected.shape[1:]), np.prod(x.shape[1:]))
        for image, result, other in zip(x, expected, y, strict=True):
            assert_equal(matrix @ image.ravel(), result.ravel())
            assert (matrix @ image.ravel()) @ other.ravel() == image.ravel() @ (
                matrix.T @ other.ravel()
            )


@each(CONVOLUTIONS + TRANSPOSED)
def test_the_matrix_times_the_image_is_the_operator(config):
    check_both_products(config)


@given(convolutions() | transposed())
def test_the_matrix_times_the_image_is_the_operator_on_any_window(config):
    check_both_products(config)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("transposed", [False, True])
def test_every_padding_mode_has_a_matrix(mode, transposed):
    size = (3, 4) if transposed else (6, 7)
    config = Config(
        "modes", size, (3, 2), 2, ((1, 2), (1, 0)), groups=2, in_channels=4, out_channels=2,
        transposed=transposed,
    )  # fmt: skip
    check_both_products(config, mode)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "shape"),
    [((4, 4), 1, 0, (4, 16)), ((5, 5), 2, 1, (9, 25)), ((6, 6), 2, 1, (9, 36))],
)
def test_matrix_sizes_of_the_lecture(size, stride, padding, shape):
    geometry = Geometry(3, stride, padding)
    matrix = toeplitz(np.ones((1, 1, 3, 3)), geometry, size)
    assert matrix.shape == shape
    turned = toeplitz(np.ones((1, 1, 3, 3)), geometry.transpose(size), geometry.output_size(size))
    assert_equal(turned.toarray(), matrix.T.toarray())


def test_the_last_row_and_column_of_6x6_are_met_by_data_but_their_padding_never():
    matrix = toeplitz(np.ones((1, 1, 3, 3)), Geometry(3, 2, 1), (6, 6)).toarray()
    met = matrix.sum(axis=0).reshape(6, 6)
    assert met[5].tolist() == [1, 2, 1, 2, 1, 1]


def test_one_axis_of_the_matrix_has_constant_diagonals():
    matrix = toeplitz(np.array([[[1, 2, 3]]]), Geometry(3, padding=1), (5,)).toarray()
    assert matrix.tolist() == [
        [2, 3, 0, 0, 0],
        [1, 2, 3, 0, 0],
        [0, 1, 2, 3, 0],
        [0, 0, 1, 2, 3],
        [0, 0, 0, 1, 2],
    ]


@each(CONVOLUTIONS)
def test_weights_times_patches_is_the_convolution(config):
    x, weight, _ = config.arrays()
    patches = im2patch(x, config.geometry)
    size = config.geometry.output_size(config.input_size)
    ci, co, g = config.in_channels, config.out_channels, config.groups
    of_group = patches.reshape(config.batch, g, patches.shape[1] // g, patches.shape[2])
    y = np.einsum("gok,ngkl->ngol", weight.reshape(g, co // g, -1), of_group)
    expected = cross_correlate(x, weight, config.geometry, groups=g)
    assert patches.shape[1] == ci * np.prod(config.geometry.kernel_size)
    assert_equal(y.reshape(config.batch, co, *size), expected)


@given(convolutions())
def test_patch2im_is_the_adjoint_of_im2patch(config):
    x, _, _ = config.arrays()
    patches = im2patch(x, config.geometry)
    other = np.random.default_rng(1).integers(-4, 5, patches.shape).astype(float)
    back = patch2im(other, config.geometry, config.input_size)
    assert back.shape == x.shape
    assert (patches * other).sum() == (x * back).sum()


@given(convolutions(axes=2))
def test_patches_are_those_of_torch(config):
    """nn.Unfold and nn.Fold, wherever they take the padding."""
    if config.torch_padding is None or config.batch == 0:
        return
    x, _, _ = config.arrays()
    window = {"dilation": config.dilation, "padding": config.torch_padding, "stride": config.stride}
    patches = torch.nn.functional.unfold(torch.from_numpy(x), config.kernel_size, **window)
    assert_equal(im2patch(x, config.geometry), patches)
    image = torch.nn.functional.fold(patches, config.input_size, config.kernel_size, **window)
    assert_equal(patch2im(patches.numpy(), config.geometry, config.input_size), image)


def test_onnx_col2im_vector():
    """Col2Im of the ONNX specification: a 1x5 block over 5x5, five columns."""
    patches = np.array(
        [
            [1, 6, 11, 16, 21],
            [2, 7, 12, 17, 22],
            [3, 8, 13, 18, 23],
            [4, 9, 14, 19, 24],
            [5, 0, 15, 20, 25],
        ]
    )[None]
    image = patch2im(patches, Geometry((1, 5)), (5, 5))
    assert image[0, 0].tolist() == [
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 0],
        [11, 12, 13, 14, 15],
        [16, 17, 18, 19, 20],
        [21, 22, 23, 24, 25],
    ]


@pytest.mark.parametrize("mode", MODES)
def test_patches_with_a_padding_mode(mode):
    x, weight, _ = Config("m", (5, 6), 3, 2, 2).arrays()
    geometry = Geometry(3, 2, 2)
    y = weight.reshape(3, -1) @ im2patch(x, geometry, padding_mode=mode)
    expected = cross_correlate(x, weight, geometry, padding_mode=mode)
    assert_equal(y.reshape(expected.shape), expected)


def test_both_sizes_have_nine_by_nine_patches_so_the_size_must_be_told():
    ones = np.ones((1, 9, 9), int)
    for size, line in (((5, 5), [1, 2, 1, 2, 1]), ((6, 6), [1, 2, 1, 2, 1, 1])):
        image = patch2im(ones, Geometry(3, stride=2, padding=1), size)
        assert image[0, 0].tolist() == np.outer(line, line).tolist()


def test_patches_of_another_geometry_are_refused():
    with pytest.raises(ShapeError, match=r"\(rows, columns\) has size \(9, 8\) .* \(9, 9\)"):
        patch2im(np.ones((1, 9, 8)), Geometry(3, 2, 1), (5, 5))
    with pytest.raises(ShapeError, match=r"has size \(10, 9\) .* makes \(9, 9\)"):
        patch2im(np.ones((1, 10, 9)), Geometry(3, 2, 1), (5, 5))
    with pytest.raises(ShapeError, match="toeplitz: weight of size"):
        toeplitz(np.ones((1, 1, 3)), Geometry(3), (5, 5))
