"""The windows of a pooling operator, whole or without what lies outside the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import index
from typing import Any, TypeAlias

import torch
from torch import Tensor

from convariant.errors import GeometryError
from convariant.functional._border import pad
from convariant.geometry import Geometry

Index: TypeAlias = tuple[Any, ...]


def exactly_fitting(x: Tensor, window: Geometry, value: float) -> Tensor:
    """Pad with `value` exactly as far as the windows reach, also those that hang over."""
    size = x.shape[-window.axes :]
    pads = [
        (begin, max((o - 1) * s + extent - begin - i, 0))
        for i, o, s, extent, (begin, _) in zip(
            size,
            window.output_size(size),
            window.stride,
            window.extent,
            window.pads(size),
            strict=True,
        )
    ]
    return pad(x, pads, value=value)


def windows(x: Tensor, window: Geometry) -> Tensor:
    """All windows: `(n, c, h, w) -> (n, c, oh, ow, kh, kw)`; padding shows zeros."""
    return along_axes(x, window, lambda taps: torch.stack(taps, -1))


def along_axes(x: Tensor, window: Geometry, combine: Callable[[list[Tensor]], Tensor]) -> Tensor:
    """Combine the elements of the windows on one axis after the other; padding shows zeros.

    `combine` is given, for each element of the kernel, what it meets in all windows: views of
    `(n, c, oh, w)`, then of `(n, c, oh, ow)`. (Not Tensor.unfold, twice: torch.compile writes a
    gradient for it that runs over the end of its memory, seen in torch 2.13.)
    """
    first = x.dim() - window.axes
    outputs = window.output_size(x.shape[first:])
    x = exactly_fitting(x, window, 0.0)
    for axis, (k, s, d, o) in enumerate(
        zip(window.kernel_size, window.stride, window.dilation, outputs, strict=True), start=first
    ):
        before: Index = (slice(None),) * axis
        x = combine([x[(*before, slice(t * d, t * d + (o - 1) * s + 1, s))] for t in range(k)])
    return x


def taps_before(window: Geometry, axis: int, o: int, size: tuple[int, ...], limit: int) -> int:
    """How many elements of window `o` lie before the input index `limit`."""
    begin, _ = window.pads(size)[axis]
    distance = limit - (o * window.stride[axis] - begin)
    return min(max(-(-distance // window.dilation[axis]), 0), window.kernel_size[axis])


def element_counts(
    window: Geometry, axis: int, size: tuple[int, ...], *, include_pad: bool
) -> list[int]:
    """Elements in each window of one axis, inside the input or also its padding; never beyond."""
    begin, end = window.pads(size)[axis] if include_pad else (0, 0)
    return [
        taps_before(window, axis, o, size, size[axis] + end)
        - taps_before(window, axis, o, size, -begin)
        for o in range(window.output_size(size)[axis])
    ]


def fixed_size(x: Tensor, window: Geometry) -> tuple[int, ...]:
    """The input size in plain numbers: a graph traced with it holds for this size alone."""
    return tuple(index(i) for i in x.shape[-window.axes :])


def reduce_elements(
    x: Tensor, window: Geometry, reduce: Callable[[Tensor], Tensor], operator: str
) -> Tensor:
    """Reduce the elements inside the input, `(n, c, oh, ow, elements) -> (n, c, oh, ow)`.

    Windows at the border have fewer elements than others; those with equally many on every axis
    are reduced together, and the results set side by side.
    """
    size = fixed_size(x, window)
    runs = [list(_runs(window, axis, size, operator)) for axis in range(window.axes)]
    return _reduce_runs(x, window, runs, (), reduce)


@dataclass(frozen=True)
class _Run:
    """Neighbouring windows of one axis with the same elements: how many, from which input index."""

    start: int
    windows: int
    taps: int


def _runs(window: Geometry, axis: int, size: tuple[int, ...], operator: str) -> Iterator[_Run]:
    def inside(o: int) -> tuple[int, int]:
        return (
            taps_before(window, axis, o, size, 0),
            taps_before(window, axis, o, size, size[axis]),
        )

    begin, _ = window.pads(size)[axis]
    for (first, stop), group in groupby(range(window.output_size(size)[axis]), key=inside):
        outputs = list(group)
        if first == stop:
            raise GeometryError(
                f"{operator}: window {outputs[0]} on axis {axis} covers nothing of the input of "
                f"size {size} with {window}; a reducer needs an element: use less padding"
            )
        start = outputs[0] * window.stride[axis] - begin + first * window.dilation[axis]
        yield _Run(start, len(outputs), stop - first)


def _reduce_runs(
    x: Tensor,
    window: Geometry,
    runs: list[list[_Run]],
    chosen: tuple[_Run, ...],
    reduce: Callable[[Tensor], Tensor],
) -> Tensor:
    """Choose a run on one axis after the other; on the last, gather and reduce."""
    if len(chosen) == window.axes:
        return reduce(_elements(x, window, chosen))
    axis = len(chosen)
    parts = [_reduce_runs(x, window, runs, (*chosen, run), reduce) for run in runs[axis]]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=axis - window.axes)


def _elements(x: Tensor, window: Geometry, chosen: tuple[_Run, ...]) -> Tensor:
    bare = Geometry(tuple(run.taps for run in chosen), window.stride, dilation=window.dilation)
    region: Index = (
        ...,
        *(
            slice(run.start, run.start + (run.windows - 1) * s + extent)
            for run, s, extent in zip(chosen, bare.stride, bare.extent, strict=True)
        ),
    )
    return windows(x[region], bare).flatten(-window.axes)
