"""Comparing a captured graph with the module it came from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tests.support.compare import assert_close
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from convariant.graph import Graph, from_torch, interpret, nest_results, verify

X = (2, 6, 8, 9)


class Apply(nn.Module):
    """A function as a module, with a few parameters to use."""

    def __init__(self, function: Callable[..., object], *parameters: Tensor) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList(parameters)

    def forward(self, *inputs: Tensor) -> object:
        return self.function(*inputs, *self.weights)


def assert_agrees(
    module: nn.Module, *inputs: Tensor, reduction: int = 64, **options: bool
) -> Graph:
    """Capture, verify, and compare with the module itself."""
    graph = from_torch(module, inputs, **options)
    verify(graph)
    with torch.no_grad():
        expected = module.eval()(*inputs)
    found = nest_results(graph, interpret(graph, *inputs))
    assert pytree.tree_structure(found) == pytree.tree_structure(expected)
    for a, e in zip(pytree.tree_leaves(found), pytree.tree_leaves(expected), strict=True):
        if isinstance(e, Tensor):
            assert_close(a, e, reduction=reduction)
        else:
            assert a == e
    return graph


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]
