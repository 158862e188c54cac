"""Running one kernel on NumPy arrays, with a red zone on both sides of every buffer."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest
import torch
from tests.support.compare import assert_close
from torch import nn

from convariant.compiler.kernels import Packs
from convariant.compiler.layout import Floats, Layout, lay_out, read_back
from convariant.compiler.llvm import (
    TARGETS,
    Kernel,
    Target,
    compile_object,
    load_object,
    runs_here,
)
from convariant.compiler.llvm.deal import TAKEN_BYTES
from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret

# A NaN with a pattern of its own: read, it spoils the result; written over, it is missed.
_GUARD = np.array([0x7FC0DEAD], np.uint32).view(np.float32)[0]
_ZONE = 256

HERE = [target for target in TARGETS.values() if runs_here(target)]
each_target = pytest.mark.parametrize("target", HERE, ids=[t.name for t in HERE])


class Emitter(Protocol):
    def emit(self, target: Target, name: str) -> str: ...


def random(*shape: int) -> Floats:
    """Normal numbers, the same ones for a shape every time."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


class Guarded:
    """A buffer between two red zones; `address` is where its element `origin` lies."""

    def __init__(self, values: Floats, origin: int = 0) -> None:
        room = np.full(values.size + 2 * _ZONE + 16, _GUARD, np.float32)
        # vectors of scratch and weights are aligned, as in a program
        self._first = _ZONE + (-(room.ctypes.data // 4 + _ZONE)) % 16
        self._room, self._size = room, values.size
        self.values = room[self._first : self._first + values.size]
        self.values[:] = values
        self.address = self.values.ctypes.data + 4 * origin

    def check(self) -> None:
        bits = self._room.view(np.uint32)
        guard = np.float32(_GUARD).view(np.uint32)
        before, after = bits[: self._first], bits[self._first + self._size :]
        assert (before == guard).all(), "a kernel wrote before its buffer"
        assert (after == guard).all(), "a kernel wrote behind its buffer"


def packed(kernel: Packs, weight: Floats) -> Floats:
    """A layer's weight as a kernel reads it; NaN where it was not written."""
    room = np.full(kernel.weights, np.nan, np.float32)
    kernel.pack(weight, room)
    return room


@functools.lru_cache(maxsize=256)
def build(emitter: Emitter, target: Target) -> Kernel:
    return load_object(compile_object(emitter.emit(target, "kernel"), target), "kernel", target)


def call(kernel: Kernel, buffers: list[Guarded], threads: int = 1) -> None:
    table = (ctypes.c_void_p * len(buffers))(*(buffer.address for buffer in buffers))
    for thread in range(threads):
        # the others have taken all of their parts, so that this thread does its own and no more
        taken = np.full((threads, TAKEN_BYTES // 8), 2**40)
        taken[thread] = 0
        kernel(ctypes.addressof(table), thread, threads, taken.ctypes.data)
    for buffer in buffers:
        buffer.check()


def run(emitter: Any, target: Target, *arguments: Any, threads: int = 1) -> Floats:
    """Run a kernel. An argument is a flat array, an (array, layout) pair, or the layout of the
    output, which is filled with NaN before and given back as an array."""
    buffers, output = [], None
    for argument in arguments:
        if isinstance(argument, Layout):
            output = Guarded(np.full(argument.size, np.nan, np.float32), argument.origin), argument
            buffers.append(output[0])
        elif isinstance(argument, tuple):
            array, layout = argument
            buffers.append(Guarded(lay_out(array, layout), layout.origin))
        else:
            buffers.append(Guarded(np.asarray(argument, np.float32).ravel()))
    call(build(emitter, target), buffers, threads)
    assert output is not None
    return read_back(output[0].values, output[1])


def check_native(
    model: nn.Module,
    x: torch.Tensor,
    *,
    target: Target | None = None,
    threads: int = 2,
    reduction: int,
) -> Program:
    """The program of a model, which has given without PyTorch what float64 gives."""
    program = Program(from_torch(model.eval(), x), threads=threads, target=target)
    truth = interpret(program.graph, x, dtype=torch.float64)[0]
    assert_close(program(x), truth, dtype="float32", reduction=reduction)
    assert [s.reason for s in program.latest().plan.steps if isinstance(s, Call)] == []
    return program
