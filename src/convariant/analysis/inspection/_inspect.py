"""From a graph to its layers: names, costs, fields, and the memory alive at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from convariant.analysis._source import InputSize, Network, as_graph
from convariant.analysis.inspection._conventions import Convention, ConventionName, convention
from convariant.analysis.inspection._kinds import VIEWS, kind_of
from convariant.analysis.inspection._result import (
    Count,
    Inspection,
    Layer,
    LayerField,
    Memory,
    Status,
)
from convariant.graph import Graph, Node, ReceptiveFields, receptive_fields
from convariant.graph.ops import Slice, Torch


def inspect(
    network: Network,
    input_size: InputSize | None = None,
    *,
    example_inputs: Any = None,
    convention: ConventionName = "paper",
) -> Inspection:
    """Shapes, parameters, operations, memory and receptive field of any network.

    `network` is a torch module, a graph, or the path of an ONNX file; `input_size` its input shape,
    where batch 1 and known channels may be left out. Nothing is computed and no activation is
    allocated. `convention` chooses whose way of counting `result.count` follows.

    Raises GraphError where the network cannot be captured, UnknownNameError for a convention.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> result = inspect(net, (1, 3, 10, 10))
    >>> result.params, result.macs, result.layers[0].output_size
    (224, 13824, (1, 8, 8, 8))
    """
    graph = as_graph(network, input_size, example_inputs)
    if any(not isinstance(size, int) for t in graph.input_types for size in t.shape):
        graph = graph.at_batch(1)
    return inspect_graph(graph, convention)


def inspect_graph(graph: Graph, convention_name: str = "paper") -> Inspection:
    """The inspection of a graph whose sizes are all known."""
    rule = convention(convention_name)
    live = _depends_on_input(graph)
    nodes = [node for node in graph.nodes if node.name in live]
    names = layer_names(graph, nodes)
    fields = receptive_fields(graph) if graph.inputs else None
    own = first_use(graph, nodes)
    layers = tuple(
        _layer(graph, node, names[node.name], rule, own[node.name], fields) for node in nodes
    )
    params = sum(graph.constants[p].numel() for p in graph.parameters)
    unused = sum(graph.unused.values())
    return Inspection(
        name=graph.name,
        input_sizes=tuple(t.sizes for t in graph.input_types),
        output_sizes=tuple(t.sizes for t in graph.output_types),
        layers=layers,
        params=params + unused,
        unused_params=unused,
        memory=_memory(graph, nodes, names),
        count=_count(rule, layers),
        status=_status(layers),
        modules=graph.modules,
        notes=_notes(graph, nodes, names),
    )


def _depends_on_input(graph: Graph) -> set[str]:
    """The values that an input leads to; the rest can be computed beforehand."""
    live = set(graph.inputs)
    for node in graph.nodes:
        if live.intersection(node.inputs) or not node.inputs:
            live.update(node.outputs)
    return live


def layer_names(graph: Graph, nodes: list[Node]) -> dict[str, str]:
    """A name for each node: the module's path, and the operation where that is not the module."""
    parents = {path.rpartition(".")[0] for path in graph.modules if path}
    words = {node.name: kind_of(graph, node)[0].replace(" ", "_") for node in nodes}
    in_path: dict[str, set[str]] = {}
    for node in nodes:
        in_path.setdefault(node.path, set()).add(words[node.name])
    names: dict[str, str] = {}
    used: Counter[str] = Counter()
    for node in nodes:
        # a module that is one kind of operation gives its own name, however often it is called
        leaf = node.path and len(in_path[node.path]) == 1 and node.path not in parents
        base = node.path if leaf else ".".join(filter(None, (node.path, words[node.name])))
        names[node.name] = f"{base}_{used[base]}" if used[base] else base
        used[base] += 1
    return names


def first_use(graph: Graph, nodes: list[Node]) -> dict[str, list[str]]:
    """For each node the parameters that it is the first to use, also through constant nodes."""
    counted = {node.name for node in nodes}
    behind: dict[str, set[str]] = {name: {name} for name in graph.parameters}
    taken: set[str] = set()
    first: dict[str, list[str]] = {}
    for node in graph.nodes:
        sources = set().union(*(behind.get(i, set()) for i in node.inputs))
        if node.name in counted:
            first[node.name] = sorted(sources - taken)
            taken |= sources
        else:
            behind |= dict.fromkeys(node.outputs, sources)
    return first


