"""Kernels compiled by other processes: in one process, LLVM takes one call at a time.

A helper is this Python with nothing imported but LLVM. It reads IR from its standard input, writes
object code to its standard output, each behind its length, and ends when the input does. Where one
cannot be had, or fails, the kernel is compiled here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import IO

from convariant.compiler.llvm.jit import compile_object
from convariant.compiler.llvm.target import Target

__all__ = ["Crew", "helpers_for", "serve"]

# Kernels for which one more process is worth its start, a fifth of a second on its own core.
_WORTH = 12
_LENGTH_BYTES = 8


def helpers_for(kernels: int) -> int:
    """How many processes may help to compile so many: none on a single core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = Path(sys.executable or "").name.startswith(("python", "pypy"))
    return min((cores or 1) - 1, kernels // _WORTH) if python else 0


class Crew:
    """So many helpers; `compile` gives each the next kernel, and takes those that are left."""

    def __init__(self, target: Target, helpers: int) -> None:
        self._target = target
        self._idle: queue.SimpleQueue[_Helper] = queue.SimpleQueue()
        self._helpers = [_Helper(target) for _ in range(helpers)]
        for helper in self._helpers:
            self._idle.put(helper)
        self._threads = ThreadPoolExecutor(helpers, thread_name_prefix="convariant-compile")

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        """No helper outlives the work, nor what interrupted it."""
        for helper in self._helpers:
            helper.end()
        self._threads.shutdown(cancel_futures=True)
        for helper in self._helpers:
            helper.close()

    def submit(self, source: str) -> Future[bytes | None]:
        """Have a kernel's IR compiled while this thread goes on."""
        return self._threads.submit(self._compile, source)

    def results(self, jobs: Sequence[tuple[str, Future[bytes | None]]]) -> list[bytes]:
        """The object code of each: the last ones are compiled here while helpers do the first."""
        own = {n: self._here(jobs[n][0]) for n in reversed(range(len(jobs))) if jobs[n][1].cancel()}
        return [
            own[n] if n in own else future.result() or self._here(source)
            for n, (source, future) in enumerate(jobs)
        ]

    def _here(self, source: str) -> bytes:
        return compile_object(source, self._target)

    def _compile(self, source: str) -> bytes | None:
        helper = self._idle.get()
        try:
            return helper.compile(source)
        finally:
            self._idle.put(helper)


class _Helper:
    """A process; it gives nothing more once anything went wrong."""

    def __init__(self, target: Target) -> None:
        words = json.dumps({"path": [str(entry) for entry in sys.path], "target": asdict(target)})
        code = (
            "import json, sys; told = json.loads(sys.argv[1]); sys.path[:] = told['path']; "
            "from convariant.compiler.llvm.crew import serve; serve(told['target'])"
        )
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code, words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def compile(self, source: str) -> bytes | None:
        """The object code of a kernel, or None."""
        if self._process is None:
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _write(self._process.stdin, source.encode())
            return _read(self._process.stdout)
        except (OSError, ValueError):
            return None

    def end(self) -> None:
        """Stop it, whatever it is doing: who waits for it gets nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Close both pipes, which nobody uses any more."""
        for stream in (self._process.stdin, self._process.stdout) if self._process else ():
            with contextlib.suppress(OSError):  # what it did not read
                stream.close()  # type: ignore[union-attr]


def serve(target: dict[str, object]) -> None:
    """What a helper does: compile what comes, until nothing does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked
    known = Target(**{**target, "needs": tuple(target["needs"])})  # type: ignore[arg-type]
    while (source := _read(sys.stdin.buffer)) is not None:
        _write(sys.stdout.buffer, compile_object(source.decode(), known))


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    """What the other side wrote; None where it has ended."""
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    data = stream.read(length)
    return data if length and len(data) == length else None
