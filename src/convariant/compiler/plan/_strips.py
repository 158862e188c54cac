"""A depthwise and a pointwise convolution as one kernel call."""

from __future__ import annotations

from convariant.compiler.kernels import (
    DirectConv,
    GroupedConv,
    StripConv,
    choose_tile,
    strip_layout,
)
from convariant.compiler.layout import Axis
from convariant.compiler.passes import Strip
from convariant.compiler.plan._convs import grouped_tile
from convariant.compiler.plan._job import Job, as_image, placed
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.compiler.plan._task import ConvTask, conv_task

__all__ = ["lower_strip"]

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
    (part,) = first.parts
    planes, rows, columns = part.axes
    tile_rows, tile_columns = grouped_tile(first, rows, columns)
    tile = choose_tile(context.target, second.y_layout.blocks, rows.count, columns.count)
    band = _band(first, rows, max(tile_rows, tile.rows))
    strip = strip_layout(as_image(middle), context.target.lanes, band)

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
        pointwise = DirectConv(
            strip,
            out.layout,
            Axis(rows.count),
            Axis(columns.count),
            tile,
            band,
            epilogue=placed(second.job.epilogue, operands),
            planes=Axis(planes.count),
        )
        kernel = StripConv(depthwise, pointwise, band)
        constants = context.constants
        weights = (
            constants.add(depthwise.pack(first.weight)),
            first.bias_address(),
            constants.add(pointwise.pack(second.weight)),
            second.bias_address(),
        )
        places = (place.address for place in (out, *operands))
        return [KernelCall(kernel, (x.address, *weights, None, *places), kernel.scratch)]

    return Lowering(
        (Need(inputs[0], "blocked", first.halo),),
        build,
        "depthwise and pointwise in strips",
        operands=second.job.operands,
    )


def _band(task: ConvTask, rows: Axis, tile_rows: int) -> int:
    """Rows of a strip: whole tiles that fit the cache, in equal shares for every thread."""
    n, _, depth, _, _ = task.job.y_image
    row_bytes = 4 * task.y_layout.row * task.y_layout.blocks
    most = max(_STRIP // row_bytes // tile_rows, 1) * tile_rows
    threads = task.context.threads
    bands = -(-rows.count // most)
    if n * depth * bands % threads:
        bands += threads - n * depth * bands % threads
    band = -(-rows.count // bands)
    return -(-band // tile_rows) * tile_rows
