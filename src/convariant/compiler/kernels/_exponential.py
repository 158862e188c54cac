"""Polynomials and the exponential function, of which most activations are made."""

from __future__ import annotations

import math
from collections.abc import Sequence

from convariant.compiler.llvm import Builder, Vector

__all__ = ["absolute", "expm1", "exponential", "exponential2", "polynomial"]


def polynomial(b: Builder, x: Vector, coefficients: Sequence[float]) -> Vector:
    """Horner's rule, the highest power first."""
    total = b.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        total = b.fma(total, x, b.constant(coefficient))
    return total


# Minimax in relative error for |r| <= ln(2)/2, so that e**r = 1 + r + r**2 * polynomial: 3e-9.
_EXP = (0.0013814541, 0.0083687454, 0.041668389, 0.16666521, 0.49999994, 1.0, 1.0)
# Minimax in relative error for |r| <= 1/2, so that 2**r = 1 + r * polynomial: 2e-9.
_EXP2 = (0.00015353259, 0.0013399003, 0.0096184388, 0.05550332, 0.24022648, 0.69314718, 1.0)


def exponential(b: Builder, x: Vector) -> Vector:
    """`e**x = 2**n * e**r` with n whole and |r| <= ln(2)/2."""
    x = b.at_most(b.at_least(x, b.constant(-104.0)), b.constant(89.0))
    n = b.intrinsic("llvm.rint", x * b.constant(1 / math.log(2)))
    r = b.fma(n, b.constant(-0.693359375), x)  # ln 2 in two parts: n * the first is exact
    r = b.fma(n, b.constant(0.693359375 - math.log(2)), r)
    return b.scaled(polynomial(b, r, _EXP), n)


def exponential2(b: Builder, x: Vector) -> Vector:
    """`2**x = 2**n * 2**r` with n whole and |r| <= 1/2, for x from -250 to 250."""
    n = b.intrinsic("llvm.rint", x)
    return b.scaled(polynomial(b, x - n, _EXP2), n)


def expm1(b: Builder, x: Vector) -> Vector:
    """`e**x - 1`; a series where the difference would lose digits."""
    series = [1 / math.factorial(k) for k in range(9, 0, -1)]
    near = polynomial(b, x, series) * x
    far = exponential(b, x) - b.constant(1.0)
    return b.select(b.ordered(absolute(b, x), "<", b.constant(0.5)), near, far)


def absolute(b: Builder, x: Vector) -> Vector:
    """|x|."""
    return b.intrinsic("llvm.fabs", x)
