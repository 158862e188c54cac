"""ATen's element-wise functions, reductions and softmax."""

from __future__ import annotations

import math

import torch

from convariant.graph._aten import LOWERINGS, Call, NoKind, Value, lowers
from convariant.graph._types import TensorType
from convariant.graph.ops import Cast, Elementwise, Reduce, Slice, Slot, Softmax, Torch

# functions of one value without parameters: ATen's name and ours
_SAME_NAME = """
    abs acos acosh asin asinh atan atanh ceil cos cosh erf exp expm1 floor log log1p log2 mish neg
    reciprocal relu round rsqrt sigmoid sign silu sin sinh sqrt tan tanh trunc
"""
_UNARY = {name: name for name in _SAME_NAME.split()} | {
    "hardswish": "hard_swish",
    "log_sigmoid": "log_sigmoid",
    "softsign": "softsign",
    "logical_not": "not",
    "isnan": "is_nan",
    "isinf": "is_inf",
}
_BINARY = {
    "mul": "mul", "maximum": "maximum", "minimum": "minimum", "remainder": "remainder",
    "fmod": "fmod", "floor_divide": "floor_div", "eq": "equal", "ne": "not_equal", "lt": "less",
    "le": "less_equal", "gt": "greater", "ge": "greater_equal", "logical_and": "and",
    "logical_or": "or", "logical_xor": "xor",
}  # fmt: skip


def _unary(function: str) -> None:
    LOWERINGS[f"{function}.default"] = lambda c: c.add(Elementwise(_UNARY[function]), c["self"])


def _binary(function: str) -> None:
    def lower(c: Call) -> Value:
        other = _operand(c, c["other"], c["self"])
        return c.add(Elementwise(_BINARY[function]), c["self"], other)

    for overload in ("default", "Tensor", "Scalar"):
        LOWERINGS[f"{function}.{overload}"] = lower


for _name in _UNARY:
    _unary(_name)
for _name in _BINARY:
    _binary(_name)


@lowers(
    "bitwise_and.Tensor", "bitwise_or.Tensor", "bitwise_xor.Tensor", "bitwise_not",
    "__and__.Tensor", "__or__.Tensor", "__xor__.Tensor",
)  # fmt: skip
def _bits(c: Call) -> Value:
    values = [c["self"], c["other"]] if "other" in c.args else [c["self"]]
    if any(c.type(value).dtype != torch.bool for value in values):
        raise NoKind("works on the bits of whole numbers")
    function = c.overload.split(".")[0].removeprefix("bitwise_").strip("_")
    return c.add(Elementwise(function), *values)


def _operand(c: Call, value: object, partner: Value) -> Value:
    """A tensor, or a number in the format in which torch would meet its partner."""
    if isinstance(value, Value):
        return value
    if not isinstance(value, (bool, int, float)):
        raise NoKind(f"the operand {value!r} is no real number")
    dtype = torch.result_type(torch.empty((1,), dtype=c.type(partner).dtype), value)
    return Value(c.builder.constant(torch.tensor(value, dtype=dtype)))


@lowers("add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar")
def _add(c: Call) -> Value:
    function = "add" if c.overload.startswith("add") else "sub"
    other = _operand(c, c["other"], c["self"])
    if c["alpha"] != 1:
        factor = _operand(c, c["alpha"], other)
        other = c.add(Elementwise("mul"), other, factor, name=f"{c.name}_scaled")
    return c.add(Elementwise(function), c["self"], other)


@lowers("max.other", "min.other")
def _extreme(c: Call) -> Value:
    function = "maximum" if c.overload.startswith("max") else "minimum"
    return c.add(Elementwise(function), c["self"], c["other"])


@lowers("square")
def _square(c: Call) -> Value:
    return c.add(Elementwise("mul"), c["self"], c["self"])


@lowers("addcmul")
def _addcmul(c: Call) -> Value:
    product = c.add(Elementwise("mul"), c["tensor1"], c["tensor2"], name=f"{c.name}_product")
    if c["value"] != 1:
        factor = _operand(c, c["value"], product)
        product = c.add(Elementwise("mul"), product, factor, name=f"{c.name}_scaled")
    return c.add(Elementwise("add"), c["self"], product)


@lowers("masked_fill.Scalar", "masked_fill.Tensor")
def _masked_fill(c: Call) -> Value:
    return c.add(Elementwise("where"), c["mask"], _operand(c, c["value"], c["self"]), c["self"])


