"""Whether memory still holds what it held: the weights of a program that keeps copies of them."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.layout import LINE
from convariant.compiler.llvm import Builder, Target

__all__ = ["Changed"]

# Lines lie too far from each other for the machine to guess the next: it is asked for in time.
_AHEAD = 16


@dataclass(frozen=True)
class Changed:
    """`answer = 1` where some piece of memory is not what was kept of it; else it stays.

    Arguments: numbers, answer, then for each piece where it lies and what was kept. The numbers
    are 32-bit integers: how many pieces, then for each how many lines, the words from one to the
    next, and the single words behind them. Bits are compared: NaN equals itself.
    Registers: a cache line and what was kept of it.
    """

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        numbers, answer = b.argument(0), b.argument(1)
        with b.loop(0, b.load_index(numbers)) as piece:
            where, kept = b.argument(piece * 2 + 2), b.argument(piece * 2 + 3)
            lines, step, rest = (b.load_index(numbers + (piece * 3 + i)) for i in (1, 2, 3))
            with b.loop(0, lines) as line:
                b.prefetch(where + (line + _AHEAD) * step)
                here = where + line * step
                with b.when(b.unequal_bits(here, kept + line * LINE, LINE)):
                    b.store(b.constant(1.0), answer)
            with b.loop(0, rest) as word:
                here = where + (lines * step + word)
                with b.when(b.unequal_bits(here, kept + (lines * LINE + word), 1)):
                    b.store(b.constant(1.0), answer)
        return b.finish()
