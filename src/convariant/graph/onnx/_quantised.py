"""Integers that stand for `(integer - zero point) * scale`, and sums of their products."""

from __future__ import annotations

import torch

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.onnx._convolution import kernel_of, product, window
from convariant.graph.onnx._tensors import dtype_of
from convariant.graph.ops import Cast, Conv, Elementwise, Reshape, Slot


@lowers("DequantizeLinear")
def dequantize(call: Call) -> str:
    x, scale, *zero = call.given(0, 1, 2)
    dtype = call.type_of(scale).dtype
    real = _centred(call, x, [_along(call, x, z) for z in zero], dtype)
    return call.add(Elementwise("mul"), real, _along(call, x, scale))


@lowers("QuantizeLinear")
def quantize(call: Call) -> str:
    x, scale, *zero = call.given(0, 1, 2)
    code = call.integer("output_dtype", 0)
    dtype = dtype_of(code, "the result") if code else torch.uint8
    dtype = call.type_of(zero[0]).dtype if zero else dtype
    return _quantised(call, x, _along(call, x, scale), [_along(call, x, z) for z in zero], dtype)


def _quantised(call: Call, x: str, scale: str, zero: list[str], dtype: torch.dtype) -> str:
    """`round(x / scale) + zero point`, held to the range of the integers."""
    real = call.type_of(scale).dtype
    steps = call.add(Elementwise("div"), _cast(call, x, real), scale)
    steps = call.add(Elementwise("round"), steps)
    for z in zero:
        steps = call.add(Elementwise("add"), steps, _cast(call, z, real))
    info = torch.iinfo(dtype)
    clipped = call.add(Elementwise("clip", (float(info.min), float(info.max))), steps)
    return call.add(Cast(dtype), clipped)


def _cast(call: Call, value: str, dtype: torch.dtype) -> str:
    return value if call.type_of(value).dtype == dtype else call.add(Cast(dtype), value)


def _along(call: Call, x: str, value: str) -> str:
    """A scale or zero point shaped to its axis of x, repeated where it is one for each block."""
    shape, own = call.type_of(x).sizes, call.type_of(value).sizes
    axis, block = call.integer("axis", 1), call.integer("block_size", 0)
    if block and len(own) == len(shape):
        args = (Slot(0), block, axis)
        return call.add_torch(torch.repeat_interleave, args, value)
    if len(own) != 1 or own == (1,):
        return call.add(Reshape(()), value) if own == (1,) else value
    return call.add(Reshape((-1, *(1,) * (len(shape) - axis % len(shape) - 1))), value)


def _centred(call: Call, x: str, zero: list[str], dtype: torch.dtype) -> str:
    """Less the zero point, as numbers of this format."""
    x = _cast(call, x, dtype)
    for z in zero:
        x = call.add(Elementwise("sub"), x, _cast(call, z, dtype))
    return x


def _per_channel(call: Call, value: str, rank: int) -> str:
    """One number, or one for each output channel in front of the other axes of a weight."""
    own = call.type_of(value).sizes
    if own in ((), (1,)):
        return value if own == () else call.add(Reshape(()), value)
    return call.add(Reshape((-1, *(1,) * (rank - 1))), value)


@lowers("ConvInteger")
def conv_integer(call: Call) -> str:
    return call.add(Cast(torch.int32), _exact_conv(call, 0, 1, (2,), (3,)))


def _exact_conv(
    call: Call, x: int, weight: int, x_zero: tuple[int, ...], weight_zero: tuple[int, ...]
) -> str:
    """The convolution of integers in float64, which holds every such sum exactly."""
    shape = call.shape(weight)
    op = Conv(window(call, kernel_of(call, shape)), call.integer("group", 1))
    zeros = [_per_channel(call, z, len(shape)) for z in call.given(*weight_zero)]
    return call.add(
        op,
        _centred(call, call.input(x), list(call.given(*x_zero)), torch.float64),
        _centred(call, call.input(weight), zeros, torch.float64),
    )


@lowers("QLinearConv")
def quantised_conv(call: Call) -> str:
    total = _exact_conv(call, 0, 3, (2,), (5,))
    channels = Reshape((-1, *(1,) * (call.rank() - 2)))
    for bias in call.given(8):
        column = call.add(channels, call.add(Cast(torch.float64), bias))
        total = call.add(Elementwise("add"), total, column)
    weight_scale = call.input(4)
    if call.type_of(weight_scale).numel > 1:
        weight_scale = call.add(channels, weight_scale)
    return _rescaled(call, total, (call.input(1), weight_scale), call.input(6), call.input(7))


def _rescaled(call: Call, total: str, scales: tuple[str, str], scale: str, zero: str) -> str:
    factor = call.add(Elementwise("mul"), *scales)
    real = call.add(Elementwise("mul"), total, _cast(call, factor, torch.float64))
    wide = _cast(call, scale, torch.float64)
    return _quantised(call, real, wide, [zero], call.type_of(zero).dtype)


def _exact_product(call: Call, a: int, b: int, a_zero: int, b_zero: int) -> str:
    """The matrix product of integers in float64; a zero point of one axis is one for each row."""
    left = [_rows(call, z) for z in call.given(a_zero)]
    right = list(call.given(b_zero))
    return product(
        call,
        _centred(call, call.input(a), left, torch.float64),
        _centred(call, call.input(b), right, torch.float64),
    )


def _rows(call: Call, value: str) -> str:
    return call.add(Reshape((-1, 1)), value) if call.type_of(value).numel > 1 else value


@lowers("MatMulInteger")
def matmul_integer(call: Call) -> str:
    return call.add(Cast(torch.int32), _exact_product(call, 0, 1, 2, 3))


@lowers("QLinearMatMul")
def quantised_matmul(call: Call) -> str:
    total = _exact_product(call, 0, 3, 2, 5)
    if call.dtype(7) not in (torch.int8, torch.uint8):
        raise GraphError("the result is neither int8 nor uint8, as ONNX asks")
    scales = _rows(call, call.input(1)), call.input(4)
    return _rescaled(call, total, scales, call.input(6), call.input(7))