def _layer(
    graph: Graph,
    node: Node,
    name: str,
    rule: Convention,
    own_params: list[str],
    fields: ReceptiveFields | None,
) -> Layer:
    inputs, outputs = graph.node_types(node)
    cost = node.op.cost(inputs, outputs)
    kind, attributes = kind_of(graph, node)
    values = dict.fromkeys(i for i in node.inputs if i not in graph.constants)
    weights = dict.fromkeys(i for i in node.inputs if i in graph.constants)
    moves = not isinstance(node.op, VIEWS)
    return Layer(
        name=name,
        path=node.path,
        kind=kind,
        attributes=attributes,
        input_sizes=tuple(graph.types[v].sizes for v in values),
        output_size=outputs[0].sizes,
        params=sum(graph.constants[p].numel() for p in own_params),
        macs=cost.macs,
        bias=cost.bias,
        other=cost.other,
        counted=rule.rule(graph, node),
        weight_bytes=sum(graph.types[w].nbytes for w in weights),
        input_bytes=sum(graph.types[v].nbytes for v in values) if moves else 0,
        output_bytes=sum(t.nbytes for t in outputs) if moves else 0,
        receptive_field=_field(fields, node.name),
        status="complete" if cost.known else "unavailable",
    )


def _field(fields: ReceptiveFields | None, value: str) -> LayerField | None:
    axes = fields.of(value) if fields is not None else ()
    known = [f for f in axes if f is not None and f.known]
    if not known or len(known) < len(axes):
        return None
    return LayerField(
        size=tuple(f.size for f in known),
        smallest=tuple(f.smallest for f in known),
        jump=tuple(f.jump for f in known),
        offset=tuple(f.offset for f in known),
    )


def _memory(graph: Graph, nodes: list[Node], names: Mapping[str, str]) -> Memory:
    """Bytes alive while each node runs, freed after the last reader; views take none."""
    base = {name: name for name in graph.inputs}
    for node in nodes:
        view = isinstance(node.op, VIEWS) and not (isinstance(node.op, Slice) and node.op.step < 0)
        for name in node.outputs:
            base[name] = base.get(node.inputs[0], name) if view and node.inputs else name
    last: dict[str, int] = {}
    for step, node in enumerate(nodes):
        last |= {base[i]: step for i in node.inputs if i in base}
    last |= {base[o]: len(nodes) for o in graph.outputs if o in base}
    alive = {name: graph.types[name].nbytes for name in graph.inputs}
    peak, where = sum(alive.values()), "input"
    for step, node in enumerate(nodes):
        alive |= {o: graph.types[o].nbytes for o in node.outputs if base[o] == o}
        if sum(alive.values()) > peak:
            peak, where = sum(alive.values()), names[node.name]
        alive = {name: size for name, size in alive.items() if last.get(name, step) > step}
    total = sum(graph.types[o].nbytes for n in nodes for o in n.outputs if base[o] == o)
    weights = sum(t.nbytes for t in (graph.types[c] for c in graph.constants))
    return Memory(peak, where, total, weights)


def _count(rule: Convention, layers: tuple[Layer, ...]) -> Count:
    """The total of a convention, and by kind of layer what it has beyond the MACs."""
    extra: Counter[str] = Counter()
    for layer in layers:
        extra[layer.kind] += layer.counted - layer.macs
    extra = Counter({kind: n for kind, n in extra.most_common() if n})
    total = sum(layer.counted for layer in layers)
    line = f"{rule.name}: {total:,} ({rule.words})"
    if extra:
        parts = ", ".join(f"{n:+,} {kind}" for kind, n in extra.items())
        line += f"; against plain MACs {parts}"
    return Count(rule.name, total, dict(extra), line)


def _status(layers: tuple[Layer, ...]) -> dict[str, Status]:
    unknown = sum(layer.status != "complete" for layer in layers)
    counted: Status = "complete"
    if unknown:
        counted = "partial" if unknown < len(layers) else "unavailable"
    seen = sum(layer.receptive_field is not None for layer in layers)
    field: Status = "complete" if seen == len(layers) else "partial"
    return {
        "params": "complete",
        "macs": counted,
        "flops": counted,
        "memory": "partial" if unknown else "complete",
        "receptive_field": field if seen else "unavailable",
    }


def _notes(graph: Graph, nodes: list[Node], names: Mapping[str, str]) -> tuple[str, ...]:
    notes = [
        f"{names[node.name]}: {node.op.text()} is not counted ({node.op.reason})"
        for node in nodes
        if isinstance(node.op, Torch) and not node.op.cost(*graph.node_types(node)).known
    ]
    if graph.unused:
        modules = sorted({name.rpartition(".")[0] for name in graph.unused})
        shown = ", ".join(modules[:3]) + (", ..." if len(modules) > 3 else "")
        total = sum(graph.unused.values())
        notes.append(f"{total:,} parameters are never used by this forward pass: {shown}")
    return tuple(notes)
