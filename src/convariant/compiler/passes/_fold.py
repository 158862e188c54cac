"""What is known before the network runs is computed before it runs."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from convariant.graph import Graph, Node, prune
from convariant.graph.ops import BatchNorm, Conv, Elementwise, Linear, Torch

__all__ = ["fold_batch_norms", "fold_constants"]


def fold_constants(graph: Graph) -> Graph:
    """before: `y = f(constant)`  -->  `y` is a constant."""
    constants = dict(graph.constants)
    nodes = []
    for node in graph.nodes:
        known = all(name in constants for name in node.inputs) and _is_certain(node)
        if not known or set(node.outputs) & set(graph.outputs):
            nodes.append(node)
            continue
        results = node.op.run(*(constants[name].detach() for name in node.inputs))
        constants.update(zip(node.outputs, results, strict=True))
    return prune(graph.with_nodes(nodes, constants=constants))


def _is_certain(node: Node) -> bool:
    """Whether a node gives the same result each time, without drawing at random or writing to its
    inputs.
    """
    if not isinstance(node.op, Torch):
        return True
    target = node.op.target
    if not isinstance(target, torch._ops.OpOverload) or not node.inputs:
        return False
    draws = torch.Tag.nondeterministic_seeded in target.tags
    return target.namespace == "aten" and not draws and not target._schema.is_mutable


def fold_batch_norms(graph: Graph) -> Graph:
    """before: `y = batch_norm(conv(x, w, b))`  -->  `y = conv(x, w * scale, b * scale + shift)`

    A batch norm behind anything else becomes `x * scale + shift`, which an epilogue takes in.
    """
    constants = dict(graph.constants)
    producers, users = graph.producers(), graph.users()
    nodes: dict[str, tuple[Node, ...]] = {node.name: (node,) for node in graph.nodes}
    for node in graph.nodes:
        if not isinstance(node.op, BatchNorm):
            continue
        vectors = node.inputs[1:]
        if not all(name in constants for name in vectors):
            continue
        scale, shift = _affine(node.op, *(constants[name] for name in vectors))
        before = producers.get(node.inputs[0])
        alone = before is not None and users[before.name] == [node]
        if (
            before is not None
            and alone
            and before.name not in graph.outputs
            and isinstance(before.op, (Conv, Linear))
            and all(name in constants for name in before.inputs[1:])
        ):
            folded = _scaled(before, node, scale, shift, constants)
            nodes[before.name], nodes[node.name] = (), (folded,)
        else:
            rank = graph.types[node.name].rank
            nodes[node.name] = _as_arithmetic(node, scale, shift, rank, constants)
    flat = [new for node in graph.nodes for new in nodes[node.name]]
    return prune(graph.with_nodes(flat, constants=constants))


def _affine(op: BatchNorm, mean: Tensor, var: Tensor, *affine: Tensor) -> tuple[Tensor, Tensor]:
    """The scale and the shift of each channel, in float64."""
    weight, bias = (*affine, None, None)[:2]
    scale = (var.detach().double() + op.eps).rsqrt()
    scale = scale if weight is None else scale * weight.detach().double()
    shift = -mean.detach().double() * scale
    return scale, shift if bias is None else shift + bias.detach().double()


def _scaled(
    layer: Node, norm: Node, scale: Tensor, shift: Tensor, constants: dict[str, Tensor]
) -> Node:
    """The layer with scaled weights, under the name of the norm.

    Scales are rounded (to float32 at least) before they multiply: a weight in float32 is exact
    within one unit of its last digit.
    """
    weight = constants[layer.inputs[1]].detach()
    factors = scale.to(torch.promote_types(weight.dtype, torch.float32)).view(-1, 1)
    if isinstance(layer.op, Conv) and layer.op.geometry.transposed:
        groups = layer.op.groups
        factors = factors.view(groups, 1, -1).expand(groups, weight.shape[0] // groups, -1)
        factors = factors.reshape(*weight.shape[:2])
    if len(layer.inputs) > 2:
        shift = shift + constants[layer.inputs[2]].detach().double() * scale
    names = (f"{norm.name}/weight", f"{norm.name}/bias")
    scaled = weight * factors.view(*factors.shape, *(1,) * (weight.dim() - 2))
    constants[names[0]] = scaled.to(weight.dtype)
    constants[names[1]] = shift.to(weight.dtype)
    return replace(norm, op=layer.op, inputs=(layer.inputs[0], *names), path=layer.path)


def _as_arithmetic(
    node: Node, scale: Tensor, shift: Tensor, rank: int, constants: dict[str, Tensor]
) -> tuple[Node, ...]:
    """`x * scale + shift` as two nodes."""
    names = (f"{node.name}/scale", f"{node.name}/shift")
    dtype = constants[node.inputs[1]].dtype
    for name, vector in zip(names, (scale, shift), strict=True):
        constants[name] = vector.to(dtype).view(-1, *(1,) * (rank - 2))
    scaled = f"{node.name}/scaled"
    return (
        Node(Elementwise("mul"), (node.inputs[0], names[0]), (scaled,), node.path),
        Node(Elementwise("add"), (scaled, names[1]), node.outputs, node.path),
    )
