"""Functions of one or two vectors, as emitted code; names and meaning are those of the graph.

NaN goes in and comes out, infinities behave as in PyTorch. Approximations were fitted for this file
and stay within a few units in the last place (tests/compiler/test_kernels.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from convariant.compiler.kernels._exponential import (
    absolute,
    expm1,
    exponential,
    exponential2,
    polynomial,
)
from convariant.compiler.kernels._logarithms import (
    log,
    log1p,
    log2,
    log_sigmoid,
    power,
    softplus,
)
from convariant.compiler.kernels._masks import COMPARISONS, is_inf, is_nan, logical_not, where
from convariant.compiler.kernels._trigonometry import TRIGONOMETRY
from convariant.compiler.llvm import Builder, Vector

__all__ = ["BINARY", "FUNCTIONS", "TERNARY", "UNARY"]


def relu(b: Builder, x: Vector) -> Vector:
    """max(x, 0)."""
    return b.at_least(x, b.constant(0.0))


def clip(b: Builder, x: Vector, low: float, high: float) -> Vector:
    """min(max(x, low), high), as torch.clamp: where low > high the result is high."""
    return b.at_most(b.at_least(x, b.constant(low)), b.constant(high))


def leaky_relu(b: Builder, x: Vector, slope: float) -> Vector:
    """The value where positive, else slope * x."""
    return b.select(b.ordered(x, ">", b.constant(0.0)), x, x * b.constant(slope))


def elu(b: Builder, x: Vector, alpha: float, scale: float) -> Vector:
    """The value where positive, else alpha * (e**x - 1); times scale."""
    below = expm1(b, x) * b.constant(alpha)
    return b.select(b.ordered(x, ">", b.constant(0.0)), x, below) * b.constant(scale)


def celu(b: Builder, x: Vector, alpha: float) -> Vector:
    """The value where positive, else alpha * (e**(x/alpha) - 1)."""
    below = expm1(b, x * b.constant(1 / alpha)) * b.constant(alpha)
    return b.select(b.ordered(x, ">", b.constant(0.0)), x, below)


def sigmoid(b: Builder, x: Vector) -> Vector:
    """1 / (1 + e**-x)."""
    one = b.constant(1.0)
    return one / (one + exponential(b, negative(b, x)))


def hard_sigmoid(b: Builder, x: Vector, slope: float, shift: float) -> Vector:
    """Compute slope * x + shift, held within 0 and 1."""
    return clip(b, b.fma(x, b.constant(slope), b.constant(shift)), 0.0, 1.0)


def hard_swish(b: Builder, x: Vector) -> Vector:
    """Compute x * clip(x + 3, 0, 6) / 6."""
    return x * clip(b, x + b.constant(3.0), 0.0, 6.0) * b.constant(1 / 6)


def silu(b: Builder, x: Vector) -> Vector:
    """Compute x * sigmoid(x) as one division."""
    return x / (b.constant(1.0) + exponential(b, negative(b, x)))


def tanh(b: Builder, x: Vector) -> Vector:
    """`1 - 2 / (e**2x + 1)`; a polynomial in x**2 where that would lose digits."""
    one, size = b.constant(1.0), absolute(b, x)
    series = [-0.0058564278, 0.020757475, -0.053769922, 0.13331705, -0.33333284, 1.0]
    near = polynomial(b, x * x, series) * x
    far = one - b.constant(2.0) / (exponential(b, size + size) + one)
    far = b.intrinsic("llvm.copysign", far, x)
    return b.select(b.ordered(size, "<", b.constant(0.6)), near, far)


# Minimax in relative error for |x| <= 3.92, beyond which the function is 1 to the last bit.
_ERF_ABOVE = (2.0501899e-6, 0.00028487772, 0.0037652583, 0.052747613, 0.19039764, 1.1283791)
_ERF_BELOW = (3.8092531e-5, 0.0011624547, 0.014968491, 0.1141055, 0.50206826, 1.0)


def erf(b: Builder, x: Vector) -> Vector:
    """The error function: x times a ratio of two polynomials in x**2."""
    most = b.constant(3.92)
    inside = b.at_most(b.at_least(x, b.constant(-3.92)), most)
    square = inside * inside
    ratio = polynomial(b, square, _ERF_ABOVE) / polynomial(b, square, _ERF_BELOW)
    sign = b.intrinsic("llvm.copysign", b.constant(1.0), x)
    return b.select(b.ordered(absolute(b, x), ">", most), sign, inside * ratio)


# e**(t*t) * erfc(t) / 2 with t = a / sqrt(2), for a from 0 to 15; beyond, erfc(t) is less than any
# float32.
_TAIL_ABOVE = (0.01725216, 0.12039242, 0.36346664, 0.4999998)
_TAIL_BELOW = (0.043249295, 0.30158941, 0.9575567, 1.5247976, 1.0)


def gelu(b: Builder, x: Vector) -> Vector:
    """`max(x, 0) - |x| * erfc(|x| / sqrt(2)) / 2`.

    Written with erf, numbers far below zero would lose all their digits in 1 + erf.
    """
    zero, size = b.constant(0.0), absolute(b, x)
    near = b.at_most(size, b.constant(15.0))
    ratio = polynomial(b, near, _TAIL_ABOVE) / polynomial(b, near, _TAIL_BELOW)
    tail = ratio * exponential2(b, near * near * b.constant(-0.5 / math.log(2)))
    # infinity times a tail of zero is NaN: wanted below zero, as PyTorch has it, but not above
    finite = absolute(b, b.at_most(x, b.constant(15.0)))
    return b.fma(negative(b, finite), tail, b.at_least(x, zero))


def mish(b: Builder, x: Vector) -> Vector:
    """`x * tanh(log(1 + e**x)) = x * n / (n + 2)` with n = e**x * (e**x + 2)."""
    power = exponential(b, b.at_most(x, b.constant(20.0)))
    n = power * (power + b.constant(2.0))
    curve = x * (n / (n + b.constant(2.0)))
    return b.select(b.ordered(x, ">", b.constant(20.0)), x, curve)


def gelu_tanh(b: Builder, x: Vector) -> Vector:
    """Compute x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x**3)))."""
    inner = polynomial(b, x * x, [0.044715, 1.0]) * b.constant(2 * math.sqrt(2 / math.pi))
    return x * sigmoid(b, x * inner)


def softsign(b: Builder, x: Vector) -> Vector:
    """Compute x / (1 + |x|)."""
    return x / (b.constant(1.0) + absolute(b, x))


def negative(b: Builder, x: Vector) -> Vector:
    """-x, the sign of zero included."""
    return x * b.constant(-1.0)


def square_root(b: Builder, x: Vector) -> Vector:
    """The square root; NaN below zero."""
    return b.intrinsic("llvm.sqrt", x)


def sign(b: Builder, x: Vector) -> Vector:
    """1, -1 or 0, also for NaN."""
    one, zero = b.constant(1.0), b.constant(0.0)
    below = b.select(b.ordered(x, "<", zero), b.constant(-1.0), zero)
    return b.select(b.ordered(x, ">", zero), one, below)


def shrink(b: Builder, x: Vector, threshold: float, bias: float) -> Vector:
    """Zero within the threshold; beyond it, closer to zero by the bias."""
    beyond = b.ordered(absolute(b, x), ">", b.constant(threshold))
    return b.select(beyond, x - sign(b, x) * b.constant(bias), b.constant(0.0))


def hard_shrink(b: Builder, x: Vector, threshold: float) -> Vector:
    """Zero within the threshold; NaN stays."""
    zero = b.constant(0.0)
    within = b.ordered(absolute(b, x), "<=", b.constant(threshold))
    return b.select(within, zero, x)


def soft_shrink(b: Builder, x: Vector, threshold: float) -> Vector:
    """Closer to zero by the threshold, zero within it."""
    edge = b.constant(threshold)
    inside = x - b.at_most(b.at_least(x, b.constant(-threshold)), edge)
    return b.select(b.is_nan(x), x, inside)


def threshold(b: Builder, x: Vector, threshold: float, value: float) -> Vector:
    """The value where not above the threshold."""
    return b.select(b.ordered(x, "<=", b.constant(threshold)), b.constant(value), x)


def reciprocal(b: Builder, x: Vector) -> Vector:
    """1 / x."""
    return b.constant(1.0) / x


def _rounding(intrinsic: str) -> Callable[[Builder, Vector], Vector]:
    return lambda b, x: b.intrinsic(intrinsic, x)


def _arithmetic(verb: str) -> Callable[[Builder, Vector, Vector], Vector]:
    return lambda b, left, right: b.float(verb, left, right)


def minimum(b: Builder, left: Vector, right: Vector) -> Vector:
    """The lesser of the two; a NaN in either gives NaN."""
    return b.select(b.is_nan(left), left, b.at_most(right, left))


def prelu(b: Builder, x: Vector, slope: Vector) -> Vector:
    """The value where not negative, else slope * x."""
    return b.select(b.ordered(x, ">=", b.constant(0.0)), x, x * slope)


UNARY: dict[str, Callable[..., Vector]] = {
    "abs": absolute,
    "ceil": _rounding("llvm.ceil"),
    "celu": celu,
    "clip": clip,
    "elu": elu,
    "erf": erf,
    "exp": exponential,
    "expm1": expm1,
    "floor": _rounding("llvm.floor"),
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": hard_swish,
    "is_inf": is_inf,
    "is_nan": is_nan,
    "leaky_relu": leaky_relu,
    "log": log,
    "log1p": log1p,
    "log2": log2,
    "log_sigmoid": log_sigmoid,
    "mish": mish,
    "neg": negative,
    "not": logical_not,
    "reciprocal": reciprocal,
    "relu": relu,
    "round": _rounding("llvm.rint"),
    "rsqrt": lambda b, x: reciprocal(b, square_root(b, x)),
    "shrink": shrink,
    "sigmoid": sigmoid,
    "sign": sign,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softplus": softplus,
    "softsign": softsign,
    "sqrt": square_root,
    "tanh": tanh,
    "threshold": threshold,
    "trunc": _rounding("llvm.trunc"),
    **TRIGONOMETRY,
}

BINARY: dict[str, Callable[[Builder, Vector, Vector], Vector]] = {
    "add": _arithmetic("fadd"),
    "div": _arithmetic("fdiv"),
    "maximum": lambda b, left, right: b.maximum(left, right),
    "minimum": minimum,
    "mul": _arithmetic("fmul"),
    "pow": power,
    "prelu": prelu,
    "sub": _arithmetic("fsub"),
    **COMPARISONS,
}

TERNARY: dict[str, Callable[[Builder, Vector, Vector, Vector], Vector]] = {"where": where}

# by the number of vectors they take
FUNCTIONS: dict[int, Mapping[str, Callable[..., Vector]]] = {1: UNARY, 2: BINARY, 3: TERNARY}
