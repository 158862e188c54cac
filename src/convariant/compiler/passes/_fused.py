"""An operation together with the element-wise functions that follow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convariant.graph import TensorType
from convariant.graph.ops import Cost, Elementwise, Op

__all__ = ["Fused", "Link"]


@dataclass(frozen=True)
class Link:
    """One function applied to the running value v, which stands at `place` among so many operands:
    `f(v)`, `f(v, operand)`, `f(operand, v)`...
    """

    op: Elementwise
    operands: int = 0
    place: int = 0


@dataclass(frozen=True)
class Fused(Op):
    """`op`, then each link in turn. Inputs: the `arity` inputs of `op`, then the operands in order.

    The value of the whole is that of running its parts, which is how it is checked.
    """

    op: Op
    arity: int
    links: tuple[Link, ...]

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The type behind the last link."""
        value = self.op.infer(*inputs[: self.arity])[0]
        for link, arguments in self._walk(inputs):
            value = link.op.infer(*_placed(link, value, arguments))[0]
        return (value,)

    def run(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The parts, one after the other."""
        value = self.op.run(*inputs[: self.arity])[0]
        for link, arguments in self._walk(inputs):
            value = link.op.run(*_placed(link, value, arguments))[0]
        return (value,)

    def text(self) -> str:
        """`Conv 3x3 p1 + add + relu`."""
        main = f"{self.op.kind} {self.op.text()}".strip()
        return " + ".join([main, *(link.op.text() for link in self.links)])

    def cost(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> Cost:
        """The sum of its parts."""
        own = self.op.cost(inputs[: self.arity], outputs)
        return own + Cost(other=len(self.links) * outputs[0].numel)

    def _walk(self, inputs: tuple[Any, ...]) -> Iterator[tuple[Link, tuple[Any, ...]]]:
        operands = iter(inputs[self.arity :])
        for link in self.links:
            yield link, tuple(next(operands) for _ in range(link.operands))


def _placed(link: Link, value: Any, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*operands[: link.place], value, *operands[link.place :])
