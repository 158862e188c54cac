"""Polynomials and the exponential function, of which most activations are made."""

from __future__ import annotations

import math
from collections.abc import Sequence

from convariant.compiler.llvm import Builder, Vector

__all__ = ["absolute", "expm1", "exponential", "polynomial"]


def polynomial(b: Builder, x: Vector, coefficients: Sequence[float]) -> Vector:
    """Horner's rule, the highest power first."""
    total = b.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        total = b.fma(total, x, b.constant(coefficient))
    return total


def exponential(b: Builder, x: Vector) -> Vector:
    """`e**x = 2**n * e**r` with n whole and |r| <= ln(2)/2; 2**n is two factors."""
    x = b.at_most(b.at_least(x, b.constant(-104.0)), b.constant(89.0))
    n = b.intrinsic("llvm.rint", x * b.constant(1 / math.log(2)))
    r = b.fma(n, b.constant(-0.693359375), x)  # ln 2 in two parts: n * the first is exact
    r = b.fma(n, b.constant(0.693359375 - math.log(2)), r)
    power = polynomial(b, r, [1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0])
    half = b.intrinsic("llvm.rint", n * b.constant(0.5))
    return power * b.power_of_two(half) * b.power_of_two(n - half)


def expm1(b: Builder, x: Vector) -> Vector:
    """`e**x - 1`; a series where the difference would lose digits."""
    series = [1 / math.factorial(k) for k in range(9, 0, -1)]
    near = polynomial(b, x, series) * x
    far = exponential(b, x) - b.constant(1.0)
    return b.select(b.ordered(absolute(b, x), "<", b.constant(0.5)), near, far)


def absolute(b: Builder, x: Vector) -> Vector:
    """|x|."""
    return b.intrinsic("llvm.fabs", x)
