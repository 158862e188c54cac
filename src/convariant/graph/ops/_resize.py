"""Interpolation to another size: nearest, linear, cubic, in every coordinate rule of the field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from convariant.graph._types import TensorType, shape_text
from convariant.graph.ops._base import Cost, Op, Reach, Taps, Types, expect

ResizeMode: TypeAlias = Literal["nearest", "linear", "cubic"]
Coordinates: TypeAlias = Literal[
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
]
Rounding: TypeAlias = Literal["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]


@dataclass(frozen=True)
class Resize(Op):
    """Each spatial axis interpolated on its own, `(n, c, *size) -> (n, c, *other size)`.

    Either `size` is given or `scales` (output = floor(input * scale)). `coordinates` is ONNX's
    coordinate_transformation_mode; torch's default is `asymmetric` with `floor` for nearest,
    `half_pixel` for linear and cubic. `antialias` widens the filter where the axis shrinks.
    Taps beyond the ends repeat the last element, or with `exclude_outside` (torch's rule for
    antialias) count not at all. `tf_crop_and_resize` maps the output onto a `region` of the input,
    (begin, end) of each axis from 0 to 1; what lies beyond the input is `outside`.
    """

    mode: ResizeMode
    size: tuple[int, ...] | None = None
    scales: tuple[float, ...] | None = None
    coordinates: Coordinates = "half_pixel"
    rounding: Rounding = "round_prefer_floor"
    cubic: float = -0.75
    antialias: bool = False
    exclude_outside: bool = False
    region: tuple[tuple[float, float], ...] | None = None
    outside: float = 0.0

    def infer(self, x: TensorType) -> Types:
        """(n, c, *size)."""
        wanted = self.size if self.size is not None else self.scales
        expect(
            wanted is not None and (self.size is None or len(self.size) == x.rank - 2),
            f"resize of {shape_text(x.shape)} needs a size or a scale for each of its "
            f"{x.rank - 2} spatial axes; give size=(...)",
        )
        return (x.with_shape((*x.shape[:2], *self.output_size(x.spatial))),)

    def output_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size asked for, or that of the scales."""
        if self.size is not None:
            return self.size
        scales = self.scales or ()
        expect(
            len(scales) == len(size),
            f"resize has {len(scales)} scales for {len(size)} spatial axes; give one per axis",
        )
        return tuple(math.floor(i * s) for i, s in zip(size, scales, strict=True))

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Axis by axis: gather the taps of each output, weigh, add."""
        size = self.output_size(tuple(x.shape[2:]))
        for axis, o in enumerate(size):
            i = x.shape[axis + 2]
            same = i == o and (self.scales is None or self.scales[axis] == 1)
            if same and (self.region is None or self.region[axis] == (0.0, 1.0)):
                continue
            index, weight = self.taps(axis, i, o)
            rows = x.index_select(axis + 2, torch.from_numpy(index.ravel()).to(x.device))
            rows = rows.unflatten(axis + 2, index.shape)
            scaled = torch.from_numpy(weight).to(x.device, _real(x))
            shape = (*index.shape, *(1,) * (x.dim() - axis - 3))
            x = (rows * scaled.reshape(shape)).sum(axis + 3).to(x.dtype)
            if self.region is not None:
                position = self._positions(axis, i, o)
                beyond = torch.from_numpy((position < 0) | (position > i - 1)).to(x.device)
                x = x.masked_fill(beyond.reshape(-1, *shape[2:]), self.outside)
        return (x,)

    def taps(self, axis: int, i: int, o: int) -> tuple[np.ndarray, np.ndarray]:
        """Input index and weight of each tap of each output, both `(o, taps)`."""
        position = self._positions(axis, i, o)
        if self.mode == "nearest":
            index = np.clip(_round(position, self.rounding), 0, i - 1)
            return index.astype(np.int64)[:, None], np.ones((o, 1))
        stretch = max(1.0 / self._scale(axis, i, o), 1.0) if self.antialias else 1.0
        radius = (1 if self.mode == "linear" else 2) * stretch
        first = np.floor(position - radius).astype(np.int64) + 1
        index = first[:, None] + np.arange(math.ceil(2 * radius) + 1 - (stretch == 1.0))
        distance = np.abs(index - position[:, None].astype(np.float64)) / stretch
        weight = self._filter(distance)
        if self.exclude_outside:
            weight = np.where((index >= 0) & (index < i), weight, 0.0)
        weight = weight / weight.sum(axis=1, keepdims=True)
        return np.clip(index, 0, i - 1), weight

    def _filter(self, t: np.ndarray) -> np.ndarray:
        """The interpolation kernel at distance t; cubic after Keys 1981 with parameter `cubic`."""
        if self.mode == "linear":
            return np.clip(1.0 - t, 0.0, None)
        a = self.cubic
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        return np.where(t <= 1, near, np.where(t < 2, far, 0.0))

    def _scale(self, axis: int, i: int, o: int) -> float:
        return self.scales[axis] if self.scales is not None else o / i

    def _positions(self, axis: int, i: int, o: int) -> np.ndarray:
        """Where in the input each output lies."""
        out = np.arange(o)
        if self.mode == "nearest" and self.coordinates == "asymmetric":
            # torch multiplies in float32, and rounding decides which neighbour is nearest
            step = np.float32(1.0 / self._scale(axis, i, o))
            if self.scales is None:
                step = np.float32(i) / np.float32(o)
            return out.astype(np.float32) * step
        scale = self._scale(axis, i, o)
        if self.coordinates == "tf_crop_and_resize":
            begin, end = self.region[axis] if self.region else (0.0, 1.0)
            if o == 1:
                return np.full(1, (i - 1) * (begin + end) / 2)
            return (i - 1) * (begin + out * ((end - begin) / (o - 1)))
        if self.coordinates == "align_corners":
            length = o if self.scales is None else i * scale
            position = out * ((i - 1) / (length - 1)) if length != 1 else np.zeros(o)
        elif self.coordinates == "asymmetric":
            position = out / scale
        elif self.coordinates == "pytorch_half_pixel" and o == 1:
            position = np.zeros(o)
        elif self.coordinates == "tf_half_pixel_for_nn":
            position = (out + 0.5) / scale
        else:
            position = (out + 0.5) / scale - 0.5
        if self.coordinates == "half_pixel_symmetric":
            position = position + i / 2 * (1 - o / (i * scale))
        # torch's linear mode starts at the first element, which clipping of the index also gives
        return position

    def text(self) -> str:
        """`linear to 64x64` or `nearest by 2x2`."""
        if self.size is not None:
            goal = "to " + "x".join(map(str, self.size))
        else:
            goal = "by " + "x".join(f"{s:g}" for s in self.scales or ())
        rule = "" if self.coordinates == "half_pixel" else f" {self.coordinates}"
        return f"{self.mode} {goal}{rule}{' antialias' if self.antialias else ''}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """A multiply and an add for each tap of each output; nearest copies."""
        taps = {"nearest": 0, "linear": 2, "cubic": 4}[self.mode] ** (outputs[0].rank - 2)
        return Cost(other=2 * taps * outputs[0].numel if self.mode != "nearest" else 0)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """The taps of one period of outputs, clipping at the ends not counted."""
        spatial = zip(inputs[0].spatial, outputs[0].spatial, strict=True)
        taps = (self._axis_taps(axis, i, o) for axis, (i, o) in enumerate(spatial))
        return ((Taps(0), Taps(1), *taps),)

    def _axis_taps(self, axis: int, i: int, o: int) -> Taps:
        index, weight = self.taps(axis, i, o)
        ratio = Fraction(i, o) if self.scales is None else Fraction(1 / self.scales[axis])
        ratio = ratio.limit_denominator(4096)
        repeats = self.coordinates in ("half_pixel", "pytorch_half_pixel", "asymmetric")
        if not repeats or ratio.denominator >= o or self.antialias:
            rows = (tuple(row[w != 0]) for row, w in zip(index, weight, strict=True))
            return Taps(axis + 2, tuple(tuple(map(int, r)) for r in rows), i)
        # unclipped taps of one period in the middle, moved back to the first
        period, step = ratio.denominator, ratio.numerator
        wide = Resize(self.mode, None, (1 / float(ratio),), self.coordinates, self.rounding)
        middle = 8 * period
        index, weight = wide.taps(0, 32 * step, 32 * period)
        return Taps(
            axis + 2,
            tuple(
                tuple(int(t) - 8 * step for t, w in zip(index[r], weight[r], strict=True) if w)
                for r in range(middle, middle + period)
            ),
            step,
        )


def _round(position: np.ndarray, rounding: Rounding) -> np.ndarray:
    if rounding == "floor":
        return np.floor(position)
    if rounding == "ceil":
        return np.ceil(position)
    if rounding == "round_prefer_floor":
        return np.ceil(position - 0.5)
    return np.floor(position + 0.5)


def _real(x: Tensor) -> torch.dtype:
    return x.dtype if x.is_floating_point() else torch.float32
