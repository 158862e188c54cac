"""Operations that move numbers and compute none: reshape, permute, slice, join, expand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from convariant.graph._types import Dim, Shape, Size, TensorType, product, shape_text
from convariant.graph.ops._base import (
    Op,
    Reach,
    Taps,
    Types,
    broadcast_reach,
    expect,
    normal_axis,
    same_position,
)


@dataclass(frozen=True)
class Axis:
    """In a shape that is asked for: as long as this axis of the input, whatever its size."""

    index: int

    def __str__(self) -> str:
        return f"@{self.index}"


Target: TypeAlias = tuple[int | Dim | Axis, ...]


def _resolve(target: Target, shape: Shape) -> Shape:
    return tuple(shape[t.index] if isinstance(t, Axis) else t for t in target)


def _target_at_batch(target: Target, batch: int) -> Target:
    return tuple(t.at(batch) if isinstance(t, Dim) else t for t in target)


def bracket(values: tuple[object, ...]) -> str:
    return f"[{','.join(str(v) for v in values)}]"


@dataclass(frozen=True)
class Reshape(Op):
    """The same numbers in the same order under another shape; -1 is what remains.

    >>> x = TensorType((1, 256, 6, 6))
    >>> print(Reshape((Axis(0), -1)).infer(x)[0])
    f32[1,9216]
    """

    shape: Target

    def infer(self, x: TensorType) -> Types:
        """The shape asked for, all sizes known."""
        wanted = _resolve(self.shape, x.shape)
        total = product(x.shape)
        if wanted.count(-1) == 1:
            rest = product(tuple(d for d in wanted if d != -1))
            wanted = tuple(self._remaining(total, rest, x) if d == -1 else d for d in wanted)
        expect(
            -1 not in wanted and product(wanted) == total,
            f"shape '{bracket(self.shape)}' is invalid for input of size {total}, shape "
            f"{shape_text(x.shape)}; the products of both shapes must be equal",
        )
        return (x.with_shape(wanted),)

    def _remaining(self, total: Size, rest: Size, x: TensorType) -> Size:
        if isinstance(total, Dim) and isinstance(rest, Dim) and rest.factor:
            total, rest = total.factor, rest.factor
        fits = (
            not isinstance(rest, Dim) and rest > 0 and (isinstance(total, Dim) or total % rest == 0)
        )
        expect(
            fits,
            f"shape '{bracket(self.shape)}' is invalid for input of size {total}, shape "
            f"{shape_text(x.shape)}; the known sizes must divide it",
        )
        return total // rest  # type: ignore[operator]

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Tensor.reshape."""
        return (x.reshape(self.infer(TensorType.of(x))[0].sizes),)

    def at_batch(self, batch: int) -> Reshape:
        """The shape in numbers."""
        return Reshape(_target_at_batch(self.shape, batch))

    def text(self) -> str:
        """`[@0,-1]`, where @0 is axis 0 of the input."""
        return bracket(self.shape)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """Axes that survive keep their place; split or merged ones mix."""
        return (_kept_axes(inputs[0].shape, outputs[0].shape),)


def _kept_axes(before: Shape, after: Shape) -> Reach:
    """Walk both shapes in groups of equal products; a group of one axis each survives."""
    reach: list[Taps | None] = [None] * len(after)
    i = o = 0
    while i < len(before) and o < len(after):
        start, left, right = o, before[i], after[o]
        first = i
        while left != right and (i + 1 < len(before) or o + 1 < len(after)):
            grow_left = o + 1 == len(after) or (i + 1 < len(before) and _less(left, right))
            if grow_left:
                i += 1
                left = product((left, before[i]))
            else:
                o += 1
                right = product((right, after[o]))
        if first == i and start == o:
            reach[o] = Taps(i)
        i, o = i + 1, o + 1
    return tuple(reach)


def _less(left: Size, right: Size) -> bool:
    if isinstance(left, Dim) and isinstance(right, Dim):
        return left.factor < right.factor
    if isinstance(left, int) and isinstance(right, int):
        return left < right
    return isinstance(right, Dim)  # whichever lacks the batch has to grow


