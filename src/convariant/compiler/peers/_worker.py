"""An engine in a process of its own: reads commands from standard input, answers in JSON lines.

Started by `_race` as `python -m convariant.compiler.peers._worker ENGINE FOLDER FILE THREADS`.
While another engine's block runs, this process waits in a read and uses no processor.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def main() -> None:
    """Load, say so, then run a block of calls for every line received."""
    name, folder, file, threads = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # engines print on standard output; the answers have a descriptor of their own
    from convariant.compiler.peers._engines import ENGINES

    engine = ENGINES[name]
    example, truth = np.load(folder / "example.npy"), np.load(folder / "truth.npy")
    infer = engine.load(folder / file, threads)
    result = np.asarray(infer(example)).reshape(truth.shape)
    error = float(np.abs(result - truth).max() / np.abs(truth).max())
    answers.write(json.dumps({"version": engine.version, "error": error}) + "\n")
    for line in sys.stdin:
        seconds = float(line)
        answers.write(json.dumps(_block(lambda: infer(example), seconds)) + "\n")


def _block(call, seconds: float) -> list[float]:  # type: ignore[no-untyped-def]
    """Times of single calls, in milliseconds, for about this long after one call to warm up."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times


if __name__ == "__main__":
    main()
