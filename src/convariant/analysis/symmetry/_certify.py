"""Certifying from the graph, by algebra, which symmetries a network keeps exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from convariant.analysis._source import InputSize, Network, as_graph
from convariant.analysis.symmetry._certificate import Certificate, LayerVerdict, Verdict
from convariant.analysis.symmetry._constants import constant_values
from convariant.analysis.symmetry._follow import Fault, Follow, Follower
from convariant.analysis.symmetry._moves import Move, ShiftMove, TurnMove
from convariant.analysis.symmetry._observe import OUTPUT, layer_kind, layer_name, telling_nodes
from convariant.analysis.symmetry._search import DIFFERS, check_numbers, find_counterexample
from convariant.analysis.symmetry._turns import GENERATORS, Turn, Turner
from convariant.errors import ShapeError, UnknownNameError
from convariant.graph import Field, Graph, receptive_fields

Group: TypeAlias = Literal["circular_shift", "shift", "flip", "p4", "p4m"]

_AXES = (2, 3)

# rules are sufficient: a network may keep by luck or by later layers what one of them gives up
_UNSHOWN = "but no image was found that shows it"
_FLAT = "its output is a map laid out flat; certify the network without the flatten"


def certify(
    model: Network,
    input_size: InputSize,
    group: Group = "circular_shift",
    *,
    search: bool = True,
    seed: int = 0,
) -> Certificate:
    """Say of every layer whether it follows the group exactly, by rules that hold for all images.

    `circular_shift` closes the image to a circle; `shift` lets new pixels in at the border, and
    then the verdict holds where the receptive field stays inside the image; `flip` is the
    left-right mirror, `p4` quarter turns, `p4m` both. A verdict is *exact*, *exact modulo* s (for
    shifts by multiples of s), *broken*, by what, or *unknown* where the graph has an operation the
    algebra does not know. With `search` an exact verdict is tried in numbers, and of a broken one
    (or of shifts between the multiples) the smallest image that shows it is searched; where none
    is found, the verdict on the output is *unknown*.

    Raises: UnknownNameError for another group; GraphError where the network cannot be captured;
    ShapeError where its input is not `(n, c, h, w)`, or not square for quarter turns.

    >>> import convariant as cv
    >>> print(certify(cv.models.create("p4_lenet"), 28, "p4").output)
    exact
    >>> print(certify(cv.models.create("lenet5"), 28, "p4").output)
    broken: its kernels are no quarter turns of one another

    Source: Cohen and Welling 2016, https://arxiv.org/abs/1602.07576; Azulay and Weiss 2019,
    https://arxiv.org/abs/1805.12177.
    """
    if group not in get_args(Group):
        raise UnknownNameError("group", str(group), get_args(Group))
    graph = _checked(as_graph(model, input_size), group)
    if group in GENERATORS:
        layers, moves = _by_turns(graph, GENERATORS[group])
        between: list[Move] = []
    else:
        layers, moves, between = _by_shifts(graph, circular=group == "circular_shift")
    output = layers[-1]
    check = example = None
    if search:
        follows = output.verdict in ("exact", "exact modulo")
        if follows:
            check = check_numbers(graph, moves, seed)
            if check.error > (0.0 if check.precision == "integer" else DIFFERS):
                reason = "the algebra says it follows, but the numeric check does not agree"
                layers[-1] = replace(output, verdict="unknown", reason=reason)
        tried = between if follows else moves
        example = find_counterexample(graph, tried, seed) if tried else None
        if output.verdict == "broken" and example is None:
            layers[-1] = replace(output, verdict="unknown", reason=f"{output.reason}; {_UNSHOWN}")
    return Certificate(graph.name, group, graph.input_types[0].sizes, tuple(layers), check, example)


def _checked(graph: Graph, group: str) -> Graph:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ShapeError(
            f"certify takes a network of one input and one output, but {graph.name} has "
            f"{len(graph.inputs)} and {len(graph.outputs)}; wrap it in a module that has"
        )
    shape = graph.input_types[0].shape
    if len(shape) != 4:
        raise ShapeError(
            f"certify takes a network of images (n, c, h, w), but {graph.name} takes {list(shape)}"
        )
    graph = graph.at_batch(1)
    # numbers are tried on the processor, wherever the network's weights are
    graph = replace(graph, constants={n: t.detach().cpu() for n, t in graph.constants.items()})
    h, w = graph.input_types[0].sizes[-2:]
    if group in ("p4", "p4m") and h != w:
        raise ShapeError(
            f"{group} turns only square images into themselves, but the input is {h}x{w}; certify "
            f"at {max(h, w)}x{max(h, w)}, or use group='flip'"
        )
    return graph


def _by_turns(graph: Graph, elements: tuple[int, ...]) -> tuple[list[LayerVerdict], list[Move]]:
    states = Turner(graph, elements, constant_values(graph)).walk()
    fields = receptive_fields(graph)
    layers = []
    for name, kind, value in _layers(graph, states):
        state = states[value]
        stride = _stride(fields.of(value))
        if state.fault is None:
            layers.append(LayerVerdict(name, kind, "exact", stride=stride))
        else:
            layers.append(_faulty(name, kind, state.fault, stride))
    output: Turn = states[graph.outputs[0]]
    return layers, [TurnMove(e, i, output) for i, e in enumerate(elements)]


def _by_shifts(
    graph: Graph, *, circular: bool
) -> tuple[list[LayerVerdict], list[Move], list[Move]]:
    """Verdicts; the moves that the output follows (or should); those between its multiples."""
    constants = constant_values(graph)
    states = [Follower(graph, axis, circular, constants).walk() for axis in _AXES]
    fields = receptive_fields(graph)
    layers = []
    for name, kind, value in _layers(graph, states[0]):
        both = [found[value] for found in states]
        layers.append(_shift_verdict(graph, name, kind, value, both, fields.of(value), circular))
    value = graph.outputs[0]
    if any(found[value].merged for found in states):
        layers[-1] = replace(layers[-1], verdict="unknown", modulus=None, where=None, reason=_FLAT)
    output = layers[-1]
    moves: list[Move] = []
    between: list[Move] = []
    for i, (axis, found) in enumerate(zip(_AXES, states, strict=True)):
        state = found[value]
        amount = state.modulus if state.fault is None else 1
        inside = output.where[i] if output.where and output.verdict != "broken" else None
        moves.append(ShiftMove(axis, amount, circular, state, inside))
        if amount > 1:
            between.append(ShiftMove(axis, 1, circular, state, inside))
    if output.verdict == "broken":  # the axis that is broken comes first
        moves.sort(key=lambda m: m.state.fault is None)  # type: ignore[attr-defined]
    return layers, moves, between


def _shift_verdict(
    graph: Graph,
    name: str,
    kind: str,
    value: str,
    both: list[Follow],
    fields: tuple[Field | None, ...],
    circular: bool,
) -> LayerVerdict:
    stride = _stride(fields)
    fault = next((state.fault for state in both if state.fault is not None), None)
    if fault is not None:
        return _faulty(name, kind, fault, stride)
    modulus = (both[0].modulus, both[1].modulus)
    where = None if circular else _interior(graph, value, both, fields)
    if where is not None and any(len(r) < 1 for r in where):
        reason = "every receptive field reaches over the border of the image"
        return LayerVerdict(name, kind, "broken", modulus, stride, where, reason, name)
    verdict: Verdict = "exact" if modulus == (1, 1) else "exact modulo"
    return LayerVerdict(name, kind, verdict, modulus, stride, where)


def _interior(
    graph: Graph, value: str, both: list[Follow], fields: tuple[Field | None, ...]
) -> tuple[range, range] | None:
    """The places whose receptive fields stay inside the image; None where all do."""
    size = graph.types[value].sizes
    source = graph.input_types[0].sizes[-2:]
    spans = []
    for state, found, length in zip(both, fields, source, strict=True):
        own = range(size[state.axis]) if state.axis is not None else range(1)
        if found is None:
            return None
        kept = [o for o in own if _inside(found.interval(o), length)]
        spans.append(range(kept[0], kept[-1] + 1) if kept else range(0))
    if all(
        state.axis is not None and len(span) == size[state.axis]
        for span, state in zip(spans, both, strict=True)
    ):
        return None
    return spans[0], spans[1]


def _inside(interval: tuple[int, int] | None, length: int) -> bool:
    return interval is not None and interval[0] >= 0 and interval[1] < length


def _faulty(name: str, kind: str, fault: Fault, stride: tuple[float, float] | None) -> LayerVerdict:
    verdict: Verdict = "broken" if fault.certain else "unknown"
    return LayerVerdict(name, kind, verdict, None, stride, None, fault.reason, fault.layer)


def _stride(fields: tuple[Field | None, ...]) -> tuple[float, float] | None:
    """The cumulative stride; None behind what reads everything."""
    jumps = [float(f.jump) for f in fields if f is not None and f.known and f.jump]
    return (jumps[0], jumps[1]) if len(jumps) == 2 else None


def _layers(graph: Graph, states: Iterable[str]) -> list[tuple[str, str, str]]:
    """(name, kind, value) of every layer worth a line; the output last."""
    taken: dict[str, str] = {}
    told = telling_nodes(graph)
    for node, following in zip(told, (*told[1:], None), strict=True):
        if node.name == graph.outputs[0]:
            continue
        if node.path and following is not None and following.path == node.path:
            continue
        taken[layer_name(node, taken)] = node.name
    producers = graph.producers()
    known = set(states)
    rows = [(n, layer_kind(producers[v]), v) for n, v in taken.items() if v in known]
    last = graph.outputs[0]
    return [*rows, (OUTPUT, layer_kind(producers[last]), last)]
