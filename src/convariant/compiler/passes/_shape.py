"""The same arithmetic said with fewer kinds of operation, so that fewer kinds need a kernel."""

from __future__ import annotations

from dataclasses import replace

import torch

from convariant.geometry import Geometry
from convariant.graph import Graph, Node, prune, rewrite
from convariant.graph.ops import (
    AdaptivePool,
    Conv,
    Elementwise,
    Linear,
    Pad,
    Permute,
    Pool,
    Reduce,
    Reshape,
)

__all__ = [
    "absorb_padding",
    "equal_ranks",
    "flattened_linear_as_conv",
    "means_as_pools",
    "neighbouring_axes",
    "norms_as_pools",
    "sink_reshapes",
]


def flattened_linear_as_conv(graph: Graph) -> Graph:
    """before: `y = linear(flatten(x))`, x (n, c, *size)  -->  `y = flatten(conv(x))`, kernel size.

    The weight is the same, read as (co, c, *size): nothing is flattened in memory.
    """
    constants = dict(graph.constants)
    producers = graph.producers()

    def rule(node: Node) -> list[Node] | None:
        before = producers.get(node.inputs[0])
        if not isinstance(node.op, Linear) or before is None or node.inputs[1] not in constants:
            return None
        x, flat = graph.types[before.inputs[0]], graph.types[node.inputs[0]]
        if not isinstance(before.op, Reshape) or x.rank not in (4, 5) or flat.rank != 2:
            return None
        if x.shape[0] != flat.shape[0] or set(x.spatial) == {1}:
            return None
        weight = constants[node.inputs[1]]
        names = (f"{node.name}/weight", f"{node.name}/map")
        constants[names[0]] = weight.detach().reshape(-1, *x.shape[1:])  # type: ignore[arg-type]
        conv = Node(
            Conv(Geometry(x.spatial)),
            (before.inputs[0], names[0], *node.inputs[2:]),
            (names[1],),
            node.path,
        )
        shape = graph.types[node.name].shape
        return [conv, Node(Reshape(shape), (names[1],), node.outputs, node.path)]

    nodes = [new for node in graph.nodes for new in rule(node) or [node]]
    return prune(graph.with_nodes(nodes, constants=constants))


