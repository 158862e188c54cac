"""Errors of functions in units in the last place, over every 8,191st float32 number."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.harness import HERE, Guarded, build, call

from convariant.compiler.kernels import Map, Step

# The bound, and the truth in float64. sin, cos and tan were also measured over every 997th float32
# (1.48, 1.48 and 3.20), the other inverse and hyperbolic functions over every 4,099th.
BOUNDS = {
    "acos": (1.5, np.arccos),
    "acosh": (3.0, np.arccosh),
    "asin": (2.0, np.arcsin),
    "asinh": (3.0, np.arcsinh),
    "atan": (1.5, np.arctan),
    "atanh": (3.5, np.arctanh),
    "cos": (1.5, np.cos),
    "cosh": (3.5, np.cosh),
    "exp": (1.5, np.exp),
    "expm1": (2.5, np.expm1),
    "log1p": (2.5, np.log1p),
    "sin": (1.5, np.sin),
    "sinh": (3.5, np.sinh),
    "tan": (3.5, np.tan),
    "tanh": (1.5, np.tanh),
}


@pytest.mark.parametrize("target", HERE, ids=lambda t: t.name)
@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_error_over_all_numbers(target, name):
    bound, function = BOUNDS[name]
    x = np.arange(0, 2**32, 8191, np.uint64).astype(np.uint32).view(np.float32)
    kernel = Map.of((x.size,), ((1,), (1,)), (Step(name),))
    given, result = Guarded(x), Guarded(np.full_like(x, np.nan))
    call(build(kernel, target), [given, result])
    with np.errstate(all="ignore"):
        truth = function(x.astype(np.float64))
        rounded = truth.astype(np.float32)
        unit = np.spacing(np.abs(rounded)).astype(np.float64)
        error = np.abs(result.values - truth) / unit
    finite = np.isfinite(rounded)
    assert error[finite & (np.abs(rounded) >= 2.0**-126)].max() <= bound
    np.testing.assert_array_equal(result.values[~finite], rounded[~finite])


@pytest.mark.parametrize("target", HERE, ids=lambda t: t.name)
@pytest.mark.parametrize("name", ["asin", "asinh", "atan", "atanh", "sin", "sinh", "tan"])
def test_odd_functions_keep_the_sign_of_zero(target, name):
    x = np.array([0.0, -0.0], np.float32)
    kernel = Map.of((2,), ((1,), (1,)), (Step(name),))
    given, result = Guarded(x), Guarded(np.ones(2, np.float32))
    call(build(kernel, target), [given, result])
    np.testing.assert_array_equal(np.signbit(result.values), [False, True])
    np.testing.assert_array_equal(result.values, 0)
