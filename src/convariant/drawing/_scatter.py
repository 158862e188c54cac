"""The gradient view of a transposed convolution: every input stamps the kernel, stamps add up."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from convariant.drawing._canvas import Place, Stamps, Tap
from convariant.drawing._numbers import by, element, product_sum, short
from convariant.drawing._operator import Operator


@dataclass(frozen=True)
class Scatter:
    """A transposed convolution as W^T y: who stamps what where."""

    stamps: Stamps
    x: np.ndarray
    weight: np.ndarray
    y: np.ndarray
    groups: int

    @classmethod
    def of(cls, operator: Operator) -> Scatter:
        """Of a transposed operator."""
        assert operator.weight is not None
        stamps = Stamps.of(operator.geometry, operator.input_size)
        return cls(stamps, operator.x, operator.weight, operator.y, operator.groups)

    @property
    def room(self) -> tuple[int, ...]:
        """The shape on which stamps fall: output channels, then output and what is cropped."""
        return (self.y.shape[0], *self.stamps.size)

    def inputs(self) -> Iterator[Place]:
        """Every input element (channel, *place), in the order of x.ravel()."""
        return itertools.product(*(range(n) for n in self.x.shape))

    def outputs(self) -> Iterator[Place]:
        """Every output element (channel, *place), in the order of y.ravel()."""
        return itertools.product(*(range(n) for n in self.y.shape))

    def stamp(self, source: Place) -> list[tuple[int, Tap, float]]:
        """(output channel, tap, weight) of every element of one input's stamp."""
        channel, *place = source
        per_group = self.y.shape[0] // self.groups
        first = channel // (self.x.shape[0] // self.groups) * per_group
        return [
            (first + c, tap, float(self.weight[(channel, c, *tap.kernel)]))
            for c in range(per_group)
            for tap in self.stamps.stamp(tuple(place))
        ]

    def origins(self, output: Place) -> list[tuple[Place, float]]:
        """The inputs whose stamps reach one output element, each with its weight there."""
        return self._arrivals[(output[0], *self.stamps.position(output[1:]))]

    @functools.cached_property
    def _arrivals(self) -> dict[Place, list[tuple[Place, float]]]:
        """For every element of the room: the inputs that reach it, with their weights."""
        found: dict[Place, list[tuple[Place, float]]] = defaultdict(list)
        for source in self.inputs():
            for channel, tap, weight in self.stamp(source):
                found[(channel, *tap.position)].append((source, weight))
        return found

    def sums(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """After each input: what has gathered so far, and where anything has."""
        gathered = np.zeros(self.room, np.result_type(self.x, self.weight))
        reached = np.zeros(self.room, bool)
        for source in self.inputs():
            for channel, tap, weight in self.stamp(source):
                gathered[(channel, *tap.position)] += self.x[source] * weight
                reached[(channel, *tap.position)] = True
            yield gathered.copy(), reached.copy()

    def note(self, source: Place) -> str:
        """What one input does: `x[0, 1] = 3 adds 3 × kernel to 3 × 3 outputs`."""
        name = element("x", source[1:] if self.x.shape[0] == 1 else source)
        value = short(float(self.x[source]))
        kept = sum(self.stamps.kept(tap.position) for _, tap, _ in self.stamp(source))
        cut = len(self.stamp(source)) - kept
        cropped = f", {cut} of its products are cropped by the padding" if cut else ""
        size = by(self.stamps.window.kernel_size)
        return f"{name} = {value} stamps {value} × kernel ({size}){cropped}"

    def sum_note(self, output: Place) -> str:
        """The sum of products behind one output, as the other view has it."""
        name = element("y", output[1:] if self.y.shape[0] == 1 else output)
        terms = product_sum((float(self.x[s]), w) for s, w in self.origins(output))
        return f"{name} = {terms} = {short(float(self.y[output]))}"