@dataclass(frozen=True)
class Permute(Op):
    """Axes in another order, `(n, c, h, w)` by (0, 2, 3, 1) to `(n, h, w, c)`."""

    axes: tuple[int, ...]

    def infer(self, x: TensorType) -> Types:
        """The shape in the new order."""
        expect(
            sorted(self.axes) == list(range(x.rank)),
            f"permute{self.axes} does not name each axis of {shape_text(x.shape)} once; "
            f"use an order of {tuple(range(x.rank))}",
        )
        return (x.with_shape(tuple(x.shape[a] for a in self.axes)),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Tensor.permute."""
        return (x.permute(self.axes),)

    def text(self) -> str:
        """`[0,2,3,1]`."""
        return bracket(self.axes)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """Each axis its old one."""
        return (tuple(Taps(a) for a in self.axes),)


@dataclass(frozen=True)
class Slice(Op):
    """Part of one axis, with Python's rules for start, stop and a step (negative ones too)."""

    axis: int
    start: int | None
    stop: int | None
    step: int = 1

    def infer(self, x: TensorType) -> Types:
        """One axis shorter."""
        axis = normal_axis(self.axis, x.rank, f"slice[{self._range_text()}]")
        size = x.shape[axis]
        if isinstance(size, Dim):
            expect(
                self.start in (0, None) and self.stop is None and self.step == 1,
                f"slice[{self._range_text()}] cuts the open batch axis of {x}; capture with "
                "dynamic_batch=False",
            )
            return (x,)
        length = len(range(size)[self.start : self.stop : self.step])
        return (x.with_shape((*x.shape[:axis], length, *x.shape[axis + 1 :])),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Indexing; torch has no negative steps, so those gather."""
        axis = self.axis % x.dim()
        if self.step > 0:
            return (x[(*(slice(None),) * axis, slice(self.start, self.stop, self.step))],)
        index = torch.tensor(self._positions(x.shape[axis]), device=x.device, dtype=torch.int64)
        return (x.index_select(axis, index),)

    def _positions(self, size: int) -> range:
        return range(size)[self.start : self.stop : self.step]

    def text(self) -> str:
        """`axis 1 [0:32]`."""
        return f"axis {self.axis} [{self._range_text()}]"

    def _range_text(self) -> str:
        start, stop = ("" if v is None else v for v in (self.start, self.stop))
        return f"{start}:{stop}" + (f":{self.step}" if self.step != 1 else "")

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """The position before cutting."""
        axis = self.axis % inputs[0].rank
        size = inputs[0].shape[axis]
        reach = list(same_position(outputs[0].rank))
        if isinstance(size, int):
            positions = self._positions(size)
            reach[axis] = Taps(axis, ((positions.start,),), positions.step)
        return (tuple(reach),)


@dataclass(frozen=True)
class Concat(Op):
    """Inputs one after another along an axis."""

    axis: int

    def infer(self, *inputs: TensorType) -> Types:
        """The sum of the sizes along the axis."""
        first = inputs[0]
        axis = normal_axis(self.axis, first.rank, "concat")
        for x in inputs[1:]:
            same = x.rank == first.rank and all(
                a == b
                for i, (a, b) in enumerate(zip(x.shape, first.shape, strict=True))
                if i != axis
            )
            expect(
                same,
                f"Sizes of tensors must match except in dimension {axis}. Got "
                f"{shape_text(first.shape)} and {shape_text(x.shape)}; crop or pad one of them",
            )
        sizes = [x.shape[axis] for x in inputs]
        total: Size = sizes[0]
        for size in sizes[1:]:
            total = total + size
        shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
        dtype = first.dtype
        for x in inputs[1:]:
            dtype = torch.promote_types(dtype, x.dtype)
        return (TensorType(shape, dtype),)

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """torch.cat."""
        return (torch.cat(inputs, self.axis),)

    def text(self) -> str:
        """`axis 1`."""
        return f"axis {self.axis}"

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """Along the axis, each input shifted by those before it."""
        rank = outputs[0].rank
        axis = self.axis % rank
        reaches, before = [], 0
        for x in inputs:
            reach = list(same_position(rank))
            size = x.shape[axis]
            if isinstance(size, int):
                reach[axis] = Taps(axis, ((-before,),))
                before += size
            reaches.append(tuple(reach))
        return tuple(reaches)


@dataclass(frozen=True)
class Expand(Op):
    """Axes of size 1, or missing in front, repeated to a shape; -1 leaves an axis as it is."""

    shape: Target

    def infer(self, x: TensorType) -> Types:
        """The shape asked for."""
        missing = len(self.shape) - x.rank
        expect(
            missing >= 0,
            f"expand to {bracket(self.shape)} has fewer axes than its input "
            f"{shape_text(x.shape)}; give at least {x.rank}",
        )
        own: Shape = (*(1,) * missing, *x.shape)
        wanted = tuple(
            o if w == -1 else w for w, o in zip(_resolve(self.shape, x.shape), own, strict=True)
        )
        for w, o in zip(wanted, own, strict=True):
            expect(
                o in (1, w),
                f"The expanded size {w} must match the existing size {o}. Target "
                f"{bracket(self.shape)}, input {shape_text(x.shape)}; only axes of size 1 repeat",
            )
        return (x.with_shape(wanted),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Tensor.expand."""
        return (x.expand(self.infer(TensorType.of(x))[0].sizes),)

    def at_batch(self, batch: int) -> Expand:
        """The shape in numbers."""
        return Expand(_target_at_batch(self.shape, batch))

    def text(self) -> str:
        """`[-1,32,-1,-1]`."""
        return bracket(self.shape)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """A repeated axis reads its one element everywhere."""
        return (broadcast_reach(inputs[0], outputs[0]),)
