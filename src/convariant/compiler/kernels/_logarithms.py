"""Logarithms and powers of vectors, and the activations made of them.

Numbers too small for a normal float32 (below 1.2e-38) count as zero.
"""

from __future__ import annotations

import math

from convariant.compiler.kernels._exponential import absolute, exponential, polynomial
from convariant.compiler.llvm import Builder, Vector

__all__ = ["log", "log1p", "log2", "log_sigmoid", "power", "softplus"]

_LEAST_NORMAL = 2.0**-126


def _logarithm(b: Builder, x: Vector) -> tuple[Vector, Vector]:
    """(e, l) with `ln x = e * ln 2 + l`, e whole and |l| <= ln(2)/2, for normal positive x.

    With f = m - 1 and s = f / (2 + f), `ln m = 2 atanh s = f - s * (f - r)`, where r is the series
    of atanh from its second term on, times 2 s.
    """
    e, m = b.exponent_and_rest(x)
    f = m - b.constant(1.0)
    s = f / (f + b.constant(2.0))
    z = s * s
    r = polynomial(b, z, [2 / 11, 2 / 9, 2 / 7, 2 / 5, 2 / 3]) * z
    return e, f - s * (f - r)


def _domain(b: Builder, x: Vector, value: Vector) -> Vector:
    """A logarithm of numbers that have no finite one: NaN below zero, infinities."""
    infinity = b.constant(math.inf)
    value = b.select(b.ordered(x, "==", infinity), infinity, value)
    value = b.select(b.ordered(x, "<", b.constant(_LEAST_NORMAL)), b.constant(-math.inf), value)
    value = b.select(b.ordered(x, "<=", b.constant(-_LEAST_NORMAL)), b.constant(math.nan), value)
    return b.select(b.is_nan(x), x, value)


def log(b: Builder, x: Vector) -> Vector:
    """The natural logarithm; ln 2 comes in two parts, of which e times the first is exact."""
    e, rest = _logarithm(b, x)
    low = b.fma(e, b.constant(math.log(2) - 0.693359375), rest)
    return _domain(b, x, b.fma(e, b.constant(0.693359375), low))


def log2(b: Builder, x: Vector) -> Vector:
    """The logarithm to base 2: exact for powers of 2."""
    e, rest = _logarithm(b, x)
    return _domain(b, x, b.fma(rest, b.constant(1 / math.log(2)), e))


def log1p(b: Builder, x: Vector) -> Vector:
    """`ln(1 + x)`: what rounding 1 + x to u loses is made up for by x / (u - 1)."""
    one, u = b.constant(1.0), x + b.constant(1.0)
    value = log(b, u)
    value = b.select(b.ordered(u, "<", b.constant(math.inf)), value * (x / (u - one)), value)
    value = b.select(b.ordered(u, "<=", b.constant(0.0)), log(b, u), value)
    return b.select(b.ordered(u, "==", one), x, value)


def softplus(b: Builder, x: Vector, beta: float, threshold: float) -> Vector:
    """`ln(1 + e**(beta x)) / beta`; x itself where beta x is above the threshold."""
    scaled = x * b.constant(beta)
    curve = log1p(b, exponential(b, scaled)) * b.constant(1 / beta)
    return b.select(b.ordered(scaled, ">", b.constant(threshold)), x, curve)


def log_sigmoid(b: Builder, x: Vector) -> Vector:
    """`min(x, 0) - ln(1 + e**-|x|)`."""
    tail = log1p(b, exponential(b, absolute(b, x) * b.constant(-1.0)))
    return b.at_most(x, b.constant(0.0)) - tail


def power(b: Builder, x: Vector, y: Vector) -> Vector:
    """`x ** y = 2 ** (y * log2 |x|)`, negative for odd y of negative x, NaN for broken y of it.

    The product is kept as a whole number n and a rest: y times the exponent of x has an exact
    rounding error, and what is left is small.
    """
    one, zero, infinity = (b.constant(c) for c in (1.0, 0.0, math.inf))
    size = absolute(b, x)
    e, rest = _logarithm(b, size)
    head = y * e
    tail = y * rest * b.constant(1 / math.log(2))
    n = b.intrinsic("llvm.rint", head + tail)
    n = b.at_most(b.at_least(n, b.constant(-160.0)), b.constant(140.0))
    lost = b.fma(y, e, head * b.constant(-1.0))
    fraction = (head - n) + tail + lost
    value = exponential(b, fraction * b.constant(math.log(2)))
    value = b.scaled(value, n)

    grows = b.ordered(y, ">", zero)
    value = b.select(b.ordered(head + tail, ">", b.constant(129.0)), infinity, value)
    value = b.select(b.ordered(head + tail, "<", b.constant(-151.0)), zero, value)
    to_zero, to_infinity = (
        b.select(grows, zero, infinity),
        b.select(grows, infinity, zero),
    )
    value = b.select(b.ordered(size, "<", b.constant(_LEAST_NORMAL)), to_zero, value)
    value = b.select(b.ordered(size, "==", infinity), to_infinity, value)
    endless = b.ordered(absolute(b, y), "==", infinity)
    inward = b.select(b.ordered(size, "<", one), to_zero, to_infinity)
    value = b.select(endless, inward, value)

    half_y = y * b.constant(0.5)
    is_whole = b.ordered(b.intrinsic("llvm.rint", y), "==", y)
    signed = b.select(
        b.ordered(b.intrinsic("llvm.rint", half_y), "==", half_y), value, value * b.constant(-1.0)
    )
    broken = b.select(b.ordered(size, "<", infinity), b.constant(math.nan), value)
    below = b.select(endless, value, b.select(is_whole, signed, broken))
    # the sign of minus zero counts too
    negative = b.ordered(b.intrinsic("llvm.copysign", one, x), "<", zero)
    tiny = b.ordered(size, "<", b.constant(_LEAST_NORMAL))
    below = b.select(tiny, b.select(is_whole, signed, value), below)
    value = b.select(negative, below, value)
    value = b.select(b.is_nan(x), x, value)
    value = b.select(b.is_nan(y), y, value)
    value = b.select(b.ordered(y, "==", zero), one, value)
    return b.select(b.ordered(x, "==", one), one, value)
