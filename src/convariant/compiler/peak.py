"""What this machine can do at most: the limit that every speed is shown against."""

from __future__ import annotations

import ctypes
import functools
import time

from convariant.compiler._instance import Memory
from convariant.compiler.kernels import PeakMultiplyAdds
from convariant.compiler.llvm import Target, compile_object, host_target, load_object

_TURNS = 100_000


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
