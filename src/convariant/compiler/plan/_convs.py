"""Convolutions and Linear layers as kernel calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from convariant.compiler.kernels import (
    Copy,
    DirectConv,
    Epilogue,
    GroupedConv,
    Regroup,
    Tile,
    rank_tiles,
    tile_cycles,
    turns,
)
from convariant.compiler.layout import Axis, Layout
from convariant.compiler.plan._bands import band_of_rows
from convariant.compiler.plan._choice import Way
from convariant.compiler.plan._choose import (
    direct_cycles,
    keeping_cycles,
    passes_cycles,
)
from convariant.compiler.plan._job import Job, Option, placed, with_layouts
from convariant.compiler.plan._model import Form, KernelCall, Located, Lowering, Need
from convariant.compiler.plan._slices import SLICE_PIXELS, direct_slice
from convariant.compiler.plan._strassen import (
    Strassen,
    strassen_call,
    strassen_way,
    strassen_ways,
)
from convariant.compiler.plan._task import ConvTask, conv_task, linear_task
from convariant.compiler.plan._walks import Part
from convariant.compiler.plan._winograd import winograd_options
from convariant.graph import ops

__all__ = ["grouped_tile", "lower_conv", "lower_linear"]

# Makes the kernel of one part of a convolution from what it reads to what it writes.
MakeKernel: TypeAlias = Callable[
    [ConvTask, Layout, Layout, Part, Epilogue], DirectConv | GroupedConv
]

# Bytes of weights that are worth reading again for each band of rows: they stay in the cache.
_SMALL_WEIGHTS = 256 * 1024
# Bytes of input in a band of rows: half of a second-level cache.
_BAND = 192 * 1024


def lower_conv(job: Job) -> Lowering | str:
    """The best algorithm for a convolution, or why there is none."""
    assert isinstance(job.node.op, ops.Conv)
    if not job.is_constant(*job.node.inputs[1:]):
        return "a convolution whose weight is computed"
    return _choose(conv_task(job))


def lower_linear(job: Job) -> Lowering | str:
    """A linear layer is a pointwise convolution of one pixel."""
    if len(job.context.sizes(job.x)) != 2:
        return "a linear layer on more than two axes"
    if not job.is_constant(*job.node.inputs[1:]):
        return "a linear layer whose weight is computed"
    return _choose(linear_task(job))


def _choose(task: ConvTask) -> Lowering:
    """The fastest way by its estimate, or the one that measuring has found."""
    if task.geometry.transposed:
        return _lower(task, _grouped if task.narrow else _direct)
    (part,) = task.parts
    if task.narrow:
        return task.context.pick(task.job.node, _grouped_ways(task, part))
    return task.context.pick(task.job.node, *_broadcast_ways(task, part))


def _grouped_ways(task: ConvTask, part: Part) -> list[Option]:
    """Tiles as large as registers allow, or of half that size: more loads, shorter chains."""
    _, rows, columns = part.axes
    tiles = dict.fromkeys(grouped_tile(task, rows, columns, rank) for rank in (0, 1))
    return [
        Option(
            Way(_name(task), Tile(*tile, 1).text(task.lanes)),
            partial(_lower, task, partial(_grouped, rank=rank)),
        )
        for rank, tile in enumerate(tiles)
    ]


def _broadcast_ways(task: ConvTask, part: Part) -> tuple[list[Option], list[Way]]:
    """Every product of the definition, or fewer by Winograd's or by Strassen's algorithm; and why
    not these.
    """
    options = [
        Option(
            Way(_name(task), tile.text(task.lanes), cycles),
            partial(_lower, task, partial(_direct, vectors=tile.vectors)),
        )
        for tile, cycles in _direct_tiles(task, part)
    ]
    single = math.prod(axis.taps for axis in part.axes) == 1
    if task.subsampled:
        return options, []
    fewer, declined = (strassen_ways if single else winograd_options)(task, part)
    return options + fewer, declined


def _direct_tiles(task: ConvTask, part: Part) -> list[tuple[Tile, float]]:
    """The best tile of each width for the direct way, and the estimate of its cycles."""
    planes, rows, columns = part.axes
    images = task.x_image[0] * planes.count
    height, width = rows.count, columns.count
    if all(axis.taps == axis.stride == 1 for axis in part.axes):
        images, height, width = 1, 1, images * height * width
    target, blocks = task.context.target, task.y_layout.blocks
    weights = part.weight(task.weight)
    products = math.prod(weights.shape[1:]) * images
    rows_met = _met(rows, task.x_image[3], 1)
    threads = task.context.threads

    def uneven(tile: Tile) -> float:
        """How much longer the busiest thread works than all do on average."""
        spans = -(-width // tile.columns) if height == 1 else 1
        items = images * -(-height // tile.rows) * spans * (blocks // tile.vectors)
        return -(-items // threads) * threads / items

    def cycles(tile: Tile) -> float:
        met = rows_met * _met(columns, task.x_image[4], tile.columns)
        compute = tile_cycles(target, tile, blocks, height, width) * products * uneven(tile) * met
        panel = math.prod(weights.shape[1:]) * tile.vectors * target.lanes
        passes = images * -(-height // tile.rows) * -(-width // tile.columns)
        sliced = _slice(task, part, tile, height * width)
        if sliced:
            slices = -(-task.inputs // (sliced * target.lanes))
            panel = -(-panel // slices)
            compute += keeping_cycles(tile, slices, passes * (blocks // tile.vectors))
        shown = passes_cycles(target, panel, weights.size, passes)
        return direct_cycles(target, compute + shown, weights.size, threads)

    tiles = rank_tiles(target, blocks // task.groups, height, width)
    return [(tile, cycles(tile)) for tile in tiles]


def _met(axis: Axis, size: int, width: int) -> float:
    """The share of taps that meet the input from any of `width` outputs: no other is multiplied."""
    tiles = [range(o, min(o + width, axis.count)) for o in range(0, axis.count, width)]
    places = [t * axis.step + axis.offset for t in range(axis.taps)]
    met = sum(
        tile[0] * axis.stride + place < size and tile[-1] * axis.stride + place >= 0
        for tile in tiles
        for place in places
    )
    return met / max(len(tiles) * len(places), 1)


def _lower(task: ConvTask, make: MakeKernel) -> Lowering:
    """One kernel for each part; groups that do not fit the lanes are moved before and behind."""
    (u, v), (inputs, outputs) = task.widths, (task.inputs, task.outputs)
    moved = u > inputs or task.subsampled
    rooms = [task.x_layout] if moved else []
    rooms += [task.y_layout] if v > outputs else []

    def build(located: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = located[: len(located) - len(rooms)]
        spare = iter(located[len(located) - len(rooms) :])
        epilogue = placed(task.job.epilogue, operands)
        calls = []
        if moved:
            given, x = x, next(spare)
            if task.subsampled:
                calls.append(_subsample(given, x, task.step))
            else:
                calls.append(_regroup(given, x, inputs, (inputs, u), (), ()))
        if v == outputs:
            return calls + _part_calls(task, make, x, out, epilogue, operands)
        wide = next(spare)
        calls += _part_calls(task, make, x, wide, (), ())
        return [*calls, _regroup(wide, out, outputs, (v, outputs), epilogue, operands)]

    form: Form = "planar" if task.planar else "blocked"
    need = Need(task.job.x, form) if moved else Need(task.job.x, form, task.halo)
    return Lowering(
        (need,),
        build,
        _name(task),
        operands=task.job.operands,
        rooms=tuple(rooms),
        why=_why(task),
    )


def _name(task: ConvTask) -> str:
    if task.geometry.transposed:
        name = f"transposed, {len(task.parts)} phases"
        return f"{name}, strassen" if any(_phase_by_strassen(task, p) for p in task.parts) else name
    if task.narrow:
        return "depthwise" if task.inputs == 1 else "narrow groups"
    return "direct" if math.prod(task.geometry.kernel_size) > 1 else "pointwise"


def _why(task: ConvTask) -> str:
    """What there is to say of the way that `_name` names, beside its estimate."""
    (u, v), reasons = task.widths, []
    if task.geometry.transposed:
        reasons.append("each phase of the stride reads the input as it is, without zeros between")
    if task.narrow:
        reasons.append(f"a vector of {task.lanes} outputs holds {task.lanes // v} groups")
    if (u, v) != (task.inputs, task.outputs):
        reasons.append(f"groups of {task.inputs} and {task.outputs} channels moved to {u} and {v}")
    if task.subsampled:
        reasons.append("the pixels that it reads are moved side by side before")
    if task.planar:
        reasons.append(
            f"input channels ({task.inputs}) read as the caller gives them, not in blocks"
        )
    return "; ".join(reasons)


def _phase_by_strassen(task: ConvTask, part: Part) -> Strassen | None:
    """How to multiply a phase of one tap, where that is faster by Strassen's algorithm."""
    if not task.geometry.transposed or task.narrow:
        return None
    way = strassen_way(task, part)
    if isinstance(way, str) or way.cycles >= _direct_tiles(task, part)[0][1]:
        return None
    return way


