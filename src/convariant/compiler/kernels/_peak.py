"""The most multiply-adds this machine can do: what every kernel is measured against."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.llvm import Builder, Target

__all__ = ["PeakMultiplyAdds"]

# Independent sums: more than the latency times the width of any multiply-add unit needs.
_SUMS = 12


@dataclass(frozen=True)
class PeakMultiplyAdds:
    """`s = s * a + b` on twelve vectors in registers, `turns` times, on every thread.

    Argument: a buffer of `_SUMS` + 2 vectors for each thread. Nothing is loaded in the loop.
    """

    turns: int

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        b = Builder(target, name)
        room = b.argument(0) + b.thread * self.floats(target)
        sums = [b.cell(b.load(room + i * b.lanes)) for i in range(_SUMS)]
        factor, term = (b.load(room + (_SUMS + i) * b.lanes) for i in range(2))
        with b.loop(0, self.turns):
            for total in sums:
                total.set(b.fma(total.get(), factor, term))
        for i, total in enumerate(sums):
            b.store(total.get(), room + i * b.lanes)
        return b.finish()

    def floats(self, target: Target) -> int:
        """Floats of buffer for each thread."""
        return (_SUMS + 2) * target.lanes

    def operations(self, target: Target) -> int:
        """Floating-point operations of one thread, two for each multiply-add."""
        return 2 * _SUMS * target.lanes * self.turns
