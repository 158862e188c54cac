"""One number from many: reductions along axes, and which element is largest."""

from __future__ import annotations

import torch
from torch import Tensor

from convariant.graph.onnx._call import Call, lowers
from convariant.graph.ops import Reduce, Slot

_FUNCTIONS = {
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}


@lowers(*_FUNCTIONS)
def reduce(call: Call) -> str:
    # the axes became an input in opset 13 for ReduceSum, in opset 18 for the others
    axes = call.integer_list("axes")
    if call.has(1):
        axes = call.constant_integers(1, "axes")
    keepdim = bool(call.integer("keepdims", 1))
    if not axes:
        axes = () if call.integer("noop_with_empty_axes", 0) else tuple(range(call.rank()))
    return call.add(Reduce(_FUNCTIONS[call.operator], axes, keepdim), call.input(0))


@lowers("ArgMax", "ArgMin")
def arg_extreme(call: Call) -> str:
    args = (
        Slot(0),
        call.operator == "ArgMax",
        call.integer("axis", 0),
        bool(call.integer("keepdims", 1)),
        bool(call.integer("select_last_index", 0)),
    )
    return call.add_torch(index_of_extreme, args, call.input(0))


def index_of_extreme(x: Tensor, largest: bool, axis: int, keepdim: bool, last: bool) -> Tensor:
    """Where the largest or least element along an axis stands, the first or last of equals."""
    choose = torch.argmax if largest else torch.argmin
    if not last:
        return choose(x, axis, keepdim)
    return x.shape[axis] - 1 - choose(x.flip(axis), axis, keepdim)


@lowers("TopK")
def top_k(call: Call) -> tuple[str, ...]:
    count = call.constant_integers(1, "k")[0] if call.version >= 10 else call.integer("k", 1)
    axis = call.integer("axis", -1)
    largest = bool(call.integer("largest", 1))
    return call.add_torch_many(k_extremes, (Slot(0), count, axis, largest), 2, call.input(0))


def k_extremes(x: Tensor, count: int, axis: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The `count` largest or least elements in order, equals as they stood, and their places."""
    values, index = torch.sort(x, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, count), index.narrow(axis, 0, count)


@lowers("CumSum")
def cumulative_sum(call: Call) -> str:
    axis = call.constant_integers(1, "axis")[0]
    exclusive = bool(call.integer("exclusive", 0))
    backwards = bool(call.integer("reverse", 0))
    return call.add_torch(running_sum, (Slot(0), axis, exclusive, backwards), call.input(0))


def running_sum(x: Tensor, axis: int, exclusive: bool, backwards: bool) -> Tensor:
    """Sums of all elements up to each one, itself left out where exclusive."""
    turned = x.flip(axis) if backwards else x
    total = turned.cumsum(axis, dtype=x.dtype)
    total = total - turned if exclusive else total
    return total.flip(axis) if backwards else total
