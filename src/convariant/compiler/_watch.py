"""Weights that are written to behind the back of PyTorch's version counter."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from convariant.compiler.kernels import Changed
from convariant.compiler.layout import LINE
from convariant.compiler.llvm import Kernel, compile_object, host_target, load_object

__all__ = ["Watch"]

_WORD = 4
# A tensor of up to so many words is compared whole, of a larger one a cache line in every so many
# words: 3 % of the memory that a run reads anyway.
_WHOLE = 16384
_STEP = 512


class Watch:
    """What some tensors on the CPU held, for telling whether they were written to since.

    `p.data.mul_(2)` and a NumPy array over a weight change no version counter, so the numbers
    themselves are looked at: all of a tensor of at most 64 KiB, and of a larger one 64 bytes in
    every 2 KiB. A write of 528 float32 numbers side by side is seen, and so is one of scattered
    numbers that are many; one of a few numbers of a large tensor may be missed.

    >>> import torch
    >>> weight = torch.zeros(64, 64, 3, 3)
    >>> watch = Watch([weight])
    >>> before = watch.changed()
    >>> _ = weight.data.add_(1)
    >>> before, watch.changed()
    (False, True)
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        here = [tensor for tensor in tensors if tensor.device.type == "cpu" and tensor.numel()]
        self._memory = [tensor.detach() for tensor in here]
        pieces = [_piece(tensor) for tensor in here]
        self._kept = [piece.read() for piece in pieces]
        numbers = [len(pieces), *(n for p in pieces for n in (p.lines, p.step, p.rest))]
        self._numbers = np.array(numbers, np.int32)
        self._answer = np.zeros(LINE, np.float32)
        where = [self._numbers.ctypes.data, self._answer.ctypes.data]
        for piece, kept in zip(pieces, self._kept, strict=True):
            where += [piece.address, kept.ctypes.data]
        self._table = (ctypes.c_void_p * len(where))(*where)
        self._kernel = _kernel()

    def changed(self) -> bool:
        """Whether a number that is looked at differs."""
        self._kernel(ctypes.addressof(self._table))
        return bool(self._answer[0])


@dataclass(frozen=True)
class _Piece:
    """Lines in memory, `step` words from one to the next, and single words behind them."""

    address: int
    lines: int
    step: int
    rest: int

    def read(self) -> NDArray[np.int32]:
        """The words of all lines, then the rest."""
        room = (ctypes.c_int32 * (self.lines * self.step + self.rest)).from_address(self.address)
        words = np.ctypeslib.as_array(room)
        lines = words[: self.lines * self.step].reshape(self.lines, self.step)[:, :LINE]
        return np.concatenate((lines.ravel(), words[len(words) - self.rest :]))


def _piece(tensor: Tensor) -> _Piece:
    """The memory from a tensor's first number to its last: whole words, each of which holds a
    part of it and so may be read.
    """
    places = sum(
        (size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True)
    )
    address = tensor.data_ptr()
    first = address // _WORD
    words = -(-(address + (places + 1) * tensor.element_size()) // _WORD) - first
    step = LINE if words <= _WHOLE else _STEP
    return _Piece(first * _WORD, words // step, step, words % step)


@functools.cache
def _kernel() -> Kernel:
    target = host_target()
    return load_object(compile_object(Changed().emit(target, "changed"), target), "changed", target)
