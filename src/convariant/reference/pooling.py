"""Pooling from its definition: gather what the window covers, reduce it, move on."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from convariant.errors import UnknownNameError
from convariant.geometry import Geometry
from convariant.reference._checks import window_on
from convariant.reference.convolution import Index

REDUCERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "max": lambda values: values.max(axis=-1, initial=-np.inf),
    "min": lambda values: values.min(axis=-1, initial=np.inf),
    "sum": lambda values: values.sum(axis=-1),
    "mean": lambda values: values.sum(axis=-1),  # divided by its own count in `pool`
    "median": lambda values: np.median(values, axis=-1),
}


def pool(
    x: np.ndarray,
    reducer: str | Callable[[np.ndarray], np.ndarray],
    geometry: Geometry,
    *,
    count_include_pad: bool = True,
    p: float = 2.0,
) -> np.ndarray:
    """Replace the weighted sum of a convolution by any reduction of what the window covers.

    `reducer` is 'max', 'min', 'mean', 'sum', 'median', 'lp' (the norm of order `p`) or a function
    of an array `(n, c, elements)` that reduces its last axis. Padding and what lies beyond it are
    no elements. Only the mean may count padding, as torch.nn.AvgPool2d does by default.

    Shapes: `(n, c, h, w) -> (n, c, oh, ow)`, 1 to 3 axes.

    Raises GeometryError where the window does not fit, UnknownNameError for an unknown reducer.

    >>> x = np.array([[[[1, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]]])
    >>> pool(x, "max", Geometry(2, stride=2)).tolist()
    [[[[4.0, 5.0], [7.0, 9.0]]]]
    >>> pool(x, "mean", Geometry(2, stride=2)).tolist()
    [[[[2.0, 3.0], [4.0, 6.0]]]]

    Source: lecture, "Pooling".
    """
    size = x.shape[2:]
    full = window_on(size, geometry, "pool")
    x = x.astype(np.float64)
    reduce = _find(reducer, p)
    y = np.zeros((*x.shape[:2], *full.output_size(size)))
    for place in np.ndindex(*y.shape[2:]):
        covered = [[i for i, _ in full.taps(axis, o, size)] for axis, o in enumerate(place)]
        places: list[Index] = [(..., *index) for index in itertools.product(*covered)]
        elements = [x[index] for index in places]
        values = np.stack(elements, axis=-1) if elements else np.zeros((*x.shape[:2], 0))
        result = reduce(values)
        if reducer == "mean":
            result = result / _count(full, place, size, count_include_pad)
        y[(..., *place)] = result
    return y


def _find(
    reducer: str | Callable[[np.ndarray], np.ndarray], p: float
) -> Callable[[np.ndarray], np.ndarray]:
    if not isinstance(reducer, str):
        return reducer
    if reducer == "lp":
        return lambda values: (np.abs(values) ** p).sum(axis=-1) ** (1 / p)
    if reducer not in REDUCERS:
        raise UnknownNameError("reducer", reducer, [*REDUCERS, "lp"])
    return REDUCERS[reducer]


def _count(
    geometry: Geometry, place: tuple[int, ...], size: tuple[int, ...], include_pad: bool
) -> int:
    """The elements under one window, with or without those in the padding; never beyond it."""
    count = 1
    for axis, (o, i, (begin, end)) in enumerate(zip(place, size, geometry.pads(size), strict=True)):
        start, d = o * geometry.stride[axis] - begin, geometry.dilation[axis]
        positions = [start + k * d for k in range(geometry.kernel_size[axis])]
        first, last = (-begin, i + end) if include_pad else (0, i)
        count *= sum(first <= position < last for position in positions)
    return max(count, 1)
