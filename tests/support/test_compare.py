"""The comparison must fail on every kind of wrong result, or no other test means anything."""

import numpy as np
import pytest
import torch

from support.compare import assert_close, assert_equal

TRUTH = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
ANY_COMPARISON = pytest.mark.parametrize("check", [assert_close, assert_equal])


@ANY_COMPARISON
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_truth_itself_passes(check, dtype):
    check(torch.from_numpy(TRUTH).to(dtype), TRUTH, dtype=dtype)


@ANY_COMPARISON
def test_a_wrong_value_fails_and_is_named(check):
    wrong = TRUTH.copy()
    wrong[1, 2] = -6.001
    with pytest.raises(AssertionError, match=r"1 of 6 values, the first at \(1, 2\)"):
        check(wrong, TRUTH)


@ANY_COMPARISON
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_nan_or_infinity_fails(check, bad):
    wrong = TRUTH.copy()
    wrong[0, 0] = bad
    with pytest.raises(AssertionError, match="1 of 6 values"):
        check(wrong, TRUTH)


@ANY_COMPARISON
@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 2, 3), (2, 1, 3)])
def test_a_wrong_shape_fails(check, shape):
    with pytest.raises(AssertionError, match="the result has shape"):
        check(TRUTH.reshape(shape), TRUTH)


@ANY_COMPARISON
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_a_wrong_type_fails(check, dtype):
    with pytest.raises(AssertionError, match="the truth float64"):
        check(torch.from_numpy(TRUTH).to(dtype), TRUTH)


@ANY_COMPARISON
def test_a_truth_with_nan_is_no_truth(check):
    with pytest.raises(AssertionError, match="the truth has NaN"):
        check(TRUTH, np.full_like(TRUTH, np.nan))


@ANY_COMPARISON
def test_integers_must_be_equal(check):
    truth = torch.tensor([2**60, 2**60 + 1])
    check(truth.clone(), truth)
    with pytest.raises(AssertionError, match="values differ"):
        check(truth + torch.tensor([0, 1]), truth)


@ANY_COMPARISON
def test_empty_results_have_a_shape_too(check):
    check(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(AssertionError, match="the result has shape"):
        check(np.zeros((0, 3)), np.zeros((0, 2)))


def test_infinities_of_the_truth_must_be_met():
    truth = np.array([np.inf, -np.inf, 1.0])
    assert_close(truth.copy(), truth)
    with pytest.raises(AssertionError, match="infinities differ"):
        assert_close(np.array([np.inf, np.inf, 1.0]), truth)
    assert_close(truth[:1].copy(), truth[:1])


def test_equal_is_stricter_than_close():
    almost = np.nextafter(TRUTH, np.inf)
    assert_close(almost, TRUTH)
    with pytest.raises(AssertionError, match="values differ"):
        assert_equal(almost, TRUTH)


@pytest.mark.parametrize(("dtype", "step"), [("float32", 1e-5), ("float64", 1e-14)])
def test_the_error_allowed_follows_type_and_reduction(dtype, step):
    wrong = (TRUTH + step).astype(dtype)
    assert_close(wrong, TRUTH, dtype=dtype, reduction=4096)
    with pytest.raises(AssertionError, match="exceeds"):
        assert_close(wrong, TRUTH, dtype=dtype)


def test_scale_replaces_the_largest_value_where_terms_cancel():
    with pytest.raises(AssertionError, match="exceeds 0 "):
        assert_close(np.full(3, 1e-16), np.zeros(3))
    assert_close(np.full(3, 1e-16), np.zeros(3), scale=1.0)
