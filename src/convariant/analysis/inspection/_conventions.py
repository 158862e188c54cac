"""Cost as papers and other tools print it: one rule for each, over the nodes of the graph.

The rules follow the source of fvcore 0.1.5, torchinfo 1.8.0 and ptflops 0.7.5 (its default, the
PyTorch back end). ptflops counts a layer such as nn.ReLU twice, once as a module and once for the
function that the module calls; the preset does as it does. It does not see what is written as a
method or an operator (`x.relu()`, `a @ b`); a graph cannot tell them apart, so they are counted,
but not sums and products, which it sees as `torch.add(a, b)` alone and most networks write `a + b`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from convariant.errors import UnknownNameError
from convariant.graph import Graph, Node
from convariant.graph.ops import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Elementwise,
    GroupNorm,
    LayerNorm,
    Linear,
    MatMul,
    Op,
    Pool,
    Reduce,
    Resize,
    Softmax,
    Torch,
)

ConventionName: TypeAlias = Literal["paper", "fvcore", "torchinfo", "ptflops"]


@dataclass(frozen=True)
class Convention:
    """A way to count: the rule for one node, and what sets it apart in a few words."""

    name: str
    rule: Callable[[Graph, Node], int]
    words: str


def convention(name: str) -> Convention:
    """The convention of that name."""
    if name not in _CONVENTIONS:
        raise UnknownNameError("convention", name, _CONVENTIONS)
    return _CONVENTIONS[name]


def _macs(graph: Graph, node: Node) -> int:
    return node.op.cost(*graph.node_types(node)).macs


def _numel(graph: Graph, node: Node) -> int:
    return graph.types[node.inputs[0]].numel


def _out_numel(graph: Graph, node: Node) -> int:
    return graph.types[node.name].numel


def _is_rms(op: Op) -> bool:
    return isinstance(op, LayerNorm) and op.rms


def _fvcore(graph: Graph, node: Node) -> int:
    op = node.op
    if isinstance(op, BatchNorm):
        return _numel(graph, node) * (2 if len(node.inputs) > 3 else 1)
    if isinstance(op, (GroupNorm, LayerNorm)) and not _is_rms(op):
        return _numel(graph, node) * (5 if len(node.inputs) > 1 else 4)
    if isinstance(op, Resize) and graph.types[node.name].rank == 4:
        return _out_numel(graph, node) * {"nearest": 1, "linear": 4}.get(op.mode, 0)
    # a node keeps the name of the operator it came from, which tells this mean from a plain one
    if isinstance(op, (AdaptivePool, Reduce)) and node.name.startswith("adaptive_avg_pool2d"):
        return _numel(graph, node)
    if isinstance(op, Torch) and "grid_sampler" in op.text():
        return 4 * _out_numel(graph, node)
    if isinstance(op, Torch) and "scaled_dot_product" in op.text():
        return 0
    return _macs(graph, node)


def _torchinfo(graph: Graph, node: Node) -> int:
    """Parameters times the positions they are used at; a transposed layer at its output's."""
    total = 0
    out = graph.types[node.name].sizes
    for name in dict.fromkeys(node.inputs):
        if name not in graph.parameters:
            continue
        numel, last = graph.constants[name].numel(), name.rpartition(".")[2]
        if isinstance(node.op, Conv):
            total += numel * out[0] * math.prod(out[2:])
        elif last in ("weight", "bias"):
            total += numel * out[0]
        elif "weight" in last or "bias" in last:
            total += numel * math.prod(out[:2])
    return total


_RELU_MODULES = ("ReLU", "PReLU", "ELU", "LeakyReLU", "ReLU6", "GELU")
_RELU_FUNCTIONS = ("relu", "prelu", "elu", "gelu", "silu")
_NORMS = (BatchNorm, GroupNorm)
_POOLS = ("MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool")
# layers that torch spells with functions and methods, and which of those it sees
_SPELLED = {"LocalResponseNorm": ("mul", "add"), "LPPool": ("relu", "mul")}


def _ptflops(graph: Graph, node: Node) -> int:
    op, kind = node.op, graph.modules.get(node.path, "")
    layer = kind.rpartition(".")[2] if kind.startswith("torch.nn.") else ""
    cost = op.cost(*graph.node_types(node))
    if isinstance(op, (Conv, Linear)):
        return cost.macs + cost.bias if layer.startswith(("Conv", "Linear")) else 0
    if isinstance(op, MatMul):
        return cost.macs
    if isinstance(op, _NORMS) and layer:
        scaled = len(node.inputs) > (3 if isinstance(op, BatchNorm) else 1)
        return _numel(graph, node) * (2 if scaled else 1)
    if isinstance(op, LayerNorm) and layer == "LayerNorm":
        return _numel(graph, node)
    if isinstance(op, Elementwise):
        return _out_numel(graph, node) * _sightings(graph, node, op.function, layer)
    if isinstance(op, (Pool, AdaptivePool)) or node.name.startswith("adaptive_"):
        return _numel(graph, node) * (1 + layer.startswith(_POOLS))
    if isinstance(op, Resize):
        return _out_numel(graph, node) * (1 + (layer == "Upsample"))
    if isinstance(op, Softmax):
        return 0 if op.log or layer == "Softmin" else _numel(graph, node)
    return 0


def _sightings(graph: Graph, node: Node, function: str, layer: str) -> int:
    """How often ptflops meets an element-wise operation: as a module, as a function."""
    spelled = next((seen for name, seen in _SPELLED.items() if layer.startswith(name)), None)
    if spelled is not None:
        by_operator = layer.startswith("LPPool") and graph.constants.keys().isdisjoint(node.inputs)
        return int(function in spelled and (function != "mul" or not by_operator))
    if layer == "SELU":  # an elu here, but a function of its own to torch
        return 0
    return (layer in _RELU_MODULES) + (function in _RELU_FUNCTIONS)


_CONVENTIONS = {
    c.name: c
    for c in (
        Convention("paper", _macs, "multiply-adds of convolutions and matrix products, no more"),
        Convention(
            "fvcore",
            _fvcore,
            "one 'flop' for a multiply-add; normalisation, resizing and adaptive pooling counted; "
            "bias, activation, windowed pooling and addition not",
        ),
        Convention(
            "torchinfo",
            _torchinfo,
            "parameters times output positions: bias and normalisation weights counted, a "
            "transposed convolution at its output's positions, operations without weights not",
        ),
        Convention(
            "ptflops",
            _ptflops,
            "bias, normalisation, activation and pooling counted, the last two once as a module "
            "and once more as the function it calls; additions not",
        ),
    )
}
