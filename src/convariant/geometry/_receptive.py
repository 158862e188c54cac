"""Which inputs can influence an output, through a chain of windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from convariant.errors import GeometryError
from convariant.geometry._geometry import Geometry


@dataclass(frozen=True)
class ReceptiveField:
    """The region of the input that affects one output element, exactly, on every axis.

    `size` is the largest region over output positions and `smallest` the least: they differ only
    behind a transposed convolution, where the region depends on the position. `jump` is the step in
    the input for one step in the output (a fraction where the chain enlarges), `padding` the number
    of elements before the input at which the region of output 0 begins.

    Source: Araujo, Norris and Sim 2019, https://distill.pub/2019/computing-receptive-fields.
    """

    chain: tuple[Geometry, ...]
    size: tuple[int, ...]
    smallest: tuple[int, ...]
    jump: tuple[Fraction, ...]
    padding: tuple[int, ...]

    def region(self, output_index: Sequence[int]) -> tuple[range, ...]:
        """The input positions behind one output, per axis; positions outside the input are padding.

        >>> receptive_field([Geometry(3, padding=1), Geometry(3, stride=2)]).region((2,))
        (range(3, 8),)
        """
        if len(output_index) != len(self.size):
            raise GeometryError(
                f"output index {tuple(output_index)} has {len(output_index)} axes, the chain has "
                f"{len(self.size)}; give one index per axis"
            )
        return tuple(_region(self.chain, axis, o) for axis, o in enumerate(output_index))

    def centre(self, output_index: Sequence[int]) -> tuple[Fraction, ...]:
        """The middle of `region`, in input positions; halves occur for even sizes."""
        return tuple(Fraction(r.start + r.stop - 1, 2) for r in self.region(output_index))


def receptive_field(
    chain: Sequence[Geometry], input_size: Sequence[int] | None = None
) -> ReceptiveField:
    """The receptive field of windows applied one after another.

    For convolutions and poolings this is the recurrence `r += (k - 1) d j`, `j *= s`, `P += p j`;
    transposed convolutions are followed position by position. `input_size` is needed only where a
    padding rule ('same') depends on it.

    Raises GeometryError for an empty chain, or where 'same' needs the input size.

    >>> field = receptive_field([Geometry(3, dilation=d) for d in (1, 2, 4)])
    >>> field.size, field.jump
    ((15,), (Fraction(1, 1),))
    """
    if not chain:
        raise GeometryError("a receptive field needs at least one window; the chain is empty")
    axes = len(input_size) if input_size is not None else max(g.axes for g in chain)
    resolved = _resolve([g.on_axes(axes) for g in chain], input_size)
    regions = [
        [_region(resolved, axis, o) for o in range(_period(resolved, axis))] for axis in range(axes)
    ]
    return ReceptiveField(
        chain=resolved,
        size=tuple(max(len(r) for r in positions) for positions in regions),
        smallest=tuple(min(len(r) for r in positions) for positions in regions),
        jump=tuple(_jump(resolved, axis) for axis in range(axes)),
        padding=tuple(-positions[0].start for positions in regions),
    )


def input_span(geometry: Geometry, axis: int, span: range) -> range:
    """The inputs, padding included, that the outputs in `span` read through one window.

    Empty where no kernel element meets an input, as between the inputs of a transposed
    convolution whose stride is larger than its kernel.
    """
    if not span:
        return span
    if isinstance(geometry.padding, str):
        raise GeometryError(
            f"padding={geometry.padding!r} depends on the input size; use geometry.explicit(size)"
        )
    begin, _ = geometry.padding[axis]
    s, extent = geometry.stride[axis], geometry.extent[axis]
    if not geometry.transposed:
        return range(span.start * s - begin, (span.stop - 1) * s - begin + extent)
    d = geometry.dilation[axis]
    offsets = range(0, extent, d)
    # only positions that are multiples of the stride hold an input; the first and the last of them
    # lie within one stride of the ends, so few outputs need looking at
    hits = [
        (o + begin - t) // s
        for o in {*span[:s], *span[-s:]}
        for t in offsets
        if (o + begin - t) % s == 0
    ]
    return range(min(hits), max(hits) + 1) if hits else range(0)


def _resolve(chain: Sequence[Geometry], input_size: Sequence[int] | None) -> tuple[Geometry, ...]:
    if input_size is None:
        for geometry in chain:
            if isinstance(geometry.padding, str) and max(geometry.stride) > 1:
                raise GeometryError(
                    f"padding={geometry.padding!r} with stride {geometry.stride} depends on the "
                    "input size; call receptive_field(chain, input_size=...)"
                )
        # without stride 'same' pads by the kernel alone, so any input size resolves it
        return tuple(g.explicit((1,) * g.axes) if isinstance(g.padding, str) else g for g in chain)
    resolved, size = [], tuple(input_size)
    for geometry in chain:
        resolved.append(geometry.explicit(size))
        size = geometry.output_size(size)
    return tuple(resolved)


def _region(chain: Sequence[Geometry], axis: int, output_index: int) -> range:
    span = range(output_index, output_index + 1)
    for geometry in reversed(chain):
        span = input_span(geometry, axis, span)
    return span


def _jump(chain: Sequence[Geometry], axis: int) -> Fraction:
    steps = (
        Fraction(1, g.stride[axis]) if g.transposed else Fraction(g.stride[axis]) for g in chain
    )
    return math.prod(steps, start=Fraction(1))


def _period(chain: Sequence[Geometry], axis: int) -> int:
    """After this many outputs the pattern of regions repeats: the transposed strides multiplied."""
    return math.prod(g.stride[axis] for g in chain if g.transposed)
