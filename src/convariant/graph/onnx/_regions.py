"""What detectors do with boxes: sample a feature map inside each, and keep the best of many."""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from convariant.errors import GraphError
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.ops import Slot

# boxes are numbers that a file or a network makes up; one that needs more has no sense
_MOST_SAMPLES = 2**26
_MOST_ROWS = 2**20


@lowers("RoiAlign")
def align(call: Call) -> str:
    shifts = {"half_pixel": 0.5, "output_half_pixel": 0.0}
    default = "half_pixel" if call.version >= 16 else "output_half_pixel"
    args = (
        *(Slot(0), Slot(1), Slot(2)),
        call.choice("mode", "avg", ("avg", "max")),
        (call.integer("output_height", 1), call.integer("output_width", 1)),
        call.integer("sampling_ratio", 0),
        call.real("spatial_scale", 1.0),
        shifts[call.choice("coordinate_transformation_mode", default, tuple(shifts))],
    )
    return call.add_torch(roi_align, args, *call.inputs())


def roi_align(
    x: Tensor,
    boxes: Tensor,
    images: Tensor,
    mode: str,
    size: tuple[int, int],
    ratio: int,
    scale: float,
    shift: float,
) -> Tensor:
    """Each box of a feature map in one size, `(n, c, h, w), (k, 4), (k) -> (k, c, *size)`.

    A box (x1, y1, x2, y2) lies in image `images[k]` at `scale` times its numbers, less `shift`.
    Its bins hold `ratio` samples a side (0: one for each row of the map that a bin covers), each
    bilinear between four elements. `avg` is the mean of the samples; `max` the largest of the
    weighed elements before they are added up, as the standard has it.

    Source: He et al. 2017 (Mask R-CNN), https://arxiv.org/abs/1703.06870.
    """
    if boxes.shape != (len(images), 4) or x.dim() != 4:
        raise GraphError(
            f"RoiAlign got a map {list(x.shape)}, boxes {list(boxes.shape)} and image numbers "
            f"{list(images.shape)}; it takes (n, c, h, w), (k, 4) and (k)"
        )
    if x.is_meta or not len(boxes):
        return x.new_empty(len(boxes), x.shape[1], *size)
    results = []
    for box, image in zip(boxes * scale - shift, images.tolist(), strict=True):
        x1, y1, x2, y2 = box.tolist()
        if not shift:  # the older reading: no box is smaller than one element
            x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
        if not 0 <= image < len(x):
            raise GraphError(f"a box lies in image {image}, but there are {len(x)}, from 0")
        high, wide = (
            ratio if ratio > 0 else _rows(extent, bins)
            for extent, bins in zip((y2 - y1, x2 - x1), size, strict=True)
        )
        _check_samples(x.shape[1], size[0] * high, size[1] * wide)
        rows = _neighbours(y1, y2, size[0], high, x.shape[2], x)
        columns = _neighbours(x1, x2, size[1], wide, x.shape[3], x)
        results.append(_pooled(x[image], rows, columns, mode, size))
    return torch.stack(results)


class _Neighbours(NamedTuple):
    """On one axis, the elements before and behind each sample and what they weigh."""

    places: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]


def _rows(extent: float, bins: int) -> int:
    """How many rows of the map a bin covers; none where the box is turned inside out."""
    rows = extent / bins
    return max(math.ceil(min(rows, _MOST_ROWS + 1)), 0) if rows == rows else 0


def _check_samples(channels: int, rows: int, columns: int) -> None:
    if max(rows, columns) > _MOST_ROWS or channels * rows * columns > _MOST_SAMPLES:
        raise GraphError(
            f"a box asks for {rows} x {columns} samples of the feature map, as if it were far "
            "larger than the image; check the boxes and spatial_scale"
        )


def _neighbours(
    begin: float, end: float, bins: int, count: int, size: int, like: Tensor
) -> _Neighbours:
    steps = (torch.arange(bins * count, dtype=like.dtype, device=like.device) + 0.5) / max(count, 1)
    at = begin + (end - begin) / bins * steps
    inside = (at >= -1) & (at <= size)
    at = at.clamp(0, size - 1)
    before = at.floor()
    behind = (before + 1).clamp(max=size - 1)
    share = at - before
    places = before.to(torch.int64), behind.to(torch.int64)
    return _Neighbours(places, ((1 - share) * inside, share * inside))


def _pooled(
    image: Tensor, rows: _Neighbours, columns: _Neighbours, mode: str, size: tuple[int, int]
) -> Tensor:
    """The samples of each bin as one number, `(c, h, w) -> (c, *size)`; 0 where there are none."""
    corners = (
        image[:, r][:, :, c] * weight[:, None] * other
        for r, weight in zip(*rows, strict=True)
        for c, other in zip(*columns, strict=True)
    )
    samples = reduce(torch.add if mode == "avg" else torch.maximum, corners)  # (c, rows, columns)
    if not samples.numel():
        return image.new_zeros(len(image), *size)
    bins = samples.unflatten(2, (size[1], -1)).unflatten(1, (size[0], -1))
    return bins.mean((2, 4)) if mode == "avg" else bins.amax((2, 4))


@lowers("NonMaxSuppression")
def suppress(call: Call) -> str:
    """How many boxes are left depends on the values, so they must be known."""
    boxes, scores = (call.selecting(i) for i in (0, 1))
    most = int(call.constant_number(2, "the number of boxes to keep") or 0)
    overlap = float(call.constant_number(3, "the overlap that is too much") or 0.0)
    least = call.constant_number(4, "the least score")
    if boxes.shape != (scores.shape[0], scores.shape[-1], 4) or scores.dim() != 3:
        raise GraphError(
            f"boxes {list(boxes.shape)} and scores {list(scores.shape)} do not fit; they are "
            "(n, k, 4) and (n, classes, k)"
        )
    call.reader.budget.spend_operations(8 * scores.numel() * min(max(most, 1), boxes.shape[1]))
    corners = _corners(boxes, bool(call.integer("center_point_box", 0)))
    kept = [
        (image, number, box)
        for image, classes in enumerate(scores)
        for number, score in enumerate(classes)
        for box in best_boxes(corners[image], score, most, overlap, least)
    ]
    return call.new_constant(torch.tensor(kept).reshape(-1, 3), torch.int64)


def _corners(boxes: Tensor, centred: bool) -> Tensor:
    """Boxes as (low, low, high, high), whichever corners, or centre and size, are given."""
    one, two = boxes.chunk(2, -1)
    if centred:
        one, two = one - two / 2, one + two / 2
    return torch.cat([torch.minimum(one, two), torch.maximum(one, two)], -1)


def best_boxes(
    corners: Tensor, scores: Tensor, most: int, overlap: float, least: float | None
) -> list[int]:
    """The best `most` boxes, (k, 4) of lows and highs, none with a better one's `overlap` or more.

    Overlap is the area that two boxes share as a part of what they cover together.
    """
    order = scores.argsort(descending=True, stable=True)
    if least is not None:
        order = order[scores[order] > least]
    areas = (corners[:, 2:] - corners[:, :2]).prod(-1)
    kept: list[int] = []
    while len(order) and len(kept) < most:
        best, order = order[0], order[1:]
        kept.append(int(best))
        low = torch.maximum(corners[best, :2], corners[order, :2])
        high = torch.minimum(corners[best, 2:], corners[order, 2:])
        shared = (high - low).clamp(min=0).prod(-1)
        together = areas[best] + areas[order] - shared
        order = order[~(shared > overlap * together) | (shared <= 0)]
    return kept
