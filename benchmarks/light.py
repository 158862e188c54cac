"""What a program costs beside its runs: compiling, saving, loading, a call.

python -m benchmarks.light [NETWORK] [--processes 5]

Each figure is the median of so many fresh processes. Compiling is told beyond torch.export's own
time, which the same process took just before (the second of two, so that it imports nothing).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import convariant as cv
from benchmarks.networks import CASES
from convariant.compiler.peak import peak_gflops

THREADS = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.light", description=__doc__)
    parser.add_argument("network", nargs="?", default="resnet50", choices=CASES)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.network, Path(arguments.child))))
        return
    found = [in_process(arguments.network) for _ in range(arguments.processes)]
    print(f"{arguments.network}, {THREADS} threads, seconds:")
    for name in found[0]:
        times = [one[name] for one in found]
        middle = statistics.median(times)
        print(f"  {name:<42} {middle:.2f}  ({min(times):.2f} to {max(times):.2f})")
    call, arithmetic = overhead()
    print("LeNet-5, 28 pixels, 1 thread, microseconds:")
    print(f"  a call {call:.1f}, its arithmetic at the peak {arithmetic:.1f}")


def in_process(network: str) -> dict[str, float]:
    """All figures of one cache folder, by two processes: one compiles and saves, one loads."""
    with tempfile.TemporaryDirectory() as folder:
        results: dict[str, float] = {}
        for _ in range(2):
            command = [sys.executable, "-m", "benchmarks.light", network, "--child", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results |= json.loads(done.stdout.splitlines()[-1])
        return results


def child(network: str, folder: Path) -> dict[str, float]:
    file, cache = folder / "program", folder / "kernels"
    if file.exists():
        return {"loading, in all": seconds(lambda: cv.load(file, cache_dir=cache))}
    case = CASES[network]
    model, x = case.network(), case.example(1)

    def export() -> Any:
        return torch.export.export(model, (x,), strict=False)

    def compiled() -> cv.Program:
        return cv.compile(model, x, threads=THREADS, cache_dir=cache)

    export()
    base = seconds(export)
    cold, warm, program = seconds(compiled), seconds(compiled), compiled()
    return {
        "torch.export": base,
        "compiling beyond it, nothing cached": cold - base,
        "compiling beyond it, kernels cached": warm - base,
        "saving": seconds(lambda: program.save(file)),
    }


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def overhead() -> tuple[float, float]:
    """Microseconds of a call of LeNet-5, the least of many, and of its products at the peak."""
    case = CASES["lenet5"]
    x = case.example(1)
    fast = cv.compile(case.network(), x, threads=1)
    call = min(seconds(lambda: fast(x)) for _ in range(20_000))
    flops = cv.inspect(case.network(), tuple(x.shape)).flops
    return 1e6 * call, flops / peak_gflops() / 1e3


if __name__ == "__main__":
    main()
