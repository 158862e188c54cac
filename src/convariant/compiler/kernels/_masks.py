"""Yes and no as 1 and 0: comparisons, logic, and the choice between two numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from convariant.compiler.kernels._exponential import absolute
from convariant.compiler.llvm import Builder, Vector

__all__ = ["COMPARISONS", "is_inf", "is_nan", "logical_not", "where"]


def _mask(b: Builder, lanes: Vector) -> Vector:
    """1 in the lanes where a comparison holds, else 0."""
    return b.select(lanes, b.constant(1.0), b.constant(0.0))


def _holds(b: Builder, mask: Vector) -> Vector:
    """The lanes whose number is not 0; NaN counts as yes, as in PyTorch."""
    return b.differs(mask, b.constant(0.0))


def where(b: Builder, mask: Vector, yes: Vector, no: Vector) -> Vector:
    """`yes` where the mask is not 0, else `no`."""
    return b.select(_holds(b, mask), yes, no)


def logical_not(b: Builder, x: Vector) -> Vector:
    """1 for zero, else 0."""
    return _mask(b, b.ordered(x, "==", b.constant(0.0)))


def is_nan(b: Builder, x: Vector) -> Vector:
    """1 for NaN, else 0."""
    return _mask(b, b.is_nan(x))


def is_inf(b: Builder, x: Vector) -> Vector:
    """1 for both infinities, else 0."""
    return _mask(b, b.ordered(absolute(b, x), "==", b.constant(math.inf)))


def _ordered(relation: str) -> Callable[[Builder, Vector, Vector], Vector]:
    """1 where `left relation right`; 0 where either is NaN."""
    return lambda b, left, right: _mask(b, b.ordered(left, relation, right))


def _both(b: Builder, left: Vector, right: Vector) -> Vector:
    return where(b, left, _mask(b, _holds(b, right)), b.constant(0.0))


def _either(b: Builder, left: Vector, right: Vector) -> Vector:
    return where(b, left, b.constant(1.0), _mask(b, _holds(b, right)))


def _one_of_two(b: Builder, left: Vector, right: Vector) -> Vector:
    return where(b, left, logical_not(b, right), _mask(b, _holds(b, right)))


COMPARISONS: dict[str, Callable[[Builder, Vector, Vector], Vector]] = {
    "and": _both,
    "equal": _ordered("=="),
    "greater": _ordered(">"),
    "greater_equal": _ordered(">="),
    "less": _ordered("<"),
    "less_equal": _ordered("<="),
    "not_equal": lambda b, left, right: _mask(b, b.differs(left, right)),
    "or": _either,
    "xor": _one_of_two,
}