@lowers("rsub.Scalar", "rsub.Tensor")
def _rsub(c: Call) -> Value:
    if c["alpha"] != 1:
        raise NoKind("alpha other than 1")
    return c.add(Elementwise("sub"), _operand(c, c["other"], c["self"]), c["self"])


@lowers("div.Tensor", "div.Scalar", "div.Tensor_mode", "div.Scalar_mode")
def _div(c: Call) -> Value:
    kind = {None: "div", "floor": "floor_div", "trunc": "trunc_div"}[c.get("rounding_mode")]
    return c.add(Elementwise(kind), c["self"], _operand(c, c["other"], c["self"]))


@lowers("pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar")
def _pow(c: Call) -> Value:
    base, exponent = c["self"], c["exponent"]
    known = base if isinstance(base, Value) else exponent
    return c.add(Elementwise("pow"), _operand(c, base, known), _operand(c, exponent, known))


@lowers("where.Scalar")
def _where_numbers(c: Call) -> Value:
    chosen = (c.tensor(c[side]) for side in ("self", "other"))
    return c.add(Elementwise("where"), c["condition"], *chosen)


@lowers("where.self", "where.ScalarOther", "where.ScalarSelf")
def _where(c: Call) -> Value:
    known = c["self"] if isinstance(c["self"], Value) else c["other"]
    chosen = (_operand(c, c[side], known) for side in ("self", "other"))
    return c.add(Elementwise("where"), c["condition"], *chosen)


@lowers("clamp", "clip", "clamp_min", "clamp_max", "hardtanh", "relu6")
def _clip(c: Call) -> Value:
    low = c.get("min", c.get("min_val", -math.inf))
    high = c.get("max", c.get("max_val", math.inf))
    if c.overload.startswith("relu6"):
        low, high = 0, 6
    bounds = (-math.inf if low is None else low, math.inf if high is None else high)
    if not all(isinstance(b, (int, float)) for b in bounds):
        raise NoKind("a bound is computed by the network")
    return c.add(Elementwise("clip", (float(bounds[0]), float(bounds[1]))), c["self"])


@lowers("leaky_relu")
def _leaky_relu(c: Call) -> Value:
    return c.add(Elementwise("leaky_relu", (c.number("negative_slope"),)), c["self"])


@lowers("elu")
def _elu(c: Call) -> Value:
    if c["input_scale"] != 1:
        raise NoKind("input_scale other than 1")
    return c.add(Elementwise("elu", (c.number("alpha"), c.number("scale"))), c["self"])


@lowers("selu")
def _selu(c: Call) -> Value:
    # Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return c.add(Elementwise("elu", (alpha, scale)), c["self"])


@lowers("celu")
def _celu(c: Call) -> Value:
    return c.add(Elementwise("celu", (c.number("alpha"),)), c["self"])


@lowers("hardsigmoid")
def _hard_sigmoid(c: Call) -> Value:
    return c.add(Elementwise("hard_sigmoid", (1 / 6, 0.5)), c["self"])


@lowers("softplus")
def _softplus(c: Call) -> Value:
    return c.add(Elementwise("softplus", (c.number("beta"), c.number("threshold"))), c["self"])


@lowers("hardshrink", "softshrink")
def _shrink(c: Call) -> Value:
    kind = "hard_shrink" if c.overload.startswith("hard") else "soft_shrink"
    return c.add(Elementwise(kind, (c.number("lambd"),)), c["self"])


@lowers("threshold")
def _threshold(c: Call) -> Value:
    return c.add(Elementwise("threshold", (c.number("threshold"), c.number("value"))), c["self"])


@lowers("gelu")
def _gelu(c: Call) -> Value:
    kind = "gelu" if c["approximate"] == "none" else "gelu_tanh"
    return c.add(Elementwise(kind), c["self"])


@lowers("glu")
def _glu(c: Call) -> Value:
    axis = c["dim"] % c.rank("self")
    half = c.type(c["self"]).sizes[axis] // 2
    value = c.add(Slice(axis, None, half), c["self"], name=f"{c.name}_value")
    gate = c.add(Slice(axis, half, None), c["self"], name=f"{c.name}_gate")
    opened = c.add(Elementwise("sigmoid"), gate, name=f"{c.name}_sigmoid")
    return c.add(Elementwise("mul"), value, opened)


@lowers("prelu")
def _prelu(c: Call) -> Value:
    slope, rank = c["weight"], c.rank("self")
    if slope not in c.builder.constants:
        raise NoKind("the slope is computed by the network")
    if rank > 2 and c.type(slope).numel > 1:  # one number for each channel
        slope = Value(c.builder.reshaped(slope, (-1, *(1,) * (rank - 2))))
    return c.add(Elementwise("prelu"), c["self"], slope)


