"""Pointwise convolutions by Strassen's algorithm: where it fits, how it is cut, what it costs."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from convariant.compiler.kernels import (
    Epilogue,
    Pairs,
    StrassenConv,
    Tile,
    rank_tiles,
    tile_cycles,
)
from convariant.compiler.layout import Axis
from convariant.compiler.llvm import Target
from convariant.compiler.plan._choice import Way
from convariant.compiler.plan._choose import direct_cycles, keeping_cycles, over_budget
from convariant.compiler.plan._job import Option, placed, with_layouts
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.compiler.plan._slices import slice_blocks
from convariant.compiler.plan._task import ConvTask
from convariant.compiler.plan._walks import Part

__all__ = ["STRASSEN_ERROR", "Strassen", "strassen_call", "strassen_way", "strassen_ways"]

# Relative to the largest output, random data of up to 2048 channels (tests/compiler measures it).
STRASSEN_ERROR = 4e-6
# Bytes of inputs and of their sums in a band of rows: half of a second-level cache.
_BAND = 384 * 1024
# Pairs that a band should have, so that weights are not read again for too few.
_FEW = 28
# Pairs whose sums wait for the next slice, and keep their place in the first-level cache.
_SLICE_PAIRS = 100
# Pairs of a row at most where pixels are dealt out in rows: two of them in a band.
_LONG = 50
# Cycles to make the four sums of a pair and block of inputs, all at once or, where there are
# slices, each before its product, when the inputs have left the cache; to keep, add and store the
# four outputs of a pair and block.
_SUMS, _SUMS_SINGLY, _ASIDE = 9.0, 30.0, 8.0


@dataclass(frozen=True)
class Strassen:
    """How the pixels are paired, and the work cut.

    Pixels that are `dealt` are paired in other rows than those of the image.
    """

    pairs: Pairs
    dealt: bool
    tile: Tile
    band: int
    splits: int
    slice: int
    cycles: float


def strassen_ways(task: ConvTask, part: Part) -> tuple[list[Option], list[Way]]:
    """The best way as an option, or why there is none."""
    way = strassen_way(task, part, free=True)
    if isinstance(way, str):
        return [], [Way("strassen", declined=way)]
    as_way = Way("strassen", way.tile.text(task.lanes), way.cycles)
    return [Option(as_way, partial(_lower, task, part, way))], []


def strassen_way(task: ConvTask, part: Part, *, free: bool = False) -> Strassen | str:
    """The best way, where the halves of the channels are whole blocks and the error fits; else the
    reason why there is none. It is `free` to deal out the pixels if the input has no halo.
    """
    planes, rows, columns = part.axes
    single = all(axis.taps == 1 for axis in part.axes)
    plain = (planes.stride, planes.offset, planes.spread) == (1, 0, 1)
    context, lanes = task.context, task.lanes
    halves = task.inputs % (2 * lanes) == 0 and task.y_layout.blocks % 2 == 0
    if not single or not plain or task.groups > 1 or task.planar:
        return "it is no product of two matrices"
    if not halves:
        return f"half of its channels are not whole blocks of {lanes}"
    if context.budget < STRASSEN_ERROR:
        return over_budget(STRASSEN_ERROR, context.budget)
    best = _best(
        context.target,
        task.inputs,
        task.y_layout.blocks,
        task.job.y_image[0] * planes.count,
        rows,
        columns,
        context.threads,
        free,
    )
    return best or "its pixels are odd in number both down and across"


@functools.lru_cache(maxsize=4096)
def _best(
    target: Target,
    ci: int,
    blocks: int,
    planes: int,
    rows: Axis,
    columns: Axis,
    threads: int,
    free: bool,
) -> Strassen | None:
    """The way with the fewest cycles of all threads together."""
    ways = (
        _way(target, ci, blocks, planes, pairs, dealt, tile, band, splits, threads)
        for dealt, pairings in ((False, _pairings(rows, columns)), (True, _dealt(rows, columns)))
        if free or not dealt
        for pairs in pairings
        for tile in rank_tiles(target, blocks // 2, pairs.rows, pairs.columns)
        for band in _bands(target, pairs, ci, blocks, tile, threads)
        for splits in {1, threads}
        if (blocks // 2 // tile.vectors) % splits == 0
    )
    return min(ways, key=lambda way: way.cycles, default=None)


def _pairings(rows: Axis, columns: Axis) -> Iterator[Pairs]:
    """Neighbours in a column, or in a row, where their number is even."""
    (r, s), (c, t) = ((axis.spread, axis.stride) for axis in (rows, columns))
    if rows.count % 2 == 0:
        yield Pairs(rows.count // 2, columns.count, (2 * r, c), (r, 0), (2 * s, t), (s, 0))
    if columns.count % 2 == 0:
        yield Pairs(rows.count, columns.count // 2, (r, 2 * c), (0, c), (s, 2 * t), (0, t))


def _dealt(rows: Axis, columns: Axis) -> Iterator[Pairs]:
    """Neighbours in a column where all pixels are dealt out in rows as long as tiles like them."""
    half, rest = divmod(rows.count * columns.count, 2)
    plain = all((a.stride, a.offset, a.spread) == (1, 0, 1) for a in (rows, columns))
    lengths = (n for n in range(_LONG, columns.count, -1) if half % n == 0)
    length = next(lengths, 0)
    if plain and length and not rest:
        yield Pairs(half // length, length, (2, 1), (1, 0), (2, 1), (1, 0))


def _bands(
    target: Target, pairs: Pairs, ci: int, blocks: int, tile: Tile, threads: int
) -> Iterator[int]:
    """Rows of a band: as many as the cache holds with what waits beside them, or a little fewer."""
    half = ci // target.lanes // 2
    size = slice_blocks(target, half, 1, tile)
    # with slices one left factor and all outputs of two quarters, else the inputs and four sums
    floats = half * target.lanes + blocks * target.lanes if size else 4 * ci
    most = max(_BAND // (4 * pairs.columns * floats), _FEW // pairs.columns, 1)
    if 0 < size < half:
        most = max(min(most, _SLICE_PAIRS // pairs.columns), 1)
    most = -(-most // tile.rows) * tile.rows
    fewest = -(-pairs.rows // most)
    for bands in range(fewest, min(fewest + threads, pairs.rows + 1)):
        yield -(-pairs.rows // bands)


def _way(
    target: Target,
    ci: int,
    blocks: int,
    planes: int,
    pairs: Pairs,
    dealt: bool,
    tile: Tile,
    band: int,
    splits: int,
    threads: int,
) -> Strassen:
    bands = -(-pairs.rows // band)
    whole, rest = divmod(pairs.rows, band)
    one = tile_cycles(target, tile, blocks // 2, band, pairs.columns)
    last = tile_cycles(target, tile, blocks // 2, rest, pairs.columns) if rest else 0.0
    half = ci // target.lanes // 2
    count = planes * pairs.rows * pairs.columns
    products = 3.5 * ci * planes * (whole * one + last)
    size = slice_blocks(target, half, 1, tile)
    sums = _SUMS_SINGLY if size else _SUMS
    aside = _ASIDE * count * blocks / 2 + sums * count * half * splits
    # the busiest thread counts for all; `splits` share the same bands evenly
    rows, shares = planes * pairs.rows, threads // splits
    uneven = min(-(-planes * bands // shares) * band, rows) * shares / rows
    weights = 7 * ci * blocks * target.lanes // 4
    if size:
        tiles = planes * (whole * -(-band // tile.rows) + -(-rest // tile.rows))
        tiles *= -(-pairs.columns // tile.columns) * blocks // 2 // tile.vectors
        aside += keeping_cycles(tile, 7 * -(-half // size), tiles)
    cycles = direct_cycles(target, (products + aside) * uneven, weights, threads)
    return Strassen(pairs, dealt, tile, band, splits, size, cycles)


def _lower(task: ConvTask, part: Part, way: Strassen) -> Lowering:
    def build(located: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = located
        taken = way if x.layout.gapless or not way.dealt else strassen_way(task, part)
        assert isinstance(taken, Strassen)  # an even number of pixels has an even axis
        epilogue = placed(task.job.epilogue, operands)
        return [strassen_call(task, part, taken, x, out, epilogue, operands)]

    need = Need(task.job.x, "blocked", task.halo)
    return Lowering((need,), build, "strassen", operands=task.job.operands)


def strassen_call(
    task: ConvTask,
    part: Part,
    way: Strassen,
    x: Located,
    y: Located,
    epilogue: Epilogue,
    operands: Sequence[Located],
) -> KernelCall:
    """One part of a convolution."""
    own = x.layout, y.layout
    if way.dealt:
        size = 2 * way.pairs.rows, way.pairs.columns
        own = x.layout.dealt(*size), y.layout.dealt(*size)
        epilogue = with_layouts(epilogue, [operand.layout.dealt(*size) for operand in operands])
    conv = StrassenConv(*own, way.pairs, way.tile, way.band, way.splits, epilogue, way.slice)
    weights = task.context.constants.add_packed(conv, part.weight(task.weight))
    _, rows, columns = part.axes
    start = x.address + (rows.offset * x.layout.row + columns.offset * x.layout.column)
    places = (part.place(o).address for o in (y, *operands))
    return KernelCall(conv, (start, weights, task.bias_address(), None, *places), conv.scratch)
