"""Convolutions at several sizes of one filter: an enlarged image moves to another plane.

A filter is a sum of Hermite functions in a Gaussian window; at scale s the window is s times as
wide. The weights are those of the sum and serve every scale. A feature has one plane for every
scale: `(n, c * S, h, w)`, features outermost. An image enlarged by the step between scales gives
the same responses, enlarged, one plane further on; at the ends of the scales planes are missing,
and sampling is not exact, so the error is small and not zero.

Source: Sosnovik, Szmaja and Smeulders, Scale-equivariant steerable networks, 2020,
https://arxiv.org/abs/1910.11093; Worrall and Welling 2019, https://arxiv.org/abs/1905.11697.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError

_REACH = 3.0  # windows end at so many deviations


class ScaleConv2d(nn.Module):
    """A convolution with every filter at several scales; `lift` for the first layer.

    `y[o, s] = sum over i of x[i, s] * w[o, i] at scale s`, where a lifting layer reads the one
    image at every scale. `order` is the highest order of the Hermite functions, `sigma` the width
    of the window at scale 1.

    Shape: `(n, ci * S, h, w) -> (n, co * S, h, w)`, lifting `(n, ci, h, w) -> (n, co * S, h, w)`.
    Raises: GeometryError, ShapeError.

    >>> scales = (1.0, 2**0.5, 2.0)
    >>> lift, conv = ScaleConv2d(1, 4, scales, lift=True), ScaleConv2d(4, 8, scales)
    >>> conv(torch.relu(lift(torch.rand(2, 1, 16, 16)))).shape
    torch.Size([2, 24, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        scales: Sequence[float] = (1.0, 2**0.5, 2.0, 2 * 2**0.5),
        *,
        order: int = 3,
        sigma: float = 1.0,
        lift: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        several = isinstance(scales, Sequence) and len(scales) > 0
        if not several or min(scales) <= 0 or sigma <= 0 or order < 0:
            raise GeometryError(
                "ScaleConv2d: scales must be positive numbers in a sequence, sigma positive and "
                f"order at least 0, but got scales={scales}, sigma={sigma}, order={order}; "
                "try scales=(1, 1.4, 2)"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.scales, self.order, self.sigma, self.lift = tuple(scales), order, sigma, lift
        functions = (order + 1) * (order + 2) // 2
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, functions))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        for i, scale in enumerate(self.scales):
            basis = hermite_basis(order, sigma * scale, _side(sigma * scale))
            self.register_buffer(f"basis{i}", basis, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Variance of outputs as of inputs, at scale 1; a bias of zero."""
        energy = float(self.get_buffer("basis0").square().sum((1, 2)).mean())
        fan = self.in_channels * self.weight.shape[2] * energy
        nn.init.normal_(self.weight, std=math.sqrt(2 / fan))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def filters(self, scale: int) -> Tensor:
        """The filters at the scale of this number, `(co, ci, k, k)`."""
        basis = self.get_buffer(f"basis{scale}").to(self.weight)
        return torch.einsum("oif,fhw->oihw", self.weight, basis)

    def forward(self, x: Tensor) -> Tensor:
        """The responses at every scale; zero padding keeps the size."""
        count = len(self.scales)
        planes = self.in_channels * (1 if self.lift else count)
        if x.dim() != 4 or x.shape[1] != planes:
            raise ShapeError(
                f"ScaleConv2d takes (n, {planes}, h, w), but got input of size {list(x.shape)}; "
                f"{planes} is in_channels={self.in_channels}"
                + ("" if self.lift else f" times {count} scales; the first layer needs lift=True")
            )
        parts = [x] * count if self.lift else x.unflatten(1, (-1, count)).unbind(2)
        results = [
            F.conv2d(part, self.filters(s), self.bias, padding="same")
            for s, part in enumerate(parts)
        ]
        return torch.stack(results, 2).flatten(1, 2)

    def extra_repr(self) -> str:
        """Channels and scales."""
        shown = ", ".join(f"{s:.3g}" for s in self.scales)
        return f"{self.in_channels}, {self.out_channels}, scales=({shown}), lift={self.lift}"


class ScalePool2d(nn.Module):
    """The maximum over the scales: one plane for each feature.

    Shape: `(n, c * S, h, w) -> (n, c, h, w)`.
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales

    def forward(self, x: Tensor) -> Tensor:
        """The strongest response."""
        return x.unflatten(1, (-1, self.scales)).amax(2)

    def extra_repr(self) -> str:
        """How many scales."""
        return str(self.scales)


def hermite_basis(order: int, sigma: float, side: int) -> Tensor:
    """`H_a(y / sigma) H_b(x / sigma)` in a Gaussian window, a + b <= order: `(functions, k, k)`.

    Divided by sigma squared, so that the response to an enlarged image does not depend on scale.
    """
    place = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) / sigma
    rows = [torch.ones_like(place), 2 * place]
    for n in range(1, order):
        rows.append(2 * place * rows[n] - 2 * n * rows[n - 1])
    window = torch.exp(-place.square() / 2)
    norms = [math.sqrt(2.0**n * math.factorial(n)) for n in range(order + 1)]
    lines = [row * window / norm for row, norm in zip(rows, norms, strict=False)]
    pairs = [(a, b) for a in range(order + 1) for b in range(order + 1 - a)]
    planes = [lines[a][:, None] * lines[b] for a, b in pairs]
    return torch.stack(planes) / (2 * math.pi * sigma**2)


def _side(sigma: float) -> int:
    return 2 * math.ceil(_REACH * sigma) + 1
