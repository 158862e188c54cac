"""Pooling and resizing as kernel calls."""

from __future__ import annotations

from typing import Literal

import numpy as np

from convariant.compiler import passes
from convariant.compiler.kernels import (
    AdaptivePool,
    Pool,
    Resize,
    Unpool,
    resize_table,
    window_table,
)
from convariant.compiler.layout import Axis, Floats
from convariant.compiler.plan._job import Job, on_volume, placed
from convariant.compiler.plan._model import KernelCall, Located, Lowering, Need
from convariant.graph import ops

__all__ = ["lower_adaptive_pool", "lower_pool", "lower_resize", "lower_unpool"]


def lower_pool(job: Job) -> Lowering | str:
    """Maximum or average over windows; the divisors of an average are known beforehand."""
    op = job.node.op
    assert isinstance(op, ops.Pool)
    if op.indices:
        return "a pool whose indices are read"
    mode: Literal["max", "avg"] = "max" if op.mode == "max" else "avg"
    size = job.context.sizes(job.x)[2:]
    # the divisors depend on the padding as declared, not on what ceil_mode adds to it
    pads = (*((0, 0) for _ in range(3 - len(size))), *op.geometry.pads(size))
    g = on_volume(op.geometry.explicit(size))
    walks = zip(job.y_image[2:], g.kernel_size, g.stride, g.dilation, pads, strict=True)
    axes = [Axis(o, taps=k, stride=s, step=d, offset=-b) for o, k, s, d, (b, _) in walks]
    planes, rows, columns = axes
    counts = None
    if mode == "avg" and op.divisor is not None:
        counts = tuple(np.ones(axis.count, np.float32) for axis in axes)
        counts[1].fill(op.divisor)
    elif mode == "avg":
        sizes = zip(axes, job.x_image[2:], pads, strict=True)
        counts = tuple(_counted(axis, i, pad, op) for axis, i, pad in sizes)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(job.epilogue, operands)
        pool = Pool(mode, x.layout, out.layout, rows, columns, epilogue, planes)
        scales = job.context.constants.add(pool.pack(counts))
        arguments = (x.address, scales, out.address, *(o.address for o in operands))
        return [KernelCall(pool, arguments)]

    return Lowering((Need(job.x),), build, f"{mode} pool", operands=job.operands)


def _counted(axis: Axis, size: int, pad: tuple[int, int], op: ops.Pool) -> Floats:
    """How many elements of each window of an axis an average divides by."""
    taps = np.arange(axis.count)[:, None] * axis.stride + axis.offset
    taps = taps + np.arange(axis.taps) * axis.step
    low, high = (-pad[0], size + pad[1]) if op.count_include_pad else (0, size)
    return ((taps >= low) & (taps < high)).sum(axis=1).astype(np.float32)


def lower_resize(job: Job) -> Lowering | str:
    """The taps and weights of each output row and column as a table."""
    op = job.node.op
    assert isinstance(op, ops.Resize)
    x, y = (job.context.sizes(name)[2:] for name in (job.x, job.node.name))
    if op.region is not None:
        return "a resize of a part of the image"
    single = (np.zeros((1, 1), np.int64), np.ones((1, 1)))
    tables = [op.taps(axis, i, o) for axis, (i, o) in enumerate(zip(x, y, strict=True))]
    tables = [single] * (3 - len(tables)) + tables
    planes, rows, columns = (index.shape[1] for index, _ in tables)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(job.epilogue, operands)
        kernel = Resize(x.layout, out.layout, (planes, rows, columns), epilogue)
        table = job.context.constants.add(resize_table(*tables))
        arguments = (x.address, table, out.address, *(o.address for o in operands))
        return [KernelCall(kernel, arguments)]

    return Lowering((Need(job.x),), build, "resize", operands=job.operands)


def lower_adaptive_pool(job: Job) -> Lowering | str:
    """The window of each output plane, row and column as a table."""
    op = job.node.op
    assert isinstance(op, ops.AdaptivePool)
    windows = op.windows(job.context.sizes(job.x)[2:])
    table = window_table(*(((0, 1),) for _ in range(3 - len(windows))), *windows)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        kernel = AdaptivePool(op.mode, x.layout, out.layout, placed(job.epilogue, operands))
        known = job.context.constants.add(table)
        arguments = (x.address, known, out.address, *(o.address for o in operands))
        return [KernelCall(kernel, arguments)]

    return Lowering((Need(job.x),), build, f"adaptive {op.mode} pool", operands=job.operands)


def lower_unpool(job: Job) -> Lowering | str:
    """The windows of the pooled tensor searched again for their maxima."""
    op, names = job.node.op, job.node.inputs
    assert isinstance(op, passes.Unpool)
    deep, down, across = (1,) * (3 - len(op.window)) + op.window

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, v, *operands = inputs
        epilogue = placed(job.epilogue, operands)
        kernel = Unpool(x.layout, v.layout, out.layout, (deep, down, across), epilogue)
        addresses = (x.address, v.address, out.address, *(o.address for o in operands))
        return [KernelCall(kernel, addresses)]

    return Lowering(tuple(map(Need, names)), build, "unpool", operands=job.operands)
