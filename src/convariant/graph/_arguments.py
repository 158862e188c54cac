"""Between a model's own call, nested and with keywords, and the flat values of its graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from convariant.errors import ShapeError
from convariant.graph._graph import Graph, Name, Structure
from convariant.graph._types import DTYPE_NAMES, TensorType

# what is written out of an argument that is no tensor
_LONGEST = 40


def flatten_arguments(graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The model's own arguments as the flat inputs of the graph.

    A graph without a structure (from ONNX, or built by hand) takes its inputs in their order, then
    by their names.

    Raises ShapeError for another call than the one that the graph was captured with.
    """
    if graph.structure is None:
        return _bound(graph, args, kwargs)
    flat = []
    leaves = _leaves(graph, graph.structure, args, kwargs)
    for leaf, known in zip(leaves, graph.structure.arguments, strict=True):
        if isinstance(known, Name):
            flat.append(leaf)
        elif not _same(leaf, known):
            raise ShapeError(
                f"{graph.name} was captured with the argument {known!r}, but got {_word(leaf)}; "
                "capture it again with that value"
            )
    return flat


def nest_results(graph: Graph, results: tuple[Any, ...]) -> Any:
    """The flat outputs of the graph in the model's own structure; one or a tuple if it has none."""
    if graph.structure is None:
        return results[0] if len(results) == 1 else tuple(results)
    by_name = dict(zip(graph.outputs, results, strict=True))
    leaves = [
        by_name[leaf.value] if isinstance(leaf, Name) else leaf for leaf in graph.structure.results
    ]
    return pytree.tree_unflatten(leaves, graph.structure.result)


def _bound(graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The inputs given by position, then those given by name."""
    first, rest = graph.inputs[: len(args)], graph.inputs[len(args) :]
    faults = [
        *(f"{name!r} is none of its inputs" for name in kwargs if name not in graph.inputs),
        *(f"{name!r} is given twice" for name in kwargs if name in first),
        *(f"{name!r} is missing" for name in rest if name not in kwargs),
    ]
    if len(args) > len(graph.inputs):
        faults.append(f"{len(args)} are given by position")
    if faults:
        raise ShapeError(
            f"{graph.name} is called as {_expected(graph)}, but got {_given(graph, args, kwargs)}: "
            f"{faults[0]}; give each input once, in order or by name"
        )
    return [*args, *(kwargs[name] for name in rest)]


def _leaves(
    graph: Graph, structure: Structure, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """The arguments one by one, keywords and dicts in the order of the capture."""
    leaves, spec = pytree.tree_flatten((args, kwargs))
    if spec == structure.call:
        return leaves
    try:
        leaves = structure.call.flatten_up_to((args, kwargs))
        if all(pytree.tree_structure(leaf).is_leaf() for leaf in leaves):
            return leaves
    except ValueError:
        pass  # nested otherwise
    raise ShapeError(
        f"{graph.name} was captured with other arguments than it is called with: expected "
        f"{_expected(graph)}, got {_given(graph, args, kwargs)}; "
        f"{_advice(graph, structure, args, kwargs)}"
    )


def _same(leaf: Any, known: Any) -> bool:
    """Whether an argument is the constant of the capture; of a tensor `==` gives many answers."""
    return not isinstance(leaf, (Tensor, np.ndarray)) and bool(leaf == known)


def _advice(
    graph: Graph, structure: Structure, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    known_args, known_kwargs = pytree.tree_unflatten(structure.arguments, structure.call)
    places = [leaf.value for leaf in known_args if isinstance(leaf, Name)]
    named = [name for name in kwargs if name in places and name not in known_kwargs]
    if named:
        return (
            f"{named[0]!r} was captured by position: give it without its name, or capture "
            f"{graph.name} with the arguments by name, in a dict"
        )
    if len(args) > len(known_args) and known_kwargs:
        return f"give {', '.join(known_kwargs)} by name, as it was captured"
    return "call it as it was captured"


@dataclass(frozen=True)
class _Word:
    """A tensor among arguments, as it is written."""

    text: str
    name: str = ""

    def __repr__(self) -> str:
        return self.text


def _expected(graph: Graph) -> str:
    """The call of the capture: `Net(x: f32[1,3,8,8], scale=1.0)`."""
    if graph.structure is None:
        leaves = [_Word(str(graph.types[name]), name) for name in graph.inputs]
        return _call(graph.name, leaves, {})
    words = [
        _Word(str(graph.types[leaf.value]), leaf.value) if isinstance(leaf, Name) else leaf
        for leaf in graph.structure.arguments
    ]
    return _call(graph.name, *pytree.tree_unflatten(words, graph.structure.call))


def _given(graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return _call(graph.name, *pytree.tree_map(_word, (args, kwargs)))


def _word(leaf: Any) -> _Word:
    if isinstance(leaf, Tensor):
        return _Word(str(TensorType.of(leaf)))
    if isinstance(leaf, np.ndarray):
        name = leaf.dtype.name
        short = DTYPE_NAMES.get(getattr(torch, name, torch.float32), name)
        sizes = ",".join(map(str, leaf.shape))
        return _Word(f"{short if hasattr(torch, name) else name}[{sizes}]")
    if leaf is None or isinstance(leaf, (bool, int, float, complex, str)):
        text = repr(leaf)
        return _Word(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
    return _Word(type(leaf).__name__)


def _call(name: str, args: Any, kwargs: dict[str, Any]) -> str:
    words = [
        f"{value.name}: {value}" if isinstance(value, _Word) and value.name else repr(value)
        for value in args
    ]
    words += [f"{key}={value!r}" for key, value in kwargs.items()]
    return f"{name}({', '.join(words)})"
