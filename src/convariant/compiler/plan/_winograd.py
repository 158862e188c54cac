"""3x3 convolutions by Winograd's algorithm."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from convariant.compiler.kernels import WinogradConv, winograd_tiles
from convariant.compiler.plan._choice import Way
from convariant.compiler.plan._choose import Winograd, over_budget, winograd_error, winograd_ways
from convariant.compiler.plan._job import Option, placed
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.compiler.plan._task import ConvTask, halo_of
from convariant.compiler.plan._walks import Part

__all__ = ["winograd_options"]

# Input channels from which on Winograd's transforms are worth their products.
_FEW_INPUTS = 8


def winograd_options(task: ConvTask, part: Part) -> tuple[list[Option], list[Way]]:
    """All sizes of tile, as far as their error fits."""
    planes, rows, columns = part.axes
    unfit = _winograd_unfit(task, part)
    if unfit:
        return [], [Way("winograd", declined=unfit)]
    count = task.job.y_image[0] * planes.count * rows.step * columns.step
    ways = winograd_ways(
        task.context.target,
        task.inputs,
        task.y_layout.blocks,
        {m: count * winograd_tiles(rows, m) * winograd_tiles(columns, m) for m in (2, 4, 6)},
        task.context.threads,
    )
    options, declined = [], []
    for way in ways:
        name, error = _winograd_name(way.m), winograd_error(way.m, task.inputs)
        if error <= task.context.budget:
            as_way = Way(name, way.tile.text(task.lanes), way.cycles)
            options.append(Option(as_way, partial(_lower_winograd, task, part, way)))
        else:
            declined.append(Way(name, declined=over_budget(error, task.context.budget)))
    return options, declined


def _winograd_name(m: int) -> str:
    return f"winograd F({m},3)"


def _winograd_unfit(task: ConvTask, part: Part) -> str:
    """Why Winograd's algorithm cannot compute a convolution; nothing if it can."""
    planes, *plane = part.axes
    taps = [axis.taps for axis in part.axes]
    if taps != [1, 3, 3] or (planes.stride, planes.offset) != (1, 0):
        return "its kernel is not 3x3"
    if any(axis.stride > 1 for axis in plane):
        return "its stride is not 1"
    if task.groups > 1:
        return "it has groups"
    if task.planar or task.inputs < _FEW_INPUTS:
        return f"its input channels ({task.inputs}) are too few to be worth transforming"
    return ""


def _lower_winograd(task: ConvTask, part: Part, chosen: Winograd) -> Lowering:
    m, (_, rows, columns) = chosen.m, part.axes
    # whole tiles are read, also where they reach beyond the output
    reaches = (
        replace(axis, count=winograd_tiles(axis, m) * m * axis.step).reach
        for axis in (rows, columns)
    )
    halo = halo_of(task.x_image[3:], *reaches)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(task.job.epilogue, operands)
        conv = WinogradConv(
            x.layout,
            out.layout,
            rows,
            columns,
            m,
            chosen.tile,
            chosen.tiles,
            epilogue,
            chosen.slice,
        )
        weights = task.context.constants.add_packed(conv, task.weight)
        places = (o.address for o in (out, *operands))
        arguments = (x.address, weights, task.bias_address(), None, *places)
        return [KernelCall(conv, arguments, conv.scratch)]

    return Lowering(
        (Need(task.job.x, "blocked", halo),),
        build,
        _winograd_name(m),
        operands=task.job.operands,
    )
