"""Orbits are exact; scale, steerable and spherical layers follow with a measured, small error."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convariant as cv
from convariant import GeometryError, ShapeError, UnknownNameError
from convariant.analysis.symmetry._motion import Motion, move, rotation_matrix
from convariant.nn import (
    Canonical2d,
    OrbitAverage2d,
    ScaleConv2d,
    ScalePool2d,
    SphericalCNN,
    SphericalConv,
    SphericalMean,
    SphericalPool,
    SphericalTransform,
    SteerableConv2d,
    SteerablePool2d,
    image_on_sphere,
    random_rotation,
    rotate_sphere,
)
from convariant.training import open_source
from support.compare import assert_close, assert_equal


@functools.cache
def digits(every: int = 100) -> torch.Tensor:
    return torch.from_numpy(open_source("digits").held_out.images[::every]).float()[:, None] / 255


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("wrapper", [OrbitAverage2d, Canonical2d])
@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_turned_images_give_the_same_answer_to_the_last_bit(wrapper, group):
    torch.manual_seed(0)
    lenet, x = cv.models.create("lenet5").eval(), digits()
    model = wrapper(lenet, group)
    with torch.no_grad():
        y = model(x)
        for turns in range(4):
            assert_equal(model(x.rot90(turns, (2, 3))), y)
        assert torch.equal(model(x.flip(-1)), y) == (group == "p4m")
        assert not torch.equal(lenet(x.rot90(1, (2, 3))), lenet(x))


def test_the_average_is_the_mean_over_the_copies():
    torch.manual_seed(0)
    lenet, x = cv.models.create("lenet5").eval(), digits()
    with torch.no_grad():
        copies = [lenet(x.rot90(i, (2, 3))) for i in range(4)]
        assert_close(OrbitAverage2d(lenet, "p4")(x), torch.stack(copies).mean(0), reduction=16)
    assert OrbitAverage2d(lenet, "p4m").passes((28, 28)) == 8
    assert OrbitAverage2d(lenet, "shift").passes((28, 20)) == 560
    assert OrbitAverage2d(lenet, "shift", modulus=4).passes((28, 20)) == 16


def test_averages_over_shifts_below_the_modulus_are_enough():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1, padding_mode="circular"),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ).double()
    x = digits().double()
    average = OrbitAverage2d(model, "shift", modulus=2)
    with torch.no_grad():
        y = average(x)
        for shift in ((1, 0), (0, 1), (5, -3)):
            assert_close(average(x.roll(shift, (2, 3))), y, reduction=1000)
            assert not torch.allclose(model(x.roll(shift, (2, 3))), model(x), 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_canonical_shift_is_the_same_for_all(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(2, 2, 6, 9, generator=generator)
    model = Canonical2d(nn.Identity(), "shift")
    for shift in ((1, 0), (0, 1), (3, 7)):
        assert_equal(model(x.roll(shift, (2, 3))), model(x))
    stripes = torch.eye(6)[None, None]  # all rows and columns weigh the same
    assert_equal(model(stripes.roll((0, 2), (2, 3))), model(stripes))
    dot = torch.zeros(1, 1, 5, 5)
    dot[..., 0, 4] = 1
    assert model(dot)[0, 0, 2, 2] == 1


def test_orbits_refuse_what_does_not_fit():
    with pytest.raises(UnknownNameError, match="no group is named 'p6'"):
        OrbitAverage2d(nn.Flatten(), "p6")
    with pytest.raises(UnknownNameError, match="no group is named 'p6'"):
        Canonical2d(nn.Flatten(), "p6")
    with pytest.raises(GeometryError, match="modulus=0 is no number of pixels"):
        OrbitAverage2d(nn.Flatten(), "shift", modulus=0)
    with pytest.raises(ShapeError, match="only square images .* 4x5; pad them to 5x5"):
        Canonical2d(nn.Flatten(), "p4")(torch.rand(1, 1, 4, 5))
    with pytest.raises(ShapeError, match=r"takes images \(n, c, h, w\)"):
        OrbitAverage2d(nn.Flatten(), "p4")(torch.rand(4, 4))
    with pytest.raises(ShapeError, match="averages answers, but the network gives maps"):
        OrbitAverage2d(nn.Identity(), "p4")(torch.rand(1, 1, 4, 4))


def smooth_digits(margin: int) -> torch.Tensor:
    x = F.pad(digits(), (margin,) * 4).double()
    kernel = x.new_ones(1, 1, 5, 5) / 25
    return F.conv2d(x, kernel, padding=2)


def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    centre = (x.shape[-1] - 1) / 2
    return move(x, Motion.about((centre, centre), ((1 / factor, 0.0), (0.0, 1 / factor))))


def test_an_enlarged_image_moves_to_the_next_scale():
    torch.manual_seed(0)
    scales = tuple(2 ** (i / 2) for i in range(4))
    model = nn.Sequential(
        ScaleConv2d(1, 4, scales, lift=True), nn.ReLU(), ScaleConv2d(4, 4, scales)
    ).double()
    x = smooth_digits(20)
    with torch.no_grad():
        before = scaled(model(x), 2**0.5).unflatten(1, (-1, 4))
        after = model(scaled(x, 2**0.5)).unflatten(1, (-1, 4))
    assert relative(after[:, :, 1:], before[:, :, :-1]) < 0.06
    assert relative(after, before) > 0.3
    pooled = ScalePool2d(4)(after.flatten(1, 2))
    assert_equal(pooled, after.amax(2))


def test_one_scale_is_a_plain_convolution():
    torch.manual_seed(0)
    layer, x = ScaleConv2d(2, 3, (1.0,), lift=True, sigma=0.8), torch.rand(2, 2, 9, 9)
    assert_close(layer(x), F.conv2d(x, layer.filters(0), layer.bias, padding="same"))
    filters = ScaleConv2d(1, 2, (1.0, 2.0)).double()
    sums = [filters.filters(s).detach().sum((2, 3)) for s in range(2)]
    assert relative(sums[1], sums[0]) < 0.02  # the same response to a constant


@pytest.mark.parametrize("rotations", [4, 8, 12])
def test_a_turned_image_moves_to_the_next_rotation(rotations):
    torch.manual_seed(0)
    model = nn.Sequential(
        SteerableConv2d(1, 4, 5, rotations, lift=True),
        nn.ReLU(),
        SteerableConv2d(4, 4, 5, rotations),
    ).double()
    x, angle = smooth_digits(8), 360 / rotations
    motion = Motion.about((21.5, 21.5), rotation_matrix(angle))
    with torch.no_grad():
        before = move(model(x), motion).unflatten(1, (-1, rotations))
        after = model(move(x, motion)).unflatten(1, (-1, rotations))
    error = relative(after, before.roll(1, 2))
    assert error < (1e-12 if rotations == 4 else 0.12)
    assert relative(after, before) > 2.5 * error
    assert_equal(SteerablePool2d(rotations)(after.flatten(1, 2)), after.amax(2))


def test_scale_and_steerable_layers_refuse_what_does_not_fit():
    with pytest.raises(GeometryError, match="positive numbers in a sequence"):
        ScaleConv2d(1, 1, (0.0, 1.0))
    with pytest.raises(GeometryError, match="positive numbers in a sequence"):
        ScaleConv2d(1, 1, 5)
    with pytest.raises(ShapeError, match=r"takes \(n, 6, h, w\).* the first layer needs lift"):
        ScaleConv2d(2, 1, (1, 2, 3))(torch.rand(1, 2, 8, 8))
    with pytest.raises(GeometryError, match="odd kernel_size of at least 3"):
        SteerableConv2d(1, 1, 4, 8)
    with pytest.raises(ShapeError, match=r"takes \(n, 16, h, w\)"):
        SteerableConv2d(2, 1, 5, 8)(torch.rand(1, 2, 8, 8))


def test_harmonics_agree_with_scipy_and_come_back():
    special = pytest.importorskip("scipy.special")
    from convariant.nn._sphere_transform import legendre

    theta = np.array([0.3, 1.1, 2.9])
    table = legendre(6, theta)
    for degree in range(6):
        for m in range(degree + 1):
            factor = (2 * degree + 1) / (4 * math.pi)
            factor *= math.factorial(degree - m) / math.factorial(degree + m)
            expected = math.sqrt(factor) * special.lpmv(m, degree, np.cos(theta))
            assert_close(table[degree, m], expected, reduction=16, scale=1.0)
    transform = SphericalTransform(8)
    spectrum = torch.randn(2, 8, 8, dtype=torch.complex128).tril()
    spectrum[..., 0] = spectrum[..., 0].real.to(spectrum.dtype)
    back = transform(transform.inverse(spectrum))
    assert_close(torch.view_as_real(back), torch.view_as_real(spectrum), reduction=1000)


def signal(band: int, channels: int = 1) -> torch.Tensor:
    """A random signal below its band limit."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, channels, band, 2 * band, generator=generator, dtype=torch.float64)
    transform = SphericalTransform(band)
    return transform.inverse(transform(x))


