"""What a program is made of and called with: told in one sentence where it cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from convariant.errors import CompileError, ShapeError
from convariant.graph import Graph, flatten_arguments

__all__ = [
    "Array",
    "Examples",
    "as_tensor",
    "check_constants",
    "check_inputs",
    "check_threads",
    "check_tolerance",
    "example_arguments",
    "example_shapes",
    "is_thread_count",
]

Array: TypeAlias = Tensor | np.ndarray
# one input, the arguments in their order, or the arguments by name
Examples: TypeAlias = Array | Sequence[Any] | Mapping[str, Any]

_MOST_THREADS = 1024
_CONSTANTS = (bool, int, float, complex, str)
_WHAT_TO_GIVE = (
    "give a tensor or an array, of the shape it will have, for each input: alone, in a tuple of "
    "the arguments, or in a dict of them by name"
)


def is_thread_count(threads: Any) -> bool:
    """Whether a program may run on so many threads."""
    return type(threads) is int and 1 <= threads <= _MOST_THREADS


def check_threads(threads: Any) -> None:
    """Raise CompileError for what is no number of threads; None leaves the choice to us."""
    if threads is not None and not is_thread_count(threads):
        raise CompileError(
            f"threads={threads!r}: a program runs on 1 to {_MOST_THREADS} threads, a whole number; "
            "leave it out to take as many as PyTorch uses"
        )


def check_constants(graph: Graph) -> None:
    """Raise CompileError for weights that have no numbers."""
    for name, tensor in graph.constants.items():
        if tensor.is_meta:
            raise CompileError(
                f"{graph.name}: {name!r} is on the meta device, where tensors have no numbers; "
                'call model.to_empty(device="cpu") and load its weights first'
            )


def check_tolerance(tolerance: Any) -> float:
    """The tolerance as a number; raises CompileError for what is none."""
    try:
        number = float(tolerance) if isinstance(tolerance, Real) else math.nan
    except OverflowError:
        number = math.inf
    if isinstance(tolerance, bool) or not 0 <= number < math.inf:
        raise CompileError(
            f"tolerance={tolerance!r}: an error is a number, finite and not negative; use 1e-4"
        )
    return number


def example_arguments(inputs: Examples | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call that `compile` was given an example of, its arrays as tensors."""
    if inputs is None:
        return (), {}
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(inputs, (Tensor, np.ndarray)):
        args = (inputs,)
    elif isinstance(inputs, Mapping):
        kwargs = dict(inputs)
    elif isinstance(inputs, Sequence) and not isinstance(inputs, (str, bytes, bytearray)):
        args = tuple(inputs)
    else:
        raise CompileError(f"example_inputs: {type(inputs).__name__} is no tensor; {_WHAT_TO_GIVE}")
    if not all(isinstance(name, str) for name in kwargs):
        raise CompileError("example_inputs: a dict has the arguments by name, as **kwargs would be")
    args, kwargs = pytree.tree_map(_example, (args, kwargs))
    if not any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves((args, kwargs))):
        raise CompileError(f"example_inputs: there is no tensor among them; {_WHAT_TO_GIVE}")
    return args, kwargs


def _example(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return as_tensor(leaf)
    if isinstance(leaf, np.generic):
        return leaf.item()
    if leaf is None or isinstance(leaf, (Tensor, *_CONSTANTS)):
        return leaf
    raise CompileError(
        f"example_inputs: {type(leaf).__name__} is no tensor, number, flag or text; {_WHAT_TO_GIVE}"
    )


def example_shapes(
    graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[int, ...], ...]:
    """The shapes of the graph's flat inputs in that call; none where no example was given."""
    if not args and not kwargs:
        return ()
    flat = args
    if kwargs or len(args) != len(graph.inputs) or not all(isinstance(a, Tensor) for a in args):
        flat = tuple(flatten_arguments(graph, args, kwargs))
    for name, value in zip(graph.inputs, flat, strict=True):
        if not isinstance(value, Tensor):
            raise CompileError(
                f"example_inputs: {name!r} is a {type(value).__name__}, but {graph.name} takes "
                f"{graph.types[name]}; {_WHAT_TO_GIVE}"
            )
    return tuple(tuple(value.shape) for value in flat)


def as_tensor(array: np.ndarray) -> Tensor:
    """The array as a tensor, whatever its strides and its order of bytes; one that is read-only
    is copied, since PyTorch knows no such tensors.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise ShapeError(
            f"an input is a masked array, {array.shape}: a network would see what the mask hides; "
            "fill it first, x.filled(0)"
        )
    plain = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    try:
        return torch.from_numpy(plain if plain.flags.writeable else plain.copy())
    except TypeError as error:
        raise ShapeError(
            f"an input is an array of {array.dtype}, {array.shape}, which PyTorch has no tensors "
            'of; make numbers of it, x.astype("float32")'
        ) from error


def check_inputs(graph: Graph, tensors: list[Any], given: Sequence[Any]) -> None:
    """Raise ShapeError for what the program cannot take; `given` has arrays as they came."""
    if len(tensors) != len(graph.inputs):
        raise ShapeError(
            f"{graph.name} takes {len(graph.inputs)} inputs "
            f"({', '.join(graph.inputs)}), but got {len(tensors)}; give one for each"
        )
    for name, tensor, value in zip(graph.inputs, tensors, given, strict=True):
        type_ = graph.types[name]
        if not isinstance(tensor, Tensor):
            raise ShapeError(
                f"{graph.name}: input {name!r} is a {type(tensor).__name__}; "
                "give a torch.Tensor or a NumPy array"
            )
        if tensor.device.type != "cpu":
            raise ShapeError(
                f"{graph.name}: input {name!r} is on {tensor.device}, but the program "
                "runs on the CPU; call x.cpu() first"
            )
        if not _has_numbers(tensor):
            raise ShapeError(
                f"{graph.name}: input {name!r} ({type(tensor).__name__}, {tensor.layout}) "
                "is no row of numbers in memory; give a dense tensor (x.to_dense()), and call "
                "the program outside of torch.vmap, torch.export and the like"
            )
        if tensor.dtype != type_.dtype:
            raise ShapeError(
                f"{graph.name}: input {name!r} is {tensor.dtype}, but the program was "
                f"compiled for {type_.dtype}; call {_conversion(value, type_.dtype)} first"
            )
        if tensor.dim() != type_.rank:
            raise ShapeError(
                f"{graph.name}: input {name!r} has shape {tuple(tensor.shape)}, but the "
                f"program was compiled for {type_}; give {type_.rank} axes"
            )


def _conversion(value: Array, dtype: torch.dtype) -> str:
    """The call that gives a tensor or an array another number format."""
    if isinstance(value, Tensor):
        return f"x.to({dtype})"
    name = str(dtype).removeprefix("torch.")
    return f"torch.from_numpy(x).to({dtype})" if name == "bfloat16" else f'x.astype("{name}")'


def _has_numbers(tensor: Tensor) -> bool:
    """Whether a kernel can read it: it is not sparse, nor does it only stand for another."""
    try:
        if tensor.is_nested or tensor.untyped_storage().device.type != "cpu":
            return False
        return tensor.data_ptr() != 0 or tensor.numel() == 0
    except RuntimeError:
        return False
