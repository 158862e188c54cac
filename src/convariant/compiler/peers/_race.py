"""Engines on one network, in turn: a block of calls each, round after round, in fixed order."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convariant.compiler.peers._engines import ENGINES
from convariant.compiler.peers._prepare import Files

# Threads of the engine before spin a while before they sleep; seconds.
_SETTLE = 0.3


@dataclass
class Lap:
    """What one engine did on one network: times of all calls, error against float64."""

    engine: str
    version: str | None = None
    error: float | None = None  # the largest, as a part of the largest output
    times: list[float] = field(default_factory=list)  # milliseconds
    failure: str | None = None

    @property
    def best(self) -> float | None:
        """The fastest call in milliseconds."""
        return min(self.times, default=None)

    @property
    def median(self) -> float | None:
        """The median call in milliseconds."""
        return statistics.median(self.times) if self.times else None


def race(
    files: Files,
    engines: Sequence[str],
    *,
    threads: int = 1,
    rounds: int = 5,
    seconds: float = 1.0,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Lap]:
    """Run each engine `rounds` times for about `seconds`, one after another.

    Every engine lives in its own process, pinned to as many processors as it has threads; those
    not running wait in a read. An engine that fails keeps its place with the reason.
    """
    np.save(files.folder / "example.npy", files.example.numpy())
    np.save(files.folder / "truth.npy", files.truth.numpy())
    workers: dict[str, subprocess.Popen[str]] = {}
    laps = {name: Lap(name) for name in engines}
    try:
        for name in engines:
            progress(f"{name}: loading")
            workers[name] = _start(name, files, threads)
            _greet(laps[name], workers[name], files)
        for turn in range(rounds):
            for name in engines:
                if laps[name].failure is None:
                    progress(f"{name}: round {turn + 1} of {rounds}")
                    time.sleep(_SETTLE)
                    _run_block(laps[name], workers[name], seconds)
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                if stream is not None:
                    stream.close()
    return list(laps.values())


def _start(name: str, files: Files, threads: int) -> subprocess.Popen[str]:
    folder, file = files.folder, files.read_by(ENGINES[name])
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    processors = sorted(os.sched_getaffinity(0))[:threads]
    log = (folder / f"{name.replace(' ', '_')}.log").open("w")
    with log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "convariant.compiler.peers._worker"),
                *(name, str(folder), file, str(threads)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )


def _greet(lap: Lap, worker: subprocess.Popen[str], files: Files) -> None:
    answer = _read(worker)
    if answer is None:
        log = files.folder / f"{lap.engine.replace(' ', '_')}.log"
        lines = log.read_text(errors="replace").strip().splitlines()
        own = lines[-1] if lines else "it ended at once"
        lap.failure = files.failed.get(files.read_by(ENGINES[lap.engine]), own)
    else:
        lap.version, lap.error = answer["version"], answer["error"]


def _run_block(lap: Lap, worker: subprocess.Popen[str], seconds: float) -> None:
    if worker.stdin is None or worker.poll() is not None:
        lap.failure = "the process ended"
        return
    worker.stdin.write(f"{seconds}\n")
    worker.stdin.flush()
    answer = _read(worker)
    if answer is None:
        lap.failure = "the process ended while running"
    else:
        lap.times += answer


def _read(worker: subprocess.Popen[str]) -> Any:
    line = worker.stdout.readline() if worker.stdout is not None else ""
    return json.loads(line) if line else None
