"""Weights are fetched a panel ahead: every line of it, by the tiles together, and no tile all."""

from __future__ import annotations

import itertools
import re

import pytest

from convariant.compiler.kernels import DirectConv, Tile
from convariant.compiler.kernels._tile import Ahead
from convariant.compiler.layout import LINE, Axis, Layout
from convariant.compiler.llvm import TARGETS, assembly


class Recorder:
    """Stands for a builder; addresses are plain numbers."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def prefetch(self, address: int, *, near: bool) -> None:
        assert not near
        assert address % LINE == 0
        self.lines.append(address // LINE)


@pytest.mark.parametrize(
    ("channels", "outputs", "tiles"),
    [*itertools.product((16, 48), (16, 32, 64), (2, 3, 4, 7)), (16, 32, 40)],
)
def test_tiles_together_fetch_the_next_panel(channels, outputs, tiles):
    floats, turn = channels * outputs, 4 * outputs
    fetched = []
    for number in range(tiles):
        recorder = Recorder()
        for weights in range(0, floats, turn):
            Ahead(floats, tiles, number).fetch(recorder, weights, turn)
        assert len(recorder.lines) <= -(-turn // (LINE * tiles)) * (floats // turn)
        fetched += recorder.lines
    assert set(range(floats // LINE, 2 * floats // LINE)) <= set(fetched)


def test_nothing_is_fetched_where_that_would_not_help():
    assert Ahead.of(4096, 1, 0) is None  # one tile would fetch as fast as it reads
    assert Ahead.of(2**20, 4, 0) is None  # 4 MiB would push each other out of the cache
    assert Ahead.of(4096, 2, 0) == Ahead(4096, 2, 0)


@pytest.mark.parametrize(("outer", "lines"), [(True, 2), (False, 0)])
def test_the_code_fetches_beside_its_multiply_adds(outer, lines):
    """Two tiles of 32 outputs: four channels read eight lines, and each tile fetches four."""
    layout = Layout.dense((1, 64, 1, 14), 16)
    kernel = DirectConv(layout, layout, Axis(1), Axis(14), Tile(1, 7, 2), 1, weights_outer=outer)
    text = assembly(kernel.emit(TARGETS["avx512"], "kernel"), TARGETS["avx512"])
    assert len(re.findall("prefetcht1", text)) == 2 * lines
