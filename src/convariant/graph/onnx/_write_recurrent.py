"""LSTM and GRU as ONNX nodes, one for each layer, their gates in the order of the file format."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from convariant.graph.onnx._emit import Emit
from convariant.graph.ops import Slot

# torch has the gates of an LSTM as i f g o, those of a GRU as r z n
_LSTM_ORDER = (0, 3, 1, 2)  # i o f c
_GRU_ORDER = (1, 0, 2)  # z r h


def lstm(
    e: Emit, x: Slot, states: Sequence[Slot], weights: Sequence[Slot], biases: bool, layers: int,
    dropout: float, train: bool, both_ways: bool, batch_first: bool,
) -> bool:  # fmt: skip
    """`aten.lstm`: outputs, last hidden state, last cell."""
    if train and dropout:
        return False
    return _layers(e, "LSTM", x, states, weights, biases, layers, both_ways, batch_first)


def gru(
    e: Emit, x: Slot, state: Slot, weights: Sequence[Slot], biases: bool, layers: int,
    dropout: float, train: bool, both_ways: bool, batch_first: bool,
) -> bool:  # fmt: skip
    """`aten.gru`: outputs and last hidden state."""
    if train and dropout:
        return False
    return _layers(e, "GRU", x, [state], weights, biases, layers, both_ways, batch_first)


def _layers(
    e: Emit, operator: str, x: Slot, states: Sequence[Slot], weights: Sequence[Slot], biases: bool,
    layers: int, both_ways: bool, batch_first: bool,
) -> bool:  # fmt: skip
    """Layer after layer, `(steps, n, inputs) -> (steps, n, ways * hidden)`."""
    ways = 2 if both_ways else 1
    arrays = len(weights) // (layers * ways)  # w_ih, w_hh, and two biases where there are
    if arrays != (4 if biases else 2) or any(e.constant(w.index) is None for w in weights):
        return False  # projections, or weights that the network computes
    value = e.inputs[x.index]
    if batch_first:
        value = e.add("Transpose", value, perm=(1, 0, 2))
    ends: list[list[str]] = [[] for _ in states]
    for layer in range(layers):
        own = weights[layer * ways * arrays :]
        parts = [own[way * arrays : (way + 1) * arrays] for way in range(ways)]
        starts = [_rows(e, e.inputs[s.index], layer * ways, ways) for s in states]
        value, *last = _layer(e, operator, value, parts, starts)
        for collected, end in zip(ends, last, strict=True):
            collected.append(end)
    outputs = e.node.outputs
    e.add_to(outputs[:1], "Transpose", value, perm=(1, 0, 2) if batch_first else (0, 1, 2))
    for output, collected in zip(outputs[1:], ends, strict=True):
        e.add_to((output,), "Concat", *collected, axis=0)
    return True


def _rows(e: Emit, value: str, start: int, count: int) -> str:
    return e.add("Slice", value, e.integers(start), e.integers(start + count), e.integers(0))


def _layer(
    e: Emit, operator: str, x: str, parts: Sequence[Sequence[Slot]], starts: Sequence[str]
) -> list[str]:
    """One layer, in one or both directions: its outputs side by side and its last states."""
    order = _LSTM_ORDER if operator == "LSTM" else _GRU_ORDER
    turned = [_turned(e, p, order) for p in parts]
    packed = [torch.stack(arrays) for arrays in zip(*turned, strict=True)]
    hidden = packed[1].shape[-1]
    w, r, *b = (e.tensor(array, "recurrent") for array in packed)
    outputs = [e.model.fresh(f"{e.node.name}.{operator.lower()}") for _ in range(1 + len(starts))]
    attributes = {"hidden_size": hidden, "linear_before_reset": 1 if operator == "GRU" else None}
    way = "bidirectional" if len(parts) == 2 else "forward"
    inputs = (x, w, r, b[0] if b else "", "", *starts)
    e.add_to(outputs, operator, *inputs, direction=way, **attributes)
    # (steps, ways, n, hidden) -> (steps, n, ways * hidden)
    beside = e.add("Transpose", outputs[0], perm=(0, 2, 1, 3))
    return [e.add("Reshape", beside, e.integers(0, 0, -1)), *outputs[1:]]


def _turned(e: Emit, weights: Sequence[Slot], order: Sequence[int]) -> list[torch.Tensor]:
    """The weights of one direction with their gates in the order of the file, biases in one."""
    arrays = [_constant(e, w) for w in weights]
    turned = [torch.cat([a.chunk(len(order))[gate] for gate in order]) for a in arrays]
    return turned if len(turned) == 2 else [*turned[:2], torch.cat(turned[2:])]


def _constant(e: Emit, slot: Slot) -> torch.Tensor:
    value = e.constant(slot.index)
    assert value is not None  # looked at before
    return value
