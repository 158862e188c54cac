"""The threads that help running programs: started once, shared by all programs of the process.

A worker waits for a job in native code, without the interpreter's lock, and so takes one up within
a microsecond; after a while without any it sleeps until it is woken.
"""

from __future__ import annotations

import ctypes
import os
import threading

from convariant.compiler.llvm import Kernel, host_target
from convariant.compiler.llvm.deal import TAKEN_BYTES
from convariant.compiler.llvm.driver import load_launch, load_worker, meeting_bytes

__all__ = ["WorkerPool", "meeting_address", "pool"]

# Turns of looking for a job before a worker sleeps: some 50 microseconds.
_PATIENCE = 2_000
# The memory where threads meet, by how many they are.
_meetings: dict[int, ctypes.Array[ctypes.c_char]] = {}
# A mailbox is {jobs posted, jobs seen, driver, its table, threads}, alone on its cache lines.
_MAILBOX = 16


class WorkerPool:
    """Runs a driver on this thread and on as many workers as it asks for.

    Ctrl-C may raise KeyboardInterrupt between any two calls here. A job is posted and run in one
    native call, so that it is either not begun or over; a worker that was roused for nothing looks
    for one until the next run.
    """

    def __init__(self) -> None:
        self._running = threading.Lock()
        self._workers: list[_Worker] = []
        self._job = (ctypes.c_int64 * 2)()

    def run(self, driver: Kernel, table: int, threads: int) -> None:
        """The driver on `threads` threads, this one among them; one program at a time."""
        if threads == 1:
            driver(table, 0, 1)
            return
        with self._running:
            if len(self._job) < 1 + threads:
                self._hire(threads - 1)
            workers = self._workers[: threads - 1]
            self._job[0], self._job[1] = driver.address, table
            try:
                for worker in workers:
                    worker.rouse()
                self._launch(ctypes.addressof(self._job), 0, threads)
            finally:
                for worker in workers:
                    worker.release()

    def _hire(self, count: int) -> None:
        """Have so many workers, each with its place in what a job is made of."""
        while len(self._workers) < count:
            self._workers.append(_Worker(len(self._workers) + 1))
        self._launch = load_launch(host_target())
        boxes = [worker.mailbox for worker in self._workers]
        self._job = (ctypes.c_int64 * (2 + len(boxes)))(0, 0, *boxes)


class _Worker:
    """One thread and its mailbox."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._box = (ctypes.c_int64 * _MAILBOX)()
        self.mailbox = ctypes.addressof(self._box)
        self._table = (ctypes.c_void_p * 1)(self.mailbox)
        self._roused = False
        # rung while it is free; a Semaphore is Python code, which Ctrl-C may leave half-way
        self._bell = threading.Lock()
        self._bell.acquire()
        self._native = load_worker(host_target())
        name = f"convariant-{number}"
        threading.Thread(target=self._live, name=name, daemon=True).start()

    def rouse(self) -> None:
        """A job will come: look for it, however long, until released."""
        self._roused = True
        if self._bell.locked():
            self._bell.release()

    def release(self) -> None:
        """The job is over, or never came."""
        self._roused = False

    def _live(self) -> None:
        while True:
            self._native(ctypes.addressof(self._table), self._number, _PATIENCE)
            if self._box[0] == self._box[1] and not self._roused:
                self._bell.acquire()


_pool = WorkerPool()


def pool() -> WorkerPool:
    """The pool of this process."""
    return _pool


def meeting_address(threads: int) -> int:
    """The memory where the threads of a running program meet, as drivers take it.

    All programs of so many threads, which run in turn, share it, because a worker that leaves the
    last meeting of a run reads it once more, when the program may be gone already.
    """
    room = _meetings.get(threads)
    if room is None:
        new = (ctypes.c_char * (meeting_bytes(threads) + TAKEN_BYTES))()
        room = _meetings.setdefault(threads, new)  # another thread may have been faster
    start = ctypes.addressof(room)
    return start + -start % TAKEN_BYTES


def _renew() -> None:
    """A forked child has none of its parent's threads, which may have been in a meeting."""
    global _pool
    _pool = WorkerPool()
    for room in _meetings.values():
        ctypes.memset(room, 0, ctypes.sizeof(room))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
