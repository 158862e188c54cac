"""Signals on the sphere: a grid, spherical harmonics, and rotation, for a band limit L.

A signal stands on L rings at the latitudes of Gauss and Legendre, each of 2 L places: `(..., L,
2 L)`. Harmonics of degree below L are told apart exactly on it, so that transforming there and back
changes nothing but rounding. The transform of a real signal keeps the orders m >= 0.

Source: Driscoll and Healy 1994, https://doi.org/10.1006/aama.1994.1008; Cohen et al., Spherical
CNNs, 2018, https://arxiv.org/abs/1801.10130.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError


class SphericalTransform(nn.Module):
    """Between signals `(..., L, 2 L)` and their coefficients `(..., L, L)`, complex, `[l, m]`.

    Raises: GeometryError for a band limit below 1, ShapeError for another grid.

    >>> transform = SphericalTransform(4)
    >>> spectrum = transform(torch.ones(1, 4, 8))
    >>> round(spectrum[0, 0, 0].real.item(), 4), round((4 * math.pi) ** 0.5, 4)
    (3.5449, 3.5449)
    """

    legendre: Tensor
    weight: Tensor

    def __init__(self, band: int) -> None:
        super().__init__()
        if band < 1:
            raise GeometryError(
                f"a band limit of {band} holds no signal; use 1 or more, such as 16"
            )
        self.band = band
        nodes, weight = np.polynomial.legendre.leggauss(band)
        colatitude = np.arccos(nodes[::-1])
        table = torch.from_numpy(legendre(band, colatitude))  # (L, L, rings)
        self.register_buffer("legendre", table, persistent=False)
        self.register_buffer("weight", torch.from_numpy(weight.copy()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The coefficients of a signal."""
        if x.shape[-2:] != (self.band, 2 * self.band):
            raise ShapeError(
                f"a signal of band limit {self.band} stands on a grid of {self.band}x"
                f"{2 * self.band}, but got input of size {list(x.shape)}"
            )
        table, weight = self.legendre.to(x), self.weight.to(x)
        rings = torch.fft.rfft(x, dim=-1)[..., : self.band] * (math.pi / self.band)
        return torch.einsum("lmt,...tm->...lm", (table * weight).to(rings), rings)

    def inverse(self, spectrum: Tensor) -> Tensor:
        """The signal of coefficients; high degrees may be left out."""
        degrees = spectrum.shape[-1]
        table = self.legendre[:degrees, :degrees].to(spectrum)
        rings = torch.einsum("lmt,...lm->...tm", table, spectrum)
        return torch.fft.irfft(rings, n=2 * self.band, dim=-1) * (2 * self.band)

    def extra_repr(self) -> str:
        """The band limit."""
        return f"band={self.band}"


def legendre(band: int, colatitude: np.ndarray) -> np.ndarray:
    """Associated Legendre functions, normalised so that `P[l, m] exp(i m phi)` has norm 1.

    `(l, m, places)`, by the stable recurrence in l; 0 where m > l.
    """
    x, sine = np.cos(colatitude), np.sin(colatitude)
    table = np.zeros((band, band, len(x)))
    table[0, 0] = math.sqrt(1 / (4 * math.pi))
    for m in range(1, band):
        table[m, m] = -math.sqrt((2 * m + 1) / (2 * m)) * sine * table[m - 1, m - 1]
    for m in range(band - 1):
        table[m + 1, m] = math.sqrt(2 * m + 3) * x * table[m, m]
        for degree in range(m + 2, band):
            a = math.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
            b = math.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
            table[degree, m] = a * (x * table[degree - 1, m] - b * table[degree - 2, m])
    return table


@functools.cache
def grid(band: int) -> tuple[Tensor, Tensor]:
    """Colatitude of every ring and longitude of every place."""
    nodes, _ = np.polynomial.legendre.leggauss(band)
    longitude = torch.arange(2 * band, dtype=torch.float64) * (math.pi / band)
    return torch.from_numpy(np.arccos(nodes[::-1]).copy()), longitude


def rotate_sphere(x: Tensor, rotation: Tensor) -> Tensor:
    """A signal turned in space by a matrix `(3, 3)` of SO(3): exact below the band limit.

    Its harmonics are evaluated at the places that the inverse rotation leads to.
    Shape: `(..., L, 2 L) -> (..., L, 2 L)`.
    Raises: ShapeError for a grid of another shape, GeometryError for a matrix that is no rotation.
    """
    rotation = rotation.double().cpu()
    identity = torch.eye(3, dtype=torch.float64)
    proper = rotation.shape == (3, 3) and torch.allclose(rotation @ rotation.T, identity, atol=1e-6)
    if not proper or float(torch.linalg.det(rotation)) < 0:
        raise GeometryError(f"expected a rotation matrix (3, 3), but got {rotation.tolist()}")
    band = x.shape[-2]
    spectrum = SphericalTransform(band).to(x.device, torch.float64)(x.double())
    colatitude, longitude = grid(band)
    theta, phi = torch.meshgrid(colatitude, longitude, indexing="ij")
    places = torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()])
    a, b, c = torch.einsum("ij,jtp->itp", rotation.T, places).flatten(1)
    table = torch.from_numpy(legendre(band, torch.acos(c.clamp(-1, 1)).numpy()))
    order = torch.arange(band, dtype=torch.float64)
    phase = torch.polar(torch.ones(1, dtype=torch.float64), order[:, None] * torch.atan2(b, a))
    harmonics = (table * phase).to(x.device)  # (l, m, places)
    twice = torch.where(order == 0, 1.0, 2.0)[:, None].to(x.device)  # orders m and -m together
    y = torch.einsum("lmp,...lm->...p", harmonics * twice, spectrum).real
    return y.reshape(x.shape).to(x.dtype)


def random_rotation(seed: int) -> Tensor:
    """A matrix of SO(3), evenly distributed, that follows from the seed."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    q, r = torch.linalg.qr(normal)
    q = q * r.diagonal().sign()
    return q * torch.linalg.det(q).sign()


def image_on_sphere(images: Tensor, band: int) -> Tensor:
    """Images on the northern half of the sphere by stereographic projection; the south is 0.

    Shape: `(n, c, h, w) -> (n, c, L, 2 L)`.
    """
    colatitude, longitude = grid(band)
    radius = torch.tan(colatitude / 2)[:, None]
    columns, rows = radius * longitude.cos(), radius * longitude.sin()
    places = torch.stack([columns, rows], -1).to(images)
    y = F.grid_sample(images, places.expand(len(images), -1, -1, -1), align_corners=False)
    return y * (radius <= 1).to(images)
