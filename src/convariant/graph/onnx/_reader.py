"""Translating the nodes of an ONNX graph, one after another, into a graph of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count

import onnx
import torch
from torch import Tensor

from convariant.errors import ConvariantError, GraphError
from convariant.graph._builder import GraphBuilder
from convariant.graph._graph import Graph
from convariant.graph._types import Shape, TensorType
from convariant.graph.onnx._batch import check_undecided
from convariant.graph.onnx._budget import Budget
from convariant.graph.onnx._call import LOWERINGS, Call
from convariant.graph.onnx._functions import (
    DEEPEST,
    MOST_NODES,
    Body,
    body_in,
    body_of,
    check_unfolded,
    too_many,
)
from convariant.graph.onnx._load import Model
from convariant.graph.onnx._tensors import check_size, dtype_of
from convariant.graph.ops import BatchNorm, Expand, Op

# what PyTorch, or a table of ours, may answer to numbers that make no sense
_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_OLDEST_OPSET = 6


class Reader:
    """The graph under construction, and what each ONNX name means in it."""

    def __init__(
        self,
        model: Model,
        shapes: Mapping[str, Shape],
        fixed: Mapping[str, Tensor],
        batch: int = 0,
    ) -> None:
        """`batch` is the size that stands for an open one, 0 where none is open."""
        self.model = model
        self.batch = batch
        self.opset = model.opset
        self.builder = GraphBuilder(model.name)
        self.names: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self._path = ""
        self._depth = 0
        self._count = 0
        self._weights: set[str] = set()
        self.budget = Budget(sum(w.nbytes for w in model.weights.values()))
        for value in model.graph.input:
            if value.name in fixed:
                self.names[value.name] = self.builder.constant(fixed[value.name], value.name)
            elif value.name not in model.weights:
                dtype = dtype_of(value.type.tensor_type.elem_type, f"input {value.name!r}")
                type_ = TensorType(tuple(shapes[value.name]), dtype)
                self.names[value.name] = self.builder.input(value.name, type_)

    @torch.no_grad()
    def read(self) -> Graph:
        """The whole graph, outputs named as in the file."""
        check_unfolded(self.model)
        self.lower(self.model.graph.node)
        outputs = [self.value(o.name) for o in self.model.graph.output]
        for output, value in zip(self.model.graph.output, outputs, strict=True):
            self.labels[value] = output.name
        graph = _relabelled(self.builder.build(outputs), self.labels)
        statistics = {i for n in graph.nodes if isinstance(n.op, BatchNorm) for i in n.inputs[1:3]}
        return replace(graph, parameters=graph.parameters - statistics)

    @property
    def nested(self) -> bool:
        """Is the node in a function or a branch, where names are not those of the file?"""
        return self._depth > 0

    def value(self, name: str) -> str:
        """The value of our graph behind an ONNX name."""
        if name not in self.names:
            weight = self.model.weights.get(name)
            if weight is None:
                raise GraphError(f"reads {name!r}, which no node before it computes")
            trained = weight.is_floating_point() and weight.dim() > 0
            self.names[name] = self.builder.constant(weight, name, parameter=trained)
            if trained:
                self._weights.add(self.names[name])
        return self.names[name]

    def lower(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """Translate the nodes in their order; an error names the node."""
        for node in nodes:
            before, self._path = self._path, self._path or node.name
            try:
                self._lower(node)
            except (ConvariantError, *_FAULTS) as error:
                if self._depth:
                    raise  # the outermost node is the one that the file shows
                name = node.name or next(iter(node.output), "without a name")
                raise GraphError(f"{self.model.name}: {node.op_type} {name!r}: {error}") from error
            finally:
                self._path = before

    def _lower(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Constant" and not self._depth:
            return  # among the weights already
        self._count += 1
        if self._count > MOST_NODES:
            raise too_many(self.model.name)
        call = Call(node, self)
        results = self._results(call)
        for output, value in zip(node.output, results, strict=False):
            if output and value:
                self.names[output] = value
                self.labels.setdefault(value, output)

    def _results(self, call: Call) -> tuple[str, ...]:
        """The values that a node's outputs are, '' for those that nothing can read."""
        node = call.node
        function = self.model.functions.get((node.domain, node.op_type))
        if function is not None:
            return self._inline(call, body_in(function, call))
        if node.domain not in ("", "ai.onnx"):
            raise GraphError(
                f"the operator is of the domain {node.domain!r}; only ONNX's own are read: export "
                "the network without it"
            )
        _check_age(node.op_type, self.opset)
        lowering = LOWERINGS.get(node.op_type)
        if lowering is not None:
            result = lowering(call)
            return (result,) if isinstance(result, str) else result
        body = body_of(call)
        if body is None:
            raise GraphError(
                "the operator has no kind of node here, nor does ONNX define it by simpler ones; "
                f"{call.up_to_here()}"
            )
        return self._inline(call, body)

    def _inline(self, call: Call, body: Body) -> tuple[str, ...]:
        """What the nodes of a function give for the inputs of this call."""
        inputs = {formal: call.input(i) for i, formal in enumerate(body.inputs) if call.has(i)}
        with self.scope(inputs, body.opset):
            self.lower(body.nodes)
            return tuple(self.names.get(output, "") for output in body.outputs)

    @contextmanager
    def scope(self, names: dict[str, str], opset: int | None = None) -> Iterator[None]:
        """Translate under other names: those of a function, or a copy of ours for a branch."""
        if self._depth == DEEPEST:
            raise GraphError(f"functions and branches are nested more than {DEEPEST} deep")
        saved = self.names, self.opset, self.labels
        self.names, self.opset, self.labels = dict(names), opset or self.opset, {}
        self._depth += 1
        try:
            yield
        finally:
            self.names, self.opset, self.labels = saved
            self._depth -= 1

    def add(self, op: Op, inputs: Sequence[str], outputs: int) -> tuple[str, ...]:
        """A node; where all its inputs are constants, its values at once."""
        constants = self.builder.constants
        types = op.infer(*(self.builder.types[name] for name in inputs))
        if not all(name in constants for name in inputs) or self._repeats_by_batch(op, types):
            names = ("",) * outputs
            return self.builder.add_many(op, *inputs, path=self._path, names=names)
        for type_ in types:
            check_size(type_.sizes, type_.dtype, f"the result of {op.kind}")
        self.budget.spend(op, tuple(self.builder.types[name] for name in inputs), types)
        values = [constants[name] for name in inputs]
        if self.batch:
            check_undecided(op, values, self.batch)
        results = op.run(*values)
        trained = any(name in self._weights for name in inputs)
        return tuple(self.hold(r, trained) for r in results)

    def _repeats_by_batch(self, op: Op, types: Sequence[TensorType]) -> bool:
        """Is this one row for each image, such as a class token or a first recurrent state?"""
        if not self.batch or not isinstance(op, Expand):
            return False
        return any(size and size % self.batch == 0 for size in types[0].sizes)

    def hold(self, tensor: Tensor, trained: bool) -> str:
        """A constant that is computed here; one made of weights alone is a weight itself."""
        trained = trained and tensor.is_floating_point()
        name = self.builder.constant(tensor, "folded", parameter=trained)
        if trained:
            self._weights.add(name)
        return name


