"""How a value moves when the input is shifted, found from the graph by algebra, one axis at a time.

A shift of the input by `modulus` rolls the value by `step` along its own axis. A window of stride s
turns (modulus, step) into the least shift that is a whole number of its steps; a mean over all
places makes the value stand still; a border that is not closed to a circle, or a layer that weighs
each place by itself, ends it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from convariant.analysis.symmetry._choices import Choice, Choices
from convariant.analysis.symmetry._constants import constant_along
from convariant.graph import Graph, Node, ops
from convariant.graph.ops import Taps


@dataclass(frozen=True)
class Fault:
    """Why a value no longer follows; not `certain` where the algebra does not know the layer."""

    reason: str
    layer: str
    certain: bool = True


@dataclass(frozen=True)
class Follow:
    """Shifted by `modulus`, the value rolls by `step` along `axis`; without axis it stands still.

    `circle` is the length after which the value repeats (0: no circle, the open plane). `chosen`
    names the polyphase choices by which content decides how many steps the value rolls. `merged`
    are axes in which positions were mixed with other indices, in place of an axis of their own.
    """

    axis: int | None
    modulus: int = 1
    step: int = 1
    circle: int = 0
    chosen: tuple[Choice, ...] = ()
    merged: tuple[int, ...] = ()
    fault: Fault | None = None

    @property
    def still(self) -> bool:
        """The value does not change at all."""
        return self.axis is None and not self.merged and self.fault is None


@dataclass
class Follower:
    """Walks through a graph for one axis of its input, on the circle or in the open plane."""

    graph: Graph
    axis: int
    circular: bool
    constants: Mapping[str, Tensor]
    states: dict[str, Follow] = field(default_factory=dict)
    choices: Choices = field(init=False)

    def __post_init__(self) -> None:
        self.choices = Choices(self.graph)

    def walk(self) -> dict[str, Follow]:
        """The state of every value that depends on the input."""
        source = self.graph.inputs[0]
        size = self.graph.types[source].sizes[self.axis]
        self.states[source] = Follow(self.axis, circle=size if self.circular else 0)
        for node in self.graph.nodes:
            dependent = [i for i, name in enumerate(node.inputs) if name in self.states]
            if dependent:
                found = self._node(node, dependent)
                for name in node.outputs:
                    self.states[name] = found
        return self.states

    def _node(self, node: Node, dependent: list[int]) -> Follow:
        given = [self.states[node.inputs[i]] for i in dependent]
        chosen = self.choices.follow(node, self.states)
        if chosen is not None:
            return self._fault(node, chosen) if isinstance(chosen, str) else chosen
        for state in given:
            if state.fault is not None:
                return state
        if all(state.still for state in given):
            return Follow(None, math.lcm(*(state.modulus for state in given)))
        if not isinstance(node.op, _KNOWN) or len(node.outputs) > 1:
            return self._fault(node, f"the algebra does not know {node.op.kind}", certain=False)
        parts = [self._through(node, i, self.states[node.inputs[i]]) for i in dependent]
        merged = parts[0]
        for part in parts[1:]:
            merged = self._meet(node, merged, part)
        return merged

    def _fault(self, node: Node, reason: str, *, certain: bool = True) -> Follow:
        return Follow(None, fault=Fault(reason, node.path or node.name, certain))

    def _through(self, node: Node, i: int, state: Follow) -> Follow:
        """What one input contributes."""
        types, outputs = self.graph.node_types(node)
        if state.still:
            return state
        if state.merged:
            return self._merged(node, state)
        if isinstance(node.op, (ops.Conv, ops.Linear)) and i > 0:
            return self._fault(node, "a weight that depends on the input", certain=False)
        reach = node.op.reach(types, (outputs[0],))[i]
        for axis, taps in enumerate(reach):
            if taps is not None and taps.axis == state.axis:
                return self._local(node, i, replace(state, axis=axis), taps)
        return self._mixing(node, state)

    def _local(self, node: Node, i: int, state: Follow, taps: Taps) -> Follow:
        """An operation that reads places around its own."""
        axis = state.axis or 0
        types, outputs = self.graph.node_types(node)
        length, made = types[i].sizes[taps.axis], outputs[0].sizes[axis]
        if isinstance(node.op, ops.Pad) and node.op.mode != "constant":
            return self._closed(node, state, length, node.op.pads[taps.axis])
        if isinstance(node.op, ops.Concat) and node.op.axis % len(outputs[0].shape) == axis:
            return self._fault(node, "joins maps end to end", certain=False)
        if not constant_along(node, axis, outputs[0].rank, self.constants):
            return self._fault(node, "a constant that differs from place to place")
        if taps.period == 1 and taps.step == 1 and taps.table == ((0,),) and made == length:
            return state
        if isinstance(node.op, (ops.Pool, ops.AdaptivePool)) and made == 1:
            whole = sorted(taps.at(0)) == list(range(length))
            if whole and (not self.circular or length == state.circle):
                return self._gathered(node, state)
        return self._window(node, state, taps, length, made)

    def _window(self, node: Node, state: Follow, taps: Taps, length: int, made: int) -> Follow:
        """Outputs `o + period` read `step` places further on."""
        if taps.step < 1:
            return self._fault(node, "reads its axis backwards", certain=False)
        period, stride = taps.period, taps.step
        if state.chosen and stride > period:
            return self._fault(node, f"stride {stride} on a grid that content chose")
        circle = 0
        if self.circular:
            outside = any(not 0 <= t < length for o in range(made) for t in taps.at(o))
            if outside:
                return self._fault(node, _border(node))
            if state.circle % stride:
                return self._fault(
                    node, f"stride {stride} does not divide the circle of {state.circle} places"
                )
            circle = state.circle * period // stride
            if made < circle:
                return self._fault(node, _seam(node))
        factor = stride // math.gcd(state.step, stride)
        found = Follow(
            state.axis,
            state.modulus * factor,
            state.step * factor * period // stride,
            circle,
            state.chosen,
        )
        return Follow(None, found.modulus) if circle == 1 else found

    def _closed(self, node: Node, state: Follow, length: int, pads: tuple[int, int]) -> Follow:
        """Padding that repeats the map itself."""
        if pads == (0, 0) or not self.circular:
            return state
        mode = getattr(node.op, "mode", "")
        if mode != "circular":
            return self._fault(node, f"{mode} padding instead of circular")
        if length % state.circle:
            return self._fault(node, "circular padding of a map that is padded already")
        return state

    def _mixing(self, node: Node, state: Follow) -> Follow:
        """An operation that reads the whole axis."""
        types, outputs = self.graph.node_types(node)
        if isinstance(node.op, (ops.Reduce, ops.AdaptivePool)):
            length = types[0].sizes[state.axis or 0]
            if self.circular and length != state.circle:
                return self._fault(node, "a mean that counts the padded places twice")
            return self._gathered(node, state)
        if isinstance(node.op, ops.Reshape):
            if types[0].sizes[state.axis or 0] == 1 and self.circular:
                return Follow(None, state.modulus)
            kept = {t.axis for t in node.op.reach(types, outputs)[0] if t is not None}
            assert state.axis not in kept
            mixed = tuple(
                axis for axis, t in enumerate(node.op.reach(types, outputs)[0]) if t is None
            )
            return replace(state, axis=None, merged=mixed)
        if isinstance(node.op, ops.GroupNorm):
            if not self.circular:
                reason = "statistics of the whole image, also of what leaves it"
                return self._fault(node, reason)
            return state
        if isinstance(node.op, ops.Linear):
            return self._fault(node, "a Linear over places weighs each of them by itself")
        return self._fault(node, f"{node.op.kind} over all places", certain=False)

    def _merged(self, node: Node, state: Follow) -> Follow:
        """After a flatten: positions are scattered among features."""
        types, outputs = self.graph.node_types(node)
        if isinstance(node.op, (ops.Elementwise, ops.Cast)):
            varies = any(
                not constant_along(node, axis, outputs[0].rank, self.constants)
                for axis in state.merged
            )
            if varies:
                return self._fault(node, "a constant that differs from place to place")
            return state
        if isinstance(node.op, ops.Reduce):
            rank = types[0].rank
            if {a % rank for a in node.op.axes} >= set(state.merged):
                return self._gathered(node, state)
        if isinstance(node.op, ops.Linear) and types[0].rank - 1 in state.merged:
            return self._fault(node, "flatten + Linear: each place has weights of its own")
        return self._fault(node, f"{node.op.kind} of flattened places", certain=False)

    def _gathered(self, node: Node, state: Follow) -> Follow:
        """One number from all places."""
        if not self.circular:
            return self._fault(node, "reads the whole image, also what leaves it")
        return Follow(None, state.modulus)

    def _meet(self, node: Node, a: Follow, b: Follow) -> Follow:
        """Two branches in one operation."""
        for state in (a, b):
            if state.fault is not None:
                return state
        modulus = math.lcm(a.modulus, b.modulus)
        if a.still or b.still:
            other = b if a.still else a
            factor = modulus // other.modulus
            return replace(other, modulus=modulus, step=other.step * factor)
        steps = {s.step * (modulus // s.modulus) for s in (a, b)}
        same_place = (a.axis, a.merged, a.chosen) == (b.axis, b.merged, b.chosen)
        if not same_place or a.circle != b.circle or len(steps) > 1:
            return self._fault(node, "branches that move by different steps meet")
        return replace(a, modulus=modulus, step=steps.pop())


_KNOWN = (
    ops.AdaptivePool,
    ops.BatchNorm,
    ops.Cast,
    ops.Concat,
    ops.Conv,
    ops.DepthToSpace,
    ops.Elementwise,
    ops.Expand,
    ops.GroupNorm,
    ops.LayerNorm,
    ops.Linear,
    ops.LocalResponseNorm,
    ops.Pad,
    ops.Permute,
    ops.Pool,
    ops.Reduce,
    ops.Reshape,
    ops.Resize,
    ops.Slice,
    ops.Softmax,
    ops.SpaceToDepth,
)


def _seam(node: Node) -> str:
    if isinstance(node.op, (ops.Slice, ops.Pad)):
        return "cuts out a part of the circle"
    return "a window without circular padding: no output stands on the seam"


def _border(node: Node) -> str:
    if isinstance(node.op, ops.Pool) and node.op.geometry.ceil_mode:
        return "windows that reach over the end (ceil_mode)"
    if isinstance(node.op, ops.Resize):
        return "interpolation repeats the border"
    if isinstance(node.op, ops.Conv) and node.op.geometry.transposed:
        return "transposed windows end at the border instead of closing the circle"
    return "zero padding" if not isinstance(node.op, ops.Pool) else "padding of the pooling"
