"""The native part of a file: the plan of one instance, its packed constants, its object code."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np
import torch
from torch import Tensor

from convariant.compiler import kernels
from convariant.compiler._instance import Instance, Memory, Prepared
from convariant.compiler.llvm import Target
from convariant.compiler.plan import (
    Address,
    Buffer,
    Call,
    Choice,
    External,
    Located,
    Plan,
    Step,
)
from convariant.compiler.saving._codec import Codec
from convariant.compiler.saving._document import graph_document, read_graph
from convariant.compiler.saving._file import Part, widest_first

__all__ = ["machine", "native_document", "native_part", "read_native"]

_EMITTERS = [k for k in vars(kernels).values() if isinstance(k, type) and hasattr(k, "emit")]
_CODEC = Codec([*_EMITTERS, Choice])

_CONSTANTS, _VALUES, _CODE = "native/constants", "native/value/", "native/code/"


def machine(target: Target) -> dict[str, str]:
    """All that object code depends on beside its IR: it runs where this is the same."""
    from convariant import __version__

    features = llvm.get_host_cpu_features().flatten()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": llvm.get_host_cpu_name(),
        "features": features,
        "target": f"{target.name} {target.triple} {target.cpu} {target.features}",
        "convariant": __version__,
        "llvm": f"{llvmlite.__version__} {llvm.llvm_version_info}",
    }


def native_part(instance: Instance) -> Part:
    """Packed constants, then what PyTorch's steps and the results read as it is, then code."""
    packed = instance.constants.floats[: instance.plan.constants.size]
    code = [np.frombuffer(code, np.uint8).copy() for code in instance.code.values()]
    plan = instance.plan
    return Part(
        {
            _CONSTANTS: torch.from_numpy(packed),
            **widest_first({f"{_VALUES}{n}": plan.graph.constants[n] for n in _values(plan)}),
            **{f"{_CODE}{number}": torch.from_numpy(data) for number, data in enumerate(code)},
        }
    )


def _values(plan: Plan) -> list[str]:
    """The constants that are read as PyTorch has them."""
    read = {name for step in plan.steps if isinstance(step, Call) for name in step.node.inputs}
    return [n for n in plan.graph.constants if n in read or n in plan.outputs.values()]


def native_document(instance: Instance) -> dict[str, Any]:
    """Everything of an instance but the numbers of its part."""
    plan = instance.plan
    number = {id(buffer): place for place, buffer in enumerate(plan.buffers)}
    kernel = {known: place for place, known in enumerate(instance.code)}

    def address(a: Address) -> list[Any]:
        if isinstance(a.home, External):
            return ["value", a.home.value, a.offset]
        if isinstance(a.home, Buffer):
            return ["arena", number[id(a.home)], a.offset]
        return ["constants", 0, a.offset]

    def places(located: Mapping[str, Located]) -> dict[str, list[Any]]:
        return {n: [_CODEC.encode(p.layout), address(p.address)] for n, p in located.items()}

    def step(s: Step | Call) -> list[Any]:
        if isinstance(s, Call):
            return ["call", s.node.name, s.reason, places(s.inputs)]
        node = None if s.node is None else s.node.name
        words = s.algorithm, s.value
        return ["run", node, words, kernel[s.kernel], s.wait, [*map(address, s.arguments)]]

    return {
        "machine": machine(plan.target),
        "threads": plan.threads,
        "graph": graph_document(plan.graph),
        "kernels": [_CODEC.encode(known) for known in instance.code],
        "buffers": [[b.name, b.size, b.first, b.last, b.offset] for b in plan.buffers],
        "constants": plan.constants.size,
        "arena": plan.arena,
        "outputs": plan.outputs,
        "rounds": plan.rounds,
        "steps": [step(s) for s in plan.steps],
        "choices": {name: _CODEC.encode(choice) for name, choice in plan.choices.items()},
        "results": places(plan.results),
    }


def read_native(
    document: Any, target: Target, memory: Memory, tensors: Mapping[str, Tensor]
) -> Instance:
    """The instance that a document and its part describe; nothing is compiled."""
    values = {n.removeprefix(_VALUES): t for n, t in tensors.items() if n.startswith(_VALUES)}
    graph = read_graph(document["graph"])
    graph = replace(graph, constants={**graph.constants, **values})
    plan = Plan(graph, target, document["threads"])
    plan.buffers = [Buffer(*entry) for entry in document["buffers"]]
    plan.constants.size, plan.arena = document["constants"], document["arena"]
    plan.outputs, plan.rounds = document["outputs"], document["rounds"]
    emitters = [_CODEC.decode(entry) for entry in document["kernels"]]
    nodes = {node.name: node for node in graph.nodes}

    def address(data: Any) -> Address:
        kind, which, offset = data
        if kind == "value":
            return Address(External(which), offset)
        return Address(plan.buffers[which] if kind == "arena" else plan.constants, offset)

    def places(data: Any) -> dict[str, Located]:
        return {n: Located(_CODEC.decode(o), address(a)) for n, (o, a) in data.items()}

    for kind, node, words, *rest in document["steps"]:
        if kind == "call":
            plan.steps.append(Call(nodes[node], words, places(rest[0])))
        else:
            (algorithm, value), (kernel, wait, arguments) = words, rest
            given = tuple(map(address, arguments))
            step = Step(emitters[kernel], given, nodes.get(node), algorithm, wait, value)
            plan.steps.append(step)
    plan.choices = {name: _CODEC.decode(data) for name, data in document["choices"].items()}
    plan.results = places(document["results"])
    code = {k: tensors[f"{_CODE}{i}"].numpy().tobytes() for i, k in enumerate(emitters)}
    return Instance(plan, Prepared(memory, code))