@pytest.mark.parametrize("seed", range(3))
def test_spherical_layers_follow_every_rotation(seed):
    torch.manual_seed(0)
    x, rotation = signal(8), random_rotation(seed)
    turned = rotate_sphere(x, rotation)
    assert_close(rotate_sphere(turned, rotation.T), x, reduction=4096)
    for layer in (SphericalConv(1, 3, 8), SphericalConv(1, 3, 8, 4), SphericalPool(8, 4)):
        with torch.no_grad():
            y = layer.double()(x)
            assert_close(layer(turned), rotate_sphere(y, rotation), reduction=4096)
    assert_close(SphericalMean(8)(turned), SphericalMean(8)(x), reduction=4096, scale=1.0)


def test_a_turn_about_the_axis_rolls_the_rings():
    x, angle = signal(6), 2 * math.pi / 12
    rotation = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]],
        dtype=torch.float64,
    )
    assert_close(rotate_sphere(x, rotation), x.roll(1, -1), reduction=4096, scale=100.0)
    area = SphericalMean(6)(torch.ones(1, 1, 6, 12, dtype=torch.float64))
    assert_close(area, torch.ones(1, 1, dtype=torch.float64), reduction=16)


def test_the_spherical_network_hardly_sees_rotations_of_projected_digits():
    torch.manual_seed(0)
    band = 16
    model = SphericalCNN(band=band).double().eval()
    x = image_on_sphere(digits().double(), band)
    transform = SphericalTransform(band)
    x = transform.inverse(transform(x))
    planar = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Flatten()
    ).double()
    with torch.no_grad():
        y, z = model(x), planar(x)
        for seed in range(3):
            turned = rotate_sphere(x, random_rotation(seed))
            assert relative(model(turned), y) < 0.05
            assert relative(planar(turned), z) > 0.3


