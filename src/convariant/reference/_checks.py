"""What every reference operator asks of its operands before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convariant.errors import GeometryError, ShapeError
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