def means_as_pools(graph: Graph) -> Graph:
    """before: `y = mean(x, [2, 3])`, or an adaptive pool that divides x  -->  `y = pool(x)`."""

    def rule(node: Node) -> list[Node] | None:
        x, y = graph.types[node.inputs[0]] if node.inputs else None, graph.types[node.name]
        if x is None or x.rank not in (3, 4, 5) or 0 in x.spatial:
            return None
        spatial = tuple(range(2, x.rank))
        if isinstance(node.op, AdaptivePool):
            pairs = list(zip(x.spatial, node.op.size, strict=True))
            if 0 in node.op.size or any(i % o for i, o in pairs):
                return None
            window = tuple(i // o for i, o in pairs)
            return [replace(node, op=_pool(node.op.mode, window))]
        if not isinstance(node.op, Reduce) or node.op.function not in ("mean", "max"):
            return None
        if tuple(sorted(a % x.rank for a in node.op.axes)) != spatial:
            return None
        pool = _pool("avg" if node.op.function == "mean" else "max", x.spatial)
        if node.op.keepdim:
            return [replace(node, op=pool)]
        name = f"{node.name}/pooled"
        return [
            Node(pool, node.inputs, (name,), node.path),
            Node(Reshape(y.shape), (name,), node.outputs, node.path),
        ]

    return rewrite(graph, rule)


def neighbouring_axes(graph: Graph) -> Graph:
    """before: `y = sum(x, [0, 2])`, x (n, c, l)  -->  `y = sum(permute(x), [1, 2])`, (c, n, l)."""

    def rule(node: Node) -> list[Node] | None:
        if not isinstance(node.op, Reduce) or not node.op.axes:
            return None
        x, y = graph.types[node.inputs[0]], graph.types[node.name]
        axes = sorted(a % x.rank for a in node.op.axes)
        between = set(range(axes[0], axes[-1])) - set(axes)
        if all(x.sizes[a] == 1 for a in between):
            return None
        order = (*(a for a in range(x.rank) if a not in axes), *axes)
        last = tuple(range(x.rank - len(axes), x.rank))
        turned, inner = f"{node.name}/turned", f"{node.name}/reduced"
        return [
            Node(Permute(order), node.inputs, (turned,), node.path),
            Node(replace(node.op, axes=last, keepdim=False), (turned,), (inner,), node.path),
            Node(Reshape(y.shape), (inner,), node.outputs, node.path),
        ]

    return rewrite(graph, rule)


def norms_as_pools(graph: Graph) -> Graph:
    """before: `y = lp pool(x)`  -->  `y = (sum pool(|x| ** p)) ** (1 / p)`: an average by 1."""
    constants = dict(graph.constants)

    def rule(node: Node) -> list[Node] | None:
        op = node.op
        if (
            not isinstance(op, Pool)
            or op.mode != "lp"
            or graph.types[node.name].dtype != torch.float32
        ):
            return None
        names = [f"{node.name}/{part}" for part in ("p", "root", "size", "power", "sum")]
        p, root, size, power, total = names
        constants[p], constants[root] = torch.tensor(op.p), torch.tensor(1 / op.p)
        add_up = Pool("avg", op.geometry, divisor=1)
        return [
            Node(Elementwise("abs"), node.inputs, (size,), node.path),
            Node(Elementwise("pow"), (size, p), (power,), node.path),
            Node(add_up, (power,), (total,), node.path),
            Node(Elementwise("pow"), (total, root), node.outputs, node.path),
        ]

    nodes = [new for node in graph.nodes for new in rule(node) or [node]]
    return prune(graph.with_nodes(nodes, constants=constants))


def _pool(mode: str, window: tuple[int, ...]) -> Pool:
    return Pool("avg" if mode == "avg" else "max", Geometry(window, stride=window))


def absorb_padding(graph: Graph) -> Graph:
    """before: `y = conv(pad(x))`  -->  `y = conv(x)` with the zeros in its own padding."""
    producers = graph.producers()

    def rule(node: Node) -> list[Node] | None:
        pad = producers.get(node.inputs[0]) if node.inputs else None
        if not isinstance(node.op, Conv) or node.op.geometry.transposed or pad is None:
            return None
        if not isinstance(pad.op, Pad) or pad.op.mode != "constant" or pad.op.value != 0:
            return None
        if pad.op.pads[:2] != ((0, 0), (0, 0)) or min(map(min, pad.op.pads)) < 0:
            return None
        size = graph.types[node.inputs[0]].spatial
        own = node.op.geometry.pads(size)
        both = tuple(
            (b + pb, e + pe) for (b, e), (pb, pe) in zip(own, pad.op.pads[2:], strict=True)
        )
        conv = replace(node.op, geometry=replace(node.op.geometry, padding=both))
        return [replace(node, op=conv, inputs=(pad.inputs[0], *node.inputs[1:]))]

    return rewrite(graph, rule)


def equal_ranks(graph: Graph) -> Graph:
    """before: `y = x (n, c, h, w) * z (h, 1)`  -->  `y = x * reshape(z)`, (1, 1, h, 1)."""

    def rule(node: Node) -> list[Node] | None:
        shape = graph.types[node.name].shape
        shapes = {name: graph.types[name].shape for name in node.inputs}
        short = [n for n in shapes if len(shapes[n]) < len(shape) and n not in graph.constants]
        if not isinstance(node.op, Elementwise) or not short:
            return None
        names = {name: f"{node.name}/{name}" for name in short}
        return [
            *(
                Node(Reshape((1,) * (len(shape) - len(shapes[old])) + shapes[old]), (old,), (new,))
                for old, new in names.items()
            ),
            replace(node, inputs=tuple(names.get(name, name) for name in node.inputs)),
        ]

    return rewrite(graph, rule)


def sink_reshapes(graph: Graph) -> Graph:
    """before: `y = relu(reshape(x))`  -->  `y = reshape(relu(x))`, next to what computes x."""
    producers, users = graph.producers(), graph.users()

    def rule(node: Node) -> list[Node] | None:
        before = producers.get(node.inputs[0]) if len(node.inputs) == 1 else None
        if not isinstance(node.op, Elementwise) or before is None:
            return None
        alone = users[before.name] == [node] and before.name not in graph.outputs
        if not isinstance(before.op, Reshape) or not alone:
            return None
        shape = graph.types[before.name].shape
        inner = f"{node.name}/unshaped"
        return [
            Node(node.op, before.inputs, (inner,), node.path),
            Node(Reshape(shape), (inner,), node.outputs, node.path),
        ]

    return rewrite(graph, rule)
