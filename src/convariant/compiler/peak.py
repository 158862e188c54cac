"""What this machine can do at most: the limit that every speed is shown against."""

from __future__ import annotations

import ctypes
import functools
import time

import numpy as np

from convariant.compiler.llvm import Builder, Target, compile_object, host_target, load_object

_CHAINS = 12  # independent sums: more than latency times throughput on current cores
_STEPS = 100_000


@functools.cache
def peak_gflops(target: Target | None = None) -> float:
    """Multiply-adds per nanosecond of one core times two, measured in about a tenth of a second.

    Twelve independent chains of vector multiply-adds that touch no memory; the best of several
    runs, since whatever else the machine does can only make a run slower.
    """
    target = target or host_target()
    b = Builder(target, "peak")
    data = b.argument(0)
    sums = [b.cell(b.load(data + i * b.lanes)) for i in range(_CHAINS)]
    factor, term = (b.load(data + (_CHAINS + i) * b.lanes) for i in range(2))
    with b.loop(0, _STEPS):
        for cell in sums:
            cell.set(b.fma(cell.get(), factor, term))
    for i, cell in enumerate(sums):
        b.store(cell.get(), data + i * b.lanes)
    kernel = load_object(compile_object(b.finish(), target), "peak", target)

    values = np.zeros((_CHAINS + 3) * target.lanes, np.float32)
    aligned = values.ctypes.data + -values.ctypes.data % (4 * target.lanes)
    table = (ctypes.c_void_p * 1)(aligned)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        kernel(ctypes.addressof(table))
        best = min(best, time.perf_counter() - start)
    return 2 * _STEPS * _CHAINS * target.lanes / best / 1e9
