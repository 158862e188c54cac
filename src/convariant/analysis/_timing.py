"""Measured time of modules, for tables that set it beside the count of operations."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn


def milliseconds(run: Callable[[], object], *, seconds: float = 0.1, most: int = 200) -> float:
    """The median time of a call, after two to warm up, measured for about `seconds`."""
    for _ in range(2):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < most):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


@torch.no_grad()
def module_milliseconds(module: nn.Module, x: Tensor, *, seconds: float = 0.1) -> float:
    """The median time of one evaluation of a module."""
    training = module.training
    module.eval()
    try:
        return milliseconds(lambda: module(x), seconds=seconds)
    finally:
        module.train(training)


def machine() -> str:
    """The processor that measures, and what computes on it."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, PyTorch {torch.__version__}"
