"""How far a computed result may lie from the truth: one table, by type and reduction length.

The error of a sum of n products, each rounded, grows about as sqrt(n) where its terms have random
signs. The table holds that error for the worst order of summing, one product after the other, as
measured against float64 (float64 against extended precision) and told in unit roundoffs, relative
to the largest value of the truth. tests/reference/test_tolerance.py measures it again.
"""

from __future__ import annotations

# half the distance from 1 to the next number
UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}

# reduction length -> largest error measured, in unit roundoffs, of 4096 sums
SEQUENTIAL_ERROR = {1: 0.6, 16: 2.6, 256: 10.6, 4096: 41.0, 65536: 135.0}

# the half types are summed in float32 by every operator here, so only the last rounding counts
ROUNDING_ERROR = 1.0

# other data than the measured, other orders of summing, biases and fused multiplications
HEADROOM = 4.0


def tolerance(dtype: str, reduction: int = 1) -> float:
    """The largest error allowed, as a part of the largest value of the truth.

    `reduction` is the number of products in one output: `ci / g * kh * kw` for a convolution.
    Where several operators follow each other, it is the sum of theirs.

    Raises ValueError for a type or a length outside the table: measure it and add it.

    >>> f"{tolerance('float32', 576):.1e}"
    '9.8e-06'
    """
    if dtype not in UNIT_ROUNDOFF:
        raise ValueError(f"no tolerance for {dtype!r}; the table has {', '.join(UNIT_ROUNDOFF)}")
    rows = [error for length, error in SEQUENTIAL_ERROR.items() if length >= reduction]
    if not rows:
        raise ValueError(
            f"no tolerance for sums of {reduction} products; the table ends at "
            f"{max(SEQUENTIAL_ERROR)}: measure a longer row and add it"
        )
    error = ROUNDING_ERROR if dtype in ("float16", "bfloat16") else rows[0]
    return HEADROOM * error * UNIT_ROUNDOFF[dtype]
