"""How a value turns when the input is turned or mirrored, found from the graph and its weights.

Every element of the group acts on a feature map by turning its planes and permuting them; behind a
flatten it permutes single numbers. A convolution keeps this where its window is symmetric, its last
window ends evenly, and its weight, turned and permuted, is itself: compared to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from convariant.analysis.symmetry._follow import Fault
from convariant.geometry import Geometry
from convariant.graph import Graph, Node, ops
from convariant.nn._group_table import GroupName, order, turn, turn_features

# the group's generators, as elements of p4m: a quarter turn, a left-right mirror
GENERATORS: dict[str, tuple[int, ...]] = {"p4": (1,), "flip": (4,), "p4m": (1, 4)}

REPRESENTATIONS = ("plain", "p4", "p4m")


@dataclass(frozen=True)
class Turn:
    """`T y = turn(y[:, order], element)`: one order of the channels for each generator.

    Channels are all axes but the batch and the last two, counted through; with `spatial` False
    there are no planes, and all axes but the batch are channels.
    """

    orders: tuple[Tensor, ...]
    spatial: bool
    kind: str = "plain"
    fault: Fault | None = None


@dataclass
class Turner:
    """Walks through a graph with the action of every generator."""

    graph: Graph
    elements: tuple[int, ...]
    constants: Mapping[str, Tensor]
    states: dict[str, Turn] = field(default_factory=dict)

    def walk(self) -> dict[str, Turn]:
        """The state of every value that depends on the input."""
        source = self.graph.inputs[0]
        channels = self.graph.types[source].sizes[1]
        self.states[source] = Turn(self._in_place(channels), True)
        for node in self.graph.nodes:
            given = [self.states[name] for name in node.inputs if name in self.states]
            if not given:
                continue
            faulty = [state for state in given if state.fault is not None]
            found = faulty[0] if faulty else self._node(node, given)
            for name in node.outputs:
                self.states[name] = found
        return self.states

    def _in_place(self, channels: int) -> tuple[Tensor, ...]:
        return tuple(torch.arange(channels) for _ in self.elements)

    def _fault(self, node: Node, reason: str, *, certain: bool = True) -> Turn:
        return Turn((), False, fault=Fault(reason, node.path or node.name, certain))

    def _node(self, node: Node, given: list[Turn]) -> Turn:
        first = given[0]
        for state in given[1:]:
            if state.spatial != first.spatial or not _same(state.orders, first.orders):
                return self._concat(node, given) or self._fault(
                    node, "branches whose planes permute differently meet"
                )
        match node.op:
            case ops.Conv():
                return self._conv(node, first)
            case ops.Linear():
                return self._linear(node, first)
            case ops.Pool():
                return self._pool(node, first)
            case ops.AdaptivePool() | ops.Resize():
                return self._resized(node, first)
            case ops.Elementwise() | ops.BatchNorm() | ops.Cast():
                return self._constants_turn(node, first)
            case ops.Reduce():
                return self._reduce(node, first)
            case ops.Reshape():
                return self._reshape(node, first)
            case ops.Pad():
                return self._pad(node, first)
            case ops.Concat():
                return self._concat(node, given) or self._fault(node, "joins maps end to end")
            case ops.GroupNorm() | ops.Softmax() | ops.LocalResponseNorm() if _unmoved(first):
                return self._constants_turn(node, first)
        return self._fault(node, f"the algebra does not know {node.op.kind} here", certain=False)

    def _conv(self, node: Node, state: Turn) -> Turn:
        op = node.op
        assert isinstance(op, ops.Conv)
        x, y = self.graph.types[node.inputs[0]].sizes, self.graph.types[node.name].sizes
        reason = self._window_fault(op.geometry, x[2:])
        weight = self.constants.get(node.inputs[1])
        if weight is None or not state.spatial or op.geometry.axes != 2:
            return self._fault(node, "a weight or map of unknown form", certain=False)
        if reason:
            return self._fault(node, reason)
        dense = _dense(weight, op.groups, op.geometry.transposed)  # (co, ci, kh, kw)
        bias = self.constants.get(node.inputs[2]) if len(node.inputs) > 2 else None
        for kind, orders in self._candidates(y[1]):
            fits = all(
                torch.equal(dense, _turned_weight(dense, own, out, e))
                for own, out, e in zip(state.orders, orders, self.elements, strict=True)
            )
            if fits and (bias is None or all(torch.equal(bias, bias[out]) for out in orders)):
                return Turn(orders, True, kind)
        return self._fault(node, f"its kernels are no {self._names()} of one another")

    def _names(self) -> str:
        if len(self.elements) > 1:
            return "turns and mirror images"
        return "mirror images" if self.elements[0] >= 4 else "quarter turns"

    def _candidates(self, channels: int) -> list[tuple[str, tuple[Tensor, ...]]]:
        """The orders in which so many channels may permute."""
        found = [("plain", self._in_place(channels))]
        groups: tuple[GroupName, ...] = ("p4", "p4m")
        for group in groups:
            mirrors = any(e >= 4 for e in self.elements)
            if channels % order(group) == 0 and not (mirrors and group == "p4"):
                labels = torch.arange(channels, dtype=torch.float64).reshape(1, -1, 1, 1)
                orders = tuple(
                    turn_features(labels, e, group).flatten().long() for e in self.elements
                )
                found.append((group, orders))
        return found

    def _window_fault(self, window: Geometry, size: tuple[int, ...]) -> str:
        """Why a window does not turn with its map; empty if it does."""
        if window.axes != 2:
            return "a window that does not have two axes"
        pads = window.pads(size)
        axes = (1,) if self.elements == (4,) else (0, 1)
        for axis in axes:
            begin, end = pads[axis]
            if window.transposed:
                end -= window.output_padding[axis]
            if begin != end:
                return f"uneven padding {pads[axis]}"
            left_over = (size[axis] + begin + end - window.extent[axis]) % window.stride[axis]
            if not window.transposed and left_over:
                return (
                    f"stride {window.stride[axis]} leaves {left_over} of {size[axis]} rows unread"
                )
        if 1 in self.elements:
            both = (window.kernel_size, window.stride, window.dilation, pads, size)
            if any(pair[0] != pair[1] for pair in both):
                return "a window or map that is not square"
        return ""

    def _linear(self, node: Node, state: Turn) -> Turn:
        weight = self.constants.get(node.inputs[1])
        x = self.graph.types[node.inputs[0]]
        if weight is None or state.spatial or x.rank != 2:
            return self._fault(node, "a Linear on a map of unknown form", certain=False)
        bias = self.constants.get(node.inputs[2]) if len(node.inputs) > 2 else None
        for kind, orders in self._candidates(weight.shape[0]):
            fits = all(
                torch.equal(weight[out][:, own], weight)
                for own, out in zip(state.orders, orders, strict=True)
            )
            if fits and (bias is None or all(torch.equal(bias, bias[out]) for out in orders)):
                return Turn(orders, False, kind)
        return self._fault(node, "flatten + Linear: each place has weights of its own")

    def _pool(self, node: Node, state: Turn) -> Turn:
        op = node.op
        assert isinstance(op, ops.Pool)
        if not state.spatial or op.indices:
            return self._fault(node, "a pooling of unknown form", certain=False)
        reason = self._window_fault(op.geometry, self.graph.types[node.inputs[0]].sizes[2:])
        return self._fault(node, reason) if reason else state

    def _resized(self, node: Node, state: Turn) -> Turn:
        x, y = self.graph.types[node.inputs[0]].sizes[2:], self.graph.types[node.name].sizes[2:]
        if not state.spatial or len(x) != 2:
            return self._fault(node, "a map of unknown form", certain=False)
        if 1 in self.elements and (x[0] != x[1] or y[0] != y[1]):
            return self._fault(node, "a map that is not square")
        even = all(o % i == 0 for i, o in zip(x, y, strict=True))
        if isinstance(node.op, ops.Resize) and node.op.mode == "nearest" and not even:
            return self._fault(node, "nearest interpolation by a broken factor prefers one side")
        if isinstance(node.op, ops.Resize) and node.op.mode != "nearest":
            symmetric = ("half_pixel", "pytorch_half_pixel", "align_corners")
            if node.op.coordinates not in symmetric:
                return self._fault(node, f"{node.op.coordinates} interpolation prefers one side")
        return state

    def _constants_turn(self, node: Node, state: Turn) -> Turn:
        """Constants that meet the map must turn into themselves."""
        shape = self.graph.types[node.name].sizes
        for name in node.inputs:
            value = self.constants.get(name)
            if value is None or value.numel() == 1:
                continue
            if not isinstance(node.op, ops.Elementwise):  # one number for each channel
                value = value.reshape(-1, *(1,) * (len(shape) - 2))
            full = value.expand(1, *shape[1:])
            if not all(torch.equal(full, t) for t in self._acted(full, state)):
                return self._fault(node, "a constant that does not turn into itself")
        return state

    def _acted(self, full: Tensor, state: Turn) -> list[Tensor]:
        return [
            act(full, own, e, state.spatial)
            for own, e in zip(state.orders, self.elements, strict=True)
        ]

    def _reduce(self, node: Node, state: Turn) -> Turn:
        op = node.op
        assert isinstance(op, ops.Reduce)
        shape = self.graph.types[node.inputs[0]].sizes
        rank = len(shape)
        axes = {a % rank for a in op.axes}
        planes = {rank - 2, rank - 1} if state.spatial else set()
        if 0 in axes or (axes & planes and not planes <= axes):
            return self._fault(node, "a reduction of one axis of the map", certain=False)
        channels = shape[1 : rank - 2] if state.spatial else shape[1:]
        gone = [a - 1 for a in sorted(axes - planes)]
        orders = []
        for own in state.orders:
            found = _descended(own, channels, gone)
            if found is None:
                return self._fault(node, "a reduction across planes that permute differently")
            orders.append(found)
        spatial = state.spatial and not planes <= axes
        if state.spatial and planes <= axes and op.keepdim:
            spatial = True  # a map of one place
        kind = state.kind if not gone else "plain"
        return Turn(tuple(orders), spatial, kind)

    def _reshape(self, node: Node, state: Turn) -> Turn:
        x, y = self.graph.types[node.inputs[0]].sizes, self.graph.types[node.name].sizes
        if x[0] != y[0]:
            return self._fault(node, "a reshape of the batch", certain=False)
        if not state.spatial:
            return state
        if len(y) >= 3 and x[-2:] == y[-2:]:
            return state
        if len(y) != 2:
            return self._fault(node, "a reshape of the map", certain=False)
        places = torch.arange(int(torch.tensor(x[1:]).prod())).reshape(1, *x[1:])
        orders = tuple(moved.flatten() for moved in self._acted(places, state))
        kind = state.kind if x[-2:] == (1, 1) else "flattened"
        return Turn(orders, False, kind)

    def _pad(self, node: Node, state: Turn) -> Turn:
        op = node.op
        assert isinstance(op, ops.Pad)
        if not state.spatial or any(pair != (0, 0) for pair in op.pads[:-2]):
            return self._fault(node, "padding of channels", certain=False)
        rows, columns = op.pads[-2:]
        if columns[0] != columns[1]:
            return self._fault(node, f"uneven padding {columns}")
        if 1 in self.elements and not rows[0] == rows[1] == columns[0]:
            return self._fault(node, f"padding {rows} of rows and {columns} of columns")
        return state

    def _concat(self, node: Node, given: list[Turn]) -> Turn | None:
        """Maps one after another along their one axis of channels."""
        op = node.op
        kinds = {state.spatial for state in given}
        one_axis = self.graph.types[node.name].rank == (4 if given[0].spatial else 2)
        is_joined = isinstance(op, ops.Concat) and op.axis in (1, 1 - 4 * given[0].spatial)
        if not is_joined or len(kinds) > 1 or not one_axis or len(given) < len(node.inputs):
            return None
        orders = []
        for parts in zip(*(state.orders for state in given), strict=True):
            begin, moved = 0, []
            for part in parts:
                moved.append(part + begin)
                begin += len(part)
            orders.append(torch.cat(moved))
        return Turn(tuple(orders), given[0].spatial, given[0].kind)


def act(x: Tensor, own: Tensor, element: int, spatial: bool) -> Tensor:
    """T x: channels in their new order, planes turned."""
    if not spatial:
        return x.flatten(1)[:, own].reshape(x.shape)
    planes = x.reshape(x.shape[0], -1, *x.shape[-2:])[:, own]
    moved = turn(planes, element)
    return moved.reshape(*x.shape[:-2], *moved.shape[-2:])


def _turned_weight(dense: Tensor, own: Tensor, out: Tensor, element: int) -> Tensor:
    """What W must be for conv(W, T x) to be T conv(W, x): `W[o, i] = turn(W[out o, own i])`."""
    return turn(dense[out][:, own], element)


def _dense(weight: Tensor, groups: int, transposed: bool) -> Tensor:
    """`(co, ci, kh, kw)` with zeros between the groups."""
    parts = weight.chunk(groups)
    if transposed:
        parts = tuple(p.transpose(0, 1) for p in parts)  # (co / g, ci / g, kh, kw)
    co, ci = parts[0].shape[:2]
    dense = weight.new_zeros(co * groups, ci * groups, *weight.shape[2:])
    for g, part in enumerate(parts):
        dense[g * co : (g + 1) * co, g * ci : (g + 1) * ci] = part
    return dense


def _descended(own: Tensor, channels: tuple[int, ...], gone: list[int]) -> Tensor | None:
    """The order of what remains when some channel axes are reduced; None if they mix with it."""
    if not gone:
        return own
    kept = [a for a in range(len(channels)) if a not in gone]
    remaining = [channels[a] for a in kept]
    count = int(torch.tensor(remaining).prod()) if remaining else 1
    shape = [channels[a] if a in kept else 1 for a in range(len(channels))]
    label = torch.arange(count).reshape(shape).expand(channels).flatten()
    seen = label[own].reshape(channels).permute(*kept, *gone).reshape(count, -1)
    return None if (seen != seen[:, :1]).any() else seen[:, 0]


def _same(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def _unmoved(state: Turn) -> bool:
    return all(torch.equal(own, torch.arange(len(own))) for own in state.orders)
