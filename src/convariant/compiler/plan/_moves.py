"""Nodes that only move numbers: in place where they can, else by copies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from convariant.compiler.kernels import Copy, Pick
from convariant.compiler.passes import ChannelShuffle
from convariant.compiler.plan._job import Job, as_image
from convariant.compiler.plan._model import (
    Address,
    Form,
    KernelCall,
    Located,
    Lowering,
    Need,
    nothing,
)
from convariant.graph import ops

__all__ = [
    "lower_channel_shuffle",
    "lower_concat",
    "lower_depth_to_space",
    "lower_expand",
    "lower_pad",
    "lower_permute",
    "lower_reshape",
    "lower_slice",
    "lower_space_to_depth",
]

Sizes: TypeAlias = tuple[int, ...]

# Blocks of channels that one kernel gathers, each with code of its own.
_PICKED = 64


@dataclass(frozen=True)
class Grid:
    """A tensor as a grid of addresses, one axis for each of its own; of a blocked one, axis 1 are
    the blocks, and the lanes follow as a last axis.
    """

    sizes: Sizes
    strides: Sizes
    address: Address

    @classmethod
    def of(cls, located: Located, sizes: Sizes, form: Form) -> Grid:
        """The tensor of those sizes at that place."""
        layout = located.layout
        if form == "torch":
            return cls(sizes, contiguous(sizes), located.address)
        n, _, *space = sizes
        strides = (layout.plane, layout.row, layout.column)[3 - len(space) :]
        return cls(
            (n, layout.blocks, *space, layout.lanes),
            (layout.image, layout.block, *strides, 1),
            located.address,
        )

    def turned(self, order: Sequence[int]) -> Grid:
        """The axes in another order."""
        sizes, strides = zip(*((self.sizes[a], self.strides[a]) for a in order), strict=True)
        return Grid(sizes, strides, self.address)

    def cut(self, axis: int, start: int, count: int, step: int = 1) -> Grid:
        """So many indices of an axis, from one on; a step of 0 repeats it."""
        sizes, strides = list(self.sizes), list(self.strides)
        address = self.address + start * strides[axis]
        sizes[axis], strides[axis] = count, strides[axis] * step
        return Grid(tuple(sizes), tuple(strides), address)

    def call(self, result: Grid) -> KernelCall:
        """Copy all of it into a grid of the same sizes."""
        kernel = Copy.of(result.sizes, self.strides, result.strides)
        return KernelCall(kernel, (self.address, result.address))


def contiguous(sizes: Sizes) -> Sizes:
    """The strides of a tensor as PyTorch lays it out.

    >>> contiguous((2, 3, 4))
    (12, 4, 1)
    """
    return (*itertools.accumulate(reversed(sizes[1:]), lambda a, b: a * b, initial=1),)[::-1][
        : len(sizes)
    ]


def _copies(
    job: Job,
    form: Form,
    name: str,
    copy: Callable[[list[Grid], Grid], list[tuple[Grid, Grid]]],
) -> Lowering:
    """Copies between grids of the inputs and of the result, all in one form."""
    inputs = job.node.inputs

    def build(located: tuple[Located, ...], out: Located) -> list[KernelCall]:
        pairs = zip(located, inputs, strict=True)
        grids = [Grid.of(place, job.context.sizes(value), form) for place, value in pairs]
        return [x.call(y) for x, y in copy(grids, Grid.of(out, job.sizes, form))]

    return Lowering(tuple(Need(value, form) for value in inputs), build, name, form)


def _picks(job: Job, sources: Sequence[tuple[int, int]], name: str) -> Lowering | None:
    """Channels by their (input, channel), where one of the inputs lies in blocks."""
    inputs, forms = job.node.inputs, job.context.forms
    blocked = any(forms.get(value) == "blocked" for value in inputs)
    if not blocked or len(job.sizes) > 5 or len(sources) > _PICKED * job.context.target.lanes:
        return None

    def build(located: tuple[Located, ...], out: Located) -> list[KernelCall]:
        kernel = Pick(tuple(x.layout for x in located), out.layout, tuple(sources))
        return [KernelCall(kernel, (*(x.address for x in located), out.address))]

    return Lowering(tuple(map(Need, inputs)), build, name)


def lower_channel_shuffle(job: Job) -> Lowering | str:
    """Channel c of the result is channel c // groups of group c % groups."""
    op, channels = job.node.op, job.sizes[1]
    assert isinstance(op, ChannelShuffle)
    width = channels // op.groups
    sources = [(0, c % op.groups * width + c // op.groups) for c in range(channels)]
    picks = _picks(job, sources, "channel shuffle")
    if picks is not None:
        return picks
    n, _, *space = job.sizes
    apart = (n, op.groups, width, *space)
    order = (0, 2, 1, *range(3, len(apart)))

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        return [(_again(xs[0], apart).turned(order), _again(y, (n, width, op.groups, *space)))]

    return _copies(job, "torch", "channel shuffle by copy", copy)


def _form(job: Job, *axes: int) -> Form:
    """Blocked, if the input is and channels stay what they are; `axes` are those that change."""
    rank = len(job.context.sizes(job.x))
    fits = job.context.forms.get(job.x) == "blocked" and 2 <= rank <= 5
    return "blocked" if fits and 1 not in axes else "torch"


def lower_concat(job: Job) -> Lowering | str:
    """Channels one after another; each part is computed in its place if that starts a block."""
    op, inputs, sizes = job.node.op, job.node.inputs, job.sizes
    assert isinstance(op, ops.Concat)
    axis = op.axis % len(sizes)
    parts = [job.context.sizes(name)[axis] for name in inputs]
    whole = all(c % job.context.target.lanes == 0 for c in parts[:-1])
    if axis == 1 and whole and len(sizes) <= 5:
        needs = tuple(Need(name) for name in inputs)
        why = "each part begins a block of channels, and is computed there if it may be"
        return Lowering(needs, nothing, "concatenation in place", parts=inputs, why=why)

    if axis == 1:
        sources = [(i, c) for i, count in enumerate(parts) for c in range(count)]
        picks = _picks(job, sources, "concatenation")
        if picks is not None:
            return picks

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        starts = itertools.accumulate(parts, initial=0)
        return [(x, y.cut(axis, s, c)) for x, s, c in zip(xs, starts, parts, strict=False)]

    return _copies(job, _form(job, axis), "concatenation by copy", copy)


def lower_reshape(job: Job) -> Lowering | str:
    """Another name for the same memory: blocked where only sizes of 1 come or go, else planar."""
    x, y = job.context.sizes(job.x), job.sizes
    images = len(x) in range(2, 6) and len(y) in range(2, 6)
    same = images and as_image(x) == as_image(y)
    form: Form = "blocked" if same else "torch"
    return Lowering((Need(job.x, form),), nothing, "reshape in place", form, alias=job.x)


def lower_slice(job: Job) -> Lowering | str:
    """Whole blocks of channels where they are, other parts by copy."""
    op, sizes, lanes = job.node.op, job.context.sizes(job.x), job.context.target.lanes
    assert isinstance(op, ops.Slice)
    axis = op.axis % len(sizes)
    chosen = range(sizes[axis])[op.start : op.stop : op.step]
    ends = len(chosen) % lanes == 0 or chosen.stop == sizes[axis]
    blocks = axis == 1 and len(sizes) <= 5
    if blocks and chosen.step == 1 and chosen.start % lanes == 0 and ends:
        start = chosen.start // lanes
        return Lowering((Need(job.x),), nothing, "slice in place", alias=job.x, start=start)
    if axis == 1:
        picks = _picks(job, [(0, c) for c in chosen], "slice")
        if picks is not None:
            return picks

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        return [(xs[0].cut(axis, chosen.start, len(chosen), chosen.step), y)]

    return _copies(job, _form(job, axis), "slice by copy", copy)


def lower_permute(job: Job) -> Lowering | str:
    """The axes walked in the new order."""
    op = job.node.op
    assert isinstance(op, ops.Permute)
    rank = len(job.sizes)
    order = tuple(a % rank for a in op.axes)
    form = _form(job, *(a for i, a in enumerate(order) if a != i))
    lanes = (rank,) if form == "blocked" else ()
    return _copies(job, form, "permute", lambda xs, y: [(xs[0].turned((*order, *lanes)), y)])


def lower_expand(job: Job) -> Lowering | str:
    """Axes of one element walked in place."""
    x, y = job.context.sizes(job.x), job.sizes
    missing = len(y) - len(x)
    repeated = [a for a in range(len(y)) if a < missing or x[a - missing] != y[a]]
    form: Form = "torch" if missing else _form(job, *repeated)

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        (x,) = xs
        strides = [0] * missing + list(x.strides)
        for a in repeated:
            strides[a] = 0
        return [(replace(x, sizes=y.sizes, strides=tuple(strides)), y)]

    return _copies(job, form, "expand", copy)


def lower_pad(job: Job) -> Lowering | str:
    """Each axis in runs: what comes from the input with one step, or from a constant."""
    op, sizes = job.node.op, job.context.sizes(job.x)
    assert isinstance(op, ops.Pad)
    padded = [a for a, pad in enumerate(op.pads) if pad != (0, 0)]
    form = _form(job, *padded)
    runs = [_runs(op.source(a, sizes[a])) for a in padded]

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        (x,), pairs = xs, []
        value = job.context.constants.add(np.full(1, op.value, np.float32))
        for region in itertools.product(*runs):
            source, result, inside = x, y, True
            for a, (at, first, count, step) in zip(padded, region, strict=True):
                result = result.cut(a, at, count)
                source = source.cut(a, max(first, 0), count, step)
                inside &= first >= 0
            if not inside:
                source = Grid(result.sizes, (0,) * len(result.sizes), value)
            pairs.append((source, result))
        return pairs

    return _copies(job, form, f"{op.mode} padding", copy)


def _runs(source: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """A list of indices as runs (place in it, first index, count, step); -1 makes runs of its own.

    >>> _runs([2, 1, 0, 1, 2, 1]), _runs([-1, -1, 0, 1, 2])
    ([(0, 2, 3, -1), (3, 1, 2, 1), (5, 1, 1, 0)], [(0, -1, 2, 0), (2, 0, 3, 1)])
    """
    runs: list[tuple[int, int, int, int]] = []
    for i, index in enumerate(source):
        if runs:
            at, first, count, step = runs[-1]
            if (first < 0) == (index < 0):
                apart = index - (first + (count - 1) * step)
                if count == 1 or apart == step:
                    runs[-1] = (at, first, count + 1, apart)
                    continue
        runs.append((i, index, 1, 0))
    return runs


def lower_depth_to_space(job: Job) -> Lowering | str:
    """Channels (c, r, r), or (r, r, c), walked as the columns and rows of blocks."""
    op = job.node.op
    assert isinstance(op, ops.DepthToSpace)
    (n, c, h, w), r = job.sizes, op.block
    small = (n, r, r, c, h // r, w // r) if op.depth_last else (n, c, r, r, h // r, w // r)
    order = (0, 3, 4, 1, 5, 2) if op.depth_last else (0, 1, 4, 2, 5, 3)

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        return [(_again(xs[0], small).turned(order), _again(y, (n, c, h // r, r, w // r, r)))]

    return _copies(job, "torch", "depth to space", copy)


def lower_space_to_depth(job: Job) -> Lowering | str:
    """The columns and rows of blocks walked as channels (c, r, r), or (r, r, c)."""
    op = job.node.op
    assert isinstance(op, ops.SpaceToDepth)
    (n, c, h, w), r = job.context.sizes(job.x), op.block
    order = (0, 3, 5, 1, 2, 4) if op.depth_last else (0, 1, 3, 5, 2, 4)
    large = (n, c, h // r, r, w // r, r)

    def copy(xs: list[Grid], y: Grid) -> list[tuple[Grid, Grid]]:
        return [(_again(xs[0], large).turned(order), _again(y, tuple(large[a] for a in order)))]

    return _copies(job, "torch", "space to depth", copy)


def _again(grid: Grid, sizes: Sizes) -> Grid:
    """A grid as PyTorch lays it out, under another shape."""
    return Grid(sizes, contiguous(sizes), grid.address)
