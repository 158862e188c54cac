"""Comparing a result with the truth: the shape, the type, no NaN, and every value."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from convariant.reference.tolerance import UNIT_ROUNDOFF, tolerance

Array = torch.Tensor | np.ndarray


def assert_close(
    actual: Array,
    expected: Array,
    *,
    reduction: int = 1,
    dtype: torch.dtype | str | None = None,
    scale: float | None = None,
) -> None:
    """Fail unless `actual` has the shape, the type and, within rounding, the values of the truth.

    `expected` is best computed in float64; `dtype` then says which type `actual` must have (by
    default that of `expected`). `reduction` is the number of products behind one value. The error
    allowed is a part of the largest true value, or of `scale` where the values cancel out.
    Integers and booleans must be equal.
    """
    wanted = _type_name(expected if dtype is None else dtype)
    a, e = _checked(actual, expected, wanted)
    if wanted not in UNIT_ROUNDOFF:
        assert_equal(actual, expected)
        return
    finite = np.isfinite(e)
    _refuse(~finite & (a != e), a, e, "infinities differ")
    if not finite.any():
        return
    largest = float(np.abs(e[finite]).max()) if scale is None else scale
    allowed = largest * tolerance(wanted, reduction)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(a - e), 0.0)
    _refuse(error > allowed, a, e, f"error {error.max():.3g} exceeds {allowed:.3g} ({wanted})")


def assert_equal(actual: Array, expected: Array, *, dtype: torch.dtype | str | None = None) -> None:
    """Fail unless shape, type and every value are exactly the same; a NaN equals nothing."""
    a, e = _checked(actual, expected, _type_name(expected if dtype is None else dtype))
    _refuse(a != e, a, e, "values differ")


def _checked(actual: Array, expected: Array, wanted: str) -> tuple[np.ndarray, np.ndarray]:
    found = _type_name(actual)
    assert found == wanted, (
        f"the result is {found}, the truth {wanted}; where that is meant, pass dtype='{found}'"
    )
    a, e = _wide(actual), _wide(expected)
    assert a.shape == e.shape, f"the result has shape {a.shape}, the truth {e.shape}"
    assert not np.isnan(e).any(), "the truth has NaN"
    _refuse(np.isnan(a), a, e, "the result has NaN")
    return a, e


def _refuse(wrong: np.ndarray, a: np.ndarray, e: np.ndarray, why: str) -> None:
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{why}: {int(wrong.sum())} of {wrong.size} values, the first at {first}: "
            f"{a[first]!r} instead of {e[first]!r}"
        )


def _type_name(value: Any) -> str:
    """`torch.float32`, a tensor or an array of that type, or a name -> `'float32'`."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = value.dtype
    return str(value).removeprefix("torch.")


def _wide(value: Array) -> np.ndarray:
    """As NumPy float64 where it is a float, else unchanged."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    return value.astype(np.float64) if value.dtype.kind == "f" else value
