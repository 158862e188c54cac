"""Layers over the last axis become layers over channels, which is how kernels read memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.geometry import Geometry
from convariant.graph import Graph, Node, TensorType, prune
from convariant.graph.ops import (
    Conv,
    Cost,
    Elementwise,
    LayerNorm,
    Linear,
    MatMul,
    Op,
    Permute,
    Reshape,
)

__all__ = ["ChannelNorm", "channels_first"]


@dataclass(frozen=True)
class ChannelNorm(Op):
    """Mean and variance over the channels (n, c, *size) of each position; `rms` has no mean.

    Inputs: x, weight (c,), bias (c,).
    """

    eps: float
    rms: bool = False

    def infer(self, x: TensorType, *affine: TensorType) -> tuple[TensorType, ...]:  # noqa: ARG002
        """The type of x."""
        return (x,)

    def run(self, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        """F.layer_norm or F.rms_norm of the channels as last axis."""
        y = x.movedim(1, -1)
        if self.rms:
            return ((F.rms_norm(y, weight.shape, weight, self.eps) + bias).movedim(-1, 1),)
        return (F.layer_norm(y, weight.shape, weight, bias, self.eps).movedim(-1, 1),)

    def text(self) -> str:
        """`eps=1e-06`."""
        return f"{'rms ' if self.rms else ''}eps={self.eps:g}"

    def cost(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> Cost:  # noqa: ARG002
        """Two sums for the statistics, a subtraction, a product, and two for the affine part."""
        return Cost(other=6 * inputs[0].numel)


# An operation on channels, its inputs, and what makes the value wanted of its result.
Moved: TypeAlias = "tuple[Op, tuple[str, ...], Permute | Reshape]"


@dataclass(frozen=True)
class _View:
    """A value is `op(inner)`, where `inner` has as axis 1 what the value has as last axis."""

    inner: str
    op: Permute | Reshape


def channels_first(graph: Graph) -> Graph:
    """before: `y = permute(linear(norm(permute(x))))`  -->  `y = conv1x1(channel norm(x))`.

    Layers between two permutations, as in ConvNeXt, lose both. Where nothing was permuted, as in
    a transformer, (n, t, c) is read as (n * t, c). What cannot follow reads the permuted value.
    """
    walk = _Walk(graph)
    for node in graph.nodes:
        walk.take(node)
    return prune(graph.with_nodes(walk.nodes, constants=walk.constants))


class _Walk:
    """One pass over the nodes, with what is known of each value so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.constants = dict(graph.constants)
        self.types = dict(graph.types)
        self.views: dict[str, _View] = {}
        # values that are another one, permuted there and back
        self.same: dict[str, str] = {}

    def take(self, node: Node) -> None:
        """The node, or what stands for it now."""
        node = replace(node, inputs=tuple(self.same.get(name, name) for name in node.inputs))
        node = self._as_linear(node)
        moved = self._moved(node) if self._floats(node) else None
        if moved is None:
            self.nodes.append(node)
            self._note(node)
            return
        op, inputs, view = moved
        inner = f"{node.name}/channels"
        self._add(Node(op, inputs, (inner,), node.path))
        self.nodes.append(Node(view, (inner,), node.outputs, node.path))
        self.views[node.name] = _View(inner, view)

    def _add(self, node: Node) -> None:
        self.nodes.append(node)
        self.types[node.name] = node.op.infer(*(self.types[name] for name in node.inputs))[0]

    def _constant(self, name: str, value: Tensor) -> str:
        self.constants[name] = value
        self.types[name] = TensorType.of(value)
        return name

    def _floats(self, node: Node) -> bool:
        names = (*node.inputs, node.name)
        return len(node.outputs) == 1 and all(
            self.types[name].dtype == torch.float32 for name in names
        )

    def _note(self, node: Node) -> None:
        """Remember a permutation to channels last, or that one has been undone."""
        rank = self.types[node.name].rank
        if not isinstance(node.op, Permute) or not 3 <= rank <= 5:
            return
        axes = tuple(a % rank for a in node.op.axes)
        before = self.views.get(node.inputs[0])
        back = axes == (0, rank - 1, *range(1, rank - 1))
        if back and before is not None and isinstance(before.op, Permute):
            self.same[node.name] = before.inner
        elif axes == (0, *range(2, rank), 1):
            self.views[node.name] = _View(node.inputs[0], node.op)

    def _as_linear(self, node: Node) -> Node:
        """before: `y = matmul(x, constant)`  -->  `y = linear(x, constant.T)`."""
        if not isinstance(node.op, MatMul) or node.inputs[1] not in self.constants:
            return node
        weight = self.constants[node.inputs[1]].detach()
        if weight.dim() != 2:
            return node
        name = self._constant(f"{node.name}/weight", weight.T.contiguous())
        return replace(node, op=Linear(), inputs=(node.inputs[0], name))

    def _moved(self, node: Node) -> Moved | None:
        """The operation on channels, its inputs, and the view that makes the node's value of it."""
        op = node.op
        if isinstance(op, (Linear, LayerNorm)):
            known = all(name in self.constants for name in node.inputs[1:])
            single = isinstance(op, Linear) or op.axes == 1
            if not known or not single or self.types[node.name].rank < 2:
                return None
            view = self._view(node, node.inputs[0])
            if view is None:
                return None
            layer = self._linear if isinstance(op, Linear) else self._norm
            return layer(node, view)
        if isinstance(op, Elementwise):
            return self._elementwise(node)
        return None

    def _view(self, node: Node, name: str) -> _View | None:
        """What a value is a view of; (n, t, c) is made one of (n * t, c)."""
        shape = self.types[name].sizes
        if name in self.views or len(shape) == 2:
            return self.views.get(name)
        if 0 in shape:
            return None
        inner = f"{node.name}/rows"
        self._add(Node(Reshape((math.prod(shape[:-1]), shape[-1])), (name,), (inner,), node.path))
        self.views[name] = _View(inner, Reshape(shape))
        return self.views[name]

    def _back(self, node: Node, view: _View) -> Permute | Reshape:
        if isinstance(view.op, Permute):
            return view.op
        return Reshape(self.types[node.name].sizes)

    def _linear(self, node: Node, view: _View) -> Moved:
        _, weight, *bias = node.inputs
        back = self._back(node, view)
        if isinstance(view.op, Reshape):
            return Linear(), (view.inner, weight, *bias), back
        axes = self.types[view.inner].rank - 2
        wide = self.constants[weight].detach()
        wide = wide.reshape(*wide.shape, *(1,) * axes)
        name = self._constant(f"{node.name}/pointwise", wide)
        return Conv(Geometry((1,) * axes)), (view.inner, name, *bias), back

    def _norm(self, node: Node, view: _View) -> Moved:
        op = node.op
        assert isinstance(op, LayerNorm)
        affine = list(node.inputs[1:])
        for name, value in (("one", 1.0), ("zero", 0.0))[len(affine) :]:
            width = self.types[node.name].sizes[-1]
            affine.append(self._constant(f"{node.name}/{name}", torch.full((width,), value)))
        return ChannelNorm(op.eps, op.rms), (view.inner, *affine), self._back(node, view)

    def _elementwise(self, node: Node) -> Moved | None:
        """A function of values that are all views of one kind, and of constants."""
        shape = self.types[node.name].sizes
        given = [name for name in node.inputs if name not in self.constants]
        views = [self.views.get(name) for name in given]
        first = next((view for view in views if view is not None), None)
        if first is None or any(self.types[name].sizes != shape for name in given):
            return None
        if isinstance(first.op, Reshape):
            views = [self._view(node, name) for name in given]
        if any(view is None or view.op != first.op for view in views):
            return None
        inner = iter(view.inner for view in views if view is not None)
        inputs = []
        for i, name in enumerate(node.inputs):
            if name not in self.constants:
                inputs.append(next(inner))
                continue
            value = self._turned(self.constants[name].detach(), len(shape), first)
            if value is None:
                return None
            inputs.append(self._constant(f"{node.name}/operand{i}", value))
        return node.op, tuple(inputs), self._back(node, first)

    def _turned(self, value: Tensor, rank: int, view: _View) -> Tensor | None:
        """A constant as it broadcasts to the inner value."""
        wide = value.reshape(*(1,) * (rank - value.dim()), *value.shape)
        if isinstance(view.op, Permute):
            return wide.movedim(-1, 1)
        return wide.reshape(1, -1) if set(wide.shape[:-1]) == {1} else None
