"""From a graph to a plan: every value gets a place, every node its kernels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest

import torch

from convariant.compiler.kernels import ClearHalo, Convert, Elementwise
from convariant.compiler.layout import Halo, Layout, lay_out
from convariant.compiler.llvm import Target
from convariant.compiler.passes import Fused, Strip
from convariant.compiler.plan._choice import Choice, Way
from convariant.compiler.plan._job import Context, as_image, operand, operand_form
from convariant.compiler.plan._lower import lower
from convariant.compiler.plan._memory import place_buffers
from convariant.compiler.plan._model import (
    Address,
    Buffer,
    Call,
    External,
    Form,
    KernelCall,
    Located,
    Lowering,
    Need,
    Plan,
    Step,
)
from convariant.graph import Graph, Node
from convariant.graph.ops import Conv, Linear

__all__ = ["make_plan"]


def make_plan(
    graph: Graph,
    target: Target,
    threads: int,
    tolerance: float,
    ranks: Mapping[str, int] | None = None,
) -> Plan:
    """The steps, memory and constants that compute a graph whose sizes are all known.

    `ranks` names nodes that are to be computed in another way than the one estimated to be the
    fastest: 1 for the second, and so on.
    """
    return _Planner(graph, target, threads, tolerance, ranks or {}).run()


class _Planner:
    """Three walks over the nodes: choose kernels, gather what readers need, give places."""

    def __init__(
        self,
        graph: Graph,
        target: Target,
        threads: int,
        tolerance: float,
        ranks: Mapping[str, int],
    ) -> None:
        self.graph, self.target = graph, target
        self.plan = Plan(graph, target, threads)
        # the errors of layers have no common direction: n of them add up to sqrt(n) times one
        layers = sum(_layers(node) for node in graph.nodes)
        budget = tolerance / math.sqrt(max(layers, 1))
        context = Context(
            graph, target, threads, budget, self.plan.constants, ranks, self.plan.choices
        )
        self.context = context
        self.lowered = {node.name: self._lowered(node) for node in graph.nodes}
        self.located: dict[tuple[str, Form], Located] = {}
        # a value that shares the memory of another: all of it, or its blocks from some block on
        self.alias: dict[tuple[str, Form], str] = {}
        self.placed: dict[str, tuple[str, int]] = {}
        self.halos: dict[tuple[str, Form], Halo] = defaultdict(lambda: (0, 0, 0, 0))
        self.external = set(graph.inputs)

    def _lowered(self, node: Node) -> Lowering | str:
        lowering = lower(self.context, node)
        if not isinstance(lowering, str):
            self.context.forms[node.name] = lowering.form
            choices = self.context.choices
            choice = choices.get(node.name) or Choice((Way(lowering.algorithm),))
            choices[node.name] = replace(choice, note=lowering.why)
        return lowering

    def run(self) -> Plan:
        """All three walks, then the arena."""
        self._share_memory()
        self._gather_halos()
        for name in self.graph.inputs:
            self._hold(name)
        for node in self.graph.nodes:
            lowering = self.lowered[node.name]
            if isinstance(lowering, str):
                self._call(node, lowering)
            else:
                self._emit(node, lowering)
        for name in self.graph.outputs:
            self.plan.outputs[name] = self._output(name)
        self.plan.arena = place_buffers(self.plan.buffers)
        return self.plan

    # -- what shares memory, and what readers need -----------------------------------------------

    def _share_memory(self) -> None:
        for name, lowering in self.lowered.items():
            if not isinstance(lowering, str) and lowering.alias is not None:
                self.alias[name, lowering.form] = lowering.alias
        for node in reversed(self.graph.nodes):
            lowering = self.lowered[node.name]
            if isinstance(lowering, str):
                continue
            start = 0
            for part in lowering.parts:
                free = part not in self.placed and (part, "blocked") not in self.alias
                if free and lowering.parts.count(part) == 1 and part not in self.graph.constants:
                    self.placed[part] = (node.name, start)
                start += as_image(self.graph.types[part].sizes)[1] // self.target.lanes
        for name in self.graph.outputs:
            while (name, "torch") in self.alias:
                name = self.alias[name, "torch"]
            self.external.add(name)

    def _root(self, name: str, form: Form) -> str:
        """The value whose buffer holds this one."""
        while True:
            if (name, form) in self.alias:
                name = self.alias[name, form]
            elif form == "blocked" and name in self.placed:
                name = self.placed[name][0]
            else:
                return name

    def _gather_halos(self) -> None:
        for lowering in self.lowered.values():
            if isinstance(lowering, str):
                continue
            for need in lowering.needs:
                key = (self._root(need.value, need.form), need.form)
                pairs = zip(self.halos[key], need.halo, strict=True)
                self.halos[key] = tuple(max(a, b) for a, b in pairs)  # type: ignore[assignment]

    # -- places ----------------------------------------------------------------------------------

    def _hold(self, name: str) -> None:
        """The value is a tensor of PyTorch's."""
        sizes = self.graph.types[name].sizes
        if self.graph.types[name].dtype == torch.float32:
            self.located[name, "torch"] = Located(_dense(sizes), Address(External(name)))

    def _allocate(self, name: str, form: Form) -> Located:
        """A new place for a value that is about to be computed."""
        key = (name, form)
        if key in self.located:
            return self.located[key]
        sizes = self.graph.types[name].sizes
        if form == "torch":
            layout = _dense(sizes)
            home = External(name) if name in self.external else self._buffer(name, layout.size)
            self.located[key] = Located(layout, Address(home))
        elif form == "blocked" and name in self.placed:
            parent, block = self.placed[name]
            whole = self._allocate(parent, "blocked")
            layout = replace(whole.layout, channels=as_image(sizes)[1])
            self.located[key] = Located(layout, whole.address + block * whole.layout.block)
        else:
            halo = self.halos[self._root(name, form), form]
            lanes = self.target.lanes if form == "blocked" else 1
            layout = Layout.dense(as_image(sizes), lanes, halo)
            buffer = self._buffer(f"{name}.{form}", layout.size)
            self.located[key] = Located(layout, Address(buffer, layout.origin))
        return self.located[key]

    def _buffer(self, name: str, size: int) -> Buffer:
        buffer = Buffer(name, size)
        self.plan.buffers.append(buffer)
        return buffer

    def _get(self, need: Need) -> Located:
        """Where a value lies in the form asked for; converted now if it was not needed before."""
        name, form = need.value, need.form
        if (name, form) in self.located:
            return self.located[name, form]
        if name in self.graph.constants:
            return self._constant(name, form)
        source = self._source(name)
        if form == "planar" and not any(self.halos[name, form]) and source.layout.lanes == 1:
            self.located[name, form] = source
            return source
        result = self._allocate(name, form)
        self._clear(result, name)
        call = KernelCall(Convert(source.layout, result.layout), (source.address, result.address))
        self._step(None, call, "convert", value=name)
        return result

    def _source(self, name: str) -> Located:
        forms: tuple[Form, ...] = ("torch", "blocked")
        return next(self.located[name, f] for f in forms if (name, f) in self.located)

    def _constant(self, name: str, form: Form) -> Located:
        sizes = self.graph.types[name].sizes
        layout = _dense(sizes)
        if form != "torch":
            lanes = self.target.lanes if form == "blocked" else 1
            layout = Layout.dense(as_image(sizes), lanes, self.halos[name, form])
        array = self.context.constant(name).reshape(_dense_shape(sizes))
        address = self.plan.constants.add(lay_out(array, layout))
        self.located[name, form] = Located(layout, address + layout.origin)
        return self.located[name, form]

    # -- steps -----------------------------------------------------------------------------------

    def _emit(self, node: Node, lowering: Lowering) -> None:
        if lowering.alias is not None:
            self._emit_alias(node, lowering)
            return
        out = self._allocate(node.name, lowering.form)
        self.plan.results[node.name] = out
        if lowering.parts:
            self._join(node, lowering)
            return
        inputs = self._inputs(node, lowering)
        rooms = tuple(self._room(node, layout) for layout in lowering.rooms)
        self._clear(out, node.name)
        calls = lowering.build((*inputs, *rooms), out)
        for call, following in zip_longest(calls, calls[1:]):
            if call.aside:
                self._step(node, call, call.aside, value=node.name)
            else:
                last = following is None or bool(following.aside)
                self._step(node, call, lowering.algorithm, wait=last)

    def _room(self, node: Node, layout: Layout) -> Located:
        """Memory for a value within a node, its halo cleared."""
        buffer = self._buffer("room", layout.size)
        room = Located(layout, Address(buffer, layout.origin))
        self._clear(room, node.name)
        return room

    def _inputs(self, node: Node, lowering: Lowering) -> tuple[Located, ...]:
        located = [self._get(need) for need in lowering.needs]
        for name in lowering.operands:
            known = name in self.graph.constants
            form = operand_form(self.context, node, name)
            place = None if known else self._get(Need(name, form))
            located.append(operand(self.context, node, place, name))
        return tuple(located)

    def _emit_alias(self, node: Node, lowering: Lowering) -> None:
        source = self._get(lowering.needs[0])
        sizes = self.graph.types[node.name].sizes
        if lowering.form == "torch":
            layout = _dense(sizes)
        else:
            layout = replace(source.layout, channels=as_image(sizes)[1])
        address = source.address + lowering.start * source.layout.block
        self.located[node.name, lowering.form] = Located(layout, address)

    def _join(self, node: Node, lowering: Lowering) -> None:
        """Copy the parts of a concatenation that could not be computed in place."""
        out = self.located[node.name, "blocked"]
        start = 0
        for part in lowering.parts:
            source = self._get(Need(part))
            target = Located(
                replace(out.layout, channels=source.layout.channels),
                out.address + start * out.layout.block,
            )
            start += source.layout.channels // self.target.lanes
            if self.placed.get(part, ("",))[0] != node.name:
                self._clear(target, node.name)
                kernel = Elementwise(source.layout, target.layout)
                call = KernelCall(kernel, (source.address, target.address))
                self._step(node, call, "copy")

    def _clear(self, located: Located, value: str) -> None:
        if any(located.layout.halo):
            call = KernelCall(ClearHalo(located.layout), (located.address,))
            self._step(None, call, "halo", wait=False, value=value)

    def _step(
        self,
        node: Node | None,
        call: KernelCall,
        algorithm: str,
        *,
        wait: bool = True,
        value: str = "",
    ) -> None:
        arguments = call.arguments
        if call.scratch:
            room = self._buffer("scratch", call.scratch * self.plan.threads)
            arguments = tuple(Address(room) if a is None else a for a in arguments)
        given = tuple(a for a in arguments if a is not None)
        self._touch(given)
        self.plan.steps.append(Step(call.kernel, given, node, algorithm, wait, value))

    def _touch(self, addresses: tuple[Address, ...]) -> None:
        now = len(self.plan.steps)
        for address in addresses:
            if isinstance(address.home, Buffer):
                buffer = address.home
                buffer.first = now if buffer.first < 0 else buffer.first
                buffer.last = now

    def _call(self, node: Node, reason: str) -> None:
        inputs = {
            name: self._get(Need(name, "torch"))
            for name in node.inputs
            if name not in self.graph.constants and self.graph.types[name].dtype == torch.float32
        }
        self._touch(tuple(located.address for located in inputs.values()))
        self.plan.steps.append(Call(node, reason, inputs))
        for name in node.outputs:
            self._hold(name)

    def _output(self, name: str) -> str:
        """The tensor that holds a result of the program."""
        if name in self.graph.constants or self.graph.types[name].dtype != torch.float32:
            return name
        home = self._get(Need(name, "torch")).address.home
        assert isinstance(home, External)
        return home.value


def _layers(node: Node) -> int:
    """Convolutions and linear layers of a node, whatever is fused to them."""
    stages = node.op.stages if isinstance(node.op, Strip) else (node.op,)
    mains = (op.op if isinstance(op, Fused) else op for op in stages)
    return sum(isinstance(op, (Conv, Linear)) for op in mains)


def _dense(sizes: tuple[int, ...]) -> Layout:
    """The layout of PyTorch's own memory; of a shape that is no image, as one line."""
    return Layout.dense(_dense_shape(sizes), 1)


def _dense_shape(sizes: tuple[int, ...]) -> tuple[int, int, int, int, int]:
    return as_image(sizes) if 2 <= len(sizes) <= 5 else (1, 1, 1, 1, math.prod(sizes))
