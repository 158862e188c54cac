"""What the writers of operations build on: nodes, constants and names of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph._graph import Graph, Node, where
from convariant.graph._types import Dim, Shape, TensorType
from convariant.graph.onnx._tensors import ONNX_TYPES
from convariant.graph.ops import Op

OPSET = 20


class Model:
    """The nodes and weights of the file while it is written."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Tensor] = {}
        self._names = set(graph.types)
        self._numbers: dict[str, int] = {}
        self._batches: dict[int, str] = {}

    def fresh(self, name: str) -> str:
        """A name that no value of the file has."""
        unique = name
        while unique in self._names:
            self._numbers[name] = self._numbers.get(name, 0) + 1
            unique = f"{name}_{self._numbers[name]}"
        self._names.add(unique)
        return unique

    def batch(self, factor: int) -> str | None:
        """A list of one integer, `factor` times the batch, read from an input at run time."""
        if factor not in self._batches:
            found = next(
                (
                    (name, axis, size.factor)
                    for name in self.graph.inputs
                    for axis, size in enumerate(self.graph.types[name].shape)
                    if isinstance(size, Dim) and factor % size.factor == 0
                ),
                None,
            )
            if found is None:
                return None
            name, axis, own = found
            size = self.fresh("batch")
            shape = helper.make_node("Shape", [name], [size], size, start=axis, end=axis + 1)
            self.nodes.append(shape)
            if factor != own:
                times = self.constant(torch.tensor([factor // own]), "times")
                size = self.fresh(f"batch_{factor}")
                self.nodes.append(helper.make_node("Mul", [shape.output[0], times], [size], size))
            self._batches[factor] = size
        return self._batches[factor]

    def constant(self, value: Tensor, name: str) -> str:
        """A weight that the graph does not have as such."""
        name = self.fresh(name)
        self.weights[name] = value.detach()
        return name


class Emit:
    """Writes one node of our graph as nodes of the file; the last one writes its output."""

    def __init__(self, model: Model, node: Node) -> None:
        self.model = model
        self.node = node
        self.inputs = node.inputs
        self.types, self.results = model.graph.node_types(node)

    @property
    def x(self) -> TensorType:
        """The type of the first input."""
        return self.types[0]

    @property
    def y(self) -> TensorType:
        """The type of the first output."""
        return self.results[0]

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node between; gives the name of its output."""
        output = self.model.fresh(f"{self.node.name}.{operator.lower()}")
        self.add_to((output,), operator, *inputs, **attributes)
        return output

    def finish(self, operator: str, *inputs: str, **attributes: Any) -> None:
        """The last node, whose outputs are those of our node."""
        self.add_to(self.node.outputs, operator, *inputs, **attributes)

    def add_to(
        self, outputs: Sequence[str], operator: str, *inputs: str, **attributes: Any
    ) -> None:
        """A node with these outputs."""
        given = {name: value for name, value in attributes.items() if value is not None}
        name = f"{self.node.path or self.node.name}/{outputs[0]}"
        node = helper.make_node(operator, list(inputs), list(outputs), name, **given)
        self.model.nodes.append(node)

    def integers(self, *values: int) -> str:
        """A constant list of integers."""
        return self.model.constant(torch.tensor(values, dtype=torch.int64), "integers")

    def sizes(self, shape: Shape) -> str:
        """A list of sizes, open ones as the file finds them when it runs."""
        if not any(isinstance(size, Dim) for size in shape):
            return self.integers(*shape)  # type: ignore[arg-type]
        parts: list[str] = []
        for size in shape:
            part = self.model.batch(size.factor) if isinstance(size, Dim) else self.integers(size)
            if part is None:
                self.refuse("a batch that no input has", "fix the batch with at_batch(1)")
            else:
                parts.append(part)
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=0)

    def number(self, value: float, dtype: torch.dtype | None = None) -> str:
        """A constant of one number, in the format of the first input unless said otherwise."""
        return self.model.constant(torch.tensor(value, dtype=dtype or self.x.dtype), "number")

    def tensor(self, value: Tensor, name: str = "constant") -> str:
        """A constant tensor."""
        return self.model.constant(value, name)

    def constant(self, index: int) -> Tensor | None:
        """The values of an input that is a constant."""
        value = self.model.graph.constants.get(self.inputs[index])
        return None if value is None else value.detach()

    def cast(self, value: str, before: torch.dtype, after: torch.dtype) -> str:
        """The value in another number format."""
        return value if before == after else self.add("Cast", value, to=ONNX_TYPES[after])

    def reshape(self, value: str, shape: Shape, *, finish: bool = False) -> str:
        """The value under another shape."""
        if sum(isinstance(size, Dim) for size in shape) > 1:
            target = self.sizes(shape)
        else:
            target = self.integers(*(-1 if isinstance(size, Dim) else size for size in shape))
        if finish:
            self.finish("Reshape", value, target)
            return self.node.name
        return self.add("Reshape", value, target)

    def refuse(self, what: str, fix: str) -> None:
        """Raise GraphError: ONNX has no way to say this."""
        raise GraphError(f"{where(self.node)}: ONNX cannot express {what}; {fix}")


Writer: TypeAlias = Callable[[Emit, Any], None]

WRITERS: dict[type[Op], Writer] = {}

W = TypeVar("W", bound=Writer)


def writes(kind: type[Op]) -> Callable[[W], W]:
    """Enter a function in the table as the writer of this kind of operation."""

    def enter(function: W) -> W:
        WRITERS[kind] = function
        return function

    return enter


def to_numpy(value: Tensor) -> np.ndarray:
    """A tensor's numbers in memory order."""
    return value.detach().cpu().contiguous().numpy()
