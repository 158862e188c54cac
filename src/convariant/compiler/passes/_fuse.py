"""Element-wise functions move into the operation whose result they change."""

from __future__ import annotations

from dataclasses import replace

import torch

from convariant.compiler.kernels import FUNCTIONS
from convariant.compiler.passes._fused import Fused, Link
from convariant.compiler.passes._unpool import Unpool
from convariant.graph import Graph, Node, prune
from convariant.graph.ops import AdaptivePool, Conv, Elementwise, GroupNorm, Linear, Pool, Resize

__all__ = ["fuse_epilogues"]


# What applies functions to its results, besides such functions themselves.
_HEADS = (AdaptivePool, Conv, GroupNorm, Linear, Pool, Resize, Unpool)


def fuse_epilogues(graph: Graph) -> Graph:
    """before: `t = conv(x); s = add(t, r); y = relu(s)`  -->  `y = [conv + add + relu](x, r)`.

    A value that others read too, or that is an output, stays: it is needed in memory anyway.
    """
    nodes: dict[str, Node | None] = {node.name: node for node in graph.nodes}
    users = graph.users()
    order = {node.name: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if not isinstance(node.op, Elementwise) or not _has_kernel(graph, node):
            continue
        heads = [
            name
            for name in node.inputs
            if name not in graph.outputs
            and users[name] == [node]
            and node.inputs.count(name) == 1
            and isinstance(nodes.get(name), Node)
            and _takes_epilogue(graph, nodes[name])
            and graph.types[name] == graph.types[node.name]
        ]
        if not heads:
            continue
        # of two that could take it in, the later: the other is ready by then
        head = max(heads, key=lambda name: order[name])
        nodes[node.name] = _joined(nodes[head], node)
        nodes[head] = None
    return prune(graph.with_nodes([n for n in nodes.values() if n is not None]))


def _joined(head: Node | None, node: Node) -> Node:
    assert head is not None
    fused = head.op
    if not isinstance(fused, Fused):
        fused = Fused(head.op, len(head.inputs), ())
    assert isinstance(node.op, Elementwise)
    operands = tuple(name for name in node.inputs if name != head.name)
    link = Link(node.op, len(operands), node.inputs.index(head.name))
    return replace(
        node,
        op=replace(fused, links=(*fused.links, link)),
        inputs=(*head.inputs, *operands),
        path=head.path or node.path,
    )


def _has_kernel(graph: Graph, node: Node) -> bool:
    assert isinstance(node.op, Elementwise)
    table = FUNCTIONS[len(node.inputs)]
    floats = all(graph.types[n].dtype == torch.float32 for n in (*node.inputs, node.name))
    return floats and node.op.function in table and _operands_fit(graph, node)


def _operands_fit(graph: Graph, node: Node) -> bool:
    """Constants broadcast in any way; a computed operand must have the result's rank."""
    result = graph.types[node.name]
    for name in node.inputs:
        operand = graph.types[name]
        if name in graph.constants or operand.shape == result.shape:
            continue
        if operand.rank != result.rank or operand.rank < 2:
            return False
    return True


def _takes_epilogue(graph: Graph, node: Node | None) -> bool:
    """Whether the node's kernel applies functions to its results before storing them."""
    if node is None or len(node.outputs) != 1:
        return False
    op = node.op.op if isinstance(node.op, Fused) else node.op
    if isinstance(op, Elementwise):
        return isinstance(node.op, Fused) or _has_kernel(graph, node)
    return isinstance(op, _HEADS)
