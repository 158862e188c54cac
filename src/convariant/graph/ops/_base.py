"""What every kind of operation states about itself: types, values, printed form, cost, reach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from convariant.errors import ShapeError
from convariant.graph._types import TensorType

Types: TypeAlias = tuple[TensorType, ...]


@dataclass(frozen=True)
class Cost:
    """Arithmetic of one operation, by what it is spent on.

    `macs` are multiply-adds of convolutions and matrix products; `bias` the additions of a bias;
    `other` every further operation on numbers (normalisation, activation, pooling, additions).
    `known` is False where the operation is a foreign one that nobody has counted.
    """

    macs: int = 0
    bias: int = 0
    other: int = 0
    known: bool = True

    @property
    def flops(self) -> int:
        """Floating-point operations: two for a multiply-add, one for each of the rest."""
        return 2 * self.macs + self.bias + self.other

    def __add__(self, more: Cost) -> Cost:
        return Cost(
            self.macs + more.macs,
            self.bias + more.bias,
            self.other + more.other,
            self.known and more.known,
        )


@dataclass(frozen=True)
class Taps:
    """Which positions of an input axis one output position reads.

    The pattern repeats: output `a * period + r` reads the positions `t + a * step` for t in
    `table[r]`. A convolution has period 1 and step `stride`; a transposed one period `stride` and
    step 1. Positions outside the axis are padding.

    >>> Taps(axis=2, table=((-1, 0, 1),), step=2).at(3)
    (5, 6, 7)
    """

    axis: int
    table: tuple[tuple[int, ...], ...] = ((0,),)
    step: int = 1

    @property
    def period(self) -> int:
        """After this many outputs the pattern repeats, `step` inputs further on."""
        return len(self.table)

    def at(self, output_index: int) -> tuple[int, ...]:
        """The input positions behind one output position."""
        turns, row = divmod(output_index, self.period)
        return tuple(t + turns * self.step for t in self.table[row])


# One entry per output axis: what it reads of the input, or None where every position of each input
# axis that no entry names is read.
Reach: TypeAlias = tuple[Taps | None, ...]


def same_position(rank: int) -> Reach:
    """Each output element reads the one input element at its own place."""
    return tuple(Taps(axis) for axis in range(rank))


def mixing(rank: int, *axes: int) -> Reach:
    """Each output element reads everything along `axes` and its own place on the others."""
    mixed = {axis % rank for axis in axes}
    return tuple(None if axis in mixed else Taps(axis) for axis in range(rank))


class Op(ABC):
    """One kind of operation; a frozen dataclass whose fields are its attributes."""

    # subclasses name their inputs, positional only; `**_: Any` is how mypy lets them

    @abstractmethod
    def infer(self, *inputs: Any, **_: Any) -> Types:
        """The types of the outputs from those of the inputs; ShapeError where they do not fit."""

    @abstractmethod
    def run(self, *inputs: Any, **_: Any) -> tuple[Tensor, ...]:
        """The outputs, computed by PyTorch: the truth for every rewrite and kernel."""

    def text(self) -> str:
        """The attributes as printed behind the name of the kind, without defaults."""
        return ""

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """The arithmetic; by default none, as of everything that only moves numbers."""
        return Cost()

    def at_batch(self, batch: int) -> Op:  # noqa: ARG002
        """The same operation with an open batch among its attributes filled in."""
        return self

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """For each input, what one element of output 0 reads of it; by default its own place."""
        return tuple(broadcast_reach(i, outputs[0]) for i in inputs)

    @property
    def kind(self) -> str:
        """The name of the kind, as printed."""
        return type(self).__name__


def broadcast_reach(x: TensorType, y: TensorType) -> Reach:
    """The own place on each axis, aligned at the end; an axis of size 1 is read everywhere."""
    shift = y.rank - x.rank
    reach: list[Taps | None] = [None] * shift
    for axis, size in enumerate(x.shape):
        stretched = size == 1 and y.shape[axis + shift] != 1
        reach.append(Taps(axis, step=0 if stretched else 1))
    return tuple(reach)


def normal_axis(axis: int, rank: int, who: str) -> int:
    """The axis counted from the front; raises ShapeError where there is no such axis."""
    if not -rank <= axis < max(rank, 1):
        raise ShapeError(
            f"Dimension out of range: {who} has axis {axis} but its input has {rank} axes; "
            f"use an axis between {-rank} and {rank - 1}"
        )
    return axis % max(rank, 1)


def expect(condition: bool, message: str) -> None:
    """Raise ShapeError with the message unless the condition holds."""
    if not condition:
        raise ShapeError(message)
