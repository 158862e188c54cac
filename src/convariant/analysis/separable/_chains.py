"""Chains of small convolutions that stand for one large one: their shapes and their cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor, nn

from convariant.analysis._convolution import Convolution
from convariant.functional import PaddingMode
from convariant.geometry import Geometry

Form: TypeAlias = Literal["spatial", "depthwise", "tucker"]
FORMS: tuple[Form, ...] = ("spatial", "depthwise", "tucker")


@dataclass(frozen=True)
class Link:
    """One convolution of a chain, without its numbers."""

    in_channels: int
    out_channels: int
    groups: int
    geometry: Geometry
    padding_mode: PaddingMode = "zeros"

    @property
    def params(self) -> int:
        """The number of weights, without bias."""
        area = math.prod(self.geometry.kernel_size)
        return self.in_channels * self.out_channels // self.groups * area

    def macs(self, input_size: Sequence[int]) -> int:
        """Multiply-adds for one image of this size."""
        positions = (
            input_size if self.geometry.transposed else self.geometry.output_size(input_size)
        )
        return self.params * math.prod(positions)


def chain_of(parts: Convolution) -> tuple[Link, ...]:
    """The convolution itself as a chain of one."""
    return (
        Link(
            parts.in_channels, parts.out_channels, parts.groups, parts.geometry, parts.padding_mode
        ),
    )


def macs(chain: Sequence[Link], input_size: Sequence[int]) -> int:
    """Multiply-adds of the whole chain for one image of this size."""
    total, size = 0, tuple(input_size)
    for link in chain:
        total += link.macs(size)
        size = link.geometry.output_size(size)
    return total


def params(chain: Sequence[Link]) -> int:
    """Weights of the whole chain, without bias."""
    return sum(link.params for link in chain)


def spatial_chain(parts: Convolution, ranks: Sequence[int]) -> tuple[Link, ...]:
    """One convolution for each axis, through `ranks` channels in each group between them."""
    channels = [parts.in_channels, *(r * parts.groups for r in ranks), parts.out_channels]
    return tuple(
        Link(ci, co, parts.groups, along_axis(parts.geometry, axis), parts.padding_mode)
        for axis, (ci, co) in enumerate(itertools.pairwise(channels))
    )


def depthwise_chain(parts: Convolution, multiplier: int) -> tuple[Link, ...]:
    """`multiplier` filters for each channel by itself, then a 1x1 convolution that mixes."""
    wide = parts.in_channels * multiplier
    point = Geometry.of(parts.axes, 1)
    return (
        Link(parts.in_channels, wide, parts.in_channels, parts.geometry, parts.padding_mode),
        Link(wide, parts.out_channels, parts.groups, point),
    )


def tucker_chain(parts: Convolution, ranks: Sequence[int]) -> tuple[Link, ...]:
    """1x1 down to `ranks[0]` channels in each group, the window, 1x1 up from `ranks[1]`.

    A 1x1 convolution that would not lower the number of channels is left out; of a 1x1 convolution
    itself only the two outer ones remain.
    """
    g, (narrow_in, narrow_out) = parts.groups, ranks
    point = Geometry.of(parts.axes, 1)
    if is_pointwise(parts.geometry):
        middle = narrow_out * g
        return (
            Link(parts.in_channels, middle, g, parts.geometry, parts.padding_mode),
            Link(middle, parts.out_channels, g, point),
        )
    ci, co = narrow_in * g, narrow_out * g
    chain = [Link(ci, co, g, parts.geometry, parts.padding_mode)]
    if ci < parts.in_channels:
        chain.insert(0, Link(parts.in_channels, ci, g, point))
    if co < parts.out_channels:
        chain.append(Link(co, parts.out_channels, g, point))
    return tuple(chain)


def along_axis(geometry: Geometry, axis: int) -> Geometry:
    """The window on one axis, 1 on all others."""
    n = geometry.axes

    def only(values: Sequence[int], other: int) -> tuple[int, ...]:
        return tuple(values[a] if a == axis else other for a in range(n))

    padding = geometry.padding
    if not isinstance(padding, str):
        padding = tuple(padding[a] if a == axis else (0, 0) for a in range(n))
    return Geometry(
        only(geometry.kernel_size, 1),
        only(geometry.stride, 1),
        padding,
        only(geometry.dilation, 1),
        only(geometry.output_padding, 0),
        geometry.transposed,
    )


def is_pointwise(geometry: Geometry) -> bool:
    """Whether the window is a single element."""
    return math.prod(geometry.kernel_size) == 1


def build(chain: Sequence[Link], blocks: Sequence[Tensor], bias: Tensor | None) -> nn.Sequential:
    """The modules of a chain, of weights (g, co / g, ci / g, *kernel); the bias is at the end."""
    last = len(chain) - 1
    layers = []
    for i, (link, block) in enumerate(zip(chain, blocks, strict=True)):
        empty = Convolution(block, bias if i == last else None, link.geometry, link.groups)
        layers.append(empty.with_blocks(block).replace(padding_mode=link.padding_mode).module())
    return nn.Sequential(*layers)
