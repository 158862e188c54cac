"""Pooling over windows and over everything, and the way back from maxima."""

from __future__ import annotations

import math

import torch

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.onnx._convolution import window
from convariant.graph.ops import AdaptivePool, Elementwise, MaxUnpool, Pad, Pool, Reduce, Slot


def _kernel(call: Call) -> tuple[int, ...]:
    kernel = call.integer_list("kernel_shape")
    if not kernel:
        raise GraphError("kernel_shape is missing; pooling needs the size of its window")
    return kernel


@lowers("MaxPool")
def max_pool(call: Call) -> tuple[str, ...]:
    geometry = window(call, _kernel(call), ceil_mode=bool(call.integer("ceil_mode", 0)))
    if not call.wants(1):
        return (call.add(Pool("max", geometry), call.input(0)),)
    y, index = call.add_many(Pool("max", geometry, indices=True), 2, call.input(0))
    if call.integer("storage_order", 0):
        index = _column_major(call, index)
    if call.reader.batch:  # the starts follow the batch, so they are counted when it runs
        positions = math.prod(call.shape()[2:])
        return y, call.add_torch(through_the_tensor, (Slot(0), positions), index)
    return y, call.add(Elementwise("add"), index, _channel_starts(call, index))


def through_the_tensor(index: torch.Tensor, positions: int) -> torch.Tensor:
    """Indices counted through each channel, of so many positions, as counted from the first."""
    n, c = index.shape[:2]
    starts = torch.arange(n * c, device=index.device) * positions
    return index + starts.reshape(n, c, *(1,) * (index.dim() - 2))


def _channel_starts(call: Call, index: str) -> str:
    """Where each channel of the pooled input starts in memory, as (n, c, 1, ...)."""
    n, c, *size = call.shape()
    numbers = torch.arange(n * c) * int(torch.tensor(size).prod())
    shape = (n, c, *(1,) * (call.type_of(index).rank - 2))
    return call.new_constant(numbers.reshape(shape), torch.int64)


def _column_major(call: Call, index: str) -> str:
    """Flat positions counted with the first spatial axis fastest instead of the last."""
    size = call.shape()[2:]
    steps = [1]
    for length in size[:-1]:
        steps.append(steps[-1] * length)
    total = ""
    for length, step in reversed(list(zip(size, steps, strict=True))):
        long = call.new_constant(length, torch.int64)
        place = call.add(Elementwise("remainder"), index, long)
        index = call.add(Elementwise("floor_div"), index, long)
        place = call.add(Elementwise("mul"), place, call.new_constant(step, torch.int64))
        total = call.add(Elementwise("add"), total, place) if total else place
    return total


@lowers("AveragePool")
def average_pool(call: Call) -> str:
    geometry = window(call, _kernel(call), ceil_mode=bool(call.integer("ceil_mode", 0)))
    counted = bool(call.integer("count_include_pad", 0))
    return call.add(Pool("avg", geometry, count_include_pad=counted), call.input(0))


@lowers("LpPool")
def lp_pool(call: Call) -> str:
    geometry = window(call, _kernel(call), ceil_mode=bool(call.integer("ceil_mode", 0)))
    return call.add(Pool("lp", geometry, p=call.real("p", 2)), call.input(0))


@lowers("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> str:
    axes = call.rank() - 2
    short = "avg" if call.operator == "GlobalAveragePool" else "max"
    if 1 <= axes <= 3:
        return call.add(AdaptivePool(short, (1,) * axes), call.input(0))  # type: ignore[arg-type]
    function = {"avg": "mean", "max": "max"}[short]
    return call.add(Reduce(function, tuple(range(2, axes + 2))), call.input(0))


@lowers("GlobalLpPool")
def global_lp_pool(call: Call) -> str:
    axes, p = tuple(range(2, call.rank())), call.real("p", 2)
    if p in (1, 2):
        return call.add(Reduce(f"l{p:g}", axes), call.input(0))
    dtype = call.dtype()
    powers = call.add(Elementwise("abs"), call.input(0))
    powers = call.add(Elementwise("pow"), powers, call.new_constant(p, dtype))
    total = call.add(Reduce("sum", axes), powers)
    return call.add(Elementwise("pow"), total, call.new_constant(1 / p, dtype))


@lowers("MaxUnpool")
def max_unpool(call: Call) -> str:
    geometry = window(call, _kernel(call))
    pooled = call.shape()[2:]
    pairs = zip(pooled, geometry.stride, geometry.extent, geometry.pads(pooled), strict=True)
    size = tuple((o - 1) * s + extent - b - e for o, s, extent, (b, e) in pairs)
    # the file counts positions through the whole tensor, we through each channel
    long = call.new_constant(int(torch.tensor(size).prod()), torch.int64)
    index = call.add(Elementwise("remainder"), call.input(1), long)
    y = call.add(MaxUnpool(size), call.input(0), index)
    if not call.has(2):
        return y
    wanted = call.constant_integers(2, "output_shape")[2:]
    more = tuple((0, w - s) for w, s in zip(wanted, size, strict=True))
    return call.add(Pad(((0, 0), (0, 0), *more)), y)
