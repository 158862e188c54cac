"""Convolutions and Linear layers as kernel calls."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from convariant.compiler.kernels import (
    DirectConv,
    Epilogue,
    GroupedConv,
    WinogradConv,
    rank_tiles,
    tile_cycles,
)
from convariant.compiler.layout import Axis, Floats, Halo, Layout, lay_out
from convariant.compiler.plan._choose import Winograd, direct_cycles, winograd_ways
from convariant.compiler.plan._job import Context, Job, Option, placed, with_row
from convariant.compiler.plan._model import Address, Form, KernelCall, Located, Lowering, Need
from convariant.compiler.plan._phases import phases
from convariant.geometry import Geometry
from convariant.graph import ops

__all__ = ["lower_conv", "lower_linear"]

# Bytes of weights that are worth reading again for each band of rows: they stay in the cache.
_SMALL_WEIGHTS = 256 * 1024
# Bytes of input in a band of rows: half of a second-level cache.
_BAND = 192 * 1024


@dataclass(frozen=True)
class ConvTask:
    """A convolution over two axes; the weight is (co, ci / groups, kh, kw) also if transposed."""

    job: Job
    weight: Floats
    bias: Floats | None
    geometry: Geometry
    groups: int = 1

    @property
    def context(self) -> Context:
        """Target, threads, tolerance and constants."""
        return self.job.context

    @property
    def lanes(self) -> int:
        """Channels in a block."""
        return self.context.target.lanes

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.job.y_image[1]

    @property
    def blocks(self) -> int:
        """Output channel blocks."""
        return -(-self.outputs // self.lanes)

    @property
    def width(self) -> int:
        """Input channels of one group."""
        return self.weight.shape[1]

    @property
    def planar(self) -> bool:
        """Whether the input comes planar and has too few channels to be worth blocking."""
        few = self.job.x_image[1] < self.lanes
        return few and self.job.x in self.context.graph.inputs

    def bias_address(self) -> Address:
        """The bias, or zeros, filled up to whole blocks."""
        values = np.zeros(self.outputs, np.float32) if self.bias is None else self.bias
        layout = Layout.dense((1, self.outputs, 1, 1), self.lanes)
        return self.context.constants.add(lay_out(values.reshape(1, -1, 1, 1), layout))

    def call(self, conv: DirectConv | GroupedConv, x: Located, *outputs: Located) -> KernelCall:
        """The kernel with its packed weights; `outputs` are y and the operands."""
        weights = self.context.constants.add(conv.pack(self.weight))
        places = (out.address for out in outputs)
        return KernelCall(conv, (x.address, weights, self.bias_address(), *places))


def lower_conv(job: Job) -> Lowering | str:
    """The best algorithm for a convolution, or why there is none."""
    op = job.node.op
    assert isinstance(op, ops.Conv)
    if not job.is_constant(*job.node.inputs[1:]):
        return "a convolution whose weight is computed"
    if op.geometry.axes > 2:
        return "a convolution over 3 axes"
    return _choose(conv_task(job))


def conv_task(job: Job) -> ConvTask:
    """A convolution with known weights over one or two axes."""
    op = job.node.op
    assert isinstance(op, ops.Conv)
    weight, *bias = (job.context.constant(name) for name in job.node.inputs[1:])
    geometry = op.geometry.explicit(job.context.sizes(job.x)[2:])
    if geometry.axes == 1:
        weight, geometry = weight[:, :, None, :], with_row(geometry)
    if geometry.transposed:
        weight = _turned(weight, op.groups)
    return ConvTask(job, weight, bias[0] if bias else None, geometry, op.groups)


def lower_linear(job: Job) -> Lowering | str:
    """A linear layer is a pointwise convolution of one pixel."""
    if len(job.context.sizes(job.x)) != 2:
        return "a linear layer on more than two axes"
    if not job.is_constant(*job.node.inputs[1:]):
        return "a linear layer whose weight is computed"
    weight, *bias = (job.context.constant(name) for name in job.node.inputs[1:])
    return _choose(
        ConvTask(job, weight[:, :, None, None], bias[0] if bias else None, Geometry((1, 1)))
    )


def _turned(weight: Floats, groups: int) -> Floats:
    """A transposed weight (ci, co / groups, ...) as (co, ci / groups, ...)."""
    ci, width = weight.shape[:2]
    split = weight.reshape(groups, ci // groups, width, *weight.shape[2:])
    return np.ascontiguousarray(
        split.swapaxes(1, 2).reshape(groups * width, ci // groups, *weight.shape[2:])
    )


def _choose(task: ConvTask) -> Lowering | str:
    if task.geometry.transposed:
        if not _broadcasts(task):
            return f"a transposed convolution in {task.groups} groups that are no whole blocks"
        return _lower_transposed(task)
    if _broadcasts(task):
        return _lower_broadcast(task)
    if task.outputs // task.groups == task.width and task.lanes % task.width == 0:
        return _lower_grouped(task)
    return f"{task.groups} groups of {task.width} channels do not fit {task.lanes} lanes"


def _broadcasts(task: ConvTask) -> bool:
    """Whether every group has whole blocks of channels, or there is but one group."""
    lanes, per_group = task.lanes, task.outputs // task.groups
    return task.groups == 1 or (task.width % lanes == 0 and per_group % lanes == 0)


def conv_axes(task: ConvTask) -> tuple[Axis, Axis]:
    """How outputs meet inputs on both axes of a convolution that is not transposed."""
    g = task.geometry
    pads = g.pads(task.job.x_image[2:])
    rows, columns = (
        Axis(o, taps=k, stride=s, step=d, offset=-b)
        for o, k, s, d, (b, _) in zip(
            task.job.y_image[2:], g.kernel_size, g.stride, g.dilation, pads, strict=True
        )
    )
    return rows, columns


def halo_of(size: tuple[int, ...], *reaches: tuple[int, int]) -> Halo:
    """The halo around a plane that (lowest, highest) indices on both axes call for."""
    (top, bottom), (left, right) = (
        (max(0, -low), max(0, high - i + 1)) for i, (low, high) in zip(size, reaches, strict=True)
    )
    return top, bottom, left, right


def _lower_broadcast(task: ConvTask) -> Lowering:
    rows, columns = conv_axes(task)
    n = task.job.x_image[0]
    flat = task.weight.shape[2:] == (1, 1) and (rows.stride, columns.stride) == (1, 1)
    height, width = (1, n * rows.count * columns.count) if flat else (rows.count, columns.count)
    target, images = task.context.target, 1 if flat else n
    products = math.prod(task.weight.shape[1:]) * images
    options = []
    for rank, tile in enumerate(rank_tiles(target, task.blocks // task.groups, height, width)):
        compute = tile_cycles(target, tile, task.blocks, height, width) * products
        cycles = direct_cycles(compute, task.weight.size, task.context.threads)
        options.append(Option(cycles, partial(_lower_direct, task, rows, columns, rank)))
    options += [
        Option(way.cycles, partial(_lower_winograd, task, rows, columns, way))
        for way in _winograd_ways(task, rows, columns)
    ]
    return task.context.pick(task.job.node, options)


def _lower_direct(task: ConvTask, rows: Axis, columns: Axis, rank: int) -> Lowering:
    """Every product of the definition, by the tile of that rank."""
    form: Form = "planar" if task.planar else "blocked"
    halo = halo_of(task.job.x_image[2:], rows.reach, columns.reach)
    pointwise = task.weight.shape[2:] == (1, 1)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(task.job.epilogue, operands)
        conv = _direct(task, x.layout, out.layout, rows, columns, epilogue, rank)
        return [task.call(conv, x, out, *operands)]

    return Lowering(
        (Need(task.job.x, form, halo),),
        build,
        "pointwise" if pointwise else "direct",
        operands=task.job.operands,
    )


def _direct(
    task: ConvTask,
    x: Layout,
    y: Layout,
    rows: Axis,
    columns: Axis,
    epilogue: Epilogue,
    rank: int = 0,
) -> DirectConv:
    """The kernel, its pixels in one line where memory allows, its work cut for the caches."""
    layouts = [x, y, *(s.operand for s in epilogue if s.operand is not None)]
    single = rows.taps == columns.taps == rows.stride == columns.stride == 1
    if single and rows.spread == columns.spread == 1:
        flat = [layout.flat for layout in layouts]
        if len({(f.batch, f.height, f.width) for f in flat}) == 1:
            rows, columns = Axis(flat[0].height), Axis(flat[0].width)
            x, y = flat[:2]
            operands = iter(flat[2:])
            epilogue = tuple(
                replace(s, operand=next(operands)) if s.operand is not None else s for s in epilogue
            )
    tiles = rank_tiles(task.context.target, y.blocks // task.groups, rows.count, columns.count)
    tile = tiles[min(rank, len(tiles) - 1)]
    outer = 4 * task.weight.size > _SMALL_WEIGHTS
    panels = y.blocks // tile.vectors
    band = _band(task, x, rows, tile.rows, x.batch * panels, outer=outer)
    return DirectConv(x, y, rows, columns, tile, band, task.groups, outer, epilogue)


def _band(task: ConvTask, x: Layout, rows: Axis, tile_rows: int, items: int, *, outer: bool) -> int:
    """Rows of a band: few enough for the cache and for equal shares, whole tiles where possible."""
    row_bytes = 4 * x.row * rows.stride * x.blocks
    most = rows.count if outer else max(_BAND // max(row_bytes, 1), 1)
    bands = -(-rows.count // most)
    if task.context.threads > 1:
        # as many bands as give every thread an equal share, within reason
        choices = range(bands, min(max(bands, 4 * task.context.threads), rows.count) + 1)
        even = (b for b in choices if items * b % task.context.threads == 0)
        bands = next(even, bands)
    band = -(-rows.count // bands)
    return -(-band // tile_rows) * tile_rows


def _winograd_ways(task: ConvTask, rows: Axis, columns: Axis) -> list[Winograd]:
    """Both sizes of tile, as far as their error fits."""
    plain = all((a.taps, a.stride, a.step) == (3, 1, 1) for a in (rows, columns))
    if not plain or task.groups > 1 or task.planar or task.width < 8:
        return []
    totals = {m: task.job.x_image[0] * -(-rows.count // m) * -(-columns.count // m) for m in (2, 4)}
    return winograd_ways(
        task.context.target,
        task.width,
        task.blocks,
        totals,
        task.context.threads,
        task.context.tolerance,
    )


def _lower_winograd(task: ConvTask, rows: Axis, columns: Axis, chosen: Winograd) -> Lowering:
    m = chosen.m
    # whole tiles are read, also where they reach beyond the output
    reaches = (replace(axis, count=-(-axis.count // m) * m).reach for axis in (rows, columns))
    halo = halo_of(task.job.x_image[2:], *reaches)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(task.job.epilogue, operands)
        conv = WinogradConv(
            x.layout, out.layout, rows, columns, m, chosen.tile, chosen.tiles, epilogue
        )
        weights = task.context.constants.add(conv.pack(task.weight))
        places = (o.address for o in (out, *operands))
        arguments = (x.address, weights, task.bias_address(), None, *places)
        return [KernelCall(conv, arguments, conv.scratch)]

    return Lowering(
        (Need(task.job.x, "blocked", halo),),
        build,
        f"winograd F({m},3)",
        operands=task.job.operands,
    )


def _lower_grouped(task: ConvTask) -> Lowering:
    """Tiles as large as registers allow, or of half that size: more loads, shorter chains."""
    rows, columns = conv_axes(task)
    tiles = dict.fromkeys(grouped_tile(task, rows, columns, part) for part in (1, 2))
    options = [
        Option(rank, partial(_lower_grouped_tile, task, rows, columns, *tile))
        for rank, tile in enumerate(tiles)
    ]
    return task.context.pick(task.job.node, options)


def grouped_tile(task: ConvTask, rows: Axis, columns: Axis, part: int = 1) -> tuple[int, int]:
    """(rows, columns) of a tile as large as registers allow, or a part of that."""
    registers = task.context.target.registers
    room = max(registers - columns.taps - 2, 4)
    most = min(room, 14 if registers > 16 else 8) // part
    tiles = -(-columns.count // most)
    tile_columns = -(-columns.count // tiles)
    return max(1, min(most // tile_columns, rows.count, 4)), tile_columns


def _lower_grouped_tile(
    task: ConvTask, rows: Axis, columns: Axis, tile_rows: int, tile_columns: int
) -> Lowering:
    halo = halo_of(task.job.x_image[2:], rows.reach, columns.reach)
    planes = task.job.x_image[0] * task.blocks

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        band = _band(task, replace(x.layout, channels=1), rows, tile_rows, planes, outer=False)
        conv = GroupedConv(
            x.layout,
            out.layout,
            rows,
            columns,
            task.width,
            tile_rows,
            tile_columns,
            band,
            placed(task.job.epilogue, operands),
        )
        return [task.call(conv, x, out, *operands)]

    return Lowering(
        (Need(task.job.x, "blocked", halo),),
        build,
        "depthwise" if task.width == 1 else "narrow groups",
        operands=task.job.operands,
    )


def _lower_transposed(task: ConvTask) -> Lowering:
    """Each of the stride's phases is a convolution of its own, written every `stride` pixels."""
    both = [(rows, columns) for rows in phases(task, 0) for columns in phases(task, 1)]
    reaches = [
        [phase[axis].axis.reach for phase in both if phase[axis].axis.taps] for axis in (0, 1)
    ]
    outer = [
        (min((low for low, _ in r), default=0), max((high for _, high in r), default=0))
        for r in reaches
    ]
    halo = halo_of(task.job.x_image[2:], *outer)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(task.job.epilogue, operands)
        calls = []
        for rows, columns in both:
            part = task.weight[:, :, rows.taps, :][:, :, :, columns.taps]
            smaller = replace(task, weight=part)
            conv = _direct(smaller, x.layout, out.layout, rows.axis, columns.axis, epilogue)
            calls.append(
                smaller.call(
                    conv,
                    x,
                    *(
                        Located(
                            o.layout,
                            o.address + rows.start * o.layout.row + columns.start * o.layout.column,
                        )
                        for o in (out, *operands)
                    ),
                )
            )
        return calls

    return Lowering(
        (Need(task.job.x, "blocked", halo),),
        build,
        f"transposed, {len(both)} phases",
        operands=task.job.operands,
    )
