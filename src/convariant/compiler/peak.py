"""What this machine can do at most: the limits that every speed is shown against."""

from __future__ import annotations

import ctypes
import functools
import time

from convariant.compiler._instance import Instance, Memory, Prepared
from convariant.compiler.kernels import PeakMultiplyAdds
from convariant.compiler.llvm import Target, compile_object, host_target, load_object
from convariant.compiler.plan import Step, make_plan
from convariant.graph import GraphBuilder, TensorType
from convariant.graph.ops import Elementwise

__all__ = ["copy_bandwidth", "peak_gflops"]

_TURNS = 100_000
# Bytes moved, as powers of two, that bandwidth is measured for: from what a first-level cache holds
# to what no cache does.
_LEAST_BITS, _MOST_BITS = 14, 26
_COPIES, _COPY_TURNS = 4, 10


@functools.cache
def peak_gflops(target: Target | None = None) -> float:
    """Multiply-adds per nanosecond of one core times two, measured in about a tenth of a second.

    Independent chains of vector multiply-adds that touch no memory; the best of several runs,
    since whatever else the machine does can only make a run slower.
    """
    target = target or host_target()
    kernel = PeakMultiplyAdds(_TURNS)
    code = compile_object(kernel.emit(target, "kernel"), target)
    loaded = load_object(code, "kernel", target)
    memory = Memory(kernel.floats(target))
    table = (ctypes.c_void_p * 1)(memory.address)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        loaded(ctypes.addressof(table))
        best = min(best, time.perf_counter() - start)
    return kernel.operations(target) / best / 1e9


def copy_bandwidth(moved: int, threads: int, target: Target | None = None) -> float:
    """Bytes per second, read and written, of a program that does nothing but move numbers.

    `moved` decides which cache holds them: it is rounded up to a power of two, and the numbers pass
    between two places of half as many bytes. Each power is measured once. What is too small to be
    worth the meeting of threads, one of them moves alone.
    """
    bits = min(max((max(moved, 1) - 1).bit_length(), _LEAST_BITS), _MOST_BITS)
    return max(_copies(bits, count, target or host_target()) for count in {1, threads})


@functools.cache
def _copies(bits: int, threads: int, target: Target) -> float:
    builder = GraphBuilder()
    value = builder.input("x", TensorType((1, 2**bits // 8)))
    for _ in range(_COPIES):
        value = builder.add(Elementwise("neg"), value)
    plan = make_plan(builder.build([value]), target, threads, 0.0)
    kernels = dict.fromkeys(step.kernel for step in plan.steps if isinstance(step, Step))
    code = {k: compile_object(k.emit(target, "kernel"), target) for k in kernels}
    instance = Instance(plan, Prepared(Memory(plan.constants.size), code))
    return 2**bits / min(instance.measure(instance.random_inputs(), _COPY_TURNS))
