"""A torch module as a graph, by way of torch.export."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    InputSpec,
    OutputKind,
    TensorArgument,
)
from torch.utils import _pytree as pytree

from convariant.errors import GraphError, ShapeError
from convariant.graph import _aten_layers, _aten_pointwise, _aten_shape  # noqa: F401  fill the table
from convariant.graph._aten import LOWERINGS, Call, NoKind, Value
from convariant.graph._builder import GraphBuilder
from convariant.graph._export import Examples, export, without_changing_views, written_by
from convariant.graph._graph import Graph, Name, Structure
from convariant.graph._held import Held, constant_of, target_of
from convariant.graph._interpret import at_shapes
from convariant.graph._overload import (
    bound_arguments,
    is_constant,
    out_of_place,
    without_writing,
)
from convariant.graph._types import Dim, Shape, TensorType, at_batch
from convariant.graph.ops import Slot, Torch


def from_torch(
    module: nn.Module,
    example_inputs: Examples,
    *,
    dynamic_batch: bool = False,
    frozen: bool = False,
) -> Graph:
    """The network that a module computes in eval mode, as a graph that shares its weights.

    `example_inputs` is a tensor, a tuple of arguments or a dict of keyword arguments; only shapes
    and number formats are read, and no activation is allocated. `dynamic_batch` leaves axis 0 of
    every input open. `frozen` copies the weights: the graph keeps them as they are now, also for
    other input shapes. An operator without a node kind becomes a `Torch` node, which says why.

    Raises GraphError, naming the module at fault and a fix, where torch.export refuses.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> print(from_torch(net, torch.empty(1, 3, 8, 8), dynamic_batch=True))
    Sequential(input: f32[N,3,8,8])
      conv2d              = Conv 3x3 (input, 0.weight, 0.bias)                     f32[N,8,6,6]
      relu                = Elementwise relu (conv2d)                              f32[N,8,6,6]
      return relu
      2 nodes, 2 constants of 896 B
    """
    program = export(module, example_inputs, dynamic_batch)
    held = Held(module, program) if frozen else None
    return _captured(module, example_inputs, program, held)


def _captured(
    module: nn.Module, example_inputs: Examples, program: ExportedProgram, held: Held | None
) -> Graph:
    graph = _Capture(program, GraphBuilder(type(module).__name__), held).graph()
    return replace(graph, capture=partial(_recapture, module, example_inputs, held))


def _recapture(
    module: nn.Module, example_inputs: Examples, held: Held | None, *shapes: Shape
) -> Graph:
    """The module captured again for other input shapes, those of its tensors in order."""
    leaves, spec = pytree.tree_flatten(example_inputs)
    dynamic = any(isinstance(size, Dim) for shape in shapes for size in shape)
    fresh = iter(shapes)
    resized = [
        leaf.new_empty(at_batch(next(fresh), 2)) if isinstance(leaf, torch.Tensor) else leaf
        for leaf in leaves
    ]
    examples = pytree.tree_unflatten(resized, spec)
    return _captured(module, examples, export(module, examples, dynamic), held)


def from_exported(program: ExportedProgram, *, name: str = "graph", frozen: bool = False) -> Graph:
    """A program that torch.export has already made, as a graph; `frozen` copies its weights.

    It keeps to the input shapes that it was exported for: what depended on them is a number now.
    """
    graph = _Capture(without_changing_views(program), GraphBuilder(name)).graph()
    if frozen:
        copies = {n: t.detach().clone() for n, t in graph.constants.items()}
        graph = replace(graph, constants=copies)
    return replace(graph, capture=partial(_as_exported, graph))


def _as_exported(graph: Graph, *shapes: tuple[int, ...]) -> Graph:
    """The graph at another batch, if that was left open."""
    try:
        return replace(at_shapes(graph, shapes), capture=partial(_as_exported, graph))
    except ShapeError as error:
        raise GraphError(
            f"{str(error).partition(';')[0]}; export it with dynamic_shapes, or give the module"
        ) from error


# blocks of torch.export that only set a mode: gradients on or off, mixed precision
_TRANSPARENT = ("wrap_with_set_grad_enabled", "wrap_with_autocast")


@dataclass
class _Capture:
    """The state of one capture: which value each node of the exported program became."""

    program: ExportedProgram
    builder: GraphBuilder
    held: Held | None = None
    values: dict[torch.fx.Node, Any] = field(default_factory=dict)
    # in-place operators: the node whose memory another one wrote anew
    memory: dict[torch.fx.Node, torch.fx.Node] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)

    def graph(self) -> Graph:
        specs = {s.arg.name: s for s in self.program.graph_signature.input_specs}
        arguments: list[Any] = []
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node, specs[node.name], arguments)
            elif node.op == "get_attr":
                self.values[node] = self._attribute(node, self.program.graph_module)
            elif node.op == "call_function":
                self.modules.update(_modules(node))
                self.values[node] = self._call(node)
                self._overwrite(node)
        return self._finish(arguments)

    def _placeholder(self, node: torch.fx.Node, spec: InputSpec, arguments: list[Any]) -> None:
        if spec.kind is InputKind.USER_INPUT:
            if isinstance(spec.arg, TensorArgument):
                name = self.builder.input(node.name, _type_of(node.meta["val"], node))
                self.values[node] = Value(name)
                arguments.append(Name(name))
            else:
                constant = spec.arg.value if isinstance(spec.arg, ConstantArgument) else None
                self.values[node] = constant
                arguments.append(constant)
            return
        target, tensor = target_of(spec), constant_of(self.program, spec)
        if not isinstance(tensor, torch.Tensor):
            raise GraphError(
                f"{self.builder.name} holds {target!r}, which is no tensor but "
                f"{type(tensor).__name__}; pass what it computes as an input"
            )
        tensor = self.held.copy_of(spec, tensor) if self.held else tensor
        parameter = spec.kind is InputKind.PARAMETER
        self.values[node] = Value(self.builder.constant(tensor, target, parameter=parameter))

    def _attribute(self, node: torch.fx.Node, owner: torch.fx.GraphModule) -> Any:
        found: Any = owner
        for part in str(node.target).split("."):
            found = getattr(found, part)
        if isinstance(found, torch.Tensor):
            return Value(self.builder.constant(found, str(node.target)))
        return found  # the body of a branch or loop, run by its Torch node

    def _call(self, node: torch.fx.Node) -> Any:
        known = node.meta.get("val")
        if isinstance(known, (torch.SymInt, torch.SymBool, torch.SymFloat, bool, int, float)):
            return _number(known, node)
        if node.target is operator.getitem:
            return self._item(node)
        if known is None:  # an assertion about sizes, which the graph's types already state
            return None
        if isinstance(node.target, torch._ops.OpOverload):
            return self._operator(node, node.target)
        if _name(node.target) in _TRANSPARENT:
            return self._inline(node)
        return self._foreign(node, f"{_name(node.target)} is no ATen operator")

    def _inline(self, node: torch.fx.Node) -> Any:
        """What a `with` block computes, as if it stood outside."""
        args, _ = self._arguments(node)
        body_at = next(i for i, a in enumerate(args) if isinstance(a, torch.fx.GraphModule))
        if _name(node.target) == "wrap_with_autocast" and args[2]:
            return self._foreign(node, "computes in mixed precision")
        given = iter(args[body_at + 1 :])
        for inner in args[body_at].graph.nodes:
            if inner.op == "placeholder":
                self.values[inner] = next(given)
            elif inner.op == "get_attr":
                self.values[inner] = self._attribute(inner, args[body_at])
            elif inner.op == "call_function":
                self.values[inner] = self._call(inner)
                self._overwrite(inner)
            else:
                return tuple(torch.fx.map_arg(inner.args[0], self._value))
        return ()

    def _item(self, node: torch.fx.Node) -> Any:
        whole, index = node.args
        assert isinstance(whole, torch.fx.Node)
        parts = self.values[whole]
        if isinstance(parts, tuple) and index >= len(parts):  # type: ignore[operator]
            # the indices of an adaptive maximum, which our kind does not compute
            parts = self.values[whole] = self._foreign(whole, "its second result is used")
        return parts[index]

    def _operator(self, node: torch.fx.Node, overload: torch._ops.OpOverload) -> Any:
        short = str(overload).removeprefix("aten.")
        lower = LOWERINGS.get(short) or LOWERINGS.get(out_of_place(short))
        if lower is None or overload.namespace != "aten":
            return self._foreign(node, "no node kind")
        expected = node.meta["val"]
        single = isinstance(expected, torch.Tensor)
        call = Call(
            self.builder,
            out_of_place(short) if LOWERINGS.get(short) is None else short,
            bound_arguments(overload, *self._arguments(node)),
            _type_of(expected, node) if single else None,
            _path(node),
            _plain(node.name),
        )
        try:
            result = lower(call)
        except NoKind as reason:
            return self._foreign(node, str(reason))
        except (GraphError, ShapeError, ValueError) as error:
            return self._foreign(node, f"does not fit its node kind: {error}")
        first = result[0] if isinstance(result, tuple) else result
        wanted = expected if single else expected[0]
        if self.builder.types[first] != _type_of(wanted, node):
            return self._foreign(node, f"computes {_type_of(wanted, node)} by other rules")
        return result

    def _foreign(self, node: torch.fx.Node, reason: str) -> Any:
        """A Torch node: the call as it is, tensors among its arguments made inputs."""
        inputs: list[str] = []

        def slot(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            if leaf not in inputs:
                inputs.append(leaf)
            return Slot(inputs.index(leaf))

        args, kwargs = self._arguments(node)
        if is_constant(node.target, (args, kwargs)):
            return pytree.tree_map_only(
                torch.Tensor,
                lambda t: Value(self.builder.constant(t, _plain(node.name))),
                node.target(*args, **kwargs),  # type: ignore[operator]
            )
        args, kwargs = pytree.tree_map(slot, (args, kwargs))
        results = pytree.tree_leaves(node.meta["val"])
        types = tuple(_type_of(r, node) for r in results)
        captured = tuple(self.builder.types[i] for i in inputs), types
        op = Torch(without_writing(node.target), args, kwargs, reason, captured)
        name = _plain(node.name)
        names = [f"{name}_{i}" if len(types) > 1 else name for i in range(len(types))]
        outputs = self.builder.add_many(op, *inputs, path=_path(node), names=names)
        if isinstance(node.meta["val"], torch.Tensor):
            return Value(outputs[0])
        return tuple(Value(o) for o in outputs)

    def _arguments(self, node: torch.fx.Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args = torch.fx.map_arg(node.args, self._value)
        kwargs = torch.fx.map_arg(node.kwargs, self._value)
        return args, dict(kwargs)

    def _value(self, node: torch.fx.Node) -> Any:
        while node in self.memory:
            node = self.memory[node]
        value = self.values[node]
        if isinstance(value, _Unknown):
            raise GraphError(value.reason)
        return value

    def _overwrite(self, node: torch.fx.Node) -> None:
        for written in written_by(node):
            while written in self.memory:
                written = self.memory[written]
            if written is not node:
                self._refuse_buffer(written)
                self.memory[written] = node

    def _refuse_buffer(self, written: torch.fx.Node) -> None:
        value = self.values[written]
        if value in self.builder.constants:
            raise GraphError(
                f"the network changes its buffer {value!r} whenever it runs; a graph has no "
                "memory: keep that out of forward in eval mode"
            )

    def _finish(self, arguments: list[Any]) -> Graph:
        signature = self.program.graph_signature
        results: list[Any] = []
        for spec in signature.output_specs:
            if spec.kind is OutputKind.BUFFER_MUTATION:
                raise GraphError(
                    f"the network changes its buffer {spec.target!r} whenever it runs; a graph has "
                    "no memory: keep that out of forward in eval mode"
                )
            if spec.kind is OutputKind.USER_INPUT_MUTATION:
                continue  # what an in-place first layer does to the caller's tensor
            results.append(spec.arg)
        output = next(n for n in self.program.graph.nodes if n.op == "output")
        nodes = list(output.args[0])[-len(results) :] if results else []
        leaves = [
            Name(v) if isinstance(v, Value) else v
            for v in (self._value(n) if isinstance(n, torch.fx.Node) else n for n in nodes)
        ]
        spec = self.program.call_spec
        structure = Structure(spec.in_spec, spec.out_spec, tuple(arguments), tuple(leaves))
        names = dict.fromkeys(leaf.value for leaf in leaves if isinstance(leaf, Name))
        if not names:
            raise GraphError(f"{self.builder.name} returns no tensor; return what it computes")
        graph = self.builder.build(list(names), structure=structure, modules=self.modules)
        idle = sorted(self.builder.parameters - graph.parameters)
        return replace(graph, unused={n: self.builder.constants[n].numel() for n in idle})


def _plain(name: str) -> str:
    """`relu__1 -> relu_1`: nothing in a graph happens in place."""
    return re.sub(r"(\w)_(_\d+)?$", r"\1\2", name)


def _modules(node: torch.fx.Node) -> list[tuple[str, str]]:
    """Path and class of the modules that were running, the outermost first."""
    stack = (node.meta.get("nn_module_stack") or {}).values()
    return [(re.sub(r"@\d+", "", path), kind) for path, kind in stack]


def _path(node: torch.fx.Node) -> str:
    """The module that was running, `layer1.0.conv2`."""
    modules = _modules(node)
    return modules[-1][0] if modules else ""


def _name(target: Any) -> str:
    return str(getattr(target, "__name__", target))


def _type_of(value: Any, node: torch.fx.Node) -> TensorType:
    return TensorType(tuple(_size(s, node) for s in value.shape), value.dtype)


@dataclass(frozen=True)
class _Unknown:
    """A number that is known only when the network runs; the text says what to do about it."""

    reason: str


def _size(value: Any, node: torch.fx.Node) -> Any:
    """A size of the exported program: a number, or a multiple of the batch."""
    number = _number(value, node)
    if isinstance(number, _Unknown):
        raise GraphError(number.reason)
    return number


def _number(value: Any, node: torch.fx.Node) -> Any:
    """A Python number of the exported program, a multiple of the batch, or unknown."""
    if not isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        return value
    expression = value.node.expr
    if not expression.free_symbols:
        kinds = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}
        return kinds[type(value)](expression)
    # it brings sympy, which a process that only loads programs does without
    from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

    where = _path(node) or "the network"
    if free_unbacked_symbols(value):
        return _Unknown(
            f"{where} makes a Python number or a size out of computed values ({node.name}); "
            "replace .item() by the tensor itself, and x[mask] by torch.where"
        )
    factor, rest = expression.as_coeff_Mul()
    if isinstance(value, torch.SymInt) and rest.is_Symbol and factor.is_Integer:
        return Dim(int(factor))
    return _Unknown(
        f"{where} computes with {value}, which is no multiple of the batch; capture it with "
        "dynamic_batch=False"
    )