def _subsample(x: Located, y: Located, step: tuple[int, ...]) -> KernelCall:
    """Every `step`-th pixel, side by side."""
    v, (planes, rows, columns) = x.layout, step
    walks = (v.image, v.block, v.plane * planes, v.row * rows, v.column * columns, 1)
    w = y.layout
    sizes = (w.batch, w.blocks, w.depth, w.height, w.width, w.lanes)
    kernel = Copy.of(sizes, walks, (w.image, w.block, w.plane, w.row, w.column, 1))
    return KernelCall(kernel, (x.address, y.address), aside="subsample")


def _regroup(
    x: Located,
    y: Located,
    width: int,
    apart: tuple[int, int],
    epilogue: Epilogue,
    operands: Sequence[Located],
) -> KernelCall:
    """Groups of `width` channels moved from one distance to another."""
    kernel = Regroup(x.layout, y.layout, width, *apart, epilogue)
    places = (x.address, y.address, *(o.address for o in operands))
    return KernelCall(kernel, places, aside="regroup")


def _part_calls(
    task: ConvTask,
    make: MakeKernel,
    x: Located,
    y: Located,
    epilogue: Epilogue,
    operands: Sequence[Located],
) -> list[KernelCall]:
    calls, bias = [], task.bias_address()
    for part in task.parts:
        way = _phase_by_strassen(task, part)
        if way is not None:
            calls.append(strassen_call(task, part, way, x, y, epilogue, operands))
            continue
        conv = make(task, x.layout, y.layout, part, epilogue)
        weight = part.weight(task.filled_weight)
        weights = task.context.constants.add_packed(conv, weight)
        places = [part.place(o).address for o in (y, *operands)]
        scratch = conv.scratch if isinstance(conv, DirectConv) else 0
        room = [None] if scratch else []
        calls.append(KernelCall(conv, (x.address, weights, bias, *room, *places), scratch))
    return calls


