"""Deconvolution returns the values where it can, and says so where it cannot."""

import numpy as np
import pytest
from hypothesis import given

from convariant import DataError, Geometry, ShapeError
from convariant.reference import (
    cross_correlate,
    deconvolve,
    null_space,
    spectrum,
    toeplitz,
    transposed_by_scatter,
)
from support.compare import assert_close
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each
from support.strategies import convolutions, transposed


@pytest.fixture
def random() -> np.random.Generator:
    """Numbers that are a test's own: the same whichever tests ran before it."""
    return np.random.default_rng(0)


def run(config: Config, x: np.ndarray, weight: np.ndarray, mode: str = "zeros") -> np.ndarray:
    operator = transposed_by_scatter if config.transposed else cross_correlate
    return operator(x, weight, config.geometry, groups=config.groups, padding_mode=mode)


def check_against_pseudo_inverse(config: Config, mode: str = "zeros") -> None:
    """The answer is the input of least norm among the closest, as numpy's pinv has it."""
    x, weight, bias = config.arrays()
    y = run(config, x, weight, mode)
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * config.axes)
    found = deconvolve(
        y, weight, config.geometry, config.input_size, config.groups, bias=bias, padding_mode=mode
    )
    matrix = toeplitz(weight, config.geometry, config.input_size, config.groups, padding_mode=mode)
    dense = matrix.toarray()
    rank = np.linalg.matrix_rank(dense)
    assert found.nullity == dense.shape[1] - rank
    assert found.nullity_is_exact
    nonzero = np.linalg.svd(dense, compute_uv=False)[:rank]
    growth = nonzero[0] / nonzero[-1] if rank else 1.0
    best = x.reshape(len(x), len(dense.T)) @ (np.linalg.pinv(dense) @ dense).T
    if growth < 1e4:
        assert_close(found.x, best.reshape(x.shape), reduction=4096, scale=10 * growth)
        assert found.residual < 1e-12
    if found.unique and growth < 1e4:
        assert_close(found.x, x, reduction=4096, scale=10 * growth)


@each(CONVOLUTIONS + TRANSPOSED)
def test_every_window_is_inverted_as_far_as_it_can_be(config):
    if np.prod(config.input_shape[1:]) * np.prod(config.output_shape[1:]) < 200_000:
        check_against_pseudo_inverse(config)
    assert config.name


@given(convolutions() | transposed())
def test_any_window_is_inverted_as_far_as_it_can_be(config):
    check_against_pseudo_inverse(config)


