"""What a kernel slides over: every position shows an input element or a zero of some kind."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from convariant.geometry import Geometry
from convariant.reference import PaddingMode, source_index

Kind: TypeAlias = Literal["input", "copy", "padding", "inserted", "extra"]
Place: TypeAlias = tuple[int, ...]

# of a position whose axes disagree, the later kind wins: a corner of the padding is padding
_ORDER: tuple[Kind, ...] = ("input", "inserted", "copy", "padding", "extra")


@dataclass(frozen=True)
class Tap:
    """One element of the kernel at one place: where it lies, which input it meets, if any."""

    position: Place
    kernel: Place
    source: Place | None


@dataclass(frozen=True)
class Canvas:
    """The grid under a window: per axis and position, the input index shown (-1: zero) and why."""

    sources: tuple[tuple[int, ...], ...]
    kinds: tuple[tuple[Kind, ...], ...]
    window: Geometry

    @property
    def size(self) -> Place:
        """Its size, the input and all that stands around and within it."""
        return tuple(len(axis) for axis in self.sources)

    def source(self, position: Place) -> Place | None:
        """The input element that a position shows, None for a zero."""
        shown = tuple(axis[p] for axis, p in zip(self.sources, position, strict=True))
        return None if -1 in shown else shown

    def kind(self, position: Place) -> Kind:
        """What a position is: the input itself, a copy of it, or one of three kinds of zero."""
        kinds = (axis[p] for axis, p in zip(self.kinds, position, strict=True))
        return max(kinds, key=_ORDER.index)

    def home(self, source: Place) -> Place:
        """The position where an input element itself stands, not a copy of it."""
        return tuple(
            next(p for p, s in enumerate(shown) if s == i and kinds[p] == "input")
            for shown, kinds, i in zip(self.sources, self.kinds, source, strict=True)
        )

    def taps(self, output: Place) -> list[Tap]:
        """The whole kernel where it lies for one output, in the kernel's order."""
        per_axis = [self.window.taps(axis, o, self.size) for axis, o in enumerate(output)]
        found = []
        for pairs in itertools.product(*per_axis):
            position = tuple(p for p, _ in pairs)
            found.append(Tap(position, tuple(k for _, k in pairs), self.source(position)))
        return found


def padded(geometry: Geometry, input_size: Sequence[int], mode: PaddingMode) -> Canvas:
    """The padded input that a convolution or a pooling window slides over."""
    full = geometry.explicit(input_size)
    around: Kind = "padding" if mode == "zeros" else "copy"
    inside: Kind = "input"
    sources, kinds = [], []
    for i, (begin, end) in zip(input_size, full.pads(input_size), strict=True):
        sources.append(tuple(source_index(i, begin, end, mode).tolist()))
        kinds.append((around,) * begin + (inside,) * i + (around,) * end)
    window = Geometry(full.kernel_size, full.stride, dilation=full.dilation)
    return Canvas(tuple(sources), tuple(kinds), window)


def stuffed(geometry: Geometry, input_size: Sequence[int]) -> Canvas:
    """The zero-stuffed input that a transposed convolution, read as a convolution, slides over."""
    effective = geometry.on_axes(len(input_size)).effective(input_size)
    sources, kinds = [], []
    for axis, size in enumerate(effective.stuffed_size(tuple(input_size))):
        begin, _ = effective.padding[axis]
        step = effective.zeros_inserted[axis] + 1
        last = (input_size[axis] - 1) * step
        offsets = [position - begin for position in range(size)]
        inside = [0 <= offset <= last for offset in offsets]
        sources.append(
            tuple(
                offset // step if within and offset % step == 0 else -1
                for offset, within in zip(offsets, inside, strict=True)
            )
        )
        kinds.append(
            tuple(
                _kind_of_zero(offset, within, step, size - position, effective.extra[axis])
                for position, (offset, within) in enumerate(zip(offsets, inside, strict=True))
            )
        )
    window = Geometry(effective.kernel_size, dilation=effective.dilation)
    return Canvas(tuple(sources), tuple(kinds), window)


def _kind_of_zero(offset: int, within: bool, step: int, from_end: int, extra: int) -> Kind:
    if within:
        return "input" if offset % step == 0 else "inserted"
    return "extra" if from_end <= extra else "padding"


@dataclass(frozen=True)
class Stamps:
    """Where the inputs of a transposed convolution stamp the kernel, and what part is kept."""

    input_size: Place
    output_size: Place
    begin: Place
    size: Place
    window: Geometry

    @classmethod
    def of(cls, geometry: Geometry, input_size: Sequence[int]) -> Stamps:
        """From a transposed geometry."""
        full = geometry.explicit(input_size)
        size = tuple(input_size)
        window = Geometry(full.kernel_size, full.stride, dilation=full.dilation)
        reach = window.transpose().output_size(size)
        output = full.output_size(size)
        begin = tuple(b for b, _ in full.pads(size))
        room = tuple(max(r, b + o) for r, b, o in zip(reach, begin, output, strict=True))
        return cls(size, output, begin, room, window)

    def kept(self, position: Place) -> bool:
        """Whether a position is output; the rest is cropped by the padding."""
        return all(
            b <= p < b + o for p, b, o in zip(position, self.begin, self.output_size, strict=True)
        )

    def output(self, position: Place) -> Place:
        """A kept position as an index of the output."""
        return tuple(p - b for p, b in zip(position, self.begin, strict=True))

    def position(self, output: Place) -> Place:
        """The inverse of `output`."""
        return tuple(o + b for o, b in zip(output, self.begin, strict=True))

    def stamp(self, place: Place) -> list[Tap]:
        """The kernel where one input stamps it: position and kernel index of every element."""
        per_axis = [self.window.taps(axis, i, self.size) for axis, i in enumerate(place)]
        return [
            Tap(tuple(p for p, _ in pairs), tuple(k for _, k in pairs), place)
            for pairs in itertools.product(*per_axis)
        ]
