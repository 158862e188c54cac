"""Resize as ONNX nodes: its own operator where engines agree on it, else indices or matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from convariant.graph.onnx._emit import Emit, writes
from convariant.graph.ops import Resize

# the rules that ONNX Runtime and OpenVINO both compute as ONNX defines them
_COMMON = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")


@writes(Resize)
def resize(e: Emit, op: Resize) -> None:
    if op.region is not None:
        e.refuse("cutting out a region while resizing in a way that engines agree on", "use Slice")
    if op.mode == "nearest" and not _whole_steps(e, op):
        _by_index(e, op)
    elif op.coordinates in _COMMON and not op.antialias and not _fractional_corners(e, op):
        _by_operator(e, op)
    else:
        _by_matrix(e, op)


def _whole_steps(e: Emit, op: Resize) -> bool:
    """Every element repeated equally often: no rounding decides which neighbour is nearest."""
    pairs = zip(e.x.spatial, e.y.spatial, strict=True)
    return (
        op.coordinates == "asymmetric"
        and op.rounding == "floor"
        and all(
            o % i == 0 and (op.scales is None or op.scales[axis] == o // i)
            for axis, (i, o) in enumerate(pairs)
        )
    )


def _fractional_corners(e: Emit, op: Resize) -> bool:
    """Corners of a size that scales give as a fraction, which engines round first."""
    if op.coordinates != "align_corners" or op.scales is None:
        return False
    return any(i * s != o for i, s, o in zip(e.x.spatial, op.scales, e.y.spatial, strict=True))


def _by_operator(e: Emit, op: Resize) -> None:
    attributes: dict[str, Any] = {
        "mode": op.mode,
        "coordinate_transformation_mode": op.coordinates,
        "exclude_outside": int(op.exclude_outside) or None,
        "nearest_mode": op.rounding if op.mode == "nearest" else None,
        "cubic_coeff_a": op.cubic if op.mode == "cubic" else None,
    }
    if op.scales is not None:
        scales = e.tensor(torch.tensor([1.0, 1.0, *op.scales]), "scales")
        e.finish("Resize", e.inputs[0], "", scales, **attributes)
        return
    # sizes of the spatial axes alone, so that the batch may stay open
    sizes = e.integers(*e.y.spatial)
    e.finish("Resize", e.inputs[0], "", "", sizes, axes=tuple(range(2, e.x.rank)), **attributes)


def _by_index(e: Emit, op: Resize) -> None:
    """The nearest element of each output, written down."""
    x = e.inputs[0]
    for axis, (i, o) in enumerate(zip(e.x.spatial, e.y.spatial, strict=True)):
        index, _ = op.taps(axis, i, o)
        if i != o or (index[:, 0] != np.arange(o)).any():
            x = e.add("Gather", x, e.integers(*index[:, 0].tolist()), axis=axis + 2)
    e.finish("Identity", x)


def _by_matrix(e: Emit, op: Resize) -> None:
    """Each axis as a product with the matrix of its weights, (input, output)."""
    x, rank = e.inputs[0], e.x.rank
    for axis, (i, o) in enumerate(zip(e.x.spatial, e.y.spatial, strict=True)):
        index, weight = op.taps(axis, i, o)
        matrix = np.zeros((i, o))
        np.add.at(matrix, (index, np.arange(o)[:, None]), weight)
        if i == o and (matrix == np.eye(o)).all():
            continue
        table = e.tensor(torch.from_numpy(matrix).to(e.x.dtype), "weights")
        order = list(range(rank))
        order[axis + 2], order[-1] = order[-1], order[axis + 2]
        last = axis + 2 == rank - 1
        columns = x if last else e.add("Transpose", x, perm=order)
        x = e.add("MatMul", columns, table)
        x = x if last else e.add("Transpose", x, perm=order)
    e.finish("Identity", x)
