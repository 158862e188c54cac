"""Softmax, normalisation, reduction and products of matrices as kernel calls."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from convariant.compiler import passes
from convariant.compiler.kernels import (
    ChannelNorm,
    GroupNorm,
    LineLogSumExp,
    LineNorm,
    LineReduce,
    Lines,
    LineSoftmax,
    Map,
    MatMul,
    Softmax,
)
from convariant.compiler.layout import SINGLE_NUMBER, Floats, Layout, lay_out
from convariant.compiler.plan._job import Job, placed, with_layouts
from convariant.compiler.plan._model import Emitter, KernelCall, Located, Lowering, Need
from convariant.compiler.plan._numbers import broadcast_strides
from convariant.graph import ops

__all__ = [
    "lower_channel_norm",
    "lower_group_norm",
    "lower_layer_norm",
    "lower_matmul",
    "lower_reduce",
    "lower_softmax",
]

Sizes: TypeAlias = tuple[int, ...]


def _lines(sizes: Sizes, first: int, last: int) -> Lines:
    """The lines along the axes from `first` to `last`."""
    outer, count, inner = sizes[:first], sizes[first : last + 1], sizes[last + 1 :]
    return Lines(math.prod(outer), math.prod(count), math.prod(inner))


def _call(job: Job, kernel: Emitter, name: str, *constants: Floats) -> Lowering:
    """One kernel from memory as PyTorch has it to the same."""

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        (x,) = inputs
        known = (job.context.constants.add(array) for array in constants)
        return [KernelCall(kernel, (x.address, *known, out.address))]

    return Lowering((Need(job.x, "torch"),), build, name, "torch")


def lower_softmax(job: Job) -> Lowering | str:
    """Over channels in their blocks, over other axes in lines."""
    op = job.node.op
    assert isinstance(op, ops.Softmax)
    axis = op.axis % len(job.sizes)
    if op.log or axis != 1 or len(job.sizes) > 5:
        return _call(job, LineSoftmax(_lines(job.sizes, axis, axis), op.log), "softmax")

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        (x,) = inputs
        return [KernelCall(Softmax(x.layout, out.layout), (x.address, out.address))]

    return Lowering((Need(job.x),), build, "softmax")


def lower_channel_norm(job: Job) -> Lowering | str:
    """The channels of each pixel, in their blocks."""
    op = job.node.op
    assert isinstance(op, passes.ChannelNorm)
    affine = [job.context.constant(name) for name in job.node.inputs[1:]]

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        (x,), one = inputs, Layout.dense((1, affine[0].size, 1, 1), out.layout.lanes)
        known = (job.context.constants.add(lay_out(array, one)) for array in affine)
        kernel = ChannelNorm(x.layout, out.layout, op.eps, op.rms)
        return [KernelCall(kernel, (x.address, *known, out.address))]

    return Lowering((Need(job.x),), build, "channel norm")


def lower_layer_norm(job: Job) -> Lowering | str:
    """Lines along the last axes, each number with a weight of its own."""
    op, rank = job.node.op, len(job.sizes)
    assert isinstance(op, ops.LayerNorm)
    if not job.is_constant(*job.node.inputs[1:]):
        return "a normalisation whose weight is computed"
    lines = _lines(job.sizes, rank - op.axes, rank - 1)
    kernel = LineNorm(lines, op.eps, rms=op.rms)
    return _call(job, kernel, "layer norm", *_affine(job, lines.count))


def lower_group_norm(job: Job) -> Lowering | str:
    """Groups in blocks where they fit these; else a line for each group of each image."""
    op, (n, channels, *space) = job.node.op, job.sizes
    assert isinstance(op, ops.GroupNorm)
    if not job.is_constant(*job.node.inputs[1:]):
        return "a normalisation whose weight is computed"
    groups = op.groups or channels
    width, lanes = channels // groups, job.context.target.lanes
    name = "group norm" if op.groups else "instance norm"
    affine = _affine(job, channels)
    fits = lanes % width == 0 or width % lanes == 0
    if fits and job.context.forms.get(job.x) == "blocked":
        return _group_norm_in_blocks(job, width, name, affine)
    kernel = LineNorm(Lines(n * groups, width * math.prod(space)), op.eps, width, groups)
    if not job.epilogue:
        return _call(job, kernel, name, *affine)
    read = (job.node.name, job.node.name, *job.operands)
    strides = [broadcast_strides(job, value) for value in read]
    epilogue = with_layouts(job.epilogue, [SINGLE_NUMBER] * len(job.operands))
    behind = Map.of(job.sizes, strides, epilogue)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        known = (job.context.constants.add(array) for array in affine)
        arguments = (out.address, out.address, *(o.address for o in operands))
        return [
            KernelCall(kernel, (x.address, *known, out.address)),
            KernelCall(behind, arguments, aside="element-wise"),
        ]

    needs = tuple(Need(value, "torch") for value in (job.x, *job.operands))
    return Lowering(needs, build, name, "torch")


def _group_norm_in_blocks(
    job: Job, width: int, name: str, affine: tuple[Floats, Floats]
) -> Lowering:
    op = job.node.op
    assert isinstance(op, ops.GroupNorm)
    one = Layout.dense((1, job.sizes[1], 1, 1), job.context.target.lanes)
    known = [job.context.constants.add(lay_out(array, one)) for array in affine]

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        x, *operands = inputs
        epilogue = placed(job.epilogue, operands)
        kernel = GroupNorm(x.layout, out.layout, width, op.eps, epilogue)
        behind = (o.address for o in operands)
        return [KernelCall(kernel, (x.address, *known, out.address, *behind))]

    return Lowering((Need(job.x),), build, name, operands=job.operands)


def _affine(job: Job, count: int) -> tuple[Floats, Floats]:
    """Weight and bias, or ones and zeros."""
    given = [job.context.constant(name).ravel() for name in job.node.inputs[1:]]
    weight = given[0] if given else np.ones(count, np.float32)
    return weight, given[1] if len(given) > 1 else np.zeros(count, np.float32)


def lower_reduce(job: Job) -> Lowering | str:
    """Lines along the axes, which are neighbours."""
    op, sizes = job.node.op, job.context.sizes(job.x)
    assert isinstance(op, ops.Reduce)
    axes = sorted(a % len(sizes) for a in op.axes)
    if not axes:
        return "a reduction over no axis"
    lines = _lines(sizes, axes[0], axes[-1])
    if op.function == "log_sum_exp":
        return _call(job, LineLogSumExp(lines), "log-sum-exp")
    return _call(job, LineReduce(lines, op.function), op.function)


def lower_matmul(job: Job) -> Lowering | str:
    """Pairs of matrices one after the other, or one matrix for all."""
    a, b = (job.context.sizes(name) for name in job.node.inputs)
    lead = job.sizes[:-2]
    pairs = math.prod(lead)
    counts = [math.prod(sizes[:-2]) for sizes in (a, b)]
    if any(count not in (1, pairs) for count in counts):
        return "a product that repeats some of its matrices"
    rows, inner, columns = a[-2], a[-1], b[-1]
    apart = [
        0 if count == 1 else sizes[-2] * sizes[-1]
        for count, sizes in zip(counts, (a, b), strict=True)
    ]
    kernel = MatMul(pairs, rows, inner, columns, *apart)

    def build(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:
        return [KernelCall(kernel, (*(x.address for x in inputs), out.address))]

    needs = tuple(Need(name, "torch") for name in job.node.inputs)
    return Lowering(needs, build, "product of matrices", "torch")
