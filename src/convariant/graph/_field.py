"""Receptive fields through a whole graph: exact, by position, over every path.

The inputs behind output position o are an interval whose ends repeat: o + period moves both by
`shift`. Windows, resizes and slices compose such intervals; where paths meet, their union is
taken. What reads everything (a global mean, a fully connected layer) leaves one interval for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from convariant.graph._graph import Graph
from convariant.graph._types import TensorType
from convariant.graph.ops import Reach, Taps, Torch

# a table longer than this many times the axis is cut to the positions that exist
_LONGEST = 4


@dataclass(frozen=True)
class Field:
    """The input positions behind each position of one axis of a value.

    `rows[r]` is the interval (first, last) behind output r, None where nothing is; `length` the
    number of output positions. Intervals reach over the borders of the input into padding.

    Source: Araujo, Norris and Sim 2019, https://distill.pub/2019/computing-receptive-fields.

    >>> field = Field(rows=((-1, 1),), shift=2, length=4)
    >>> field.size, field.jump, field.offset, field.region(3)
    (3, Fraction(2, 1), -1, range(5, 8))
    """

    rows: tuple[tuple[int, int] | None, ...]
    shift: int
    length: int
    known: bool = True

    @property
    def size(self) -> int:
        """The largest interval over output positions."""
        return max(self._sizes(), default=0)

    @property
    def smallest(self) -> int:
        """The least: it differs from `size` behind transposed convolutions and resizes."""
        return min(self._sizes(), default=0)

    @property
    def jump(self) -> Fraction:
        """The step in the input for one step in the output; 0 where every output reads the same."""
        return Fraction(self.shift, len(self.rows))

    @property
    def offset(self) -> int:
        """Where the interval of output 0 begins; negative in the padding."""
        first = self.interval(0)
        return first[0] if first else 0

    def region(self, output_index: int) -> range:
        """The input positions behind one output; those outside the input are padding."""
        found = self.interval(output_index)
        return range(found[0], found[1] + 1) if found else range(0)

    def interval(self, output_index: int) -> tuple[int, int] | None:
        """First and last input position behind one output, padding included."""
        turns, row = divmod(output_index, len(self.rows))
        base = self.rows[row]
        if base is None:
            return None
        return base[0] + turns * self.shift, base[1] + turns * self.shift

    def _sizes(self) -> list[int]:
        rows = self.rows[: self.length]
        return [0 if row is None else row[1] - row[0] + 1 for row in rows]


@dataclass(frozen=True)
class ReceptiveFields:
    """For every value of a graph, the field on each spatial axis of one input."""

    input: str
    fields: Mapping[str, tuple[Field | None, ...]]

    def of(self, value: str) -> tuple[Field | None, ...]:
        """One field per spatial axis of the input; None where the value does not depend on it."""
        return self.fields[value]


# what a value knows of one input axis: its own axis that follows it (None: none does), and how
_Follow = tuple[int | None, Field]


def receptive_fields(graph: Graph, input_name: str | None = None) -> ReceptiveFields:
    """Receptive fields of every value with respect to one input (the first, unless named).

    The spatial axes of an input `(n, c, *size)` are those behind batch and channels.

    >>> import torch
    >>> from convariant.graph import from_torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.MaxPool2d(2))
    >>> graph = from_torch(net, torch.empty(1, 1, 8, 8))
    >>> receptive_fields(graph).of(graph.outputs[0])[0].size
    4
    """
    source = input_name or graph.inputs[0]
    sizes = graph.types[source].spatial if graph.types[source].rank > 2 else ()
    per_axis = [_follow(graph, source, axis + 2, size) for axis, size in enumerate(sizes)]
    fields = {
        value: tuple(found[value][1] if value in found else None for found in per_axis)
        for value in graph.types
    }
    return ReceptiveFields(source, fields)


def _follow(graph: Graph, source: str, axis: int, size: int) -> dict[str, _Follow]:
    """Every value that depends on one axis of the input, and how."""
    found: dict[str, _Follow] = {source: (axis, Field(((0, 0),), 1, size))}
    for node in graph.nodes:
        dependent = [i for i in range(len(node.inputs)) if node.inputs[i] in found]
        if not dependent:
            continue
        inputs, outputs = graph.node_types(node)
        for name, type_ in zip(node.outputs, outputs, strict=True):
            reaches = node.op.reach(inputs, (type_,))
            parts = [_through(found[node.inputs[i]], reaches[i], type_, size) for i in dependent]
            merged = parts[0]
            for part in parts[1:]:
                merged = _union(merged, part, size)
            if isinstance(node.op, Torch):
                merged = _unknown(merged)
            found[name] = merged
    return found


def _unknown(follow: _Follow) -> _Follow:
    own, field = follow
    return own, Field(field.rows, field.shift, field.length, known=False)


def _through(follow: _Follow, reach: Reach, out: TensorType, size: int) -> _Follow:
    """The field behind one node, through one of its inputs."""
    own, field = follow
    for axis, taps in enumerate(reach):
        if own is not None and taps is not None and taps.axis == own:
            length = out.shape[axis]
            return axis, _compose(field, taps, length if isinstance(length, int) else 1)
    return None, _everything(field, size)


def _compose(field: Field, taps: Taps, length: int) -> Field:
    period = len(field.rows)
    turns = period // math.gcd(period, taps.step) if taps.step else 1
    count = taps.period * turns
    shift = field.shift * (taps.step * turns) // period
    if count > _LONGEST * max(length, 1):
        jump = Fraction(shift, count)
        count, shift = max(length, 1), math.ceil(jump * max(length, 1))
    rows = tuple(_hull(field.interval(t) for t in taps.at(o)) for o in range(count))
    return Field(rows, shift, length, field.known)


def _hull(intervals: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    ends = [i for i in intervals if i is not None]
    return (min(i[0] for i in ends), max(i[1] for i in ends)) if ends else None


def _everything(field: Field, size: int) -> Field:
    """One interval for all positions: all that any of them reads, inside the input."""
    ends = (
        field.interval(0),
        field.interval(max(field.length - 1, 0)),
        *field.rows[: field.length],
    )
    hull = _hull(ends)
    if hull is not None:
        hull = max(hull[0], 0), min(hull[1], size - 1)
    return Field((hull,), 0, 1, field.known)


def _union(a: _Follow, b: _Follow, size: int) -> _Follow:
    """Either path: at equal jumps position by position, else over all that exist."""
    (axis_a, field_a), (axis_b, field_b) = a, b
    known = field_a.known and field_b.known
    if axis_a != axis_b or axis_a is None or 0 in (field_a.shift, field_b.shift):
        parts = (_everything(field_a, size), _everything(field_b, size))
        return None, Field((_hull(p.rows[0] for p in parts),), 0, 1, known)
    length = max(field_a.length, field_b.length)
    if field_a.jump == field_b.jump:
        count = math.lcm(len(field_a.rows), len(field_b.rows))
    else:
        count = length
    shift = math.ceil(count * field_a.jump)
    rows = tuple(_hull((field_a.interval(o), field_b.interval(o))) for o in range(count))
    return axis_a, Field(rows, shift, length, known)
