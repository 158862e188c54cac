"""What a program is made of and called with: told in one sentence where it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from convariant.errors import CompileError, ShapeError
from convariant.graph import Graph

__all__ = [
    "Array",
    "as_tensor",
    "check_constants",
    "check_inputs",
    "check_threads",
    "example_tensors",
    "is_thread_count",
]

Array: TypeAlias = Tensor | np.ndarray

_MOST_THREADS = 1024


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


def example_tensors(inputs: Array | Sequence[Array] | None) -> tuple[Tensor, ...]:
    """The examples that `compile` was given, one after the other."""
    if inputs is None:
        return ()
    many = tuple(inputs) if isinstance(inputs, Sequence) else (inputs,)
    for one in many:
        if not isinstance(one, (Tensor, np.ndarray)):
            raise CompileError(
                f"example_inputs: {type(one).__name__} is no tensor; give a tensor or an array "
                "for each input, of the shape it will have"
            )
    return tuple(as_tensor(i) if isinstance(i, np.ndarray) else i for i in many)


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
    return torch.from_numpy(plain if plain.flags.writeable else plain.copy())


def check_inputs(graph: Graph, tensors: list[Any]) -> None:
    """Raise ShapeError for what the program cannot take."""
    if len(tensors) != len(graph.inputs):
        raise ShapeError(
            f"{graph.name} takes {len(graph.inputs)} inputs "
            f"({', '.join(graph.inputs)}), but got {len(tensors)}; give one for each"
        )
    for name, tensor in zip(graph.inputs, tensors, strict=True):
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
                f"compiled for {type_.dtype}; call x.to({type_.dtype}) first"
            )
        if tensor.dim() != type_.rank:
            raise ShapeError(
                f"{graph.name}: input {name!r} has shape {tuple(tensor.shape)}, but the "
                f"program was compiled for {type_}; give {type_.rank} axes"
            )


def _has_numbers(tensor: Tensor) -> bool:
    """Whether a kernel can read it: it is not sparse, nor does it only stand for another."""
    try:
        if tensor.is_nested or tensor.untyped_storage().device.type != "cpu":
            return False
        return tensor.data_ptr() != 0 or tensor.numel() == 0
    except RuntimeError:
        return False
