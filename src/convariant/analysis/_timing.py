"""Measured time of modules, for tables that set it beside the count of operations."""

from __future__ import annotations

import functools
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

Clock: TypeAlias = Callable[[], float]


def milliseconds(
    run: Callable[[], object],
    *,
    seconds: float = 0.1,
    most: int = 200,
    clock: Clock = time.perf_counter,
) -> float:
    """The median time of a call, after two to warm up, measured for about `seconds`.

    On one thread `clock=time.thread_time` does not see the time that other work takes from it.
    """
    for _ in range(2):
        run()
    times: list[float] = []
    end = clock() + seconds
    while len(times) < 3 or (clock() < end and len(times) < most):
        start = clock()
        run()
        times.append(clock() - start)
    return 1000 * statistics.median(times)


def module_milliseconds(
    module: nn.Module, x: Tensor, *, seconds: float = 0.1, clock: Clock = time.perf_counter
) -> float:
    """The median time of one evaluation of a module."""
    (found,) = modules_in_turn([module], x, rounds=1, seconds=seconds, clock=clock)
    return found


@torch.no_grad()
def modules_in_turn(
    modules: Sequence[nn.Module],
    x: Tensor,
    *,
    rounds: int = 3,
    seconds: float = 0.1,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """The time of one evaluation of each module, as `milliseconds_in_turn`."""
    states = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        runs = [functools.partial(module, x) for module in modules]
        return milliseconds_in_turn(runs, rounds=rounds, seconds=seconds, clock=clock)
    finally:
        for part, training in states:
            part.training = training


def milliseconds_in_turn(
    runs: Sequence[Callable[[], object]],
    *,
    rounds: int = 3,
    seconds: float = 0.1,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """The time of each call: the least of its medians, as all are measured in turn `rounds` times.

    What else the machine does for a moment so falls on all of them, or on a round that is left out.
    """
    measured = [
        [milliseconds(run, seconds=seconds, clock=clock) for run in runs] for _ in range(rounds)
    ]
    return [min(times) for times in zip(*measured, strict=True)]


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let torch compute on so many threads, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
