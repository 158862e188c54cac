"""Sub-sampling that follows its input exactly when that is shifted circularly.

Keeping every s-th element keeps one of the s phases of the grid; shift the image by one, and
another phase is kept. Here the phase is chosen by its content, so the same one is kept wherever it
lies.

Source: Chaman and Dokmanic, Truly shift-invariant convolutional neural networks, 2021 (arXiv
2011.14214), and Truly shift-equivariant convolutional neural networks with adaptive polyphase
upsampling, 2021 (arXiv 2105.04040).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError
from convariant.geometry import Geometry


class _Polyphase(nn.Module):
    """The phases of a grid of 1, 2 or 3 axes."""

    axes: int

    def __init__(self, stride: int | Sequence[int]) -> None:
        super().__init__()
        self.stride = Geometry.of(self.axes, 1, stride).stride

    def _split(self, x: Tensor) -> Tensor:
        """`(n, c, h, w) -> (n, phases, c, h/s, w/s)`, phases in row-major order."""
        for axis, s in zip(range(2, 2 + 2 * self.axes, 2), self.stride, strict=True):
            x = x.unflatten(axis, (-1, s))  # (n, c, h/s, s, w/s, s)
        kept, phases = range(2, 2 + 2 * self.axes, 2), range(3, 3 + 2 * self.axes, 2)
        return x.permute(0, *phases, 1, *kept).flatten(1, self.axes)

    def _join(self, components: Tensor) -> Tensor:
        """The inverse of `_split`."""
        x = components.unflatten(1, self.stride)  # (n, s, s, c, h/s, w/s)
        first = self.axes + 2
        order = [axis for i in range(self.axes) for axis in (first + i, 1 + i)]
        x = x.permute(0, self.axes + 1, *order)  # (n, c, h/s, s, w/s, s)
        for axis in range(2, 2 + self.axes):
            x = x.flatten(axis, axis + 1)
        return x

    def extra_repr(self) -> str:
        """The stride."""
        return f"stride={self.stride}"


class _PolyphasePool(_Polyphase):
    def __init__(
        self, stride: int | Sequence[int] = 2, *, p: float = 2.0, return_indices: bool = False
    ) -> None:
        super().__init__(stride)
        if not p > 0:
            raise GeometryError(f"p={p} is not a norm; use p=1, p=2 or p=float('inf')")
        self.p, self.return_indices = p, return_indices

    def forward(self, x: Tensor, index: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """The chosen phase of each image; with `return_indices` also which one it was.

        `index` is the phase to keep where another layer on the same grid has chosen it already.
        """
        _check_divides(type(self).__name__, x, self.stride)
        components = self._split(x)
        if index is None:
            index = _strongest(components, self.p)
        y = torch.where(_marked(index, components), components, 0.0).sum(1)
        return (y, index) if self.return_indices else y

    def extra_repr(self) -> str:
        """The stride and the norm."""
        return f"{super().extra_repr()}, p={self.p}"


class PolyphasePool1d(_PolyphasePool):
    """`PolyphasePool2d` on one axis: `(n, c, w) -> (n, c, w/s)`."""

    axes = 1


class PolyphasePool2d(_PolyphasePool):
    """Keep, of each image, the phase of the grid with the largest norm over all channels.

    `y = x[:, :, i::s, j::s]` for the (i, j) that maximises `||x[:, :, i::s, j::s]||_p`. A circular
    shift of x shifts y circularly, to the last bit: norms are sums of whole numbers, which come out
    the same in any order. Phases of equal norm are told apart by a second sum, over neighbouring
    elements; phases that agree in that too are, but for contrived values, shifted copies.

    Shape: `(n, c, h, w) -> (n, c, h/s, w/s)`, and with `return_indices` the phase `(n,)`.
    Raises: ShapeError where the stride does not divide a size: a circular shift would then change
    which elements are neighbours.

    >>> x = torch.rand(1, 3, 8, 8)
    >>> pool = PolyphasePool2d(2)
    >>> bool((pool(x.roll(1, -1)).sum() - pool(x).sum()).abs() < 1e-5)
    True

    Source: Chaman and Dokmanic 2021, https://arxiv.org/abs/2011.14214.
    """

    axes = 2


class PolyphasePool3d(_PolyphasePool):
    """`PolyphasePool2d` on three axes: `(n, c, d, h, w) -> (n, c, d/s, h/s, w/s)`."""

    axes = 3


class _PolyphaseUnpool(_Polyphase):
    def __init__(self, stride: int | Sequence[int] = 2) -> None:
        super().__init__(stride)

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        """Each image at the phase it was taken from, zeros elsewhere."""
        if index.shape != x.shape[:1]:
            raise ShapeError(
                f"{type(self).__name__} takes one phase for each of {x.shape[0]} images, but got "
                f"index of size {list(index.shape)}; pass what the pooling returned"
            )
        components = x.unsqueeze(1).expand(-1, math.prod(self.stride), *x.shape[1:])
        return self._join(torch.where(_marked(index, components), components, 0.0))


class PolyphaseUnpool1d(_PolyphaseUnpool):
    """`PolyphaseUnpool2d` on one axis."""

    axes = 1


class PolyphaseUnpool2d(_PolyphaseUnpool):
    """The way back of `PolyphasePool2d`: elements return to the phase that they were taken from.

    With it a network of pooling and unpooling, such as a U-Net, shifts with its input exactly.

    Shape: `(n, c, h, w), (n,) -> (n, c, s h, s w)`. Raises: ShapeError.

    >>> x = torch.rand(2, 3, 4, 4)
    >>> y, index = PolyphasePool2d(2, return_indices=True)(x)
    >>> back = PolyphaseUnpool2d(2)(y, index)
    >>> back.shape == x.shape, bool(((back == x) | (back == 0)).all())
    (True, True)

    Source: Chaman and Dokmanic 2021, https://arxiv.org/abs/2105.04040.
    """

    axes = 2


class PolyphaseUnpool3d(_PolyphaseUnpool):
    """`PolyphaseUnpool2d` on three axes."""

    axes = 3


def _marked(index: Tensor, components: Tensor) -> Tensor:
    """Where the phase of each image is the one of its index: `(n, phases, 1, ...)`.

    A comparison and not a gather, so that the layers consist of what ONNX and compilers know well.
    """
    phases = torch.arange(components.shape[1], device=index.device)
    return (index[:, None] == phases).reshape(-1, len(phases), *[1] * (components.dim() - 2))


def _strongest(components: Tensor, p: float) -> Tensor:
    """The phase with the largest norm, ties broken by neighbours: `(n, phases, ...) -> (n,)`."""
    magnitude = components.detach().abs()
    if math.isinf(p):
        norm = magnitude.flatten(2).amax(-1)
    else:
        powers = magnitude if p == 1 else magnitude**p
        clear = _clear_choice(powers)
        if clear is not None:
            return clear
        norm = _sum_in_any_order(powers)
    tied = norm == norm.amax(1, keepdim=True)
    contrast = _sum_in_any_order(_with_neighbours(components.detach()))
    score = torch.where(tied, contrast, -1.0)
    phases = torch.arange(score.shape[1], device=score.device)
    first = torch.where(score == score.amax(1, keepdim=True), phases, score.shape[1])
    return first.amin(1)  # the first of the largest


def _clear_choice(powers: Tensor) -> Tensor | None:
    """The choice by plain sums where all images are so far from a tie that no rounding matters.

    A short way that gives what the long one would, for a third of the time of training. None where
    it cannot be taken, and while a graph is recorded, which must not depend on values.
    """
    traced = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
    if traced or powers.device.type != "cpu" or powers.shape[1] < 2 or powers.numel() == 0:
        return None
    powers = powers.flatten(2)
    sums = powers.sum(-1, dtype=torch.float64)
    first, second = sums.topk(2, 1).values.unbind(1)
    # the long way rounds each value to 2^-40 of the largest, this one each sum to 2^-53 of itself
    rounding = powers.amax((1, 2)).double() * powers.shape[-1] * 2.0**-38
    return sums.argmax(1) if bool((first - second > rounding).all()) else None


def _sum_in_any_order(values: Tensor) -> Tensor:
    """Sums over all but two axes that do not depend, to the last bit, on the order of elements.

    Whole numbers add without rounding: each value, at least 0, counts in 2^40ths of the largest.
    """
    values = values.flatten(2).double()
    largest = values.amax((1, 2), keepdim=True).clamp(min=1e-300)
    whole = (values / largest * 2.0**40).round()
    whole = torch.where(whole == whole, whole, 0.0).to(torch.int64)  # of an infinity nothing counts
    return whole.sum(-1).double()


def _with_neighbours(components: Tensor) -> Tensor:
    """Each element mixed with those beside it by unequal weights, cubed: order shows in the sum.

    A sum of first powers would not see the order, one of squares not the direction. Only
    operations on single elements: their rounding is the same wherever an element lies.
    """
    channels = torch.arange(components.shape[2], device=components.device, dtype=components.dtype)
    weight = 1 + (channels * 0.7).sin() / 2
    x = components * weight.reshape(-1, *[1] * (components.dim() - 3))
    mixed = x + x.roll(1, 2) * 0.37
    for axis, step in itertools.product(range(3, x.dim()), (1, 2)):
        mixed = mixed + x.roll(step, axis) * (0.61 / (axis * step))
    return (mixed * mixed * mixed).abs()


def _check_divides(name: str, x: Tensor, stride: tuple[int, ...]) -> None:
    axes = len(stride)
    if x.dim() != axes + 2:
        raise ShapeError(
            f"Expected {axes + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x.shape)}; add or remove axes"
        )
    size = tuple(x.shape[2:])
    if any(i % s for i, s in zip(size, stride, strict=True)):
        fits = tuple(-(-i // s) * s for i, s in zip(size, stride, strict=True))
        raise ShapeError(
            f"{name} with stride {stride} needs sizes divisible by it, but got {size}: a circular "
            f"shift would mix its phases; pad the input to {fits}"
        )