def _check_age(operator: str, opset: int) -> None:
    """Refuse an operator of a time when it meant something else."""
    if opset >= _OLDEST_OPSET or not onnx.defs.has(operator, opset):
        return
    own = onnx.defs.get_schema(operator, opset).since_version
    if own != onnx.defs.get_schema(operator, _OLDEST_OPSET).since_version:
        raise GraphError(
            f"the operator is that of opset {opset}, and {_OLDEST_OPSET} is the oldest that is "
            "read; convert the file with onnx.version_converter.convert_version(model, 13)"
        )


def _relabelled(graph: Graph, labels: Mapping[str, str]) -> Graph:
    """Computed values under the names that the file gives them, where those are free."""
    computed = [o for node in graph.nodes for o in node.outputs]
    taken = set(graph.types) - set(computed)
    names: dict[str, str] = {}
    numbers: dict[str, count[int]] = {}  # go on counting, or many of one name take ages
    for output in computed:
        wanted = labels.get(output, output)
        numbered = (f"{wanted}_{n}" for n in numbers.setdefault(wanted, count(1)))
        names[output] = next(name for name in chain([wanted], numbered) if name not in taken)
        taken.add(names[output])

    def new(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(v, v) for v in values)

    nodes = [replace(n, inputs=new(n.inputs), outputs=new(n.outputs)) for n in graph.nodes]
    types = {names.get(name, name): type_ for name, type_ in graph.types.items()}
    return replace(graph, nodes=tuple(nodes), outputs=new(graph.outputs), types=types)
