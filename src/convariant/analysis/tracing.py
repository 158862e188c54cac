"""One output value of a network as the sum of products that it is."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from convariant.analysis._source import Network, as_graph
from convariant.analysis._table import table
from convariant.errors import DataError, OptionError, ShapeError, UnknownNameError
from convariant.graph import Graph, Node, interpret_all, ops

Index: TypeAlias = tuple[int, ...]

# beside convolutions and linear layers, what is a weighted sum of its inputs where it stands
_LINEAR = (ops.AdaptivePool, ops.BatchNorm, ops.Pool, ops.Resize)
_LINEAR_FUNCTIONS = {"add", "sub", "relu", "leaky_relu", "clip", "maximum", "minimum", "prelu"}
_LINEAR_REDUCTIONS = {"sum", "mean", "max", "min"}


@dataclass(frozen=True)
class Term:
    """One product: an element of the value `source`, times a weight.

    `weight_index` is the place in the layer's weight; None where the factor is not a stored weight
    (1 / count in an average, 1 for the chosen and 0 for the others in a maximum).
    """

    source: str
    index: Index
    value: float
    weight: float
    weight_index: Index | None = None

    @property
    def product(self) -> float:
        """Value times weight; exact where both are float32."""
        return self.value * self.weight


@dataclass(frozen=True)
class Trace:
    """Where one output value comes from: `value = sum of products + constant`.

    `outside` are the kernel elements of a convolution (input channel left out) that meet no input:
    they lie on padding or, transposed, between inputs. `constant` is the bias, or what else the
    layer adds. `total` is the sum, rounded once; `value` is what the network computed. Where
    `linear` is False the layer is no weighted sum: its weights are then its slopes at this point.
    """

    layer: str
    operation: str
    output_index: Index
    value: float
    terms: tuple[Term, ...]
    outside: tuple[Index, ...]
    constant: float
    linear: bool
    _run: _Run = field(repr=False, compare=False)

    @property
    def total(self) -> float:
        """All products and the constant, added without intermediate rounding."""
        return math.fsum([*(term.product for term in self.terms), self.constant])

    def back(self, term: Term) -> Trace:
        """The trace of the input element of a term, through the layer that computed it.

        Raises OptionError where it is an input of the network.
        """
        node = self._run.graph.producers().get(term.source)
        if node is None:
            raise OptionError(
                f"trace: {term.source}{list(term.index)} is an input of the network; there is no "
                "layer before it"
            )
        return self._run.trace(node, node.outputs.index(term.source), term.index)

    def __str__(self) -> str:
        return self.text()

    def text(self, most: int = 40) -> str:
        """The sum, one product a line; beyond `most` products the largest are shown."""
        shown = self.terms
        if len(shown) > most:
            shown = tuple(sorted(shown, key=lambda t: -abs(t.product))[:most])
        rows = [
            [
                f"{term.source}{list(term.index)}",
                f"{term.value:.6g}",
                "x",
                f"{term.weight:.6g}",
                "" if term.weight_index is None else f"w{list(term.weight_index)}",
                "=",
                f"{term.product:.6g}",
            ]
            for term in shown
        ]
        lines = [f"{self.layer} ({self.operation}), output {list(self.output_index)}"]
        if rows:
            lines += table([""] * 7, rows).splitlines()[1:]
        if len(shown) < len(self.terms):
            lines.append(f"... and {len(self.terms) - len(shown)} smaller products")
        if self.outside:
            lines.append(
                f"no input meets {len(self.outside)} kernel elements: {_list(self.outside)}"
            )
        if self.constant:
            lines.append(f"constant {self.constant:.6g}")
        kind = "sum" if self.linear else "first-order part"
        lines.append(f"{kind} {self.total:.9g}, the network computed {self.value:.9g}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Everything, for programs."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.repr}
        fields["terms"] = [{**dataclasses.asdict(t), "product": t.product} for t in self.terms]
        return json.dumps({**fields, "total": self.total})


def trace(
    network: Network, x: Tensor, output_index: Sequence[int], *, layer: str | None = None
) -> Trace:
    """Every product behind one output value, with padding, groups and dilation spelled out.

    `layer` is the path of a module inside the network (by default whatever computes its output);
    `trace.back(term)` goes on through the layer before.

    Shapes: x as the network takes it, with its batch; `output_index` has one entry for each axis
    of the layer's output, `(n, c, h, w)`.

    Raises UnknownNameError for a layer that there is not, ShapeError for an index outside its
    output, GraphError for a network that cannot be captured, DataError for one without weights.

    >>> from torch import nn
    >>> conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)
    >>> _ = conv.weight.data.copy_(torch.tensor([[[10.0, 1, 5]]]))
    >>> print(trace(conv, torch.tensor([[[1.0, 2, 3]]]), (0, 0, 0)))
    Conv1d (Conv 3 p1), output [0, 0, 0]
    input[0, 0, 0]  1  x  1  w[0, 0, 1]  =  1
    input[0, 0, 1]  2  x  5  w[0, 0, 2]  =  10
    no input meets 1 kernel elements: [0]
    sum 11, the network computed 11
    """
    if isinstance(network, nn.Module) and any(p.is_meta for p in network.parameters()):
        raise DataError(
            f"trace: {type(network).__name__} has weights without data (device meta), so there are "
            "no products to show; load its weights"
        )
    graph = as_graph(network, example_inputs=(x,))
    run = _Run(graph, interpret_all(graph, x))
    node, output = _find(graph, layer)
    return run.trace(node, output, _whole(output_index))


@dataclass(frozen=True)
class _Run:
    """A graph with every value that one input led to."""

    graph: Graph
    values: Mapping[str, Tensor]

    def of(self, name: str) -> Tensor:
        """A value, computed or constant."""
        return self.values[name] if name in self.values else self.graph.constants[name].detach()

    def trace(self, node: Node, output: int, index: Index) -> Trace:
        """The trace of one element of one output of a node."""
        name = node.outputs[output]
        value = self.of(name)
        if len(index) != value.dim() or not all(
            -n <= i < n for i, n in zip(index, value.shape, strict=True)
        ):
            raise ShapeError(
                f"trace: index {list(index)} is not in the output of {node.path or node.name}, "
                f"which has shape {list(value.shape)}; give one position on each axis"
            )
        index = tuple(i % n for i, n in zip(index, value.shape, strict=True))
        terms, outside, constant, linear = self._explain(node, output, index)
        return Trace(
            layer=node.path or self.graph.name,
            operation=f"{node.op.kind} {node.op.text()}".strip(),
            output_index=index,
            value=float(value[index]),
            terms=tuple(terms),
            outside=tuple(outside),
            constant=constant,
            linear=linear,
            _run=self,
        )

    def _explain(
        self, node: Node, output: int, index: Index
    ) -> tuple[list[Term], list[Index], float, bool]:
        if isinstance(node.op, ops.Conv):
            return *self._convolution(node, node.op, index), self._bias(node, index[1]), True
        if isinstance(node.op, ops.Linear):
            x, weight = (self.of(name) for name in node.inputs[:2])
            terms = [
                _term(node.inputs[0], x, (*index[:-1], i), weight, (index[-1], i))
                for i in range(weight.shape[1])
            ]
            return terms, [], self._bias(node, index[-1]), True
        return self._by_slopes(node, output, index)

    def _bias(self, node: Node, channel: int) -> float:
        return float(self.of(node.inputs[2])[channel]) if len(node.inputs) > 2 else 0.0

    def _convolution(
        self, node: Node, op: ops.Conv, index: Index
    ) -> tuple[list[Term], list[Index]]:
        padded, weight = (self.of(name) for name in node.inputs[:2])
        source, place_of = self._before_padding(node.inputs[0])
        x = self.of(source)
        image, channel, *place = index
        size, geometry = tuple(padded.shape[2:]), op.geometry
        per_axis = [geometry.taps(axis, o, size) for axis, o in enumerate(place)]
        co_of_group = weight.shape[1] if geometry.transposed else weight.shape[0] // op.groups
        ci_of_group = x.shape[1] // op.groups
        group, within = divmod(channel, co_of_group)
        terms, inside = [], set()
        for i in range(ci_of_group):
            ci = group * ci_of_group + i
            row = (ci, within) if geometry.transposed else (channel, i)
            for met in itertools.product(*per_axis):
                at, kernel = zip(*met, strict=True)
                found = place_of((image, ci, *at))
                if found is not None:
                    inside.add(kernel)
                    terms.append(_term(source, x, found, weight, (*row, *kernel)))
        every = itertools.product(*map(range, geometry.kernel_size))
        return terms, [kernel for kernel in every if kernel not in inside]

    def _before_padding(self, name: str) -> tuple[str, Callable[[Index], Index | None]]:
        """What a padded value shows at each place: an element of the value before, or padding."""
        node = self.graph.producers().get(name)
        if node is None or not isinstance(node.op, ops.Pad) or node.op.value:
            return name, lambda at: at
        if any(pair != (0, 0) for pair in node.op.pads[:2]):
            return name, lambda at: at
        before = self.of(node.inputs[0])
        number = torch.arange(1, before.numel() + 1, dtype=torch.float64).reshape(before.shape)
        (shown,) = node.op.run(number)

        def place_of(at: Index) -> Index | None:
            flat = int(shown[at]) - 1
            return None if flat < 0 else tuple(int(i) for i in np.unravel_index(flat, before.shape))

        return node.inputs[0], place_of

    def _by_slopes(
        self, node: Node, output: int, index: Index
    ) -> tuple[list[Term], list[Index], float, bool]:
        """The derivative of the output: the weights, wherever the operation is a weighted sum."""
        inputs = [self.of(name).detach().clone() for name in node.inputs]
        moving = [
            x.is_floating_point() and name not in self.graph.constants
            for name, x in zip(node.inputs, inputs, strict=True)
        ]
        leaves = [x.requires_grad_() for x, free in zip(inputs, moving, strict=True) if free]
        with torch.enable_grad():
            y = node.op.run(*inputs)[output][index]
        slopes: Sequence[Tensor | None] = [None] * len(leaves)
        if y.requires_grad:
            slopes = torch.autograd.grad(y, leaves, allow_unused=True)
        names = [name for name, free in zip(node.inputs, moving, strict=True) if free]
        terms: list[Term] = []
        for name, x, slope in zip(names, leaves, slopes, strict=True):
            if slope is not None:
                terms += _slope_terms(name, x.detach(), slope)
        linear = _is_linear(node.op, self.graph, node)
        constant = float(y.detach()) - math.fsum(term.product for term in terms)
        # what remains of a weighted sum without an own constant is rounding
        rounding = 1e-6 * max([abs(term.product) for term in terms], default=0.0)
        return terms, [], 0.0 if linear and abs(constant) <= rounding else constant, linear


def _whole(output_index: Sequence[int]) -> Index:
    """The place of an output, refused where it is none."""
    try:
        return tuple(operator.index(i) for i in output_index)
    except TypeError:
        raise ShapeError(
            f"trace: output_index={output_index!r} is no place; write a whole number for each axis "
            "of the output, such as (0, 2, 5, 5)"
        ) from None


def _find(graph: Graph, layer: str | None) -> tuple[Node, int]:
    """The node that a layer's output comes from, and which of its outputs that is."""
    if layer is None:
        producer = graph.producers().get(graph.outputs[0])
        if producer is None:
            raise OptionError(f"trace: the output of {graph.name} is one of its inputs")
        return producer, producer.outputs.index(graph.outputs[0])
    inside = [n for n in graph.nodes if n.path == layer or n.path.startswith(f"{layer}.")]
    named = inside or [n for n in graph.nodes if layer in n.outputs]
    if not named:
        raise UnknownNameError("layer", str(layer), {n.path or n.name for n in graph.nodes})
    return named[-1], 0


