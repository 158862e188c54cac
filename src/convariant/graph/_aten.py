"""ATen operators in the words of the graph: one small function per group of overloads.

Each gets a `Call`, whose `args` are the operator's arguments by their schema names with defaults
filled in; tensors among them are `Value`s. It adds nodes and answers the value that holds the
result. Raising `NoKind` leaves the operator to PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from convariant.graph._builder import GraphBuilder
from convariant.graph._types import TensorType
from convariant.graph.ops import Op


class Value(str):
    """The name of a value, told from other strings among an operator's arguments."""

    __slots__ = ()


class NoKind(Exception):  # noqa: N818
    """The form of an operator that has no node kind; the text says why."""


@dataclass(frozen=True)
class Call:
    """One operator call to be lowered."""

    builder: GraphBuilder
    overload: str
    args: dict[str, Any]
    result: TensorType | None
    path: str
    name: str

    def __getitem__(self, argument: str) -> Any:
        return self.args[argument]

    def get(self, argument: str, default: Any = None) -> Any:
        """An argument that not every overload has."""
        return self.args.get(argument, default)

    def type(self, value: Value) -> TensorType:
        """The type of a value."""
        return self.builder.types[value]

    def rank(self, argument: str = "input") -> int:
        """The number of axes of a tensor argument."""
        return self.type(self[argument]).rank

    def add(self, op: Op, *values: str | None, name: str = "") -> Value:
        """A node on those of the values that are not None."""
        inputs = (v for v in values if v is not None)
        return Value(self.builder.add(op, *inputs, path=self.path, name=name or self.name))

    def tensor(self, value: Any) -> Value:
        """A value as it is; a Python number as a constant of the result's number format."""
        if isinstance(value, Value):
            return value
        if not isinstance(value, (int, float)):
            raise NoKind(f"the argument {value!r} is no tensor and no number")
        dtype = torch.float32 if self.result is None else self.result.dtype
        if dtype == torch.bool or (isinstance(value, float) and not dtype.is_floating_point):
            dtype = torch.float32 if isinstance(value, float) else torch.int64
        return Value(self.builder.constant(torch.tensor(value, dtype=dtype)))

    def number(self, argument: str) -> float:
        """A Python number; a tensor there has no place among a node's attributes."""
        value = self[argument]
        if not isinstance(value, (int, float)):
            raise NoKind(f"{argument} is computed by the network")
        return value


Lowering = Callable[[Call], Value | tuple[Value, ...]]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*overloads: str) -> Callable[[Lowering], Lowering]:
    """Register a function for ATen overloads; a name without a dot stands for `.default`."""

    def register(function: Lowering) -> Lowering:
        for overload in overloads:
            LOWERINGS[overload if "." in overload else f"{overload}.default"] = function
        return function

    return register
