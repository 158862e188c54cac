"""Pairs of inputs that a symmetry relates, and how far a network's outputs are from following."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from convariant.analysis.symmetry._follow import Follow
from convariant.analysis.symmetry._turns import REPRESENTATIONS, Turn, act
from convariant.nn._group_table import GroupName, order, turn, turn_features


class Move(ABC):
    """One element of a group, or the least of its steps."""

    @abstractmethod
    def pair(self, scene: Tensor) -> tuple[Tensor, Tensor]:
        """Two images of the size of the network's input."""

    @abstractmethod
    def gap(self, before: Tensor, after: Tensor) -> float:
        """How far the second output is from the first one moved, as a part of its largest value."""

    @abstractmethod
    def scene_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """How large a scene both images are cut from."""

    @abstractmethod
    def text(self) -> str:
        """The move in words."""


@dataclass(frozen=True)
class ShiftMove(Move):
    """`after(p) = before(p + amount)`, closed to a circle or cut from a larger scene."""

    axis: int
    amount: int
    circular: bool
    state: Follow
    inside: range | None = None  # outputs that the verdict speaks of; None: all

    def scene_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Larger by the amount, unless the scene is a circle."""
        extra = 0 if self.circular else self.amount
        return tuple(s + extra * (axis == self.axis) for axis, s in enumerate(size))

    def pair(self, scene: Tensor) -> tuple[Tensor, Tensor]:
        """The scene, and the scene shifted."""
        if self.circular:
            return scene, scene.roll(-self.amount, self.axis)
        size = scene.shape[self.axis] - self.amount
        return scene.narrow(self.axis, 0, size), scene.narrow(self.axis, self.amount, size)

    def gap(self, before: Tensor, after: Tensor) -> float:
        """The least over the steps that the output may have made."""
        return min(self._gap_at(before, after, axis, k) for axis, k in self._steps(before))

    def _steps(self, y: Tensor) -> Iterator[tuple[int, int]]:
        """(axis, steps) as the verdict says; where it says nothing, every roll of the map."""
        state = self.state
        if state.fault is None and not state.chosen and self.amount % state.modulus == 0:
            yield state.axis or 0, self.amount // state.modulus * state.step * (not state.still)
            return
        yield 0, 0
        axes = () if y.dim() < 4 else (2, 3) if state.axis is None else (state.axis,)
        for axis in axes:
            length = len(self._span(y, axis))
            steps = length if self.circular else min(self.amount * 4 + 1, length)
            yield from ((axis, k) for k in range(1, steps))

    def _span(self, y: Tensor, axis: int) -> range:
        return range(y.shape[axis]) if self.inside is None or axis == 0 else self.inside

    def _gap_at(self, before: Tensor, after: Tensor, axis: int, k: int) -> float:
        """after[o] against before[o + k]."""
        if self.circular:
            return _gap(before.roll(-k, axis), after)
        span = self._span(before, axis)
        count = len(span) - k
        if count < 1:
            return 0.0
        return _gap(
            before.narrow(axis, span.start + k, count), after.narrow(axis, span.start, count)
        )

    def text(self) -> str:
        """`shifted by 1 along the columns`."""
        along = "rows" if self.axis == 2 else "columns"
        how = "circularly " if self.circular else ""
        return f"shifted {how}by {self.amount} along the {along}"


@dataclass(frozen=True)
class TurnMove(Move):
    """A quarter turn or a mirror."""

    element: int
    number: int  # which generator of the group
    state: Turn

    def scene_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The image itself."""
        return size

    def pair(self, scene: Tensor) -> tuple[Tensor, Tensor]:
        """The image, and the image turned."""
        return scene, turn(scene, self.element)

    def gap(self, before: Tensor, after: Tensor) -> float:
        """Against the action of the verdict; where it is broken, against every one that fits."""
        return min(
            (_gap(y, after) for y in self._moved(before) if y.shape == after.shape),
            default=float("inf"),
        )

    def _moved(self, y: Tensor) -> Iterator[Tensor]:
        if self.state.fault is None:
            yield act(y, self.state.orders[self.number], self.element, self.state.spatial)
            return
        if y.dim() < 4:
            yield y
            return
        planes = y.flatten(1, -3)
        for kind in REPRESENTATIONS:
            if kind == "plain":
                yield turn(y, self.element)
                continue
            group: GroupName = "p4" if kind == "p4" else "p4m"
            if planes.shape[1] % order(group) == 0 and not (group == "p4" and self.element >= 4):
                moved = turn_features(planes, self.element, group)
                yield moved.reshape(*y.shape[:-2], *moved.shape[-2:])

    def text(self) -> str:
        """In words."""
        return "mirrored left to right" if self.element >= 4 else "turned by a quarter"


def _gap(expected: Tensor, found: Tensor) -> float:
    if torch.equal(expected, found):
        return 0.0
    scale = max(float(expected.abs().max()), float(found.abs().max()))
    return float((expected - found).abs().max()) / scale
