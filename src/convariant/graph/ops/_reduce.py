"""Reductions along axes, and softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph._types import Size, TensorType
from convariant.graph.ops._base import (
    Cost,
    Op,
    Reach,
    Taps,
    Types,
    mixing,
    normal_axis,
)


def _product(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    for axis in axes:
        x = x.prod(axis, keepdim=True)
    return x


def _log_sum(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x.sum(axes, keepdim=True).log()


def _largest(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return _with_element(x, axes, -torch.inf).amax(axes, keepdim=True)


def _least(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return _with_element(x, axes, torch.inf).amin(axes, keepdim=True)


def _with_element(x: Tensor, axes: tuple[int, ...], neutral: float) -> Tensor:
    """Where an axis is empty, one element that changes no result."""
    if x.numel():
        return x
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    if x.dtype == torch.bool:
        return x.new_full(shape, neutral > 0)
    if not x.is_floating_point():
        info = torch.iinfo(x.dtype)
        return x.new_full(shape, info.max if neutral > 0 else info.min)
    return x.new_full(shape, neutral)


REDUCTIONS: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {
    "mean": lambda x, axes: x.mean(axes, keepdim=True),
    "sum": lambda x, axes: x.sum(axes, keepdim=True),
    "max": _largest,
    "min": _least,
    "prod": _product,
    "l1": lambda x, axes: x.abs().sum(axes, keepdim=True),
    "l2": lambda x, axes: x.square().sum(axes, keepdim=True).sqrt(),
    "sum_square": lambda x, axes: x.square().sum(axes, keepdim=True),
    "log_sum": _log_sum,
    "log_sum_exp": lambda x, axes: torch.logsumexp(x, axes, keepdim=True),
}


@dataclass(frozen=True)
class Reduce(Op):
    """One number from all along the axes, `(n, c, h, w)` over (2, 3) to `(n, c, 1, 1)`."""

    function: str
    axes: tuple[int, ...]
    keepdim: bool = True

    def __post_init__(self) -> None:
        if self.function not in REDUCTIONS:
            known = ", ".join(REDUCTIONS)
            raise GraphError(
                f"no reduction is named {self.function!r}; use one of {known} or a Torch node"
            )

    def infer(self, x: TensorType) -> Types:
        """The axes become 1, or vanish."""
        axes = {normal_axis(a, x.rank, f"reduce {self.function}") for a in self.axes}
        shape: list[Size] = []
        for axis, size in enumerate(x.shape):
            if axis not in axes:
                shape.append(size)
            elif self.keepdim:
                shape.append(1)
        return (TensorType(tuple(shape), x.dtype),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """The function of the table."""
        axes = tuple(sorted(a % max(x.dim(), 1) for a in self.axes))
        y = REDUCTIONS[self.function](x, axes) if axes and x.dim() else x
        shape = self.infer(TensorType.of(x))[0].sizes
        return (y.reshape(shape),)

    def text(self) -> str:
        """`mean [2,3]`."""
        axes = ",".join(map(str, self.axes))
        return f"{self.function} [{axes}]{'' if self.keepdim else ' drop'}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """One operation for each input element."""
        return Cost(other=inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """Everything along the axes."""
        rank = inputs[0].rank
        axes = {a % max(rank, 1) for a in self.axes}
        if self.keepdim:
            return (mixing(rank, *axes),)
        return (tuple(Taps(a) for a in range(rank) if a not in axes),)


@dataclass(frozen=True)
class Softmax(Op):
    """`exp(x) / sum exp(x)` along an axis, or its logarithm."""

    axis: int
    log: bool = False

    def infer(self, x: TensorType) -> Types:
        """The same type."""
        normal_axis(self.axis, x.rank, "softmax")
        return (x,)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """torch.softmax or log_softmax."""
        return (torch.log_softmax(x, self.axis) if self.log else torch.softmax(x, self.axis),)

    def text(self) -> str:
        """`axis 1`."""
        return f"{'log ' if self.log else ''}axis {self.axis}"

    def cost(self, inputs: Types, outputs: Types) -> Cost:  # noqa: ARG002
        """Maximum, subtraction, exponential, sum and division of each element."""
        return Cost(other=5 * inputs[0].numel)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """Everything along the axis."""
        return (mixing(inputs[0].rank, self.axis),)
