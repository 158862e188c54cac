"""The constants of a graph, also those that it computes from others; and whole numbers for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from convariant.graph import Graph, Node
from convariant.graph.ops import BatchNorm

# weights become whole numbers up to this: small, so that sums of products stay exact
_LARGEST = 2


@torch.no_grad()
def constant_values(graph: Graph) -> dict[str, Tensor]:
    """Every value that does not depend on the input."""
    values = {name: t.detach() for name, t in graph.constants.items()}
    for node in graph.nodes:
        if all(name in values for name in node.inputs):
            results = node.op.run(*(values[name] for name in node.inputs))
            values.update(zip(node.outputs, results, strict=True))
    return values


def constant_along(node: Node, axis: int, rank: int, constants: Mapping[str, Tensor]) -> bool:
    """Whether the constant inputs of an operation on equal places are the same at all of them.

    Axes are aligned at the end, as broadcasting does.
    """
    if type(node.op).__name__ not in ("Elementwise", "LayerNorm"):
        return True
    for name in node.inputs:
        value = constants.get(name)
        if value is None:
            continue
        own = axis - (rank - value.dim())
        if own >= 0 and value.shape[own] > 1 and (value != value.narrow(own, 0, 1)).any():
            return False
    return True


def in_whole_numbers(graph: Graph) -> Graph:
    """The network with small whole numbers for weights; equal weights stay equal.

    Sums of products are then exact in float64, whatever their order. A batch normalisation divides
    by exactly one.
    """
    constants = dict(graph.constants)
    norms = [node for node in graph.nodes if isinstance(node.op, BatchNorm)]
    variances = {node.inputs[2]: node.op.eps for node in norms}  # type: ignore[attr-defined]
    weights = graph.parameters | {name for node in norms for name in node.inputs[1:]}
    for name in weights & constants.keys():
        value = constants[name].detach().double()
        if not constants[name].is_floating_point():
            continue
        if name in variances:
            constants[name] = torch.full_like(value, 1 - variances[name])
            continue
        spread = value.std(correction=0) if value.numel() > 1 else value.abs().max()
        scaled = value / spread if float(spread) else value
        constants[name] = (scaled * 1.5).round().clamp(-_LARGEST, _LARGEST)
    return replace(graph, constants=constants)
