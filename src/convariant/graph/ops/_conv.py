"""Convolution and transposed convolution on 1, 2 or 3 axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from convariant.geometry import Geometry
from convariant.graph._types import TensorType, shape_text
from convariant.graph.ops._base import Cost, Op, Reach, Taps, Types, expect

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


@dataclass(frozen=True)
class Conv(Op):
    """Cross-correlation; transposed where the geometry is. Inputs: x, weight, and a bias or not.

    `(n, ci, *size) -> (n, co, *geometry.output_size(size))`, with torch's weight layout:
    (co, ci/groups, *kernel), or (ci, co/groups, *kernel) where transposed.
    """

    geometry: Geometry
    groups: int = 1

    def infer(self, x: TensorType, weight: TensorType, *bias: TensorType) -> Types:
        """(n, co, *size behind the window)."""
        axes = self.geometry.axes
        expect(
            x.rank == axes + 2 and weight.rank == axes + 2,
            f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to conv{axes}d, but "
            f"got input of size {shape_text(x.shape)} and weight of size "
            f"{shape_text(weight.shape)}; give both {axes + 2} axes",
        )
        ci, co = self.channels(weight)
        expect(
            x.shape[1] == ci,
            f"Given groups={self.groups}, weight of size {list(weight.shape)}, expected input"
            f"{shape_text(x.shape)} to have {ci} channels, but got {x.shape[1]} channels instead; "
            f"set in_channels={x.shape[1]}",
        )
        expect(
            ci % self.groups == 0 and co % self.groups == 0,
            f"{ci} input and {co} output channels do not divide into groups={self.groups}; "
            f"use groups={math.gcd(ci, co)}",
        )
        expect(
            weight.shape[2:] == self.geometry.kernel_size,
            f"weight of size {shape_text(weight.shape)} does not have the kernel size "
            f"{self.geometry.kernel_size} of its geometry; give the same to both",
        )
        for b in bias:
            expect(
                b.shape == (co,),
                f"expected bias of size ({co},) but got {shape_text(b.shape)}; give one value per "
                "output channel",
            )
        return (x.with_shape((x.shape[0], co, *self.geometry.output_size(x.spatial))),)

    def channels(self, weight: TensorType) -> tuple[int, int]:
        """Input and output channels that a weight of this type joins."""
        first, second = weight.sizes[:2]
        if self.geometry.transposed:
            return first, second * self.groups
        return second * self.groups, first

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, ...]:
        """F.conv, or F.conv_transpose cropped and padded to the asymmetric output."""
        g = self.geometry.explicit(x.shape[2:])
        pads = g.pads(x.shape[2:])
        if not g.transposed:
            if all(b == e for b, e in pads):
                padding = tuple(b for b, _ in pads)
            else:
                x, padding = F.pad(x, flat(pads)), (0,) * g.axes
            return (_CONV[g.axes](x, weight, bias, g.stride, padding, g.dilation, self.groups),)
        y = _CONV_TRANSPOSE[g.axes](x, weight, None, g.stride, 0, 0, self.groups, g.dilation)
        crops = [(-b, op - e) for (b, e), op in zip(pads, g.output_padding, strict=True)]
        y = F.pad(y, flat(crops))
        return (y if bias is None else y + bias.view(-1, *(1,) * g.axes),)

    def text(self) -> str:
        """`3x3 s2 p1 g32`."""
        return window_text(self.geometry) + (f" g{self.groups}" if self.groups > 1 else "")

    def cost(self, inputs: Types, outputs: Types) -> Cost:
        """Each output element meets its group's whole kernel; transposed: each input element."""
        x, weight, *bias = inputs
        ci, co = self.channels(weight)
        per_position = math.prod(self.geometry.kernel_size) * ci * co // self.groups
        positions = x.numel // ci if self.geometry.transposed else outputs[0].numel // co
        return Cost(macs=per_position * positions, bias=outputs[0].numel if bias else 0)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """A window on each spatial axis, every channel."""
        taps = window_taps(self.geometry.explicit(inputs[0].spatial))
        return ((Taps(0), None, *taps), *((None,) * outputs[0].rank for _ in inputs[1:]))


def flat(pads: list[tuple[int, int]] | tuple[tuple[int, int], ...]) -> list[int]:
    """Pads per axis in the order of F.pad: the last axis first."""
    return [n for pair in reversed(pads) for n in pair]


def window_taps(g: Geometry) -> tuple[Taps, ...]:
    """What an explicit window reads on each spatial axis of (n, c, *size)."""
    return tuple(_axis_taps(g, axis) for axis in range(g.axes))


def _axis_taps(g: Geometry, axis: int) -> Taps:
    k, s, d = g.kernel_size[axis], g.stride[axis], g.dilation[axis]
    begin = g.pads((1,) * g.axes)[axis][0]
    if not g.transposed:
        return Taps(axis + 2, (tuple(d * t - begin for t in range(k)),), step=s)
    rows = (
        tuple(sorted((o + begin - d * t) // s for t in range(k) if (o + begin - d * t) % s == 0))
        for o in range(s)
    )
    return Taps(axis + 2, tuple(rows))


def window_text(g: Geometry) -> str:
    """`3x3 s2 p1 d2`: the window, without what has its default."""
    parts = ["x".join(map(str, g.kernel_size))]
    if g.transposed:
        parts.insert(0, "transposed")
    for letter, value, default in (("s", g.stride, 1), ("d", g.dilation, 1)):
        if any(v != default for v in value):
            parts.append(letter + _short(value))
    if isinstance(g.padding, str):
        parts.append(g.padding)
    elif any(pair != (0, 0) for pair in g.padding):
        symmetric = all(b == e for b, e in g.padding)
        parts.append("p" + _short(tuple(b if symmetric else (b, e) for b, e in g.padding)))
    if any(g.output_padding):
        parts.append("op" + _short(g.output_padding))
    if g.ceil_mode:
        parts.append("ceil")
    return " ".join(parts)


def _short(values: tuple[object, ...]) -> str:
    """One value for all axes, or all of them."""
    shown = [str(v).replace(" ", "") for v in values]
    return shown[0] if len(set(shown)) == 1 else f"({','.join(shown)})"