@lowers(
    "mean.dim", "mean", "sum.dim_IntList", "sum", "amax", "amin", "prod.dim_int", "logsumexp",
)  # fmt: skip
def _reduce(c: Call) -> Value:
    if c.get("dtype") is not None:
        raise NoKind("reduces into another number format")
    function = {"amax": "max", "amin": "min", "logsumexp": "log_sum_exp"}.get(
        c.overload.split(".")[0], c.overload.split(".")[0]
    )
    rank = c.rank("self")
    dim = c.get("dim")
    axes = (dim,) if isinstance(dim, int) else tuple(dim or range(rank))
    axes = tuple(a % max(rank, 1) for a in axes)
    return c.add(Reduce(function, axes, bool(c.get("keepdim", False))), c["self"])


@lowers("max", "min")
def _extreme_of_all(c: Call) -> Value:
    return c.add(Reduce(c.overload[:3], tuple(range(c.rank("self"))), keepdim=False), c["self"])


@lowers("max.dim", "min.dim")
def _extreme_along(c: Call) -> tuple[Value, Value]:
    """The extreme and where it stands, which most networks do not ask for."""
    largest, axis = c.overload.startswith("max"), c["dim"] % max(c.rank("self"), 1)
    value = c.add(Reduce(c.overload[:3], (axis,), c["keepdim"]), c["self"])
    target = torch.ops.aten.argmax.default if largest else torch.ops.aten.argmin.default
    where = Torch(target, (Slot(0), axis, c["keepdim"]), reason="no node kind")
    return value, c.add(where, c["self"], name=f"{c.name}_index")


@lowers("var.correction", "std.correction", "var.dim", "std.dim", "var", "std")
def _variance(c: Call) -> Value:
    """The mean square of what is left without the mean, `n / (n - correction)` of it."""
    rank = c.rank("self")
    axes = tuple(a % max(rank, 1) for a in (c.get("dim") or range(rank)))
    sizes = [size for a in axes if isinstance(size := c.type(c["self"]).shape[a], int)]
    if len(sizes) < len(axes):
        raise NoKind("a variance over the batch")
    count = math.prod(sizes)
    correction = c["correction"] if "correction" in c.args else int(c["unbiased"])
    correction = 1 if correction is None else correction
    if count <= correction:
        raise NoKind(f"a variance of {count} numbers")
    root = c.overload.startswith("std")
    mean = c.add(Reduce("mean", axes), c["self"], name=f"{c.name}_mean")
    rest = c.add(Elementwise("sub"), c["self"], mean, name=f"{c.name}_rest")
    square = c.add(Elementwise("mul"), rest, rest, name=f"{c.name}_square")
    reduce = Reduce("mean", axes, bool(c.get("keepdim", False)))
    scaled = bool(correction)
    variance = c.add(reduce, square, name=f"{c.name}_biased" if scaled or root else c.name)
    if scaled:
        factor = _operand(c, count / (count - correction), variance)
        name = f"{c.name}_variance" if root else c.name
        variance = c.add(Elementwise("mul"), variance, factor, name=name)
    return c.add(Elementwise("sqrt"), variance) if root else variance


@lowers("linalg_vector_norm")
def _vector_norm(c: Call) -> Value:
    kind = {1: "l1", 2: "l2"}.get(c["ord"])
    if kind is None or c["dtype"] is not None:
        raise NoKind(f"a norm of order {c['ord']}")
    rank = c.rank("self")
    axes = tuple(a % max(rank, 1) for a in (c["dim"] or range(rank)))
    return c.add(Reduce(kind, axes, bool(c["keepdim"])), c["self"])


@lowers("softmax.int", "_softmax", "log_softmax.int", "_log_softmax")
def _softmax(c: Call) -> Value:
    if c.get("dtype") not in (None, c.type(c["self"]).dtype) or c.get("half_to_float"):
        raise NoKind("changes the number format on the way")
    axis = c["dim"] % max(c.rank("self"), 1)
    return c.add(Softmax(axis, log="log_softmax" in c.overload), c["self"])


@lowers(
    "to.dtype", "to.dtype_layout", "to.device", "to.other", "to.prim_other", "_to_copy", "type_as",
)  # fmt: skip
def _to(c: Call) -> Value:
    dtype = c.result.dtype if isinstance(c.result, TensorType) else None
    if dtype is None or dtype == c.type(c["self"]).dtype:
        value: Value = c["self"]
        return value
    return c.add(Cast(dtype), c["self"])
