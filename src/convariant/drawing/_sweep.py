"""A kernel that sweeps over a canvas: which inputs meet which weights for every output."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from convariant.drawing._canvas import Canvas, Place, Tap, padded, stuffed
from convariant.drawing._numbers import element, product_sum, short
from convariant.drawing._operator import Operator
from convariant.reference import pool
from convariant.reference.convolution import flip_kernel
from convariant.reference.transposed import swap_channels


@dataclass(frozen=True)
class Meeting:
    """One tap in one channel: the value there, and the weight it meets (None in pooling)."""

    tap: Tap
    channel: int
    filter_channel: int
    value: float
    weight: float | None

    @property
    def contributes(self) -> bool:
        """Whether an input element stands there."""
        return self.tap.source is not None


@dataclass(frozen=True)
class Sweep:
    """All that one kind of window does: convolution, pooling, or a zero-stuffed convolution."""

    canvas: Canvas
    x: np.ndarray
    weight: np.ndarray | None
    y: np.ndarray
    groups: int
    reducer: str | None = None
    counts: np.ndarray | None = None

    @classmethod
    def of(cls, operator: Operator) -> Sweep:
        """The convolution or pooling that an operator is, or for a transposed one is equal to."""
        geometry, size, weight = operator.geometry, operator.input_size, operator.weight
        if geometry.transposed:
            canvas = stuffed(geometry, size)
            if weight is not None:
                weight = swap_channels(flip_kernel(weight), operator.groups)
        else:
            canvas = padded(geometry, size, operator.padding_mode)
        counts = None
        if operator.reducer == "mean":
            ones = np.ones((1, *operator.x.shape))
            counts = (pool(ones, "sum", geometry) / pool(ones, "mean", geometry))[0]
        return cls(
            canvas, operator.x, weight, operator.y, operator.groups, operator.reducer, counts
        )

    @property
    def filter_channels(self) -> int:
        """Input channels of one group: the planes of one filter."""
        return self.x.shape[0] // self.groups

    @property
    def filters_per_group(self) -> int:
        """Output channels of one group."""
        return self.y.shape[0] // self.groups

    def outputs(self) -> Iterator[Place]:
        """Every output element (channel, *place), in the order of y.ravel()."""
        return itertools.product(*(range(n) for n in self.y.shape))

    def meetings(self, output: Place) -> list[Meeting]:
        """Every element of the filter where it lies for one output, in each of its channels."""
        channel, *place = output
        first = channel // self.filters_per_group * self.filter_channels
        found = []
        taps = self.canvas.taps(tuple(place))
        for c in range(self.filter_channels):
            for tap in taps:
                source = tap.source
                value = 0.0 if source is None else float(self.x[(first + c, *source)])
                weight = None
                if self.weight is not None:
                    weight = float(self.weight[(channel, c, *tap.kernel)])
                found.append(Meeting(tap, first + c, c, value, weight))
        return found

    def marked(self, output: Place) -> frozenset[Place]:
        """The input elements (channel, *place) that one output is made of."""
        meetings = self.meetings(output)
        return frozenset((m.channel, *m.tap.source) for m in meetings if m.tap.source is not None)

    def note(self, output: Place, meetings: list[Meeting]) -> str:
        """The sum of products behind one output: `y[0, 1] = 2·1 + 3·4 = 14`."""
        used = [m for m in meetings if m.contributes]
        name = element("y", output[1:] if self.y.shape[0] == 1 else output)
        result = short(float(self.y[output]))
        if self.reducer is None:
            terms = product_sum((m.value, m.weight or 0.0) for m in used)
            return f"{name} = {terms} = {result}"
        values = [short(m.value) for m in used]
        if self.counts is not None:
            count = short(float(self.counts[output]))
            return f"{name} = ({' + '.join(values) or '0'}) / {count} = {result}"
        return f"{name} = {self.reducer}({', '.join(values)}) = {result}"
