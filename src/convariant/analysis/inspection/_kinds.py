"""What a node is called in a table: the words of the lecture rather than those of the graph."""

from __future__ import annotations

from convariant.graph import Graph, Node
from convariant.graph.ops import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Elementwise,
    Expand,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Slice,
    Torch,
)

# kinds that hand on the memory of their input
VIEWS = (Reshape, Permute, Expand, Slice)

_POOLS = {"max": "max pool", "avg": "average pool", "lp": "lp pool"}
_WORDS = {
    "DepthToSpace": "depth to space",
    "SpaceToDepth": "space to depth",
    "MatMul": "matrix product",
    "MaxUnpool": "max unpool",
}


def kind_of(graph: Graph, node: Node) -> tuple[str, str]:
    """The kind in words and its attributes, `('depthwise conv', '3x3 s2 p1')`."""
    op = node.op
    if isinstance(op, Conv):
        return _convolution(graph, node, op)
    if isinstance(op, Pool):
        return _POOLS[op.mode], op.text().removeprefix(op.mode).strip()
    if isinstance(op, AdaptivePool):
        if set(op.size) == {1}:
            return f"global {_POOLS[op.mode]}", ""
        return f"adaptive {_POOLS[op.mode]}", op.text().removeprefix(op.mode).strip()
    if isinstance(op, Reduce):
        return _reduction(graph, node, op)
    if isinstance(op, Elementwise):
        return op.function.replace("_", " "), op.text().removeprefix(op.function).strip()
    if isinstance(op, BatchNorm):
        return "batch norm", ""
    if isinstance(op, GroupNorm):
        return ("instance norm", "") if op.groups is None else ("group norm", f"g{op.groups}")
    if isinstance(op, LayerNorm):
        return ("rms norm" if op.rms else "layer norm"), ""
    if isinstance(op, LocalResponseNorm):
        return "local response norm", f"{op.size}"
    if isinstance(op, Torch):
        return op.text().partition(".")[0].replace("_", " ").strip(), ""
    return _WORDS.get(op.kind, op.kind.lower()), op.text()


def _convolution(graph: Graph, node: Node, op: Conv) -> tuple[str, str]:
    ci, _ = op.channels(graph.types[node.inputs[1]])
    text = op.text()
    if op.geometry.transposed:
        return "transposed conv", text.removeprefix("transposed ")
    if op.groups > 1:
        if op.groups == ci:
            return "depthwise conv", text.removesuffix(f" g{op.groups}")
        return "grouped conv", text
    pointwise = all(k == 1 for k in op.geometry.kernel_size)
    return ("pointwise conv" if pointwise else "conv"), text


def _reduction(graph: Graph, node: Node, op: Reduce) -> tuple[str, str]:
    rank = graph.types[node.inputs[0]].rank
    axes = sorted(a % max(rank, 1) for a in op.axes)
    pooled = {"mean": "global average pool", "max": "global max pool"}.get(op.function)
    if pooled and rank > 2 and axes == list(range(2, rank)):
        return pooled, ""
    return op.function.replace("_", " "), f"over {','.join(map(str, axes))}"
