"""Functions that PyTorch runs as they are, where ONNX has an operator for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from convariant.graph.onnx import _indexing, _reduction, _regions
from convariant.graph.onnx._emit import Emit, writes
from convariant.graph.onnx._write_recurrent import gru, lstm
from convariant.graph.ops import Slot, Torch

_ATEN = torch.ops.aten
_SAMPLING = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}
_BORDERS = ("zeros", "border", "reflection")


@writes(Torch)
def torch_node(e: Emit, op: Torch) -> None:
    """By the table below; what has no operator there is refused."""
    writer = _TARGETS.get(op.target)
    if writer is None or not writer(e, *op.args, **op.kwargs):
        because = f" ({op.reason})" if op.reason else ""
        e.refuse(f"{op.text()}{because}", "take that part out of the network before exporting")


# Each takes the arguments of the call, Slot(i) for input i, and answers whether it wrote the node.


def _place_of_extreme(
    e: Emit, x: Slot, largest: bool, axis: int, keepdim: bool, last: bool
) -> bool:
    flags = {"keepdims": int(keepdim), "select_last_index": int(last)}
    e.finish("ArgMax" if largest else "ArgMin", e.inputs[x.index], axis=axis, **flags)
    return True


def _argmax(e: Emit, x: Slot, dim: int | None = None, keepdim: bool = False) -> bool:
    return _place(e, "ArgMax", x, dim, keepdim)


def _argmin(e: Emit, x: Slot, dim: int | None = None, keepdim: bool = False) -> bool:
    return _place(e, "ArgMin", x, dim, keepdim)


def _place(e: Emit, operator: str, x: Slot, dim: int | None, keepdim: bool) -> bool:
    value = e.inputs[x.index]
    if dim is not None:
        e.finish(operator, value, axis=dim % max(e.x.rank, 1), keepdims=int(keepdim))
        return True
    place = e.add(operator, e.reshape(value, (-1,)), axis=0, keepdims=0)
    e.reshape(place, e.y.shape, finish=True)
    return True


def _gather(e: Emit, x: Slot, index: Slot, axis: int) -> bool:
    e.finish("Gather", e.inputs[x.index], e.inputs[index.index], axis=axis)
    return True


def _gather_elements(e: Emit, x: Slot, index: Slot, axis: int) -> bool:
    e.finish("GatherElements", e.inputs[x.index], e.inputs[index.index], axis=axis)
    return True


def _gather_aten(e: Emit, x: Slot, dim: int, index: Slot, *, sparse_grad: bool = False) -> bool:  # noqa: ARG001
    return _gather_elements(e, x, index, dim)


def _index(e: Emit, x: Slot, indices: list[Slot | None]) -> bool:
    """`x[:, index]`, with one axis indexed."""
    chosen = [axis for axis, index in enumerate(indices) if index is not None]
    index = indices[chosen[0]] if len(chosen) == 1 else None
    if index is None or e.types[index.index].dtype == torch.bool:
        return False
    return _gather(e, x, index, chosen[0])


def _top_k(
    e: Emit,
    x: Slot,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,  # noqa: ARG001
) -> bool:
    flags = {"axis": dim, "largest": int(largest), "sorted": 1}
    e.finish("TopK", e.inputs[x.index], e.integers(k), **flags)
    return True


def _running_sum(e: Emit, x: Slot, axis: int, exclusive: bool, backwards: bool) -> bool:
    where = e.tensor(torch.tensor(axis))
    e.finish("CumSum", e.inputs[x.index], where, exclusive=int(exclusive), reverse=int(backwards))
    return True


def _cumsum(e: Emit, x: Slot, dim: int, *, dtype: torch.dtype | None = None) -> bool:
    if e.y.dtype != e.types[x.index].dtype or dtype not in (None, e.y.dtype):
        return False
    return _running_sum(e, x, dim, False, False)


def _sample(
    e: Emit, x: Slot, grid: Slot, mode: str, border: str, corners: bool | None = None
) -> bool:
    attributes = {"mode": _SAMPLING[mode], "padding_mode": border}
    inputs = e.inputs[x.index], e.inputs[grid.index]
    e.finish("GridSample", *inputs, **attributes, align_corners=int(bool(corners)))
    return True


def _sample_aten(e: Emit, x: Slot, grid: Slot, mode: int, border: int, corners: bool) -> bool:
    return _sample(e, x, grid, list(_SAMPLING)[mode], _BORDERS[border], corners)


def _einsum(e: Emit, equation: str, *operands: Any, **_: Any) -> bool:
    slots = operands if isinstance(operands[0], Slot) else operands[0]
    e.finish("Einsum", *(e.inputs[s.index] for s in slots), equation=equation)
    return True


def _repeat(e: Emit, x: Slot, repeats: list[Any]) -> bool:
    if not all(isinstance(r, int) for r in repeats):
        return False
    value, shape = e.inputs[x.index], e.types[x.index].shape
    missing = len(repeats) - len(shape)
    wide = e.reshape(value, (*(1,) * missing, *shape)) if missing else value
    e.finish("Tile", wide, e.integers(*repeats))
    return True


def _roi_align(
    e: Emit,
    x: Slot,
    boxes: Slot,
    images: Slot,
    mode: str,
    size: tuple[int, int],
    ratio: int,
    scale: float,
    shift: float,
) -> bool:
    if mode == "max":
        e.refuse("the maximum of RoiAlign so that engines agree", "use its average, mode='avg'")
    e.finish(
        "RoiAlign",
        *(e.inputs[slot.index] for slot in (x, boxes, images)),
        mode=mode,
        output_height=size[0],
        output_width=size[1],
        sampling_ratio=ratio,
        spatial_scale=scale,
        coordinate_transformation_mode="half_pixel" if shift else "output_half_pixel",
    )
    return True


_TARGETS: dict[Callable[..., Any], Callable[..., bool]] = {
    _reduction.index_of_extreme: _place_of_extreme,
    _ATEN.argmax.default: _argmax,
    _ATEN.argmin.default: _argmin,
    _indexing.take: _gather,
    _indexing.take_along: _gather_elements,
    _ATEN.gather.default: _gather_aten,
    _ATEN.index.Tensor: _index,
    _reduction.k_extremes: _top_k,
    _ATEN.topk.default: _top_k,
    _reduction.running_sum: _running_sum,
    _ATEN.cumsum.default: _cumsum,
    F.grid_sample: _sample,
    _regions.roi_align: _roi_align,
    _ATEN.grid_sampler.default: _sample_aten,
    torch.einsum: _einsum,
    _ATEN.einsum.default: _einsum,
    _ATEN.repeat.default: _repeat,
    _ATEN.lstm.input: lstm,
    _ATEN.gru.input: gru,
}
