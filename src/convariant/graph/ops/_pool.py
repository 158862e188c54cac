"""Pooling: maximum, average or Lp norm of windows; and windows that adapt to an output size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.geometry import Geometry
from convariant.graph._types import TensorType, shape_text
from convariant.graph.ops._base import Cost, Op, Reach, Taps, Types, expect
from convariant.graph.ops._conv import flat, window_taps, window_text

_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_ADAPTIVE: dict[tuple[str, int], Callable[..., Tensor]] = {
    ("max", 1): F.adaptive_max_pool1d,
    ("max", 2): F.adaptive_max_pool2d,
    ("max", 3): F.adaptive_max_pool3d,
    ("avg", 1): F.adaptive_avg_pool1d,
    ("avg", 2): F.adaptive_avg_pool2d,
    ("avg", 3): F.adaptive_avg_pool3d,
}


@dataclass(frozen=True)
class Pool(Op):
    """One number from each window of each channel, `(n, c, *size) -> (n, c, *output size)`.

    `max` ignores padding; `avg` divides by the window, padding counted or not; `lp` is
    `(sum |x|^p)^(1/p)`. With `indices` a `max` has a second output: where in its channel (counted
    through all spatial axes) each maximum stood.
    """

    mode: Literal["max", "avg", "lp"]
    geometry: Geometry
    count_include_pad: bool = True
    divisor: int | None = None
    p: float = 2.0
    indices: bool = False

    def infer(self, x: TensorType) -> Types:
        """(n, c, *size behind the window)."""
        axes = self.geometry.axes
        expect(
            x.rank == axes + 2,
            f"pooling over {axes} axes takes (n, c) and {axes} sizes, but got "
            f"{shape_text(x.shape)}; add or remove axes",
        )
        y = x.with_shape((*x.shape[:2], *self.geometry.output_size(x.spatial)))
        return (y, TensorType(y.shape, torch.int64)) if self.indices else (y,)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Pad in numbers first, so that ceil_mode and asymmetric padding need no special case."""
        size = self.geometry.output_size(x.shape[2:])
        g = self.geometry.explicit(x.shape[2:])
        pads = g.pads(x.shape[2:])
        if self.mode == "max":
            return tuple(_crop(y, size) for y in self._max(x, g, pads))
        if self.mode == "lp":
            powers = F.pad(x.abs() ** self.p, flat(pads))
            return (_crop(_window_sum(powers, g), size) ** (1 / self.p),)
        total = _crop(_window_sum(F.pad(x, flat(pads)), g), size)
        if self.divisor is not None:
            return (total / self.divisor,)
        return (total / _crop(self._counts(x, g, pads), size),)

    def _max(self, x: Tensor, g: Geometry, pads: tuple[tuple[int, int], ...]) -> tuple[Tensor, ...]:
        # torch pools no small integers; float64 holds them, and whatever fits 53 bits
        wide = x if x.is_floating_point() else x.double()
        padded = F.pad(wide, flat(pads), value=float("-inf"))
        if not self.indices:
            return (_MAX[g.axes](padded, g.kernel_size, g.stride, 0, g.dilation).to(x.dtype),)
        y, where = _MAX[g.axes](padded, g.kernel_size, g.stride, 0, g.dilation, False, True)
        return (y.to(x.dtype), _unpadded_index(where, padded.shape[2:], x.shape[2:], pads))

    def _counts(self, x: Tensor, g: Geometry, pads: tuple[tuple[int, int], ...]) -> Tensor:
        """How many elements each average divides by, as (1, 1, *output size)."""
        if not self.count_include_pad:
            ones = F.pad(x.new_ones(1, 1, *x.shape[2:]), flat(pads))
        else:
            # what ceil_mode adds beyond the declared padding is never counted
            declared = self.geometry.pads(x.shape[2:])
            sizes = (i + b + e for i, (b, e) in zip(x.shape[2:], declared, strict=True))
            extra = [(0, e - d) for (_, e), (_, d) in zip(pads, declared, strict=True)]
            ones = F.pad(x.new_ones(1, 1, *sizes), flat(extra))
        return _window_sum(ones, g)

    def text(self) -> str:
        """`max 3x3 s2 p1`."""
        extra = " without padding" if self.mode == "avg" and not self.count_include_pad else ""
        extra += f" /{self.divisor}" if self.divisor is not None else ""
        extra += f" p={self.p:g}" if self.mode == "lp" else ""
        return f"{self.mode} {window_text(self.geometry)}{extra}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """One operation for each element of each window."""
        return Cost(other=outputs[0].numel * math.prod(self.geometry.kernel_size))

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """A window on each spatial axis, one channel."""
        return ((Taps(0), Taps(1), *window_taps(self.geometry.explicit(inputs[0].spatial))),)


@dataclass(frozen=True)
class AdaptivePool(Op):
    """Pooling to a wished output size; output o covers `floor(o i/size) .. ceil((o+1) i/size)`."""

    mode: Literal["max", "avg"]
    size: tuple[int, ...]

    def infer(self, x: TensorType) -> Types:
        """(n, c, *size)."""
        expect(
            x.rank == len(self.size) + 2,
            f"adaptive pooling to {self.size} takes (n, c) and {len(self.size)} sizes, but got "
            f"{shape_text(x.shape)}; add or remove axes",
        )
        return (x.with_shape((*x.shape[:2], *self.size)),)

    def windows(self, size: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], ...]:
        """(first, stop) of the window of each output, axis by axis."""
        pairs = zip(size, self.size, strict=True)
        return tuple(tuple((r * i // o, -(-(r + 1) * i // o)) for r in range(o)) for i, o in pairs)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """F.adaptive_*_pool."""
        return (_ADAPTIVE[self.mode, len(self.size)](x, self.size),)

    def text(self) -> str:
        """`avg to 1x1`."""
        return f"{self.mode} to {'x'.join(map(str, self.size))}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """One operation for each element of each window."""
        windows = (
            sum(len(row) for row in _adaptive_taps(0, i, o).table)
            for i, o in zip(inputs[0].spatial, self.size, strict=True)
        )
        return Cost(other=math.prod(inputs[0].sizes[:2]) * math.prod(windows))

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """The adaptive window of each output; of a single one, everything."""
        spatial = zip(inputs[0].spatial, self.size, strict=True)
        taps = (
            _adaptive_taps(axis + 2, i, o) if o > 1 else None for axis, (i, o) in enumerate(spatial)
        )
        return ((Taps(0), Taps(1), *taps),)


def _adaptive_taps(axis: int, i: int, o: int) -> Taps:
    common = math.gcd(i, o)
    rows, step = o // common, i // common
    table = (tuple(range(r * i // o, -(-(r + 1) * i // o))) for r in range(rows))
    return Taps(axis, tuple(table), step)


def _window_sum(x: Tensor, g: Geometry) -> Tensor:
    """The sum over each window: a convolution of every channel with ones."""
    n, c = x.shape[:2]
    ones = x.new_ones(1, 1, *g.kernel_size)
    y = _CONV[g.axes](x.reshape(n * c, 1, *x.shape[2:]), ones, None, g.stride, 0, g.dilation)
    return y.reshape(n, c, *y.shape[2:])


def _crop(x: Tensor, size: tuple[int, ...]) -> Tensor:
    for axis, length in enumerate(size):
        x = x.narrow(axis + 2, 0, length)
    return x


def _unpadded_index(
    where: Tensor,
    padded: torch.Size,
    size: torch.Size,
    pads: tuple[tuple[int, int], ...],
) -> Tensor:
    """Flat positions in the padded channel as flat positions in the channel itself."""
    index = torch.zeros_like(where)
    stride = 1
    for axis in reversed(range(len(size))):
        index += (where % padded[axis] - pads[axis][0]) * stride
        where = where // padded[axis]
        stride *= size[axis]
    return index
