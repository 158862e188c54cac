"""The result of an inspection, as data; it prints itself and gives JSON, CSV and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["complete", "partial", "unavailable"]


@dataclass(frozen=True)
class LayerField:
    """The input region behind one output element, on each spatial axis of the input.

    `size` is the largest over output positions, `smallest` the least; `jump` the step in the input
    for one step in the output, 0 where every output reads the same; `offset` where the region of
    output 0 begins, negative in the padding.
    """

    size: tuple[int, ...]
    smallest: tuple[int, ...]
    jump: tuple[Fraction, ...]
    offset: tuple[int, ...]

    def __str__(self) -> str:
        """`435`, `188-204` where it depends on the position, `3x5` where the axes differ."""
        each = [
            str(big) if big == small else f"{small}-{big}"
            for big, small in zip(self.size, self.smallest, strict=True)
        ]
        return each[0] if len(set(each)) == 1 else "x".join(each)


@dataclass(frozen=True)
class Layer:
    """One operation of the network and what it costs.

    `macs` are multiply-adds, `bias` additions of a bias, `other` all further operations; `flops` is
    two per multiply-add and one for each of the rest. `params` counts a shared weight once, at its
    first use. `counted` is the figure of the chosen convention. Where `status` is not 'complete',
    nobody has counted the operation, and its figures are 0.
    """

    name: str
    path: str
    kind: str
    attributes: str
    input_sizes: tuple[tuple[int, ...], ...]
    output_size: tuple[int, ...]
    params: int
    macs: int
    bias: int
    other: int
    counted: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    receptive_field: LayerField | None
    status: Status

    @property
    def flops(self) -> int:
        """`2 macs + bias + other`."""
        return 2 * self.macs + self.bias + self.other

    @property
    def intensity(self) -> float:
        """Operations for each byte that must be moved: inputs, weights and outputs once."""
        moved = self.weight_bytes + self.input_bytes + self.output_bytes
        return self.flops / moved if moved else 0.0


@dataclass(frozen=True)
class Memory:
    """Bytes of activations: `peak` alive at once (at layer `where`), `total` of all layers."""

    peak: int
    where: str
    total: int
    weights: int


@dataclass(frozen=True)
class Count:
    """The network's cost as a paper or a tool prints it, and why it differs from plain MACs."""

    convention: str
    total: int
    extra: Mapping[str, int]
    line: str


@dataclass(frozen=True)
class Inspection:
    """What a network computes, layer by layer and in all; made by `convariant.inspect`.

    `print(result)` is a table of 80 columns; `tree()` groups by module; `to_json`, `to_csv` and
    `to_html` are for other readers. `status` says of each figure whether it is complete, partial
    (some operations are not counted) or unavailable.
    """

    name: str
    input_sizes: tuple[tuple[int, ...], ...]
    output_sizes: tuple[tuple[int, ...], ...]
    layers: tuple[Layer, ...]
    params: int
    unused_params: int
    memory: Memory
    count: Count
    status: Mapping[str, Status]
    modules: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions and matrix products."""
        return sum(layer.macs for layer in self.layers)

    @property
    def bias(self) -> int:
        """Additions of a bias."""
        return sum(layer.bias for layer in self.layers)

    @property
    def other(self) -> int:
        """Operations of normalisation, activation, pooling and the rest."""
        return sum(layer.other for layer in self.layers)

    @property
    def flops(self) -> int:
        """`2 macs + bias + other`."""
        return 2 * self.macs + self.bias + self.other

    @property
    def intensity(self) -> float:
        """Operations for each byte moved, if every layer reads and writes memory once."""
        moved = sum(x.weight_bytes + x.input_bytes + x.output_bytes for x in self.layers)
        return self.flops / moved if moved else 0.0

    @property
    def receptive_field(self) -> LayerField | None:
        """The field, padding included, of the last layer that reads by position."""
        layer = self.last_windowed
        return None if layer is None else layer.receptive_field

    @property
    def last_windowed(self) -> Layer | None:
        """The last layer that reads by position; behind it every output reads the same."""
        fields = ((x, x.receptive_field) for x in reversed(self.layers))
        return next((x for x, f in fields if f is not None and all(f.jump)), None)

    def layer(self, name: str) -> Layer:
        """The layer of this name; raises KeyError where there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"no layer is named {name!r}; the first are {self._first_names()}")

    def _first_names(self) -> str:
        return ", ".join(repr(layer.name) for layer in self.layers[:3])

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Parameters and MACs of each kind of layer, the most MACs first."""
        sums: dict[str, tuple[int, int]] = {}
        for layer in self.layers:
            params, macs = sums.get(layer.kind, (0, 0))
            sums[layer.kind] = params + layer.params, macs + layer.macs
        return dict(sorted(sums.items(), key=lambda item: item[1][::-1], reverse=True))

    def __str__(self) -> str:
        from convariant.analysis.inspection._text import table

        return table(self)

    def tree(self, depth: int | None = None) -> str:
        """The modules as a tree with the cost of each, down to `depth` levels."""
        from convariant.analysis.inspection._tree import tree

        return tree(self, depth)

    def table1(self) -> str:
        """MobileNet's Table 1, row by row, from this network; see `convariant.analysis`."""
        from convariant.analysis.inspection._table1 import table1

        return table1(self)

    def to_json(self) -> str:
        """All figures as JSON text."""
        from convariant.analysis.inspection._export import to_json

        return to_json(self)

    def to_csv(self) -> str:
        """One row for each layer as CSV text."""
        from convariant.analysis.inspection._export import to_csv

        return to_csv(self)

    def to_html(self) -> str:
        """One page with totals, a chart of cost by layer and the table; needs no network."""
        from convariant.analysis.inspection._html import to_html

        return to_html(self)
