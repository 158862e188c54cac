import numpy as np
import pytest

from convariant.reference.tolerance import (
    HEADROOM,
    ROUNDING_ERROR,
    SEQUENTIAL_ERROR,
    UNIT_ROUNDOFF,
    tolerance,
)

WIDER = {"float16": np.float64, "float32": np.float64, "float64": np.longdouble}


def sequential_error(dtype: str, reduction: int) -> float:
    """The error of 4096 sums of products, in unit roundoffs of the type."""
    random = np.random.default_rng(0)
    total, truth = np.zeros(4096, dtype), np.zeros(4096, WIDER[dtype])
    for _ in range(reduction):
        a, b = random.standard_normal((2, 4096)).astype(dtype)
        total += a * b
        truth += a.astype(WIDER[dtype]) * b
    return float(np.abs(total - truth).max() / np.abs(truth).max()) / UNIT_ROUNDOFF[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", [1, 16, 256, 4096])
def test_the_table_is_what_is_measured(dtype, reduction):
    assert sequential_error(dtype, reduction) == pytest.approx(SEQUENTIAL_ERROR[reduction], rel=0.5)


def test_one_rounding_of_a_half_type():
    assert 0.5 <= sequential_error("float16", 1) <= ROUNDING_ERROR


def test_the_type_and_the_next_longer_row_decide():
    assert tolerance("float32", 256) == HEADROOM * SEQUENTIAL_ERROR[256] * 2**-24
    assert tolerance("float32", 257) == tolerance("float32", 4096)
    assert tolerance("bfloat16", 4096) == tolerance("bfloat16") == HEADROOM * 2**-8


def test_what_is_not_in_the_table_is_refused():
    with pytest.raises(ValueError, match="no tolerance for 'int8'; the table has float64"):
        tolerance("int8")
    with pytest.raises(ValueError, match="sums of 65537 products; the table ends at 65536"):
        tolerance("float32", 65537)
