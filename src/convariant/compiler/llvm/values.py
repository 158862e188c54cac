"""What kernels compute with: integers, addresses, vectors, and variables that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llvmlite import ir

if TYPE_CHECKING:
    from convariant.compiler.llvm.builder import Builder

__all__ = [
    "DOUBLE",
    "FLOAT",
    "INT32",
    "INT64",
    "POINTER",
    "Cell",
    "Index",
    "Pointer",
    "Vector",
    "settle",
]

INT32, INT64 = ir.IntType(32), ir.IntType(64)
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
POINTER = ir.PointerType()


@dataclass(frozen=True)
class Index:
    """A run-time integer, or a Python int not yet worth an instruction."""

    builder: Builder
    value: Any

    def __add__(self, other: Index | int) -> Index:
        return self.builder.integer("add", self, other)

    def __sub__(self, other: Index | int) -> Index:
        return self.builder.integer("sub", self, other)

    def __mul__(self, other: Index | int) -> Index:
        return self.builder.integer("mul", self, other)

    def __floordiv__(self, other: Index | int) -> Index:
        return self.builder.integer("udiv", self, other)

    def __mod__(self, other: Index | int) -> Index:
        return self.builder.integer("urem", self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: int) -> Index:
        return self.builder.integer("sub", other, self)


@dataclass(frozen=True)
class Pointer:
    """The address of a float32; adding an index moves by elements."""

    builder: Builder
    value: Any

    def __add__(self, offset: Index | int) -> Pointer:
        if isinstance(offset, int) and offset == 0:
            return self
        moved = self.builder.ir.gep(
            self.value, [self.builder.i64(offset)], inbounds=True, source_etype=FLOAT
        )
        return Pointer(self.builder, moved)


@dataclass(frozen=True)
class Vector:
    """A vector of float32 (or the lanes' yes and no after a comparison)."""

    builder: Builder
    value: Any

    def __add__(self, other: Vector) -> Vector:
        return self.builder.float("fadd", self, other)

    def __sub__(self, other: Vector) -> Vector:
        return self.builder.float("fsub", self, other)

    def __mul__(self, other: Vector) -> Vector:
        return self.builder.float("fmul", self, other)

    def __truediv__(self, other: Vector) -> Vector:
        return self.builder.float("fdiv", self, other)


class Cell:
    """A variable that lives across iterations of a loop; LLVM keeps it in a register."""

    def __init__(self, builder: Builder, first: Any) -> None:
        self._builder, self._kind = builder, type(first)
        self._type = first.value.type
        with builder.ir.goto_entry_block():
            self._slot = builder.ir.alloca(self._type)
        self.set(first)

    def get(self) -> Any:
        """The present value."""
        return self._kind(self._builder, self._builder.ir.load(self._slot, typ=self._type))

    def set(self, value: Any) -> None:
        """Replace the value."""
        self._builder.ir.store(value.value, self._slot)


def settle(cells: Sequence[Cell]) -> None:
    """Keep LLVM from computing what these vectors hold later than here, and what uses them earlier:
    an empty instruction takes all of them, in registers, and gives them back. Two at least.
    """
    held = [cell.get() for cell in cells]
    builder, values = held[0].builder, [vector.value for vector in held]
    kinds = [value.type for value in values]
    rules = ["=x"] * len(cells) + [str(i) for i in range(len(cells))]
    kind = ir.FunctionType(ir.LiteralStructType(kinds), kinds)
    empty = ir.InlineAsm(kind, "", ",".join(rules), side_effect=True)
    given = builder.ir.call(empty, values)
    for i, cell in enumerate(cells):
        cell.set(Vector(builder, builder.ir.extract_value(given, i)))
