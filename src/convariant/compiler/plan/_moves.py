"""Nodes that only move numbers: in place where they can, else by copies."""

from __future__ import annotations

from dataclasses import replace

from convariant.compiler.kernels import Convert
from convariant.compiler.plan._job import Job, as_image
from convariant.compiler.plan._model import Form, KernelCall, Located, Lowering, Need, nothing
from convariant.graph import ops

__all__ = ["lower_concat", "lower_reshape", "lower_slice"]


def lower_concat(job: Job) -> Lowering | str:
    """Channels one after another; each part is computed in its place if that starts a block."""
    op, inputs = job.node.op, job.node.inputs
    assert isinstance(op, ops.Concat)
    if op.axis % len(job.context.sizes(job.node.name)) != 1:
        return "a concatenation along another axis than channels"
    channels = [job.context.sizes(name)[1] for name in inputs]
    if all(c % job.context.target.lanes == 0 for c in channels[:-1]):
        needs = tuple(Need(name) for name in inputs)
        return Lowering(needs, nothing, "concatenation in place", parts=inputs)

    def copy(sources: tuple[Located, ...], out: Located) -> list[KernelCall]:
        calls, start = [], out.address
        for source in sources:
            part = replace(out.layout, channels=source.layout.channels)
            calls.append(KernelCall(Convert(source.layout, part), (source.address, start)))
            start = start + source.layout.channels * out.layout.block
        return calls

    needs = tuple(Need(name, "torch") for name in inputs)
    return Lowering(needs, copy, "concatenation by copy", form="torch")


def lower_reshape(job: Job) -> Lowering | str:
    """Another name for the same memory: blocked where only sizes of 1 come or go, else planar."""
    x, y = job.context.sizes(job.x), job.context.sizes(job.node.name)
    images = len(x) in range(2, 6) and len(y) in range(2, 6)
    same = images and as_image(x) == as_image(y)
    form: Form = "blocked" if same else "torch"
    return Lowering((Need(job.x, form),), nothing, "reshape in place", form, alias=job.x)


def lower_slice(job: Job) -> Lowering | str:
    """Whole blocks of channels, where they are."""
    op, sizes, lanes = job.node.op, job.context.sizes(job.x), job.context.target.lanes
    assert isinstance(op, ops.Slice)
    if op.axis % len(sizes) != 1:
        return "a slice along another axis than channels"
    channels = range(sizes[1])[op.start : op.stop : op.step]
    ends = len(channels) % lanes == 0 or channels.stop == sizes[1]
    if channels.step != 1 or channels.start % lanes != 0 or not ends:
        return f"a slice of channels that are no whole blocks of {lanes}"
    start = channels.start // lanes
    return Lowering((Need(job.x),), nothing, "slice in place", alias=job.x, start=start)
