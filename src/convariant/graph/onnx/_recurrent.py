"""RNN, GRU and LSTM, which read the columns of a line of text one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.ops import Slot

# one step: the inputs' part of the gates, the state, the recurrent weight and bias -> next state
State: TypeAlias = tuple[Tensor, ...]
Step: TypeAlias = Callable[[Tensor, State, Tensor, Tensor], State]


def _rnn_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
    return (torch.tanh(gates + state[0] @ weight.T + bias),)


def _lstm_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
    hidden, cell = state
    i, o, f, c = (gates + hidden @ weight.T + bias).chunk(4, -1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(c)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def _gru_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
    """The reset gate on the state before the product, as ONNX has it by default."""
    (hidden,) = state
    size = hidden.shape[-1]
    z, r, h = gates.chunk(3, -1)
    zr = torch.cat((z, r), -1) + hidden @ weight[: 2 * size].T + bias[: 2 * size]
    z, r = torch.sigmoid(zr).chunk(2, -1)
    h = torch.tanh(h + (r * hidden) @ weight[2 * size :].T + bias[2 * size :])
    return ((1 - z) * h + z * hidden,)


def _gru_step_linear(gates: Tensor, state: State, weight: Tensor, bias: Tensor) -> State:
    """The reset gate on the product, as PyTorch and `linear_before_reset` have it."""
    (hidden,) = state
    size = hidden.shape[-1]
    own = hidden @ weight.T + bias
    z, r = torch.sigmoid((gates + own)[..., : 2 * size]).chunk(2, -1)
    h = torch.tanh(gates[..., 2 * size :] + r * own[..., 2 * size :])
    return ((1 - z) * h + z * hidden,)


class Cell(NamedTuple):
    """How a recurrent layer steps, and its number of gates and states."""

    step: Step
    gates: int
    states: int
    activations: tuple[bytes, ...]


CELLS = {
    "RNN": Cell(_rnn_step, 1, 1, (b"Tanh",)),
    "GRU": Cell(_gru_step, 3, 1, (b"Sigmoid", b"Tanh")),
    "LSTM": Cell(_lstm_step, 4, 2, (b"Sigmoid", b"Tanh", b"Tanh")),
}


@lowers(*CELLS)
def recurrent_layer(call: Call) -> tuple[str, ...]:
    cell = CELLS[call.operator]
    if call.integer("linear_before_reset", 0):
        cell = cell._replace(step=_gru_step_linear)
    direction = call.choice("direction", "forward", ("forward", "reverse", "bidirectional"))
    _check_plain(call, cell, 2 if direction == "bidirectional" else 1)
    # x, weight, recurrent weight, bias, then the initial states; input 4 is the lengths
    inputs = [i for i in (0, 1, 2, 3, 5, 6) if call.has(i)]
    slots = {i: Slot(place) for place, i in enumerate(inputs)}
    args = (*(slots.get(i) for i in (0, 1, 2, 3, 5, 6)), cell, direction, call.integer("layout", 0))
    count = 1 + cell.states
    return call.add_torch_many(recurrent, args, count, *(call.input(i) for i in inputs))


def _check_plain(call: Call, cell: Cell, directions: int) -> None:
    """Refuse what no exporter of text recognisers writes."""
    if call.has(4):
        length = call.shape()[1 if call.integer("layout", 0) else 0]
        if set(call.constant_integers(4, "the sequence lengths")) != {length}:
            raise GraphError("sequences of different lengths; pad them and leave the lengths out")
    if tuple(call.attributes.get("activations", ())) not in ((), cell.activations * directions):
        raise GraphError(f"activations other than {cell.activations} are not read")
    if call.input(0) in call.reader.builder.constants:
        raise GraphError("reads constants alone; compute it once and save the result as a weight")
    if call.has(7) or "clip" in call.attributes or call.integer("input_forget", 0):
        raise GraphError("peepholes, clip and input_forget are not read")


def recurrent(
    x: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None,
    hidden: Tensor | None,
    inner: Tensor | None,
    cell: Cell,
    direction: str,
    batch_first: int,
) -> tuple[Tensor, ...]:
    """The states after every step, (steps, directions, n, hidden), and the last of each kind."""
    if batch_first:
        x = x.transpose(0, 1)
        hidden, inner = (None if s is None else s.transpose(0, 1) for s in (hidden, inner))
    steps, n, directions, size = len(x), x.shape[1], len(weight), recurrence.shape[-1]
    # where only the shape is asked for one step tells it; a file may claim millions
    taken = min(1, steps) if x.is_meta else steps
    bias = x.new_zeros(directions, 2 * cell.gates * size) if bias is None else bias
    columns, lasts = [], []
    for way in range(directions):
        own, recurrent_bias = bias[way].chunk(2)
        gates = x @ weight[way].T + own
        starts = (x.new_zeros(n, size) if s is None else s[way] for s in (hidden, inner))
        state: State = tuple(starts)[: cell.states]
        backwards = direction == "reverse" or way == 1
        seen = []
        for t in reversed(range(taken)) if backwards else range(taken):
            state = cell.step(gates[t], state, recurrence[way], recurrent_bias)
            seen.append(state[0])
        columns.append(torch.stack(seen[::-1] if backwards else seen).expand(steps, n, size))
        lasts.append(state)
    y = torch.stack(columns, 1)
    ends = tuple(torch.stack(states) for states in zip(*lasts, strict=True))
    if batch_first:
        return y.permute(2, 0, 1, 3), *(e.transpose(0, 1) for e in ends)
    return y, *ends