def _term(source: str, x: Tensor, at: Index, weight: Tensor, weight_index: Index) -> Term:
    return Term(source, at, float(x[at]), float(weight[weight_index]), weight_index)


def _slope_terms(source: str, x: Tensor, slope: Tensor) -> Iterator[Term]:
    for row in slope.nonzero().tolist():
        at = tuple(row)
        yield Term(source, at, float(x[at]), float(slope[at]))


def _is_linear(op: ops.Op, graph: Graph, node: Node) -> bool:
    """Whether the operation is a weighted sum of what it reads, at this point at least."""
    inputs, outputs = graph.node_types(node)
    if op.cost(inputs, outputs) == ops.Cost():
        return True  # it only moves numbers
    if isinstance(op, ops.Elementwise):
        scaled = op.function in ("mul", "div") and node.inputs[-1] in graph.constants
        return op.function in _LINEAR_FUNCTIONS or scaled
    if isinstance(op, ops.Reduce):
        return op.function in _LINEAR_REDUCTIONS
    return isinstance(op, _LINEAR) and not (isinstance(op, ops.Pool) and op.mode == "lp")


def _list(indices: Sequence[Index], most: int = 12) -> str:
    shown = ", ".join(str(list(index)) for index in indices[:most])
    return shown + (", ..." if len(indices) > most else "")
