"""DeformConv: a convolution whose every tap is moved by an offset that the network computes."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import GraphError
from convariant.geometry import Geometry
from convariant.graph.onnx._call import Call, lowers
from convariant.graph.onnx._convolution import kernel_of, window
from convariant.graph.ops import Slot


@lowers("DeformConv")
def deform_conv(call: Call) -> str:
    geometry = window(call, kernel_of(call, call.shape(1)))
    if geometry.axes != 2:
        raise GraphError(f"{geometry.axes} spatial axes; deformable convolution is read on two")
    groups, offset_groups = call.integer("group", 1), call.integer("offset_group", 1)
    inputs = [i for i in (0, 1, 2, 3, 4) if call.has(i)]
    slots = {i: Slot(place) for place, i in enumerate(inputs)}
    args = (*(slots.get(i) for i in range(5)), geometry, groups, offset_groups)
    return call.add_torch(deformable, args, *(call.input(i) for i in inputs))


def deformable(
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    geometry: Geometry,
    groups: int,
    offset_groups: int,
) -> Tensor:
    """Convolution of bilinear samples at `tap + offset`, weighed by the mask.

    x (n, ci, h, w), offset (n, offset_groups * kh * kw * 2, oh, ow) as (y, x) pairs, mask without
    the 2. Source: Dai et al. 2017, https://arxiv.org/abs/1703.06211; mask: Zhu et al. 2018.
    """
    n, channels, *size = x.shape
    out = geometry.output_size(size)
    taps = list(itertools.product(*(range(k) for k in geometry.kernel_size)))
    # in float64, so that a tap moved by nothing reads its element exactly
    moves = offset.double().reshape(n * offset_groups, len(taps), 2, *out)
    parts = x.double().reshape(n * offset_groups, channels // offset_groups, *size)
    columns = []
    for place, tap in enumerate(taps):
        grid = _grid(moves[:, place], tap, geometry, size)
        sample = F.grid_sample(parts, grid, align_corners=False)
        if mask is not None:
            sample = sample * mask.reshape(n * offset_groups, len(taps), 1, *out)[:, place]
        columns.append(sample.reshape(n, groups, channels // groups, *out))
    stacked = torch.stack(columns, 3).to(x.dtype)  # (n, groups, ci / groups, taps, oh, ow)
    kernels = weight.reshape(groups, -1, channels // groups, len(taps))
    y = torch.einsum("ngcthw,gkct->ngkhw", stacked, kernels).reshape(n, -1, *out)
    return y if bias is None else y + bias[:, None, None]


def _grid(move: Tensor, tap: tuple[int, ...], g: Geometry, size: list[int]) -> Tensor:
    """Where one tap of every window lies, in grid_sample's units: x before y, from -1 to 1."""
    positions = []
    for axis, (begin, _) in enumerate(g.pads(size)):
        starts = torch.arange(move.shape[axis + 2], dtype=move.dtype, device=move.device)
        starts = starts * g.stride[axis] + tap[axis] * g.dilation[axis] - begin
        shape = (-1, 1) if axis == 0 else (1, -1)
        where = move[:, axis] + starts.reshape(shape)
        positions.append((2 * where + 1) / size[axis] - 1)
    return torch.stack(positions[::-1], -1)
