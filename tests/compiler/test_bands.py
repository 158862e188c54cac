"""Bands of rows: the shares of threads counted one by one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convariant.compiler.plan._bands import band_of_rows, busiest_share

SMALL = st.integers(1, 9)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), SMALL, SMALL)
def test_busiest_share_counts_every_item(rows, band, threads, outer, inner):
    items = [
        min(band, rows - first)
        for _ in range(outer)
        for first in range(0, rows, band)
        for _ in range(inner)
    ]
    cuts = [t * len(items) // threads for t in range(threads + 1)]
    most = max(sum(items[a:b]) for a, b in itertools.pairwise(cuts))
    assert busiest_share(rows, band, threads, outer, inner) == most


@given(st.integers(1, 64), st.integers(1, 5), st.integers(1, 64), st.integers(1, 4), SMALL, SMALL)
def test_bands_are_whole_tiles_that_fit(rows, tile, most, threads, outer, inner):
    band = band_of_rows(rows, tile, most, threads, outer=outer, inner=inner)
    assert band % tile == 0
    assert band < most + tile


@pytest.mark.parametrize(
    ("rows", "tile", "most", "outer", "inner", "band"),
    [
        (56, 1, 9, 1, 1, 7),  # 8 bands, not the 7 of which one thread would get 4
        (56, 2, 9, 1, 1, 4),
        (56, 1, 56, 2, 1, 56),  # two images are even already
        (7, 1, 7, 1, 4, 7),  # and so are four panels
    ],
)
def test_two_threads_share_evenly(rows, tile, most, outer, inner, band):
    assert band_of_rows(rows, tile, most, 2, outer=outer, inner=inner) == band
    assert 2 * busiest_share(rows, band, 2, outer, inner) == rows * outer * inner
