"""Poolings and resizings that a network calls as functions, made into modules to be replaced."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from convariant.errors import ConvariantError

_POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_RESIZE = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")

# what a network's own code may raise when it meets torch.fx's stand-ins instead of tensors
_UNTRACEABLE = (
    *(fx.proxy.TraceError, ConvariantError, ArithmeticError, AssertionError, AttributeError),
    *(LookupError, NotImplementedError, RuntimeError, TypeError, ValueError),
)


def with_modules(model: nn.Module) -> nn.Module:
    """`model` itself, or a `torch.fx.GraphModule` of it in which poolings by function are modules.

    Parameters keep their names. A network that torch.fx cannot trace stays as it is.
    """
    try:
        graph = fx.Tracer().trace(model)
    except _UNTRACEABLE:
        return model
    calls = [(node, found) for node in graph.nodes if (found := _module_of(node)) is not None]
    if not calls:
        return model
    traced = fx.GraphModule(model, graph, type(model).__name__)
    for node, module in calls:
        name = node.name
        while hasattr(traced, name):
            name += "_"
        traced.add_submodule(name, module)
        with graph.inserting_before(node):
            x = node.args[0] if node.args else node.kwargs["input"]
            node.replace_all_uses_with(graph.call_module(name, (x,)))
        graph.erase_node(node)
    traced.recompile()
    return traced.train(model.training)


def _module_of(node: fx.Node) -> nn.Module | None:
    """The module that does the same as a call of a function; None where there is none."""
    if node.op != "call_function" or node.target not in _MODULES:
        return None
    kind, names = _MODULES[node.target]
    given = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
    given = {name: value for name, value in given.items() if name != "input"}
    if any(isinstance(value, fx.Node) for value in _leaves(given)):
        return None  # a size that depends on the image
    known = inspect.signature(kind).parameters
    if any(value for name, value in given.items() if name not in known):
        return None  # antialias, which no module has
    return kind(**{name: value for name, value in given.items() if name in known})


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _by_function() -> dict[Any, tuple[Callable[..., nn.Module], tuple[str, ...]]]:
    """Each function: the module that does the same, its arguments after the input."""
    found: dict[Any, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
        F.interpolate: (nn.Upsample, _RESIZE)
    }
    for axes in (1, 2, 3):
        largest, mean = getattr(nn, f"MaxPool{axes}d"), getattr(nn, f"AvgPool{axes}d")
        for place in (F, torch):
            found[getattr(place, f"max_pool{axes}d")] = largest, _POOL
        found[getattr(F, f"avg_pool{axes}d")] = mean, tuple(inspect.signature(mean).parameters)
    return found


_MODULES = _by_function()
