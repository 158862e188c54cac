"""Convolution and pooling on the sphere: they turn with it in space."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError
from convariant.nn._sphere_transform import SphericalTransform


class SphericalConv(nn.Module):
    """A convolution with filters that are round (zonal): equivariant to every rotation in space.

    Harmonics of degree l are multiplied by one number for each pair of channels, `y[o, l, m] = sum
    over i of w[o, i, l] x[i, l, m]`. The numbers are interpolated between `knots` weights, so that
    filters are smooth in l and therefore local on the sphere. A smaller `out_band` leaves high
    degrees out. The layer itself is exact to rounding; a ReLU behind it makes degrees beyond the
    band limit, which is where the small error of a network comes from.

    Shape: `(n, ci, L, 2 L) -> (n, co, L', 2 L')`, L' the `out_band`.
    Raises: GeometryError, ShapeError.

    >>> conv = SphericalConv(1, 4, band=8, out_band=4)
    >>> conv(torch.rand(2, 1, 8, 16)).shape
    torch.Size([2, 4, 4, 8])

    Source: Esteves et al., Learning SO(3) equivariant representations with spherical CNNs, 2018,
    https://arxiv.org/abs/1711.06721.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        band: int,
        out_band: int | None = None,
        *,
        knots: int = 6,
        bias: bool = True,
    ) -> None:
        super().__init__()
        out_band = band if out_band is None else out_band
        if not 1 <= out_band <= band or knots < 2:
            raise GeometryError(
                f"out_band must be 1 to band={band} and knots at least 2, but got "
                f"out_band={out_band}, knots={knots}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.band, self.out_band, self.knots = band, out_band, knots
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, knots))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.analysis, self.synthesis = SphericalTransform(band), SphericalTransform(out_band)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Variance of outputs as of inputs before a ReLU; a bias of zero."""
        nn.init.normal_(self.weight, std=math.sqrt(2 / self.in_channels))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The filtered signal."""
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise ShapeError(
                f"SphericalConv takes (n, {self.in_channels}, {self.band}, {2 * self.band}), but "
                f"got input of size {list(x.shape)}; set in_channels to its channels"
            )
        spectrum = self.analysis(x)[..., : self.out_band, : self.out_band]
        gain = F.interpolate(self.weight, self.out_band, mode="linear", align_corners=True)
        y = self.synthesis.inverse(torch.einsum("oil,nilm->nolm", gain.to(spectrum), spectrum))
        return y if self.bias is None else y + self.bias[:, None, None]

    def extra_repr(self) -> str:
        """Channels and band limits."""
        return (
            f"{self.in_channels}, {self.out_channels}, band={self.band}, out_band={self.out_band}"
        )


class SphericalPool(nn.Module):
    """A smoother signal on a coarser grid: degrees from `out_band` on are left out.

    Shape: `(n, c, L, 2 L) -> (n, c, L', 2 L')`. Raises: GeometryError, ShapeError.
    """

    def __init__(self, band: int, out_band: int) -> None:
        super().__init__()
        if not 1 <= out_band <= band:
            raise GeometryError(f"out_band must be 1 to band={band}, but got {out_band}")
        self.analysis, self.synthesis = SphericalTransform(band), SphericalTransform(out_band)

    def forward(self, x: Tensor) -> Tensor:
        """The low degrees."""
        band = self.synthesis.band
        return self.synthesis.inverse(self.analysis(x)[..., :band, :band])


class SphericalMean(nn.Module):
    """The mean over the sphere, which no rotation changes: `(n, c, L, 2 L) -> (n, c)`."""

    def __init__(self, band: int) -> None:
        super().__init__()
        self.band = band
        self.register_buffer("area", SphericalTransform(band).weight / 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Rings count by their area."""
        if x.shape[-2:] != (self.band, 2 * self.band):
            raise ShapeError(
                f"SphericalMean of band {self.band} takes maps of {self.band}x{2 * self.band}, "
                f"but got input of size {list(x.shape)}"
            )
        return x.mean(-1) @ self.get_buffer("area").to(x)

    def extra_repr(self) -> str:
        """The band limit."""
        return f"band={self.band}"


class SphericalCNN(nn.Module):
    """Two spherical convolutions, each with half the band, a mean over the sphere, a Linear.

    Shape: `(n, in_channels, band, 2 band) -> (n, num_classes)`.

    >>> SphericalCNN(band=16)(torch.rand(2, 1, 16, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        band: int = 24,
        widths: tuple[int, int] = (16, 32),
    ) -> None:
        super().__init__()
        first, second = widths
        middle, low = max(band // 2, 1), max(band // 4, 1)
        self.conv1 = SphericalConv(in_channels, first, band, middle)
        self.conv2 = SphericalConv(first, second, middle, low)
        self.norm1, self.norm2 = nn.BatchNorm2d(first), nn.BatchNorm2d(second)
        self.mean = SphericalMean(low)
        self.fc = nn.Linear(second, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of each signal."""
        x = torch.relu(self.norm1(self.conv1(x)))  # (n, 16, 12, 24)
        x = torch.relu(self.norm2(self.conv2(x)))  # (n, 32, 6, 12)
        return self.fc(self.mean(x))  # (n, num_classes)
