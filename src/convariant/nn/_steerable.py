"""Convolutions that turn with their image by any Nth of a circle, nearly.

Filters are sums of rings `exp(-(r - r_j)^2 / 2 s^2) exp(i m phi)`: turned by an angle a, each term
is multiplied by `exp(-i m a)`, exactly, before it is sampled on the pixels. What remains of an
error comes from sampling, and from turning images between pixels. For quarter turns use
`GroupConv2d`, which is exact.

Source: Weiler and Cesa, General E(2)-equivariant steerable CNNs, 2019,
https://arxiv.org/abs/1911.08251; Weiler, Hamprecht and Storath 2018,
https://arxiv.org/abs/1711.07289.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError

_WIDTH = 0.6  # of a ring, in pixels


class SteerableConv2d(nn.Module):
    """A convolution over positions and N rotations; `lift` for the first layer, of plain images.

    A feature has one plane for every rotation: `(n, c * N, h, w)`, features outermost. Turning the
    image by 360/N degrees turns the planes and moves each to the next.

    Shape: `(n, ci * N, h, w) -> (n, co * N, h, w)`, lifting `(n, ci, h, w) -> (n, co * N, h, w)`;
    zero padding keeps the size.
    Raises: GeometryError, ShapeError.

    >>> lift, conv = SteerableConv2d(1, 4, 5, 8, lift=True), SteerableConv2d(4, 8, 5, 8)
    >>> conv(torch.relu(lift(torch.rand(2, 1, 16, 16)))).shape
    torch.Size([2, 64, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        rotations: int,
        *,
        lift: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if kernel_size < 3 or kernel_size % 2 == 0 or rotations < 1:
            raise GeometryError(
                f"steerable filters need an odd kernel_size of at least 3 and rotations of at "
                f"least 1, but got kernel_size={kernel_size}, rotations={rotations}; try 5 and 8"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.rotations, self.lift = kernel_size, rotations, lift
        basis, frequency = ring_basis(kernel_size)  # (f, k, k) complex, (f,)
        self.register_buffer("real", basis.real, persistent=False)
        self.register_buffer("imaginary", basis.imag, persistent=False)
        self.register_buffer("frequency", frequency, persistent=False)
        copies = 1 if lift else rotations
        # (co, ci, input rotation, function, real and imaginary part)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, copies, len(basis), 2))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Variance of outputs as of inputs; a bias of zero."""
        real, imaginary = self.get_buffer("real"), self.get_buffer("imaginary")
        energy = float((real.square() + imaginary.square()).sum((1, 2)).mean())
        fan = self.in_channels * self.weight.shape[2] * self.weight.shape[3] * energy
        nn.init.normal_(self.weight, std=math.sqrt(2 / fan))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def full_weight(self) -> Tensor:
        """The weight of the plain convolution: `(co * N, ci * copies, k, k)`."""
        real, imaginary = self.get_buffer("real"), self.get_buffer("imaginary")
        real, imaginary = real.to(self.weight), imaginary.to(self.weight)
        frequency = self.get_buffer("frequency").to(self.weight)
        turned = []
        for g in range(self.rotations):
            weight = self.weight if self.lift else self.weight.roll(g, 2)
            angle = -2 * math.pi * g / self.rotations * frequency
            a, b = weight[..., 0], weight[..., 1]
            # the real part of (a + ib) exp(i angle) times the basis
            cosine, sine = angle.cos(), angle.sin()
            kernel = torch.einsum("oigf,fhw->oighw", a * cosine - b * sine, real)
            kernel = kernel - torch.einsum("oigf,fhw->oighw", a * sine + b * cosine, imaginary)
            turned.append(kernel)
        return torch.stack(turned, 1).flatten(0, 1).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """The responses at every position and rotation."""
        planes = self.in_channels * (1 if self.lift else self.rotations)
        if x.dim() != 4 or x.shape[1] != planes:
            raise ShapeError(
                f"SteerableConv2d takes (n, {planes}, h, w), but got input of size "
                f"{list(x.shape)}; {planes} is in_channels={self.in_channels}"
                + ("" if self.lift else f" times {self.rotations} rotations; lift=True comes first")
            )
        bias = None if self.bias is None else self.bias.repeat_interleave(self.rotations)
        return F.conv2d(x, self.full_weight(), bias, padding=self.kernel_size // 2)

    def extra_repr(self) -> str:
        """Channels, kernel and rotations."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"rotations={self.rotations}, lift={self.lift}"
        )


class SteerablePool2d(nn.Module):
    """The maximum over the rotations: one plane for each feature.

    Shape: `(n, c * N, h, w) -> (n, c, h, w)`.
    """

    def __init__(self, rotations: int) -> None:
        super().__init__()
        self.rotations = rotations

    def forward(self, x: Tensor) -> Tensor:
        """The strongest response."""
        return x.unflatten(1, (-1, self.rotations)).amax(2)

    def extra_repr(self) -> str:
        """How many rotations."""
        return str(self.rotations)


def ring_basis(side: int) -> tuple[Tensor, Tensor]:
    """Circular harmonics on rings of whole radii, and their angular frequencies.

    A ring of radius r carries frequencies up to r + 1, about what its pixels can tell apart.
    """
    place = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    y, x = torch.meshgrid(-place, place, indexing="ij")  # y upwards: angles counter-clockwise
    radius, angle = torch.hypot(x, y), torch.atan2(y, x)
    planes, frequencies = [], []
    for ring in range((side - 1) // 2 + 1):
        window = torch.exp(-(radius - ring).square() / (2 * _WIDTH**2))
        for m in range(min(2 * ring, ring + 1) + 1):
            # the middle pixel has no angle: only frequency 0 may stand on it
            plane = torch.polar(window * (radius > 0) if m else window, m * angle)
            planes.append(plane / plane.abs().square().sum().sqrt())
            frequencies.append(m)
    return torch.stack(planes), torch.tensor(frequencies, dtype=torch.float64)
