"""The product of two computed matrices, as attention has it."""

from __future__ import annotations

from dataclasses import dataclass

from convariant.compiler.kernels._lines import load, store
from convariant.compiler.llvm import Builder, Pointer, Target

__all__ = ["MatMul"]

# Rows and vectors of columns of a tile: 8 sums, 2 vectors of b and a broadcast in registers.
_ROWS, _VECTORS = 4, 2


@dataclass(frozen=True)
class MatMul:
    """`y[i, r, c] = sum over k of a[i, r, k] * b[i, k, c]` for `batch` pairs of matrices.

    All are contiguous; where `a_apart` or `b_apart` is 0, one matrix serves all pairs. Arguments:
    a, b, y. A tile of rows and columns stays in registers. One work item is a band of rows.
    """

    batch: int
    rows: int
    inner: int
    columns: int
    a_apart: int
    b_apart: int

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        builder = Builder(target, name)
        a, b, y = (builder.argument(i) for i in range(3))
        whole, rest = divmod(self.rows, _ROWS)
        for first, count, rows in ((0, whole, _ROWS), (whole * _ROWS, min(rest, 1), rest)):
            if count == 0:
                continue
            with builder.share(self.batch * count) as item:
                pair, row = item // count, item % count * _ROWS + first
                self._band(
                    builder,
                    rows,
                    a + (pair * self.a_apart + row * self.inner),
                    b + pair * self.b_apart,
                    y + (pair * self.rows + row) * self.columns,
                )
        return builder.finish()

    def _band(self, builder: Builder, rows: int, a: Pointer, b: Pointer, y: Pointer) -> None:
        """Some rows: tiles of full width, single vectors, then what is left of one."""
        lanes, start = builder.lanes, 0
        for vectors, width in ((_VECTORS, lanes), (1, lanes), (1, self.columns % lanes)):
            if width == 0:
                continue
            stop = start + (self.columns - start) // (vectors * width) * (vectors * width)
            if stop > start:
                with builder.loop(start, stop, vectors * width) as column:
                    self._tile(builder, rows, vectors, width, a, b + column, y + column)
            start = stop

    def _tile(
        self,
        builder: Builder,
        rows: int,
        vectors: int,
        width: int,
        a: Pointer,
        b: Pointer,
        y: Pointer,
    ) -> None:
        """Sums of `vectors` vectors, of which `width` lanes count, for each row."""
        lanes = builder.lanes
        zero = builder.constant(0.0)
        sums = {(r, v): builder.cell(zero) for r in range(rows) for v in range(vectors)}
        with builder.loop(0, self.inner) as k:
            line = b + k * self.columns
            values = [load(builder, line + v * lanes, width) for v in range(vectors)]
            for r in range(rows):
                factor = builder.splat(a + (k + r * self.inner))
                for v, value in enumerate(values):
                    sums[r, v].set(builder.fma(factor, value, sums[r, v].get()))
        for (r, v), total in sums.items():
            store(builder, total.get(), y + (r * self.columns + v * lanes), width)