def test_projected_images_lie_in_the_north():
    x = image_on_sphere(torch.ones(1, 2, 9, 9), 8)
    assert x.shape == (1, 2, 8, 16)
    assert_equal(x[:, :, 4:], torch.zeros(1, 2, 4, 16))
    assert_close(x[:, :, :3], torch.ones(1, 2, 3, 16), reduction=16)


def test_spherical_layers_refuse_what_does_not_fit():
    with pytest.raises(GeometryError, match="band limit of 0 holds no signal"):
        SphericalTransform(0)
    with pytest.raises(ShapeError, match=r"grid of 8x16, but got input of size \[1, 8, 8\]"):
        SphericalTransform(8)(torch.rand(1, 8, 8))
    with pytest.raises(GeometryError, match="out_band must be 1 to band=8"):
        SphericalConv(1, 1, 8, 9)
    with pytest.raises(GeometryError, match="out_band must be 1 to band=8"):
        SphericalPool(8, 9)
    with pytest.raises(ShapeError, match=r"SphericalConv takes \(n, 1, 8, 16\)"):
        SphericalConv(1, 1, 8)(torch.rand(1, 2, 8, 16))
    with pytest.raises(ShapeError, match="SphericalMean of band 8 takes maps of 8x16"):
        SphericalMean(8)(torch.rand(1, 1, 8, 8))
    with pytest.raises(GeometryError, match="expected a rotation matrix"):
        rotate_sphere(signal(4), -torch.eye(3))


@pytest.mark.parametrize("group", ["p4", "p4m", "shift"])
def test_no_image_and_pixels_that_are_no_numbers_pass_through(group):
    model = Canonical2d(nn.Identity(), group)
    assert model(torch.rand(0, 1, 6, 6)).shape == (0, 1, 6, 6)
    x = torch.rand(3, 1, 6, 6)
    x[0, 0, 2, 3], x[1, 0, 4, 1], x[2] = float("nan"), float("inf"), float("nan")
    chosen = model(x)
    moved = x.roll((1, -2), (2, 3)) if group == "shift" else x.rot90(1, (2, 3))
    assert torch.equal(model(moved).nan_to_num(-1), chosen.nan_to_num(-1))