def _direct(
    task: ConvTask, x: Layout, y: Layout, part: Part, epilogue: Epilogue, vectors: int = 0
) -> DirectConv:
    """The kernel, its pixels in one line where memory allows, its work cut for the caches; its tile
    the best of so many vectors, or of all.
    """
    axes = part.axes
    if all((a.taps, a.stride, a.offset, a.spread) == (1, 1, 0, 1) for a in axes):
        layouts = _in_line(x, y, *(operand for step in epilogue for operand in step.operands))
        axes = Axis(layouts[0].depth), Axis(layouts[0].height), Axis(layouts[0].width)
        x, y = layouts[:2]
        epilogue = with_layouts(epilogue, layouts[2:])
    planes, rows, columns = axes
    tiles = rank_tiles(task.context.target, y.blocks // task.groups, rows.count, columns.count)
    tile = next((tile for tile in tiles if tile.vectors == vectors), tiles[0])
    sliced = _slice(task, part, tile, rows.count * columns.count)
    outer = not sliced and 4 * part.weight(task.filled_weight).size > _SMALL_WEIGHTS
    images, panels, threads = x.batch * planes.count, y.blocks // tile.vectors, task.context.threads
    around = {"outer": panels * images} if outer else {"outer": images, "inner": panels}

    def most(axis: Axis, pixels: int, floats: int) -> int:
        """Places along an axis that are worked on at once: so many pixels and floats at each."""
        if sliced:
            return max(SLICE_PIXELS // pixels, 1)
        return axis.count if outer else _cached(floats, axis)

    down = most(rows, columns.count, x.row * x.blocks)
    band = band_of_rows(rows.count, tile.rows, down, threads, **around)
    span = 0
    if rows.count == 1:  # all that there is to cut is the row
        across = most(columns, 1, x.column * x.blocks)
        span = band_of_rows(columns.count, tile.columns, across, threads, **around)
    used = task.inputs if task.groups > 1 else 0
    return DirectConv(
        x, y, rows, columns, tile, band, task.groups, outer, epilogue, planes, used, span, sliced
    )


def _in_line(*layouts: Layout) -> list[Layout]:
    """Tensors of the same sizes, their pixels in one line where those of the first are."""
    flat = [layout.flat for layout in layouts]
    if len({(f.batch, f.depth, f.height, f.width) for f in flat}) == 1:
        return flat
    x = layouts[0]
    if x.depth > 1 or x.flat.height > 1 or x.flat.batch != x.batch:
        return list(layouts)
    return [layout.dealt(1, x.height * x.width) for layout in layouts]


def _slice(task: ConvTask, part: Part, tile: Tile, pixels: int) -> int:
    """Input blocks to multiply at a time, of a kernel of one plane over blocks of channels."""
    planes, rows, columns = part.axes
    if planes.taps > 1 or task.planar:
        return 0
    taps = rows.taps * columns.taps
    return direct_slice(task.context.target, task.inputs, taps, tile, pixels)


def _grouped(
    task: ConvTask, x: Layout, y: Layout, part: Part, epilogue: Epilogue, rank: int = 0
) -> GroupedConv:
    planes, rows, columns = part.axes
    tile_rows, tile_columns = grouped_tile(task, rows, columns, rank)
    most, outer = _cached(x.row, rows), x.batch * planes.count * y.blocks
    band = band_of_rows(rows.count, tile_rows, most, task.context.threads, outer=outer)
    return GroupedConv(
        x,
        y,
        rows,
        columns,
        task.widths,
        task.inputs,
        tile_rows,
        tile_columns,
        band,
        epilogue,
        planes,
    )


def grouped_tile(task: ConvTask, rows: Axis, columns: Axis, rank: int = 0) -> tuple[int, int]:
    """(rows, columns) of a tile as large as the weights of a kernel row leave registers for; of
    rank 1, half of that.
    """
    registers, sums = task.context.target.registers, turns(task.widths, task.inputs)
    if sums > 1:
        most = max((registers - columns.taps) // sums, 1)
    else:
        most = min(max(registers - columns.taps - 2, 4), 14 if registers > 16 else 8)
    most = max(most // (1 + rank), 1)
    tiles = -(-columns.count // most)
    tile_columns = -(-columns.count // tiles)
    return max(1, min(most // tile_columns, rows.count, 4)), tile_columns


def _cached(floats: int, axis: Axis) -> int:
    """Outputs along an axis whose inputs fit in the cache: so many floats lie at each place."""
    return max(_BAND // max(4 * floats * axis.stride, 1), 1)
