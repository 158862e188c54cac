"""A depthwise or pointwise convolution and the pointwise ones behind it as one kernel call."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from convariant.compiler.kernels import (
    DirectConv,
    Epilogue,
    GroupedConv,
    Stage,
    StrassenConv,
    StripConv,
    Tile,
    choose_tile,
    strip_layout,
    tile_cycles,
)
from convariant.compiler.layout import Layout
from convariant.compiler.passes import Strip
from convariant.compiler.plan._bands import band_of_rows
from convariant.compiler.plan._choice import Way
from convariant.compiler.plan._choose import direct_cycles
from convariant.compiler.plan._convs import grouped_tile
from convariant.compiler.plan._job import Job, Option, placed
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.compiler.plan._slices import direct_slice
from convariant.compiler.plan._strassen import Strassen, strassen_way
from convariant.compiler.plan._task import ConvTask, conv_task

__all__ = ["lower_strip"]

_NAME = "strips"
_NAME_STRASSEN = f"{_NAME}, strassen"
# Bytes of all strips: with the input they are made from, half of a second-level cache.
_STRIPS = 192 * 1024

# How a stage is computed: depthwise by rows x columns, pointwise by a tile or by Strassen's way.
Means: TypeAlias = tuple[int, int] | Tile | Strassen


def lower_strip(job: Job) -> Lowering | str:
    """All kernels over one strip after another; the pass has seen to it that they fit."""
    tasks = _tasks(job)
    direct = [_direct(task) for task in tasks]
    fewer = [_strassen(task) for task in tasks]
    options = [_option(_NAME, tasks, direct)]
    if any(isinstance(way, Strassen) for way in fewer):
        best = [b if isinstance(b, Strassen) else a for a, b in zip(direct, fewer, strict=True)]
        return job.context.pick(job.node, [*options, _option(_NAME_STRASSEN, tasks, best)])
    reasons = dict.fromkeys(reason for reason in fewer if isinstance(reason, str))
    return job.context.pick(job.node, options, [Way("strassen", declined=r) for r in reasons])


def _tasks(job: Job) -> list[ConvTask]:
    """The convolutions; what passes between them has no name, so all are said to read x."""
    op, context, (x, *_) = job.node.op, job.context, job.node.inputs
    assert isinstance(op, Strip)
    tasks, value = [], context.graph.types[x]
    for stage, own in op.split(job.node.inputs):
        (value,) = stage.infer(value, *(context.graph.types[name] for name in own))
        tasks.append(conv_task(Job.of(context, job.node, stage, (x, *own), value.sizes)))
    return tasks


def _direct(task: ConvTask) -> Means:
    """By every product of the definition."""
    _, rows, columns = task.parts[0].axes
    if task.groups > 1:
        return grouped_tile(task, rows, columns)
    return choose_tile(task.context.target, task.y_layout.blocks, rows.count, columns.count)


def _strassen(task: ConvTask) -> Strassen | str | None:
    """By seven products of eight, or why not; None for a depthwise layer."""
    return strassen_way(task, task.parts[0]) if task.groups == 1 else None


def _option(name: str, tasks: Sequence[ConvTask], means: Sequence[Means]) -> Option:
    """One way for every stage; the estimate is that of the pointwise ones."""
    cycles = sum(_cycles(*pair) for pair in zip(tasks, means, strict=True))
    last = means[-1]
    assert isinstance(last, Tile | Strassen)
    tile = last.tile if isinstance(last, Strassen) else last
    way = Way(name, tile.text(tasks[-1].lanes), cycles)
    return Option(way, partial(_lower, name, tasks, means))


def _cycles(task: ConvTask, means: Means) -> float:
    if isinstance(means, Strassen):
        return means.cycles
    if not isinstance(means, Tile):
        return 0.0
    n, _, depth, height, width = task.job.y_image
    context = task.context
    products = task.inputs * n * depth
    compute = tile_cycles(context.target, means, task.y_layout.blocks, height, width) * products
    return direct_cycles(context.target, compute, task.weight.size, context.threads)


def _lower(name: str, tasks: Sequence[ConvTask], means: Sequence[Means]) -> Lowering:
    first, last, context = tasks[0], tasks[-1], tasks[0].context
    inner = tasks[:-1]
    band = _band(inner, means)
    strips = [strip_layout(task.job.y_image, task.lanes, band) for task in inner]

    def build(located: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = located
        epilogues = [*(task.job.epilogue for task in inner), placed(last.job.epilogue, operands)]
        layouts = itertools.pairwise([x.layout, *strips, out.layout])
        parts = zip(tasks, means, layouts, epilogues, strict=True)
        kernel = StripConv(tuple(_stage(*part, band) for part in parts), band)
        weights = (
            address
            for task, stage in zip(tasks, kernel.stages, strict=True)
            for address in (context.constants.add_packed(stage, task.weight), task.bias_address())
        )
        places = (place.address for place in (out, *operands))
        return [KernelCall(kernel, (x.address, *weights, None, *places), kernel.scratch)]

    passed = sum(4 * math.prod(task.job.y_image) for task in inner) / 2**20
    return Lowering(
        (Need(first.job.x, "blocked", first.halo),),
        build,
        name,
        operands=last.job.operands,
        why=f"{band} rows at a time keep the {passed:.1f} MiB between its layers in the cache",
    )


def _stage(
    task: ConvTask, means: Means, layouts: tuple[Layout, Layout], epilogue: Epilogue, band: int
) -> Stage:
    x, y = layouts
    planes, rows, columns = task.parts[0].axes
    if isinstance(means, Strassen):
        pairs = means.pairs
        down = band // pairs.y_step[0]
        return StrassenConv(x, y, pairs, means.tile, down, epilogue=epilogue, slice=means.slice)
    if isinstance(means, Tile):
        pixels = band * columns.count
        sliced = direct_slice(task.context.target, task.inputs, 1, means, pixels)
        return DirectConv(
            x, y, rows, columns, means, band, epilogue=epilogue, planes=planes, slice=sliced
        )
    tile_rows, tile_columns = means
    return GroupedConv(
        x, y, rows, columns, (1, 1), 1, tile_rows, tile_columns, band, epilogue, planes
    )


def _band(inner: Sequence[ConvTask], means: Sequence[Means]) -> int:
    """Rows of a strip: whole tiles that fit the cache, in equal shares for every thread."""
    task = inner[0]
    n, _, depth, height, _ = task.job.y_image
    row_bytes = sum(4 * task.y_layout.row * task.y_layout.blocks for task in inner)
    tile_rows, down = max(map(_tile_rows, means)), max(map(_down, means))
    whole = -(-tile_rows // down) * down
    most = max(_STRIPS // row_bytes // whole, 1) * whole
    return band_of_rows(height, whole, most, task.context.threads, outer=n * depth)


def _tile_rows(means: Means) -> int:
    if isinstance(means, Strassen):
        return means.tile.rows * _down(means)
    return means.rows if isinstance(means, Tile) else means[0]


def _down(means: Means) -> int:
    """Rows that belong together: both of a pair."""
    return means.pairs.y_step[0] if isinstance(means, Strassen) else 1
