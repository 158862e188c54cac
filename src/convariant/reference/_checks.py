"""What every reference operator asks of its operands before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convariant.errors import DataError, GeometryError, ShapeError
from convariant.geometry import Geometry


def window_on(
    size: Sequence[int], geometry: Geometry, operator: str, *, transposed: bool = False
) -> Geometry:
    """The geometry with one entry per axis of the input, refused if of the other direction."""
    if geometry.transposed != transposed:
        raise GeometryError(
            f"reference.{operator} takes a geometry with transposed={transposed}, not {geometry}; "
            "use geometry.transpose(input_size)"
        )
    return geometry.on_axes(len(size))


def check_kinds(
    operator: str, weight: np.ndarray, geometry: Geometry, input_size: Sequence[int]
) -> None:
    """A weight, a window and a size are what their names say, before anything is asked of them."""
    check_numbers(weight, operator, "weight")
    if not isinstance(geometry, Geometry):
        raise GeometryError(
            f"reference.{operator}: geometry is of type {type(geometry).__name__}; give "
            "convariant.Geometry(kernel_size, ...)"
        )
    if not isinstance(input_size, Sequence):
        raise GeometryError(
            f"reference.{operator}: input_size={input_size!r} is no tuple; write one size for each "
            "axis, such as (224, 224)"
        )


def check_numbers(values: np.ndarray, operator: str, what: str) -> None:
    """An array of real numbers."""
    if not isinstance(values, np.ndarray):
        raise DataError(
            f"reference.{operator}: {what} is of type {type(values).__name__}; give a NumPy array"
        )
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"reference.{operator}: {what} holds {values.dtype}, which are no real numbers; "
            "convert it with astype(float)"
        )


def check_operands(
    channels: int, weight: np.ndarray, geometry: Geometry, groups: int, operator: str
) -> None:
    """Weights are (co, ci / g, kh, kw), or (ci, co / g, kh, kw) where transposed."""
    shape = list(weight.shape)
    if weight.ndim != geometry.axes + 2 or weight.shape[2:] != geometry.kernel_size:
        raise ShapeError(
            f"reference.{operator}: weight of size {shape} does not have two channel axes and "
            f"then kernel_size={geometry.kernel_size}; reshape it or change the geometry"
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {shape} instead (reference.{operator})"
        )
    wanted = weight.shape[0] if geometry.transposed else weight.shape[1] * groups
    if channels != wanted:
        raise ShapeError(
            f"Given groups={groups}, weight of size {shape}, expected input to have {wanted} "
            f"channels, but got {channels} channels instead (reference.{operator})"
        )


def check_size(found: Sequence[int], wanted: Sequence[int], operator: str, what: str) -> None:
    if tuple(found) != tuple(wanted):
        raise ShapeError(
            f"reference.{operator}: {what} has size {tuple(found)} but the geometry makes "
            f"{tuple(wanted)}; change the one or the other"
        )
