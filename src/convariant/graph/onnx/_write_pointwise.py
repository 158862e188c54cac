"""Element-wise functions as ONNX nodes: by name where ONNX has them, else spelled in parts."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from convariant.graph._types import TensorType
from convariant.graph.onnx._emit import Emit, writes
from convariant.graph.onnx._tensors import ONNX_TYPES
from convariant.graph.ops import FUNCTIONS, Cast, Elementwise
from convariant.graph.ops._elementwise import promote

# functions that ONNX has under another name
_SAME = {
    "abs": "Abs",
    "acos": "Acos",
    "acosh": "Acosh",
    "add": "Add",
    "and": "And",
    "asin": "Asin",
    "asinh": "Asinh",
    "atan": "Atan",
    "atanh": "Atanh",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "div": "Div",
    "equal": "Equal",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "gelu": "Gelu",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "hard_swish": "HardSwish",
    "is_inf": "IsInf",
    "is_nan": "IsNaN",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "log": "Log",
    "maximum": "Max",
    "minimum": "Min",
    "mish": "Mish",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "pow": "Pow",
    "reciprocal": "Reciprocal",
    "relu": "Relu",
    "round": "Round",
    "sigmoid": "Sigmoid",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "softsign": "Softsign",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tan": "Tan",
    "tanh": "Tanh",
    "where": "Where",
    "xor": "Xor",
}

# functions that ONNX has with attributes: the operator, and an attribute for each parameter
_ATTRIBUTES = {
    "celu": ("Celu", ("alpha",)),
    "elu": ("Selu", ("alpha", "gamma")),
    "hard_shrink": ("Shrink", ("lambd",)),
    "hard_sigmoid": ("HardSigmoid", ("alpha", "beta")),
    "leaky_relu": ("LeakyRelu", ("alpha",)),
    "shrink": ("Shrink", ("lambd", "bias")),
}

_LOGICAL = ("and", "or", "xor", "not")

# functions in parts: x names the inputs in the format they are computed in, p the parameters
_Parts = Callable[[Emit, tuple[str, ...], tuple[float, ...]], None]


@writes(Elementwise)
def elementwise(e: Emit, op: Elementwise) -> None:
    x = _in_one_format(e, op)
    if op.function in _SAME:
        e.finish(_SAME[op.function], *x)
    elif op.function in _ATTRIBUTES:
        operator, names = _ATTRIBUTES[op.function]
        # torch takes `ELU(1)`; the file tells whole numbers from real ones
        e.finish(operator, *x, **dict(zip(names, map(float, op.params), strict=True)))
    else:
        _PARTS[op.function](e, x, op.params)


def _in_one_format(e: Emit, op: Elementwise) -> tuple[str, ...]:
    """The inputs cast to the format that torch computes in; a condition stays what it is."""
    first = 1 if op.function == "where" else 0
    dtype = _computed_in(op.function, e.types[first:])
    types = zip(e.inputs[first:], e.types[first:], strict=True)
    return (*e.inputs[:first], *(e.cast(name, t.dtype, dtype) for name, t in types))


def _computed_in(function: str, types: tuple[TensorType, ...]) -> torch.dtype:
    if function in _LOGICAL:
        return torch.bool
    dtype = promote(*types)
    if FUNCTIONS[function].result == "float" and not dtype.is_floating_point:
        return torch.get_default_dtype()
    return dtype


def _minus_one(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Sub", e.add("Exp", *x), e.number(1.0, e.y.dtype))


def _log1p(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Log", e.add("Add", *x, e.number(1.0, e.y.dtype)))


def _log2(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Mul", e.add("Log", *x), e.number(1 / math.log(2), e.y.dtype))


def _rsqrt(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Reciprocal", e.add("Sqrt", *x))


def _silu(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Mul", *x, e.add("Sigmoid", *x))


def _log_sigmoid(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Neg", e.add("Softplus", e.add("Neg", *x)))


def _gelu_tanh(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Gelu", *x, approximate="tanh")


def _not_equal(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Not", e.add("Equal", *x))


def _softplus(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:
    """Beyond torch's threshold of 20 the difference to x is below a float's resolution."""
    beta, threshold = p
    if threshold < 15:
        e.refuse(f"softplus with threshold={threshold:g}", "use torch's default of 20")
    if beta == 1:
        e.finish("Softplus", *x)
        return
    scaled = e.add("Softplus", e.add("Mul", *x, e.number(beta)))
    e.finish("Mul", scaled, e.number(1 / beta))


def _soft_shrink(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:
    e.finish("Shrink", *x, lambd=float(p[0]), bias=float(p[0]))


def _threshold(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:
    above = e.add("Greater", *x, e.number(p[0]))
    e.finish("Where", above, *x, e.number(p[1]))


def _clip(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:
    """Bounds that bind nothing are left out."""
    low, high = p
    bounds = [
        "" if low == -math.inf else e.number(low, e.y.dtype),
        "" if high == math.inf else e.number(high, e.y.dtype),
    ]
    e.finish("Clip", *x, *bounds[: 2 if bounds[1] else 1])


def _prelu(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    value, slope = x
    if e.types[1].rank <= e.x.rank and e.y.shape == e.x.shape:
        e.finish("PRelu", value, slope)
        return
    positive = e.add("GreaterOrEqual", value, e.number(0.0))
    e.finish("Where", positive, value, e.add("Mul", slope, value))


def _trunc(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Mul", e.add("Sign", *x), e.add("Floor", e.add("Abs", *x)))


def _trunc_div(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:
    if not e.y.dtype.is_floating_point:
        e.finish("Div", *x)  # ONNX's division of integers
        return
    _trunc(e, (e.add("Div", *x),), p)


def _floor_div(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    if e.y.dtype.is_floating_point:
        e.finish("Floor", e.add("Div", *x))
        return
    whole = e.add("Sub", x[0], e.add("Mod", *x))
    e.finish("Div", whole, x[1])


def _remainder(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    if not e.y.dtype.is_floating_point:
        e.finish("Mod", *x)
        return
    floor = e.add("Floor", e.add("Div", *x))
    e.finish("Sub", x[0], e.add("Mul", floor, x[1]))


def _fmod(e: Emit, x: tuple[str, ...], p: tuple[float, ...]) -> None:  # noqa: ARG001
    e.finish("Mod", *x, fmod=1)


_PARTS: dict[str, _Parts] = {
    "clip": _clip,
    "expm1": _minus_one,
    "floor_div": _floor_div,
    "fmod": _fmod,
    "gelu_tanh": _gelu_tanh,
    "log1p": _log1p,
    "log2": _log2,
    "log_sigmoid": _log_sigmoid,
    "not_equal": _not_equal,
    "prelu": _prelu,
    "remainder": _remainder,
    "rsqrt": _rsqrt,
    "silu": _silu,
    "soft_shrink": _soft_shrink,
    "softplus": _softplus,
    "threshold": _threshold,
    "trunc": _trunc,
    "trunc_div": _trunc_div,
}


@writes(Cast)
def cast(e: Emit, op: Cast) -> None:
    e.finish("Cast", *e.inputs, to=ONNX_TYPES[op.dtype])
