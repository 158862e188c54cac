"""Functions of one, two or three numbers, element by element, and changes of number format."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.onnx._tensors import dtype_of
from convariant.graph.ops import Cast, Elementwise, Reshape, Slot

# operator -> function of FUNCTIONS without parameters
_SAME = {
    "Abs": "abs",
    "Acos": "acos",
    "Acosh": "acosh",
    "And": "and",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "HardSwish": "hard_swish",
    "IsNaN": "is_nan",
    "Log": "log",
    "Mish": "mish",
    "Neg": "neg",
    "Not": "not",
    "Or": "or",
    "Reciprocal": "reciprocal",
    "Relu": "relu",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Tan": "tan",
    "Tanh": "tanh",
    "Where": "where",
    "Xor": "xor",
    "Add": "add",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Mul": "mul",
    "Sub": "sub",
}

# operator -> function, and for each of its parameters the attribute and the default
_WITH_ATTRIBUTES: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "Celu": ("celu", (("alpha", 1.0),)),
    "Elu": ("elu", (("alpha", 1.0), ("", 1.0))),
    "HardSigmoid": ("hard_sigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "LeakyRelu": ("leaky_relu", (("alpha", 0.01),)),
    "Selu": ("elu", (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Shrink": ("shrink", (("lambd", 0.5), ("bias", 0.0))),
    "Softplus": ("softplus", (("", 1.0), ("", 20.0))),
    "ThresholdedRelu": ("threshold", (("alpha", 1.0), ("", 0.0))),
}

# formats that PyTorch stores but does not calculate in; the shorter ones fit into int64
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)

# every floating format, bfloat16 too, holds all whole numbers up to here
_EXACT = 256


@lowers(*_SAME)
def same_function(call: Call) -> str:
    return pointwise(call, _SAME[call.operator], call.inputs())


def pointwise(call: Call, function: str, values: Sequence[str]) -> str:
    """A node of this function; single numbers lose their axes where others decide the shape."""
    dtype = call.type_of(values[0]).dtype
    if dtype in _UNSIGNED and function not in ("equal", "where"):
        return _through_int64(call, function, values)
    ranks = [call.type_of(v).rank for v in values]
    free = [v not in call.reader.builder.constants for v in values]
    widest = max((r for r, f in zip(ranks, free, strict=True) if f), default=-1)
    values = [
        v if f or r > widest else _without_axes(call, v)
        for v, r, f in zip(values, ranks, free, strict=True)
    ]
    return call.add(Elementwise(function), *_aligned(call, list(values)))


def _through_int64(call: Call, function: str, values: Sequence[str]) -> str:
    dtype = call.type_of(values[0]).dtype
    if dtype == torch.uint64:
        raise GraphError(
            "the input is uint64, in which PyTorch does not calculate; cast it to int64 or float32"
        )
    y = pointwise(call, function, [call.add(Cast(torch.int64), v) for v in values])
    return y if call.type_of(y).dtype == torch.bool else call.add(Cast(dtype), y)


def _without_axes(call: Call, value: str) -> str:
    tensor = call.reader.builder.constants[value]
    if tensor.numel() != 1 or not tensor.dim():
        return value
    return call.add(Reshape(()), value)


def _aligned(call: Call, values: list[str]) -> list[str]:
    """Before opset 7, `axis` says at which axis of the first input the second starts."""
    axis = call.integer("axis", -1) if call.version < 7 and call.integer("broadcast", 0) else -1
    if axis >= 0 and len(values) == 2:
        shape = call.type_of(values[1]).sizes
        missing = call.type_of(values[0]).rank - axis - len(shape)
        values[1] = call.add(Reshape((*shape, *(1,) * missing)), values[1])
    return values


@lowers(*_WITH_ATTRIBUTES)
def with_attributes(call: Call) -> str:
    function, attributes = _WITH_ATTRIBUTES[call.operator]
    params = tuple(call.real(name, default) for name, default in attributes)
    return call.add(Elementwise(function, params), call.input(0))


@lowers("PRelu")
def prelu(call: Call) -> str:
    x, slope = call.inputs()
    own = call.shape(1)
    if call.version < 7 and len(own) == 1 and own != (1,):  # then one slope for each channel
        slope = call.add(Reshape((*own, *(1,) * (call.rank() - 2))), slope)
    return pointwise(call, "prelu", (x, slope))


@lowers("Div")
def div(call: Call) -> str:
    function = "div" if call.dtype().is_floating_point else "trunc_div"
    return pointwise(call, function, call.inputs())


@lowers("Mod")
def mod(call: Call) -> str:
    return pointwise(call, "fmod" if call.integer("fmod", 0) else "remainder", call.inputs())


@lowers("Pow")
def power(call: Call) -> str:
    values = call.inputs()
    dtype = call.dtype(0)
    if dtype == call.dtype(1):
        return pointwise(call, "pow", values)
    wide = _format_of_power(call, *values)
    base, exponent = (call.add(Cast(wide), v) for v in values)
    return call.add(Cast(dtype), pointwise(call, "pow", (base, exponent)))


def _format_of_power(call: Call, base: str, exponent: str) -> torch.dtype:
    """In which a base is raised to an exponent of another format: one that holds both exactly, as
    whole numbers are cut afterwards (728.9999 to 728) and odd exponents keep a sign.
    """
    dtypes = call.type_of(base).dtype, call.type_of(exponent).dtype
    whole = [not dtype.is_floating_point for dtype in dtypes]
    if all(whole):
        return torch.int64
    known = call.reader.builder.constants.get(exponent)
    small = known is not None and bool((known.double().abs() <= _EXACT).all())
    if whole[0] or (whole[1] and not small):
        return torch.float64
    return dtypes[0] if whole[1] else torch.promote_types(*dtypes)


@lowers("Sum", "Max", "Min", "Mean")
def many(call: Call) -> str:
    function = {"Max": "maximum", "Min": "minimum"}.get(call.operator, "add")
    total, *rest = call.inputs()
    for value in rest:
        total = pointwise(call, function, (total, value))
    if call.operator == "Mean" and rest:
        count = call.new_constant(len(rest) + 1, call.dtype())
        return call.add(Elementwise("div"), total, count)
    return total


@lowers("Clip")
def clip(call: Call) -> str:
    x, dtype = call.input(0), call.dtype()
    if call.version < 11:
        largest = torch.finfo(torch.float32).max
        low, high = call.real("min", -largest), call.real("max", largest)
        return call.add(Elementwise("clip", (low, high)), x)
    known = all(not call.has(i) or call.input(i) in call.reader.builder.constants for i in (1, 2))
    if known and dtype.is_floating_point:
        low, high = call.constant_number(1, "min"), call.constant_number(2, "max")
        bounds = (-math.inf if low is None else low, math.inf if high is None else high)
        return x if bounds == (-math.inf, math.inf) else call.add(Elementwise("clip", bounds), x)
    for index, function in ((1, "maximum"), (2, "minimum")):
        if call.has(index):
            x = pointwise(call, function, (x, call.input(index)))
    return x


@lowers("Gelu")
def gelu(call: Call) -> str:
    kind = call.choice("approximate", "none", ("none", "tanh"))
    return call.add(Elementwise("gelu" if kind == "none" else "gelu_tanh"), call.input(0))


@lowers("Swish")
def swish(call: Call) -> str:
    x, alpha = call.input(0), call.real("alpha", 1.0)
    if alpha == 1.0:
        return call.add(Elementwise("silu"), x)
    scaled = call.add(Elementwise("mul"), x, call.new_constant(alpha, call.dtype()))
    return call.add(Elementwise("mul"), x, call.add(Elementwise("sigmoid"), scaled))


@lowers("IsInf")
def is_inf(call: Call) -> str:
    positive, negative = call.integer("detect_positive", 1), call.integer("detect_negative", 1)
    if positive and negative:
        return call.add(Elementwise("is_inf"), call.input(0))
    if not positive and not negative:
        return call.add(Elementwise("not_equal"), call.input(0), call.input(0))
    bound = call.new_constant(math.inf if positive else -math.inf, call.dtype())
    return call.add(Elementwise("equal"), call.input(0), bound)


_BITWISE: dict[str, Callable[..., torch.Tensor]] = {
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseNot": torch.bitwise_not,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
}


@lowers(*_BITWISE)
def bitwise(call: Call) -> str:
    slots = [Slot(i) for i in range(len(call.node.input))]
    return call.add_torch(_BITWISE[call.operator], slots, *call.inputs())


@lowers("BitShift")
def bit_shift(call: Call) -> str:
    direction = call.choice("direction", "", ("LEFT", "RIGHT"))
    function = torch.bitwise_left_shift if direction == "LEFT" else torch.bitwise_right_shift
    return call.add_torch(function, (Slot(0), Slot(1)), *call.inputs())


@lowers("Cast", "CastLike")
def cast(call: Call) -> str:
    if call.operator == "CastLike":
        dtype = call.dtype(1)
    else:
        dtype = dtype_of(call.integer("to", 0), "the result")
    if dtype == call.dtype():
        return call.input(0)
    return call.add(Cast(dtype), call.input(0))


@lowers("Identity")
def identity(call: Call) -> str:
    return call.input(0)


@lowers("Dropout")
def dropout(call: Call) -> tuple[str, ...]:
    training = call.constant_number(2, "training_mode") if call.version >= 12 else False
    ratio = call.constant_number(1, "ratio") if call.version >= 12 else 0.5
    if training and ratio != 0:
        raise GraphError("Dropout in training mode is random; export the network in eval mode")
    if not call.wants(1):
        return (call.input(0),)
    kept = call.new_constant(torch.ones(call.shape()), torch.bool)
    return call.input(0), kept
