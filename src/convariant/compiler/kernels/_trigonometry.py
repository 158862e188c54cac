"""Sine, cosine and tangent, their inverses, and the hyperbolic functions and theirs.

Angles of any size are right: they are reduced to a quarter turn in float64. Polynomials were fitted
for this file; tests/compiler/test_functions.py states the errors in units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from convariant.compiler.kernels._exponential import absolute, expm1, exponential, polynomial
from convariant.compiler.kernels._logarithms import log, log1p
from convariant.compiler.llvm import Builder, Vector

__all__ = ["TRIGONOMETRY"]

# 2 / pi in units of 2**-240: enough for the last bits of 2**127 times it.
_BITS = 240
_TWO_OVER_PI = 0xA2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBB
# Angles from `2**(scale + 23)` on are whole multiples of 2**scale, and are divided by it.
_SCALES = (0, 32, 64, 96)


def _parts(scale: int) -> tuple[float, float, float]:
    """`2**scale * 2 / pi` without whole turns, in three parts: the product of a float32 with each
    of the first two is exact in float64.
    """
    rest = (_TWO_OVER_PI << scale) % (4 << _BITS)
    parts = []
    for bits in (27, 56):
        part = (rest + (1 << (_BITS - bits - 1))) >> (_BITS - bits)
        parts.append(math.ldexp(part, -bits))
        rest -= part << (_BITS - bits)
    return parts[0], parts[1], math.ldexp(rest, -_BITS)


def _reduced(b: Builder, x: Vector) -> tuple[Vector, Vector]:
    """(q, r) with `x = q * pi/2 + r` but for whole turns, q from 0 to 3 and |r| <= pi/4.

    x is `a * 2**scale`; a times the three parts of `2**scale * 2/pi` counts quarter turns. What the
    first two products leave behind whole numbers has no rounding error where it is small.
    """
    size, wide = absolute(b, x), b.widened(x)
    first, second, third = (b.wide_constant(part) for part in _parts(0))
    factor = b.wide_constant(1.0)
    for scale in _SCALES[1:]:
        large = b.ordered(size, ">=", b.constant(2.0 ** (scale + 23)))
        f, s, t = (b.wide_constant(part) for part in _parts(scale))
        first, second = b.select(large, f, first), b.select(large, s, second)
        third = b.select(large, t, third)
        factor = b.select(large, b.wide_constant(2.0**-scale), factor)
    a = wide * factor
    turns = a * first
    whole = b.intrinsic("llvm.rint", turns)
    rest = (turns - whole) + a * second
    more = b.intrinsic("llvm.rint", rest + a * third)
    rest = (rest - more) + a * third
    quarters = _within_a_turn(b, _within_a_turn(b, whole) + more)
    return b.narrowed(quarters), b.narrowed(rest * b.wide_constant(math.pi / 2))


def _within_a_turn(b: Builder, quarters: Vector) -> Vector:
    """A whole number without its multiples of 4."""
    turns = b.intrinsic("llvm.floor", quarters * b.wide_constant(0.25))
    return quarters - turns * b.wide_constant(4.0)


def _sine(b: Builder, r: Vector) -> Vector:
    """For |r| <= pi/4."""
    z = r * r
    series = (2.716810058700503e-06, -0.0001983917609322816, 0.008333329111337662, -1 / 6)
    return b.fma(r * z, polynomial(b, z, series), r)


def _cosine(b: Builder, r: Vector) -> Vector:
    """For |r| <= pi/4."""
    z = r * r
    series = (2.4423887225566432e-05, -0.0013887243112549186, 0.04166664555668831, -0.5, 1.0)
    return polynomial(b, z, series)


def _turned(b: Builder, x: Vector, turn: float) -> Vector:
    """The sine of x and so many quarter turns."""
    q, r = _reduced(b, x)
    four, two, one = (b.constant(c) for c in (4.0, 2.0, 1.0))
    q = q + b.constant(turn)
    q = b.select(b.ordered(q, ">=", four), q - four, q)
    lower = b.ordered(q, ">=", two)
    odd = b.ordered(b.select(lower, q - two, q), "==", one)
    value = b.select(odd, _cosine(b, r), _sine(b, r))
    return b.select(lower, value * b.constant(-1.0), value)


def sine(b: Builder, x: Vector) -> Vector:
    """The sine; the smallest x are their own sines, minus zero among them."""
    small = b.ordered(absolute(b, x), "<", b.constant(2.0**-12))
    return b.select(small, x, _turned(b, x, 0.0))


def cosine(b: Builder, x: Vector) -> Vector:
    """The cosine."""
    return _turned(b, x, 1.0)


def tangent(b: Builder, x: Vector) -> Vector:
    """Sine by cosine."""
    q, r = _reduced(b, x)
    s, c = _sine(b, r), _cosine(b, r)
    two = b.constant(2.0)
    odd = b.ordered(b.select(b.ordered(q, ">=", two), q - two, q), "==", b.constant(1.0))
    ratio = b.select(odd, c * b.constant(-1.0), s) / b.select(odd, s, c)
    return b.select(b.ordered(absolute(b, x), "<", b.constant(2.0**-12)), x, ratio)


_PI_LOW = math.pi - 3.1415927410125732  # what float32 loses of pi
_ARC_SINE = (
    0.03757815808057785, 0.014393805526196957, 0.031819820404052734, 0.044515471905469894,
    0.07500512152910233, 0.16666659712791443,
)  # fmt: skip
_ARC_TANGENT = (
    -0.001793593866750598, 0.010914481244981289, -0.031177612021565437, 0.05795735865831375,
    -0.08403436839580536, 0.10952181369066238, -0.14264240860939026, 0.19998548924922943,
    -0.33333298563957214,
)  # fmt: skip


def _near_and_far(b: Builder, x: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    """(far, u, v, size): asin |x| is `u + v`, or where far (|x| > 1/2) `pi/2 - 2 (u + v)`."""
    size, half = absolute(b, x), b.constant(0.5)
    far = b.ordered(size, ">", half)
    z = b.select(far, b.fma(size, b.constant(-0.5), half), size * size)
    u = b.select(far, b.intrinsic("llvm.sqrt", z), size)
    return far, u, u * z * polynomial(b, z, _ARC_SINE), size


def arc_sine(b: Builder, x: Vector) -> Vector:
    """The angle of a sine; NaN beyond 1."""
    far, u, v, _ = _near_and_far(b, x)
    two = b.constant(2.0)
    rest = b.constant(_PI_LOW / 2) - v * two
    value = b.select(far, (b.constant(math.pi / 2) - u * two) + rest, u + v)
    return b.intrinsic("llvm.copysign", value, x)


def arc_cosine(b: Builder, x: Vector) -> Vector:
    """The angle of a cosine; NaN beyond 1."""
    far, u, v, size = _near_and_far(b, x)
    two, low = b.constant(2.0), b.constant(_PI_LOW / 2)
    below = b.ordered(x, "<", b.constant(0.0))
    sign = b.intrinsic("llvm.copysign", b.constant(1.0), x)
    near = (b.constant(math.pi / 2) - u * sign) + (low - v * sign)
    above = (u + v) * two
    under = (b.constant(math.pi) - u * two) + (low - v) * two
    value = b.select(far, b.select(below, under, above), near)
    return b.select(b.is_nan(size), x, value)


def arc_tangent(b: Builder, x: Vector) -> Vector:
    """The angle of a tangent, of numbers above 1 by that of 1 / x."""
    size, one = absolute(b, x), b.constant(1.0)
    far = b.ordered(size, ">", one)
    u = b.select(far, one / size, size)
    z = u * u
    v = u * z * polynomial(b, z, _ARC_TANGENT)
    value = b.select(far, (b.constant(math.pi / 2) - u) + (b.constant(_PI_LOW / 2) - v), u + v)
    return b.intrinsic("llvm.copysign", value, x)


def hyperbolic_sine(b: Builder, x: Vector) -> Vector:
    """`(u + u / (u + 1)) / 2` with u = e**|x| - 1; half of e**|x| where the rest is nothing."""
    size, half, one = absolute(b, x), b.constant(0.5), b.constant(1.0)
    u = expm1(b, size)
    root = exponential(b, size * half)
    near = (u + u / (u + one)) * half
    value = b.select(b.ordered(size, ">", b.constant(10.0)), root * half * root, near)
    return b.intrinsic("llvm.copysign", value, x)


def hyperbolic_cosine(b: Builder, x: Vector) -> Vector:
    """`(e**x + e**-x) / 2`, by the root of e**|x|, which does not overflow."""
    half = b.constant(0.5)
    root = exponential(b, absolute(b, x) * half)
    return root * half * root + half / (root * root)


# From here on 1 + x**2 is x**2.
_LARGE = 1e9


def _large_log(b: Builder, x: Vector, value: Vector) -> Vector:
    """`ln(2 x)` for large x, else the value."""
    far = log(b, x) + b.constant(math.log(2))
    return b.select(b.ordered(x, ">", b.constant(_LARGE)), far, value)


def area_sine(b: Builder, x: Vector) -> Vector:
    """`asinh x = ln(1 + t)` with t = |x| + x**2 / (1 + sqrt(1 + x**2))."""
    size, one = absolute(b, x), b.constant(1.0)
    square = size * size
    t = size + square / (one + b.intrinsic("llvm.sqrt", one + square))
    return b.intrinsic("llvm.copysign", _large_log(b, size, log1p(b, t)), x)


def area_cosine(b: Builder, x: Vector) -> Vector:
    """`acosh x = ln(1 + t + sqrt(t (t + 2)))` with t = x - 1; NaN below 1."""
    one = b.constant(1.0)
    t = x - one
    value = log1p(b, t + b.intrinsic("llvm.sqrt", t * (t + b.constant(2.0))))
    value = _large_log(b, x, value)
    return b.select(b.ordered(x, "<", one), b.constant(math.nan), value)


def area_tangent(b: Builder, x: Vector) -> Vector:
    """`atanh x = ln(1 + 2 x / (1 - x)) / 2`; infinite at 1, NaN beyond."""
    size = absolute(b, x)
    value = log1p(b, (size + size) / (b.constant(1.0) - size)) * b.constant(0.5)
    return b.intrinsic("llvm.copysign", value, x)


TRIGONOMETRY: dict[str, Callable[[Builder, Vector], Vector]] = {
    "acos": arc_cosine,
    "acosh": area_cosine,
    "asin": arc_sine,
    "asinh": area_sine,
    "atan": arc_tangent,
    "atanh": area_tangent,
    "cos": cosine,
    "cosh": hyperbolic_cosine,
    "sin": sine,
    "sinh": hyperbolic_sine,
    "tan": tangent,
}
