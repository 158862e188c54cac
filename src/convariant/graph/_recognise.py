"""Whole operations found again in what files spell in parts: activations, biases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from convariant.graph._graph import Graph, Node
from convariant.graph._rewrite import prune, rewrite
from convariant.graph.ops import Conv, Elementwise, Linear


def recognise(graph: Graph) -> Graph:
    """The same network with fewer, larger operations; values differ by rounding alone."""
    for rule in (_gated, _hard_sigmoid):
        graph = _applied(graph, rule)
    return _biased(graph)


# an activation has fewer steps by far; looking on would take the square of a long chain's length
_LONGEST_CHAIN = 8


class _Scaled(NamedTuple):
    """`factor * value + shift` of another value."""

    value: str
    factor: float
    shift: float


class _View:
    """A graph as the rules read it: who computes a value, which constants are single numbers."""

    def __init__(self, graph: Graph) -> None:
        self.producers = graph.producers()
        self.constants = graph.constants
        self.users = graph.users()

    def function(self, value: str) -> tuple[str, Node | None]:
        """The element-wise function that computes a value, '' where it is something else."""
        node = self.producers.get(value)
        return (node.op.function, node) if node and isinstance(node.op, Elementwise) else ("", None)

    def number(self, value: str) -> float | None:
        """The number that a constant of one element is."""
        tensor = self.constants.get(value)
        if tensor is None or tensor.numel() != 1 or not tensor.is_floating_point():
            return None
        return float(tensor)

    def chain(self, value: str) -> list[_Scaled]:
        """The value as multiples of itself, then of what it was computed from by single numbers."""
        links = [_Scaled(value, 1.0, 0.0)]
        while len(links) < _LONGEST_CHAIN and (step := self._step(links[-1].value)) is not None:
            _, factor, shift = links[-1]
            links.append(_Scaled(step.value, factor * step.factor, shift + factor * step.shift))
        return links

    def scaled(self, value: str) -> _Scaled:
        """The value as a multiple of the first one that no single number leads to."""
        return self.chain(value)[-1]

    def relative(self, value: str, x: str) -> tuple[float, float]:
        """Factor and shift that lead from x to the value; NaN where they do not."""
        found = (link[1:] for link in self.chain(value) if link.value == x)
        return next(found, (math.nan, math.nan))

    def _step(self, value: str) -> _Scaled | None:
        function, node = self.function(value)
        if node is None or function not in ("add", "sub", "mul", "div"):
            return None
        left, right = node.inputs
        number = self.number(right)
        if number is None and function in ("add", "mul"):
            left, number = right, self.number(left)
        if number is None or (function == "div" and not number):
            return None
        if function in ("add", "sub"):
            return _Scaled(left, 1.0, number if function == "add" else -number)
        return _Scaled(left, number if function == "mul" else 1.0 / number, 0.0)


_Rule = Callable[[_View, Node], Node | None]


def _applied(graph: Graph, rule: _Rule) -> Graph:
    view = _View(graph)

    def replaced(node: Node) -> list[Node] | None:
        if not isinstance(node.op, Elementwise):
            return None
        answer = rule(view, node)
        return None if answer is None else [answer]

    return rewrite(graph, replaced)


def _near(*pairs: tuple[float, float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6) for a, b in pairs)


def _params(node: Node) -> tuple[float, ...]:
    return node.op.params if isinstance(node.op, Elementwise) else ()


def _hard_sigmoid(view: _View, node: Node) -> Node | None:
    """before: `clip(x + 3, 0, 6) / 6`  -->  `hard_sigmoid(x, slope=1/6, shift=1/2)`"""
    outer = view.scaled(node.name)
    function, clip = view.function(outer.value)
    if clip is None or function != "clip":
        return None
    inner = view.scaled(clip.inputs[0])
    low, high = (outer.factor * bound + outer.shift for bound in _params(clip))
    plain = node is clip and inner.value == clip.inputs[0]
    if plain or not _near((low, 0.0), (high, 1.0)):
        return None
    slope = outer.factor * inner.factor
    shift = outer.factor * inner.shift + outer.shift
    return replace(node, op=Elementwise("hard_sigmoid", (slope, shift)), inputs=(inner.value,))


def _gated(view: _View, node: Node) -> Node | None:
    """before: `x * sigmoid(x)`, `0.5 x (1 + erf(x / sqrt 2))`...  -->  `silu(x)`, `gelu(x)`..."""
    for x, gate, factor in _products(view, node):
        for name, is_gate in _GATES.items():
            if is_gate(view, x, gate, factor):
                return replace(node, op=Elementwise(name), inputs=(x,))
    return None


def _products(view: _View, node: Node) -> Iterator[tuple[str, str, float]]:
    """Ways to see a value as `factor * x * gate`."""
    outer = view.scaled(node.name)
    function, product = view.function(outer.value)
    if product is None or function != "mul" or outer.shift:
        return
    for x, gate in (product.inputs, product.inputs[::-1]):
        for near in view.chain(x):
            for far in view.chain(gate):
                if not near.shift and not far.shift:
                    yield near.value, far.value, outer.factor * near.factor * far.factor


def _is_hard_swish(view: _View, x: str, gate: str, factor: float) -> bool:
    function, node = view.function(gate)
    if node is None or function not in ("clip", "hard_sigmoid"):
        return False
    slope, shift = view.relative(node.inputs[0], x)
    low, high = _params(node)
    if function == "hard_sigmoid":
        slope, shift = low * slope, low * shift + high
        low, high = 0.0, 1.0
    return _near(
        (factor * low, 0.0), (factor * high, 1.0), (factor * slope, 1 / 6), (factor * shift, 0.5)
    )


def _is_silu(view: _View, x: str, gate: str, factor: float) -> bool:
    function, node = view.function(gate)
    if node is None or function != "sigmoid":
        return False
    slope, shift = view.relative(node.inputs[0], x)
    return _near((factor, 1.0), (slope, 1.0), (shift, 0.0))


def _is_mish(view: _View, x: str, gate: str, factor: float) -> bool:
    function, node = view.function(gate)
    if node is None or function != "tanh":
        return False
    function, inner = view.function(node.inputs[0])
    same = inner is not None and function == "softplus" and inner.inputs == (x,)
    return same and _near((factor, 1.0))


def _is_gelu(view: _View, x: str, gate: str, factor: float) -> bool:
    outer = view.scaled(gate)  # 1 + erf(x / sqrt 2)
    function, node = view.function(outer.value)
    if node is None or function != "erf":
        return False
    slope, shift = view.relative(node.inputs[0], x)
    return _near(
        (outer.factor, outer.shift),
        (factor * outer.shift, 0.5),
        (slope, math.sqrt(0.5)),
        (shift, 0.0),
    )


_GATES: dict[str, Callable[[_View, str, str, float], bool]] = {
    "hard_swish": _is_hard_swish,
    "silu": _is_silu,
    "mish": _is_mish,
    "gelu": _is_gelu,
}


def _biased(graph: Graph) -> Graph:
    """before: `y = conv(x, w); z = y + b`, b one number per channel  -->  `z = conv(x, w, b)`"""
    view = _View(graph)
    constants = dict(graph.constants)
    taken: dict[str, Node] = {}  # the addition -> the layer with its bias

    for node in graph.nodes:
        if isinstance(node.op, Elementwise) and node.op.function == "add":
            layer, bias = _layer_and_bias(graph, view, node)
            if layer is not None and bias is not None:
                name = f"{node.name}.bias"
                constants[name] = bias
                taken[node.name] = replace(
                    layer, inputs=(*layer.inputs, name), outputs=node.outputs
                )
    if not taken:
        return graph
    nodes = [taken.get(node.name, node) for node in graph.nodes]
    parameters = graph.parameters | {node.inputs[-1] for node in taken.values()}
    biased = graph.with_nodes(nodes, constants=constants)
    return prune(replace(biased, parameters=parameters & constants.keys()))


def _layer_and_bias(graph: Graph, view: _View, node: Node) -> tuple[Node | None, Tensor | None]:
    """The layer without bias that only this addition reads, and the addend as its bias."""
    for value, addend in (node.inputs, node.inputs[::-1]):
        layer, constant = view.producers.get(value), graph.constants.get(addend)
        if (
            layer is None
            or constant is None
            or not isinstance(layer.op, (Conv, Linear))
            or len(layer.inputs) != 2
            or len(view.users[value]) != 1
            or value in graph.outputs
        ):
            continue
        type_ = graph.types[value]
        after = type_.rank - 2 if isinstance(layer.op, Conv) else 0  # axes behind the channels
        channels = type_.shape[1] if after else type_.shape[-1]
        shape = tuple(constant.shape)
        lead = shape[: max(len(shape) - after - 1, 0)]
        per_channel = shape[len(lead) :] == (channels, *(1,) * after) and set(lead) <= {1}
        if per_channel and constant.dtype == type_.dtype and len(shape) <= type_.rank:
            return layer, constant.reshape(-1)
    return None, None
