"""Numbers and sums as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST_TERMS = 60


def short(value: float) -> str:
    """At most four characters where possible: `3.0 -> '3'`, `-0.123 -> '−0.12'`."""
    if float(value).is_integer() and abs(value) < 1e6:
        text = str(int(value))
    else:
        text = f"{value:.2f}" if 0.01 <= abs(value) < 100 else f"{value:.2g}"
    return text.replace("-", "−")


def by(size: Sequence[int]) -> str:
    """`(5, 6) -> '5 × 6'`."""
    return " × ".join(str(n) for n in size)


def factor(value: float) -> str:
    """A number within a product: a negative one in brackets."""
    return f"({short(value)})" if value < 0 else short(value)


def product_sum(terms: Iterable[tuple[float, float]]) -> str:
    """`'2·1 + 3·(−1)'`; an empty sum is 0, a long one is cut."""
    products = [f"{factor(a)}·{factor(b)}" for a, b in terms]
    if len(products) > MOST_TERMS:
        rest = len(products) - MOST_TERMS
        products = [*products[:MOST_TERMS], f"… ({rest} more)"]
    return " + ".join(products) or "0"


def element(name: str, place: Sequence[int]) -> str:
    """`('y', (0, 1)) -> 'y[0, 1]'`."""
    return f"{name}[{', '.join(str(n) for n in place)}]"