@pytest.mark.parametrize("size", [(8,), (9, 6), (4, 6, 2)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
def test_circular_convolutions_are_inverted_by_fourier(size, stride, turned, random):
    if any(n % stride for n in size):
        size = tuple(n + n % stride for n in size)
    window = Geometry.of(len(size), 2 + stride, stride, ((1, 1),) * len(size))
    weight = random.normal(size=(4, 3, *window.kernel_size))
    if turned:
        small = window.output_size(size)
        window, size = window.transpose(size), small
    channels = weight.shape[0] if turned else 2 * weight.shape[1]
    groups = 1 if turned else 2
    x = random.normal(size=(2, channels, *size))
    operator = transposed_by_scatter if turned else cross_correlate
    y = operator(x, weight, window, groups=groups, padding_mode="circular")
    found = deconvolve(y, weight, window, size, groups, padding_mode="circular")
    known = spectrum(weight, window, size, groups, padding_mode="circular")
    assert found.method == "fft"
    assert found.nullity == known.nullity
    assert found.residual < 1e-12
    matrix = toeplitz(weight, window, size, groups, padding_mode="circular").toarray()
    best = y.reshape(2, -1) @ np.linalg.pinv(matrix).T
    assert_close(found.x, best.reshape(x.shape), reduction=4096, scale=100.0)


def test_lsmr_inverts_what_is_too_large_for_a_matrix(random):
    weight = np.array([[[[0.0, 1, 0], [1, 6, 1], [0, 1, 0]]]])
    x = random.normal(size=(2, 1, 60, 50))
    y = cross_correlate(x, weight, Geometry(3, padding=1))
    found = deconvolve(y, weight, Geometry(3, padding=1), (60, 50))
    assert (found.method, found.nullity, found.nullity_is_exact) == ("lsmr", 0, False)
    assert not found.unique
    assert np.abs(found.x - x).max() < 1e-9
    assert 1 < found.condition < 6
    assert "not known whether a direction is lost" in str(found)


def test_lsmr_counts_what_is_surely_lost():
    never_read = deconvolve(
        np.ones((1, 1, 30, 30)), np.ones((1, 1, 1, 1)), Geometry(1, stride=2), (60, 60)
    )
    assert never_read.nullity == 60 * 60 - 30 * 30
    assert "at least 2700 directions are lost" in str(never_read)
    assert never_read.residual < 1e-12
    assert_close(never_read.x[..., ::2, ::2], np.ones((1, 1, 30, 30)), reduction=4096)
    assert not never_read.x[..., 1::2, :].any()


def test_lsmr_counts_what_no_window_reaches():
    """As many outputs as inputs, of which a stride and three channels leave most unread."""
    weight = np.ones((4, 1, 1, 1))
    found = deconvolve(np.ones((1, 4, 30, 30)), weight, Geometry(1, stride=2), (60, 60))
    assert (found.method, found.nullity) == ("lsmr", 60 * 60 - 30 * 30)


def test_lsmr_damps_as_the_normal_equations_do():
    random = np.random.default_rng(1)
    weight, window = random.normal(size=(1, 1, 3, 3)), Geometry(3, padding=1)
    y = random.normal(size=(1, 1, 45, 40))
    found = deconvolve(y, weight, window, (45, 40), damping=0.5)
    assert found.method == "lsmr"
    operator = toeplitz(weight, window, (45, 40))
    normal = (operator.T @ operator).toarray() + 0.5**2 * np.eye(45 * 40)
    expected = np.linalg.solve(normal, operator.T @ y.ravel())
    assert np.abs(found.x.ravel() - expected).max() < 1e-9


def test_lsmr_stops_where_it_is_told(random):
    weight, window = np.full((1, 1, 9, 9), 1 / 81), Geometry(9, padding=4)
    y = cross_correlate(random.normal(size=(1, 1, 60, 50)), weight, window)
    few = deconvolve(y, weight, window, (60, 50), iterations=5)
    more = deconvolve(y, weight, window, (60, 50), iterations=50)
    assert few.iterations == 5
    assert more.residual < few.residual


def test_the_lecture_cannot_return_4x4_from_2x2():
    weight, window = np.arange(1.0, 10).reshape(1, 1, 3, 3), Geometry(3)
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    found = deconvolve(cross_correlate(x, weight, window), weight, window, (4, 4))
    assert (found.nullity, found.unique, found.condition) == (12, False, float("inf"))
    assert found.residual < 1e-12
    assert np.abs(found.x - x).max() > 1
    lost = null_space(weight, window, (4, 4)).reshape(12, 16)
    difference = (x - found.x).ravel()
    assert_close(lost.T @ (lost @ difference), difference, reduction=256)
    assert "12 directions are lost: x is the input of least norm" in str(found)


def test_damping_keeps_the_noise_from_growing(random):
    weight = np.array([[[1.0, 2.0, 1.0]]]) / 4
    x = np.cumsum(random.normal(size=(1, 1, 64)), axis=2)
    for mode in ("zeros", "circular"):
        window = Geometry(3, padding=1)
        clean = cross_correlate(x, weight, window, padding_mode=mode)
        noisy = clean + 0.02 * random.normal(size=clean.shape)
        options = {"padding_mode": mode}
        plain = deconvolve(noisy, weight, window, (64,), **options)
        damped = deconvolve(noisy, weight, window, (64,), damping=0.05, **options)
        assert np.linalg.norm(damped.x - x) < np.linalg.norm(plain.x - x)
        matrix = toeplitz(weight, window, (64,), **options).toarray()
        # stacked, for the normal equations square the condition, and the rounding with it
        stacked = np.vstack([matrix, 0.05 * np.eye(64)])
        expected = np.linalg.lstsq(stacked, np.append(noisy.ravel(), np.zeros(64)))[0]
        assert_close(damped.x.ravel(), expected, reduction=4096)


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_no_image_gives_no_image(mode):
    found = deconvolve(
        np.zeros((0, 1, 5)), np.ones((1, 1, 3)), Geometry(3, padding=1), (5,), padding_mode=mode
    )
    assert found.x.shape == (0, 1, 5)
    assert found.residual == 0
    large = deconvolve(np.zeros((0, 1, 2000)), np.ones((1, 1, 1)), Geometry(1), (2000,))
    assert large.x.shape == (0, 1, 2000)


def test_what_cannot_be_an_output_is_refused():
    weight = np.ones((2, 1, 3))
    with pytest.raises(ShapeError, match=r"y .* has size \(2, 4\) but the geometry makes \(2, 3\)"):
        deconvolve(np.ones((1, 2, 4)), weight, Geometry(3), (5,))
    with pytest.raises(DataError, match="deconvolve: y of size .* has 6 values that are NaN"):
        deconvolve(np.full((1, 2, 3), np.nan), weight, Geometry(3), (5,))
    with pytest.raises(DataError, match="deconvolve: weight"):
        deconvolve(np.ones((1, 2, 3)), np.full((2, 1, 3), np.inf), Geometry(3), (5,))


def test_a_real_photograph_comes_back_as_far_as_its_noise_allows():
    """Blurred by a known motion, cut off at the frame, stored in 8 bits; decibels inside it."""
    data = pytest.importorskip("skimage.data")
    scene = data.camera()[100:196, 200:296] / 255
    kernel = np.eye(9)[None, None] / 9
    blurred = np.round(cross_correlate(scene[None, None], kernel, Geometry(9)) * 255) / 255
    found = deconvolve(blurred, kernel, Geometry(9), scene.shape, damping=0.01, iterations=60)
    assert found.method == "lsmr"
    assert found.nullity == 96 * 96 - 88 * 88

    def decibels(image: np.ndarray) -> float:
        truth = scene[4:-4, 4:-4]
        return -10 * np.log10(np.mean((image.clip(0, 1) - truth) ** 2))

    before, after = decibels(blurred[0, 0]), decibels(found.x[0, 0, 4:-4, 4:-4])
    turned = transposed_by_scatter(blurred, kernel, Geometry(9).transpose((96, 96)))
    assert after > before + 4
    assert decibels(turned[0, 0, 4:-4, 4:-4]) < before
