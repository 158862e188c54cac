"""What happens to a result between the accumulator and memory: one description for all kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from convariant.compiler.kernels._functions import FUNCTIONS
from convariant.compiler.layout import Layout
from convariant.compiler.llvm import Builder, Index, Pointer, Vector

__all__ = ["Epilogue", "Output", "Place", "Step", "address"]


@dataclass(frozen=True)
class Step:
    """One function applied to the running value v: `f(v, *params)`, or with operands
    `f(v, operand)`, `f(operand, v)`..., v at `place` among them.

    An operand is a tensor of its own layout, read at the place where v will be stored; a planar
    one has a single channel, which goes to all.
    """

    function: str
    params: tuple[float, ...] = ()
    operands: tuple[Layout, ...] = ()
    place: int = 0

    def apply(self, b: Builder, value: Vector, operands: Sequence[Vector]) -> Vector:
        """The emitted step."""
        arguments = (*operands[: self.place], value, *operands[self.place :])
        return FUNCTIONS[len(arguments)][self.function](b, *arguments, *self.params)


Epilogue: TypeAlias = tuple[Step, ...]


def address(
    start: Pointer,
    layout: Layout,
    plane: Index | int = 0,
    block: Index | int = 0,
    row: Index | int = 0,
    column: Index | int = 0,
) -> Pointer:
    """The first lane of a block at a pixel, from the address of element 0; planes are counted
    through the batch.
    """
    image, z = plane // layout.depth, plane % layout.depth
    offset = image * layout.image + z * layout.plane + block * layout.block
    if layout.fold:
        pixel = row * layout.width + column
        row, column = pixel // layout.fold, pixel % layout.fold
    return start + (offset + row * layout.row + column * layout.column)


@dataclass(frozen=True)
class Place:
    """One pixel of one block in the output and in every operand; `store` takes neighbours of it."""

    output: Output
    pointers: tuple[Pointer, ...] = field(repr=False)
    row: Index | int
    column: Index | int

    def store(self, value: Vector, block: int = 0, row: int = 0, column: int = 0) -> None:
        """Apply the epilogue and write, so many blocks, rows and columns further on."""
        builder = self.output.builder
        pointers = iter(self.pointers[1:])
        for step in self.output.epilogue:
            operands = []
            for layout in step.operands:
                place = self._near(next(pointers), layout, block, row, column)
                operands.append(builder.splat(place) if layout.lanes == 1 else builder.load(place))
            value = step.apply(builder, value, operands)
        builder.store(value, self._near(self.pointers[0], self.output.layout, block, row, column))

    def _near(
        self, pointer: Pointer, layout: Layout, block: int, row: Index | int, column: Index | int
    ) -> Pointer:
        """So far from this pixel; where rows are folded, from the first pixel of the plane."""
        if layout.fold:
            row, column = self.row + row, self.column + column
        return address(pointer, layout, 0, block, row, column)


class Output:
    """The output of a kernel: argument `first` is the tensor, the operands follow in order.

    `start` is the tensor instead, where it is no argument; there are no operands then.
    """

    def __init__(
        self,
        builder: Builder,
        layout: Layout,
        epilogue: Epilogue,
        first: int = 0,
        start: Pointer | None = None,
    ) -> None:
        self.builder, self.layout, self.epilogue = builder, layout, epilogue
        operands = (operand for step in epilogue for operand in step.operands)
        self._layouts: Sequence[Layout] = (layout, *operands)
        arguments = range(first, first + len(self._layouts))
        self._starts = [builder.argument(i) for i in arguments] if start is None else [start]

    def at(
        self, plane: Index | int, block: Index | int, row: Index | int, column: Index | int
    ) -> Place:
        """The place of a pixel of a block."""
        pointers = []
        for start, layout in zip(self._starts, self._layouts, strict=True):
            pixel = (0, 0) if layout.fold else (row, column)
            pointers.append(address(start, layout, plane, block, *pixel))
        return Place(self, tuple(pointers), row, column)
