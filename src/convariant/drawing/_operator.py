"""The operator behind a picture: its geometry, its numbers and its result, all checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from convariant.errors import GeometryError, OptionError, ShapeError
from convariant.geometry import Geometry
from convariant.reference import PaddingMode, cross_correlate, pool, transposed_by_scatter

if TYPE_CHECKING:
    import torch

MOST_CELLS = 6000  # of input, weight and output together
MOST_SHAPES = 60_000  # of all steps together
Numbers: TypeAlias = "np.ndarray | Sequence[object]"


@dataclass(frozen=True)
class Operator:
    """One window, what it is applied to, and what comes out: x (ci, *size) and y (co, *size)."""

    geometry: Geometry
    x: np.ndarray
    weight: np.ndarray | None
    y: np.ndarray
    groups: int
    padding_mode: PaddingMode
    reducer: str | None

    @property
    def input_size(self) -> tuple[int, ...]:
        """The size of x without its channels."""
        return self.x.shape[1:]

    @property
    def output_size(self) -> tuple[int, ...]:
        """The size of y without its channels."""
        return self.y.shape[1:]

    @property
    def slides(self) -> str:
        """What slides over the input: a kernel of weights, or a window alone."""
        return "window" if self.reducer else "kernel"

    def place(self, output: Sequence[int] | None) -> tuple[int, ...]:
        """An output element (channel, *place): the one asked for, or one near the middle."""
        shape = self.y.shape
        if output is None:
            return (0, *(n // 2 for n in shape[1:]))
        place = tuple(output)
        if len(place) == len(shape) - 1:
            place = (0, *place)
        inside = all(0 <= p < n for p, n in zip(place, shape, strict=False))
        if len(place) != len(shape) or not inside:
            raise OptionError(
                f"output={tuple(output)} is not an element of the output, whose shape is {shape}; "
                f"use for example output={tuple(n - 1 for n in shape)}"
            )
        return place


def prepare(
    operator: Geometry | torch.nn.Module,
    input_size: Sequence[int],
    *,
    in_channels: int | None,
    out_channels: int | None,
    groups: int,
    padding_mode: PaddingMode,
    reducer: str | None,
    x: Numbers | None,
    weight: Numbers | None,
) -> Operator:
    """Check what was asked for, fill in numbers where none are given, and apply the operator."""
    if not isinstance(operator, Geometry):
        from convariant.drawing._module import settings

        found = settings(operator)
        operator, groups, padding_mode = found.geometry, found.groups, found.padding_mode
        reducer, weight = found.reducer, found.weight if weight is None else weight
    output = operator.output_size(input_size)
    size = tuple(input_size)
    geometry = operator.on_axes(len(size))
    _check_kind(geometry, padding_mode, reducer)
    ci, co = _channels(geometry, in_channels, out_channels, groups, reducer, x, weight)
    _check_channels(geometry, ci, co, groups, reducer)
    _check_amount(ci, co, groups, geometry, size, output)
    data = _numbers(x, (ci, *size), "x")
    if reducer is not None:
        y = pool(data[None], reducer, geometry)[0]
        return Operator(geometry, data, None, y, ci, padding_mode, reducer)
    outer, inner = (ci, co) if geometry.transposed else (co, ci)
    kernel = _numbers(weight, (outer, inner // groups, *geometry.kernel_size), "weight", low=1)
    if geometry.transposed:
        y = transposed_by_scatter(data[None], kernel, geometry, groups=groups)[0]
    else:
        y = cross_correlate(data[None], kernel, geometry, groups=groups, padding_mode=padding_mode)[
            0
        ]
    return Operator(geometry, data, kernel, y, groups, padding_mode, None)


def _check_kind(geometry: Geometry, padding_mode: PaddingMode, reducer: str | None) -> None:
    if geometry.transposed and reducer is not None:
        raise GeometryError(
            f"reducer={reducer!r} needs a window that is not transposed; leave transposed=False "
            "to draw pooling, or reducer=None to draw the transposed convolution"
        )
    if padding_mode != "zeros" and (geometry.transposed or reducer is not None):
        raise OptionError(
            f"padding_mode={padding_mode!r} can be drawn for convolution only; use "
            "padding_mode='zeros'"
        )


def _channels(
    geometry: Geometry,
    ci: int | None,
    co: int | None,
    groups: int,
    reducer: str | None,
    x: Numbers | None,
    weight: Numbers | None,
) -> tuple[int, int]:
    """The numbers of channels, as told or as x and the weight have them."""
    if ci is None and x is not None:
        ci = _with_channels(np.asarray(x), geometry.axes + 1).shape[0]
    shape = None if weight is None else _with_channels(np.asarray(weight), geometry.axes + 2).shape
    if shape is not None:
        outer, inner = shape[0], shape[1] * groups
        from_weight = (outer, inner) if geometry.transposed else (inner, outer)
        ci, co = ci or from_weight[0], co or from_weight[1]
    ci = ci or groups
    return ci, ci if reducer is not None else co or groups


def _check_channels(geometry: Geometry, ci: int, co: int, groups: int, reducer: str | None) -> None:
    if min(ci, co, groups) < 1 or (reducer is None and (ci % groups or co % groups)):
        raise ShapeError(
            f"in_channels={ci} and out_channels={co} must both be divisible by groups={groups}; "
            f"use multiples of {max(groups, 1)}"
        )
    if geometry.axes == 3 and max(ci, co) > 1:
        raise OptionError(
            f"in_channels={ci}, out_channels={co}: a window on 3 axes is drawn for one channel, "
            "since its depth takes the place of the channels; use in_channels=1, out_channels=1"
        )


def _check_amount(
    ci: int,
    co: int,
    groups: int,
    geometry: Geometry,
    size: tuple[int, ...],
    output: tuple[int, ...],
) -> None:
    weights = co * ci // groups * math.prod(geometry.kernel_size)
    cells = ci * math.prod(size) + co * math.prod(output) + weights
    shapes = moving_parts(ci, co, groups, geometry, size, output)
    if cells > MOST_CELLS or shapes > MOST_SHAPES:
        raise OptionError(
            f"input_size={size} with this window would draw {cells:,} cells in {shapes:,} "
            f"moving parts; the most are {MOST_CELLS:,} and {MOST_SHAPES:,}; a size such as "
            f"{_smaller(geometry, size)} shows the same"
        )


def moving_parts(
    ci: int,
    co: int,
    groups: int,
    geometry: Geometry,
    size: tuple[int, ...],
    output: tuple[int, ...],
) -> int:
    """About how many shapes all the steps of a picture have together."""
    each = max(ci // groups, 1) * math.prod(geometry.kernel_size)
    parts = co * math.prod(output) * each
    if geometry.transposed:  # every stamp shows all that the stamps before it have left
        parts += ci * math.prod(size) * co * math.prod(output)
    return parts


def _smaller(geometry: Geometry, size: tuple[int, ...]) -> tuple[int, ...]:
    """An input that a window fits into a few times."""
    enough = (
        3 if geometry.transposed else extent + 2 * s
        for extent, s in zip(geometry.extent, geometry.stride, strict=True)
    )
    return tuple(min(i, n) for i, n in zip(size, enough, strict=True))


def _numbers(
    given: Numbers | None, shape: tuple[int, ...], name: str, *, low: int = 0
) -> np.ndarray:
    """The given numbers in this shape, or small whole ones, the same in every run."""
    if given is None:
        random = np.random.default_rng(math.prod(shape))
        return random.integers(low, 4 if low else 6, shape)
    array = _with_channels(np.asarray(given), len(shape))
    if array.shape != shape or array.dtype.kind not in "iuf":
        raise ShapeError(
            f"{name} has shape {np.asarray(given).shape} and type {array.dtype}; numbers of shape "
            f"{shape} are wanted"
        )
    return array


def _with_channels(array: np.ndarray, axes: int) -> np.ndarray:
    """An array without its channel axes gets axes of one."""
    return array.reshape((1,) * max(axes - array.ndim, 0) + array.shape)
