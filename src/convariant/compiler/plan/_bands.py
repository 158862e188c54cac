"""Rows in bands: small enough for the cache, and even shares for every thread."""

from __future__ import annotations

import itertools
import math

__all__ = ["band_of_rows", "busiest_share"]

# A larger band may leave the busiest thread this much more to do than the evenest one.
_UNEVEN = 1.02


def band_of_rows(
    rows: int, tile: int, most: int, threads: int, *, outer: int = 1, inner: int = 1
) -> int:
    """Rows of a band, whole tiles of `tile` rows: the largest up to `most` that shares evenly.

    Work is `outer` times the bands times `inner` items, in that order, of which every thread takes
    one run, as `Builder.share` cuts it.

    >>> band_of_rows(56, tile=1, most=9, threads=1), band_of_rows(56, tile=1, most=9, threads=2)
    (8, 7)
    >>> band_of_rows(56, tile=2, most=9, threads=2)  # 8 would be seven bands: 32 rows and 24
    4
    """
    fewest = math.ceil(rows / max(most, 1))
    several = max(2 * fewest, 4 * threads) if threads > 1 else fewest
    whole = {math.ceil(math.ceil(rows / bands) / tile) for bands in range(fewest, several + 1)}
    sizes = sorted((tile * tiles for tiles in whole), reverse=True)
    shares = [busiest_share(rows, size, threads, outer, inner) for size in sizes]
    return next(
        size for size, share in zip(sizes, shares, strict=True) if share <= _UNEVEN * min(shares)
    )


def busiest_share(rows: int, band: int, threads: int, outer: int, inner: int) -> int:
    """Rows, over all items, that the thread with the most of them works on.

    >>> busiest_share(56, 8, threads=2, outer=1, inner=1)
    32
    """
    count = math.ceil(rows / band)

    def before(item: int) -> int:
        whole, rest = divmod(item, count * inner)
        at, part = divmod(rest, inner)
        started = min(band, rows - at * band) * part
        return whole * rows * inner + min(at * band, rows) * inner + started

    items = outer * count * inner
    cuts = [before(t * items // threads) for t in range(threads + 1)]
    return max(b - a for a, b in itertools.pairwise(cuts))
