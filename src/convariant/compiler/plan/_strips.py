"""A depthwise and a pointwise convolution as one kernel call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from convariant.compiler.kernels import (
    DirectConv,
    GroupedConv,
    StrassenConv,
    StripConv,
    Tile,
    choose_tile,
    strip_layout,
    tile_cycles,
)
from convariant.compiler.layout import Axis
from convariant.compiler.passes import Strip
from convariant.compiler.plan._bands import band_of_rows
from convariant.compiler.plan._choice import Way
from convariant.compiler.plan._choose import direct_cycles
from convariant.compiler.plan._convs import grouped_tile
from convariant.compiler.plan._job import Job, Option, as_image, placed
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.compiler.plan._strassen import Strassen, strassen_way
from convariant.compiler.plan._task import ConvTask, conv_task

__all__ = ["lower_strip"]

_NAME = "strips"
_NAME_STRASSEN = f"{_NAME}, strassen"
# Bytes of a strip: with the input it is made from, half of a second-level cache.
_STRIP = 192 * 1024


def lower_strip(job: Job) -> Lowering | str:
    """Both kernels over one strip after another; the pass has seen to it that they fit."""
    op, context, inputs = job.node.op, job.context, job.node.inputs
    assert isinstance(op, Strip)
    middle = op.first.infer(*(context.graph.types[name] for name in inputs[: op.arity]))[0].sizes
    first = conv_task(Job.of(context, job.node, op.first, inputs[: op.arity], middle))
    rest = (inputs[0], *inputs[op.arity :])
    second = conv_task(Job.of(context, job.node, op.second, rest, job.sizes))
    task = _StripTask(first, second, as_image(middle))
    return context.pick(job.node, *_ways(task))


@dataclass(frozen=True)
class _StripTask:
    """Both convolutions, and the shape of what passes between them."""

    first: ConvTask
    second: ConvTask
    middle: tuple[int, int, int, int, int]


def _ways(task: _StripTask) -> tuple[list[Option], list[Way]]:
    """The pointwise layer by every product of the definition, or by Strassen's algorithm."""
    second, context = task.second, task.second.context
    (part,) = second.parts
    planes, rows, columns = part.axes
    size = second.y_layout.blocks, rows.count, columns.count
    tile = choose_tile(context.target, *size)
    products = second.inputs * task.middle[0] * planes.count
    compute = tile_cycles(context.target, tile, *size) * products
    cycles = direct_cycles(compute, second.weight.size, context.threads)
    direct = Way(_NAME, tile.text(second.lanes), cycles)
    options = [Option(direct, partial(_lower, task, tile))]
    way = strassen_way(second, part)
    if isinstance(way, str):
        return options, [Way("strassen", declined=way)]
    fewer = Way(_NAME_STRASSEN, way.tile.text(second.lanes), way.cycles)
    return [*options, Option(fewer, partial(_lower, task, way))], []


def _lower(task: _StripTask, way: Tile | Strassen) -> Lowering:
    first, second = task.first, task.second
    (part,) = first.parts
    planes, rows, columns = part.axes
    tile_rows, tile_columns = grouped_tile(first, rows, columns)
    down, tile = (way.pairs.y_step[0], way.tile) if isinstance(way, Strassen) else (1, way)
    band = _band(first, rows, -(-max(tile_rows, down * tile.rows) // down) * down)
    strip = strip_layout(task.middle, second.lanes, band)

    def build(located: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = located
        depthwise = GroupedConv(
            x.layout,
            strip,
            rows,
            columns,
            (1, 1),
            1,
            tile_rows,
            tile_columns,
            band,
            first.job.epilogue,
            planes,
        )
        epilogue = placed(second.job.epilogue, operands)
        pointwise: DirectConv | StrassenConv
        if isinstance(way, Strassen):
            pointwise = StrassenConv(
                strip, out.layout, way.pairs, tile, band // down, epilogue=epilogue
            )
        else:
            axes = Axis(rows.count), Axis(columns.count)
            pointwise = DirectConv(
                strip, out.layout, *axes, tile, band, epilogue=epilogue, planes=Axis(planes.count)
            )
        kernel = StripConv(depthwise, pointwise, band)
        constants = second.context.constants
        weights = (
            constants.add(depthwise.pack(first.weight)),
            first.bias_address(),
            constants.add(pointwise.pack(second.weight)),
            second.bias_address(),
        )
        places = (place.address for place in (out, *operands))
        return [KernelCall(kernel, (x.address, *weights, None, *places), kernel.scratch)]

    passed = 4 * math.prod(task.middle) / 2**20
    return Lowering(
        (Need(first.job.x, "blocked", first.halo),),
        build,
        _NAME_STRASSEN if isinstance(way, Strassen) else _NAME,
        operands=second.job.operands,
        why=f"{band} rows at a time keep the {passed:.1f} MiB between both layers in the cache",
    )


def _band(task: ConvTask, rows: Axis, tile_rows: int) -> int:
    """Rows of a strip: whole tiles that fit the cache, in equal shares for every thread."""
    n, _, depth, _, _ = task.job.y_image
    row_bytes = 4 * task.y_layout.row * task.y_layout.blocks
    most = max(_STRIP // row_bytes // tile_rows, 1) * tile_rows
    return band_of_rows(rows.count, tile_rows, most, task.context.threads, outer=n * depth)
