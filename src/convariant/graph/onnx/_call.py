"""One node of an ONNX graph while it is translated: its attributes, inputs and constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import onnx
import torch
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph._types import TensorType
from convariant.graph.ops import Op, Torch

if TYPE_CHECKING:
    from convariant.graph.onnx._reader import Reader


# shapes, axes, pads and the sizes of parts are far shorter
_LONGEST_LIST = 10_000


class Call:
    """A node with its operator version; `add` puts what it means into the graph being built.

    Values are names in that graph. What is computed from constants alone becomes a constant at
    once, so that chains of shape arithmetic vanish.
    """

    def __init__(self, node: onnx.NodeProto, reader: Reader) -> None:
        self.node = node
        self.reader = reader
        self.version: int = reader.opset
        self.attributes: dict[str, Any] = {
            a.name: onnx.helper.get_attribute_value(a) for a in node.attribute
        }

    @property
    def operator(self) -> str:
        """The name of the operator."""
        return str(self.node.op_type)

    def has(self, index: int) -> bool:
        """Is the input given? Optional ones are missing or named ''."""
        return index < len(self.node.input) and bool(self.node.input[index])

    def input(self, index: int) -> str:
        """The value of an input that must be given."""
        if not self.has(index):
            raise GraphError(f"input {index} is missing; the file is damaged")
        return self.reader.value(self.node.input[index])

    def inputs(self) -> tuple[str, ...]:
        """The values of all inputs, of which none may be left out."""
        return tuple(self.input(i) for i in range(len(self.node.input)))

    def given(self, *indices: int) -> tuple[str, ...]:
        """The values of those inputs that are given; they end at the first that is not."""
        values = []
        for index in indices:
            if not self.has(index):
                break
            values.append(self.input(index))
        return tuple(values)

    def type_of(self, value: str) -> TensorType:
        """The type of a value of the graph."""
        return self.reader.builder.types[value]

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """The shape of an input."""
        return self.type_of(self.input(index)).sizes

    def rank(self, index: int = 0) -> int:
        """The number of axes of an input."""
        return len(self.shape(index))

    def dtype(self, index: int = 0) -> torch.dtype:
        """The number format of an input."""
        return self.type_of(self.input(index)).dtype

    def wants(self, output: int) -> bool:
        """Does anything read this output?"""
        return output < len(self.node.output) and bool(self.node.output[output])

    def constant(self, index: int, what: str) -> Tensor:
        """The numbers of an input that must be known before the network runs."""
        value = self.input(index)
        if value not in self.reader.builder.constants:
            raise GraphError(
                f"{what} (input {index}, {value!r}) is computed from the network's input values, "
                "so output sizes would change from image to image; export the network with "
                "fixed sizes, or pass the value in fixed={...} if it is an input"
            )
        return self.reader.builder.constants[value]

    def selecting(self, index: int) -> Tensor:
        """An input whose values decide how many elements come out, so it must be known."""
        value = self.input(index)
        if value not in self.reader.builder.constants:
            raise GraphError(
                "how many elements come out depends on the input's values, so sizes would change "
                f"from image to image; {self.up_to_here()}"
            )
        return self.reader.builder.constants[value]

    def up_to_here(self) -> str:
        """The advice to read the file without this node and what follows it."""
        names = [n for n in self.node.input if n and n not in self.reader.model.weights]
        if self.reader.nested or not names:
            return "cut the network before it"
        return f"read the network up to here: outputs={names}"

    def constant_integers(self, index: int, what: str) -> tuple[int, ...]:
        """The integers of an input that must be known, in one list."""
        numbers = self.constant(index, what).flatten()
        if len(numbers) > _LONGEST_LIST:
            raise GraphError(
                f"{what} has {len(numbers):,} numbers, as no list of sizes or axes does; the file "
                "is damaged"
            )
        return tuple(int(n) for n in numbers.tolist())

    def constant_reals(self, index: int, what: str) -> tuple[float, ...]:
        """The numbers of an input that must be known, in one list."""
        return tuple(float(n) for n in self.constant(index, what).flatten().tolist())

    def constant_number(self, index: int, what: str) -> Any:
        """The one number of an input that must be known, None where the input is left out."""
        if not self.has(index):
            return None
        tensor = self.constant(index, what)
        if tensor.numel() != 1:
            raise GraphError(f"{what} has the shape {list(tensor.shape)}; it must be one number")
        return tensor.item()

    def integer(self, name: str, default: int) -> int:
        """An attribute that is an integer."""
        return int(self._attribute(name, default, int))

    def real(self, name: str, default: float) -> float:
        """An attribute that is a number."""
        return float(self._attribute(name, default, (int, float)))

    def integer_list(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of integers, None where it is left out."""
        value = self._attribute(name, None, (list, tuple, type(None)))
        return None if value is None else tuple(int(n) for n in value)

    def choice(self, name: str, default: str, known: Sequence[str]) -> str:
        """An attribute that is one of the known words."""
        value = self._attribute(name, default, (bytes, str))
        word = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if word not in known:
            raise GraphError(f"{name}={word!r} is none of {', '.join(map(repr, known))}")
        return str(word)

    def _attribute(self, name: str, default: Any, kinds: Any) -> Any:
        value = self.attributes.get(name, default)
        if not isinstance(value, kinds):
            raise GraphError(f"attribute {name} is {value!r}, of the wrong type")
        return value

    def add(self, op: Op, *inputs: str) -> str:
        """A node with one output, or a constant where all inputs are constants."""
        return self.reader.add(op, inputs, 1)[0]

    def add_many(self, op: Op, outputs: int, *inputs: str) -> tuple[str, ...]:
        """A node with several outputs."""
        return self.reader.add(op, inputs, outputs)

    def add_torch(self, function: Callable[..., Any], args: Sequence[Any], *inputs: str) -> str:
        """A Torch node, in whose arguments Slot(i) is input i."""
        return self.add_torch_many(function, args, 1, *inputs)[0]

    def add_torch_many(
        self, function: Callable[..., Any], args: Sequence[Any], outputs: int, *inputs: str
    ) -> tuple[str, ...]:
        """A Torch node with several outputs."""
        reason = f"ONNX {self.operator} has no node kind of its own"
        return self.reader.add(Torch(function, tuple(args), reason=reason), inputs, outputs)

    def new_constant(self, value: Tensor | Sequence[Any] | float, dtype: torch.dtype) -> str:
        """A constant that the file does not hold as such."""
        tensor = value if isinstance(value, Tensor) else torch.tensor(value, dtype=dtype)
        return self.reader.builder.constant(tensor.to(dtype), "const")


Lowering: TypeAlias = Callable[[Call], "str | tuple[str, ...]"]

LOWERINGS: dict[str, Lowering] = {}


def lowers(*operators: str) -> Callable[[Lowering], Lowering]:
    """Enter a function in the table of the ONNX operators that it translates."""

    def enter(function: Lowering) -> Lowering:
        for operator in operators:
            LOWERINGS[operator] = function
        return function

    return enter
