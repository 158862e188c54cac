"""Work that threads take piece by piece, whoever has time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from llvmlite import ir

from convariant.compiler.llvm.builder import Builder
from convariant.compiler.llvm.values import INT64, Index

__all__ = ["TAKEN_BYTES", "deal"]

# A thread's part is cut into so many pieces; each thread's counter is on a cache line of its own,
# and on the one that is fetched with it.
_PIECES = 16
TAKEN_BYTES = 128


@contextlib.contextmanager
def deal(b: Builder, count: Index | int) -> Iterator[Index]:
    """Loop over `range(count)` with the other threads: for heavy work.

    A thread takes its own part piece by piece, in order, and then what is left of the others', so
    that a core that is slow, or busy with something else, holds nobody up for long.
    """
    alone = b.compare(b.threads, "==", 1)
    piece = b.pick(alone, count, b.index(count) // (b.threads * _PIECES) + 1)
    with b.loop(0, b.threads) as turn:
        part = (b.thread + turn) % b.threads
        start, stop = part * count // b.threads, (part + 1) * count // b.threads
        with (
            _take(b, part, piece, start, stop) as first,
            b.loop(first, b.minimum_index(first + piece, stop)) as i,
        ):
            yield i


@contextlib.contextmanager
def _take(b: Builder, part: Index, piece: Index, start: Index, stop: Index) -> Iterator[Index]:
    """Run the block for the start of each piece of range(start, stop) that is still to be had.

    The counter is looked at before it is changed: one that is exhausted stays where it is cached.
    """
    taken = b.ir.gep(b.taken, [b.i64(part * TAKEN_BYTES)], source_etype=ir.IntType(8))
    names = ("test", "claim", "piece", "dealt")
    test, claim, body, after = (b.function.append_basic_block(name) for name in names)
    b.ir.branch(test)
    b.ir.position_at_end(test)
    seen = b.ir.load_atomic(taken, "monotonic", 8, typ=INT64)
    b.ir.cbranch(b.compare(start + Index(b, seen), "<", stop), claim, after)
    b.ir.position_at_end(claim)
    before = b.ir.atomic_rmw("add", taken, b.i64(piece), "monotonic")
    first = start + Index(b, before)
    b.ir.cbranch(b.compare(first, "<", stop), body, after)
    b.ir.position_at_end(body)
    yield first
    b.ir.branch(test)
    b.ir.position_at_end(after)
