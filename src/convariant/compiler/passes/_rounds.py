"""A large batch in rounds of a few images, so that what layers hand on stays in the cache."""

from __future__ import annotations

from dataclasses import replace

from convariant.compiler.passes._fold import fold_constants
from convariant.graph import Graph, Node, TensorType
from convariant.graph._graph import infer_types
from convariant.graph.ops import (
    AdaptivePool,
    BatchNorm,
    Concat,
    Conv,
    DepthToSpace,
    Elementwise,
    GroupNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    Pad,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Resize,
    Slice,
    Softmax,
    SpaceToDepth,
)

__all__ = ["split_batch"]

# What a layer reads and writes should fit in the last cache next to its weights.
_CACHED_BYTES = 16 * 2**20

# Operations that compute each image of a batch by itself, whatever their attributes.
_PER_IMAGE = (
    AdaptivePool,
    BatchNorm,
    Conv,
    DepthToSpace,
    GroupNorm,
    LocalResponseNorm,
    Pool,
    Resize,
    SpaceToDepth,
)


def split_batch(graph: Graph) -> tuple[Graph, int]:
    """The graph for a part of the batch, and how many such parts there are; (graph, 1) if whole.

    Weights come from memory once a round, so a round has as many images as fit. Nothing changes
    for networks that mix images, have no batch, or call PyTorch.
    """
    graph = fold_constants(graph)  # what has no image in it needs no rule
    batch = _batch(graph)
    if batch < 2 or not all(_is_per_image(graph, node, batch) for node in graph.nodes):
        return graph, 1
    widest = max((_bytes(graph, node) for node in graph.nodes), default=0)
    parts = [images for images in range(1, batch + 1) if batch % images == 0]
    fitting = [images for images in parts if widest * images <= _CACHED_BYTES * batch]
    images = max(fitting, default=1)
    return (graph, 1) if images == batch else (_at(graph, images), batch // images)


def _batch(graph: Graph) -> int:
    """The size of the first axis of every input and output; 0 where they differ."""
    types = (*graph.input_types, *graph.output_types)
    computed = {name for node in graph.nodes for name in node.outputs}
    first = {t.sizes[0] if t.rank else 0 for t in types}
    return first.pop() if len(first) == 1 and computed.issuperset(graph.outputs) else 0


def _is_per_image(graph: Graph, node: Node, batch: int) -> bool:
    """Whether image i of the outputs depends on image i of the inputs, and on nothing else."""
    op, (y, *_) = node.op, (graph.types[name] for name in node.outputs)
    values = [graph.types[name] for name in node.inputs if name not in graph.constants]
    constants = [graph.types[name] for name in node.inputs if name in graph.constants]
    if not values or any(t.rank == 0 or t.sizes[0] != batch for t in (*values, y)):
        return False
    match op:
        case Elementwise():
            same_rank = all(t.rank == y.rank for t in values)
            return same_rank and all(t.rank < y.rank or t.sizes[0] == 1 for t in constants)
        case Linear():
            return len(values) == 1 and y.rank > 1
        case LayerNorm():
            return len(values) == 1 and op.axes < y.rank
        case Softmax() | Concat() | Slice():
            return op.axis % y.rank != 0 and not constants
        case Reduce():
            return 0 not in (axis % values[0].rank for axis in op.axes)
        case Permute():
            return op.axes[0] == 0
        case Pad():
            return len(op.pads) < y.rank or op.pads[0] == (0, 0)
        case Reshape():
            return True  # the first axis stays, and numbers keep their order
        case _:
            return isinstance(op, _PER_IMAGE) and len(values) == 1 and y.rank > 1


def _bytes(graph: Graph, node: Node) -> int:
    """What a node reads and writes of values that depend on the input."""
    names = [n for n in (*node.inputs, *node.outputs) if n not in graph.constants]
    return sum(4 * graph.types[name].numel for name in names)


def _at(graph: Graph, images: int) -> Graph:
    """The same network for that many images."""
    nodes = [
        replace(node, op=Reshape(_part(graph.types[node.name], images).sizes))
        if isinstance(node.op, Reshape)
        else node
        for node in graph.nodes
    ]
    given = [_part(type_, images) for type_ in graph.input_types]
    types = infer_types(graph.inputs, given, nodes, graph.constants)
    return replace(graph, nodes=tuple(nodes), types=types, capture=None)


def _part(type_: TensorType, images: int) -> TensorType:
    return type_.with_shape((images, *type_.sizes[1:]))
