"""A convolution on its way to kernels: its weight, its groups, the parts it is computed in."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from convariant.compiler.layout import LINE, Floats, Halo, Layout, lay_out
from convariant.compiler.plan._job import Context, Job, on_volume
from convariant.compiler.plan._model import Address
from convariant.compiler.plan._walks import Part, parts
from convariant.geometry import Geometry
from convariant.graph import ops

__all__ = ["ConvTask", "conv_task", "halo_of", "linear_task"]

# Input channels of which every cache line that is half read is felt.
_MANY = 256
_EVERY = (1, 1, 1)


@dataclass(frozen=True)
class ConvTask:
    """A convolution over three axes; weight (co, ci / groups, kd, kh, kw), also if transposed.

    It reads every `step`-th pixel of the job's input, which are moved side by side before.
    """

    job: Job
    weight: Floats
    bias: Floats | None
    geometry: Geometry
    groups: int = 1
    step: tuple[int, ...] = _EVERY

    @property
    def subsampled(self) -> bool:
        """Whether pixels are moved before."""
        return self.step != _EVERY

    @property
    def context(self) -> Context:
        """Target, threads, tolerance and constants."""
        return self.job.context

    @property
    def lanes(self) -> int:
        """Channels in a block."""
        return self.context.target.lanes

    @property
    def inputs(self) -> int:
        """Input channels of one group."""
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Output channels of one group."""
        return self.weight.shape[0] // self.groups

    @functools.cached_property
    def widths(self) -> tuple[int, int]:
        """Inputs and outputs of a group as they lie in blocks: filled up until they fit."""
        if self.groups == 1:
            return self.inputs, self.outputs
        u, v = (_fitting(width, self.lanes) for width in (self.inputs, self.outputs))
        # a group of several blocks of inputs is summed by broadcasts, into whole vectors
        return u, v if u <= self.lanes else max(v, self.lanes)

    @property
    def narrow(self) -> bool:
        """Whether several groups share a vector of outputs."""
        return self.groups > 1 and self.widths[1] < self.lanes

    @property
    def planar(self) -> bool:
        """Whether the input comes planar and has too few channels to be worth blocking."""
        few = self.job.x_image[1] < self.lanes and self.groups == 1
        return few and self.job.x in self.context.graph.inputs and not self.geometry.transposed

    @property
    def x_image(self) -> tuple[int, ...]:
        """The sizes (n, ci, d, h, w) of the input as kernels read it."""
        n, ci, *size = self.job.x_image
        return n, ci, *(-(-i // step) for i, step in zip(size, self.step, strict=True))

    @property
    def x_layout(self) -> Layout:
        """The input, its groups as wide as they are in blocks."""
        n, _, *size = self.x_image
        return Layout.dense((n, self.groups * self.widths[0], *size), self.lanes, self.halo)

    @property
    def y_layout(self) -> Layout:
        """The output, its groups as wide as they are in blocks."""
        n, _, *size = self.job.y_image
        return Layout.dense((n, self.groups * self.widths[1], *size), self.lanes)

    @functools.cached_property
    def filled_weight(self) -> Floats:
        """The weight with zeros for the outputs that fill up groups."""
        return self._filled(self.weight)

    def bias_address(self) -> Address:
        """The bias, or zeros, filled up to whole groups and blocks."""
        count = self.groups * self.outputs
        values = np.zeros(count, np.float32) if self.bias is None else self.bias
        filled = self._filled(values).reshape(1, -1, 1, 1)
        return self.context.constants.add(lay_out(filled, Layout.dense(filled.shape, self.lanes)))

    def _filled(self, values: Floats) -> Floats:
        if self.widths[1] == self.outputs:
            return values
        rest = values.shape[1:]
        groups = values.reshape(self.groups, self.outputs, *rest)
        filled = np.zeros((self.groups, self.widths[1], *rest), np.float32)
        filled[:, : self.outputs] = groups
        return filled.reshape(-1, *rest)

    @functools.cached_property
    def parts(self) -> list[Part]:
        """One part; of a transposed convolution one for each phase of the stride."""
        return parts(self.geometry, self.x_image[2:], self.job.y_image[2:])

    @property
    def halo(self) -> Halo:
        """The halo that the parts together call for."""
        reaches = [
            [axis.reach for axis in {part.axes[a] for part in self.parts} if axis.taps]
            for a in (1, 2)
        ]
        outer = [
            (min((low for low, _ in r), default=0), max((high for _, high in r), default=0))
            for r in reaches
        ]
        return halo_of(self.x_image[3:], *outer)


def conv_task(job: Job) -> ConvTask:
    """A convolution with known weights over one to three axes."""
    op = job.node.op
    assert isinstance(op, ops.Conv)
    weight, *bias = (job.context.constant(name) for name in job.node.inputs[1:])
    geometry = on_volume(op.geometry.explicit(job.context.sizes(job.x)[2:]))
    weight = weight.reshape(*weight.shape[:2], *geometry.kernel_size)
    if geometry.transposed:
        weight = _turned(weight, op.groups)
    step = geometry.stride if _gains_by_moving(geometry, op.groups, job, weight) else _EVERY
    if step != _EVERY:
        geometry = Geometry(geometry.kernel_size)
    return ConvTask(job, weight, bias[0] if bias else None, geometry, op.groups, step)


def _gains_by_moving(g: Geometry, groups: int, job: Job, weight: Floats) -> bool:
    """Whether the pixels that a strided pointwise convolution reads should be moved side by side.

    Where a pixel of a block is less than a cache line, each tile would fetch its neighbours with
    it, which nobody reads: much, for many input channels.
    """
    plain = set(g.kernel_size) == {1} and groups == 1 and not any(sum(g.padding, ()))
    small = job.context.target.lanes < LINE
    return plain and small and not g.transposed and weight.shape[1] >= _MANY


def linear_task(job: Job) -> ConvTask:
    """A linear layer with known weights: a pointwise convolution of one pixel."""
    weight, *bias = (job.context.constant(name) for name in job.node.inputs[1:])
    weight = weight[:, :, None, None, None]
    return ConvTask(job, weight, bias[0] if bias else None, Geometry((1, 1, 1)))


def _turned(weight: Floats, groups: int) -> Floats:
    """A transposed weight (ci, co / groups, ...) as (co, ci / groups, ...)."""
    ci, width = weight.shape[:2]
    split = weight.reshape(groups, ci // groups, width, *weight.shape[2:])
    return np.ascontiguousarray(
        split.swapaxes(1, 2).reshape(groups * width, ci // groups, *weight.shape[2:])
    )


def _fitting(width: int, lanes: int) -> int:
    """The least width from `width` on that divides the lanes or is a multiple of them.

    >>> [_fitting(width, 16) for width in (1, 3, 4, 12, 24)]
    [1, 4, 4, 16, 32]
    """
    return 1 << (width - 1).bit_length() if width <= lanes else -(-width // lanes) * lanes


def halo_of(size: tuple[int, ...], *reaches: tuple[int, int]) -> Halo:
    """The halo around a plane that (lowest, highest) indices on both axes call for."""
    (top, bottom), (left, right) = (
        (max(0, -low), max(0, high - i + 1)) for i, (low, high) in zip(size, reaches, strict=True)
    )
    return top, bottom, left, right
