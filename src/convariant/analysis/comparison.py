"""Same shapes, fewer parameters: the variants of one convolution side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from convariant.analysis._convolution import take_apart
from convariant.analysis._layers import convolutions_in
from convariant.analysis._table import share, table
from convariant.analysis._timing import module_milliseconds
from convariant.analysis.separable import _chains
from convariant.errors import OptionError
from convariant.nn import Conv2d, DepthwiseSeparableConv2d, SpatialSeparableConv2d


@dataclass(frozen=True)
class Variant:
    """One way to compute the same shapes; `ms` is measured, for one image, or None."""

    name: str
    output_size: tuple[int, int]
    params: int
    macs: int
    ms: float | None


@dataclass(frozen=True)
class Comparison:
    """The variants, the dense convolution first."""

    in_channels: int
    out_channels: int
    kernel_size: int
    size: tuple[int, int]
    rows: tuple[Variant, ...]

    def __str__(self) -> str:
        h, w = self.size
        k = self.kernel_size
        dense = self.rows[0]
        timed = dense.ms is not None
        headings = ["variant", "output", "params", "of dense", "MACs", "of dense"]
        rows = []
        for row in self.rows:
            cells: list[object] = [
                row.name,
                "x".join(map(str, (self.out_channels, *row.output_size))),
                row.params,
                share(row.params / dense.params),
                row.macs,
                share(row.macs / dense.macs),
            ]
            if row.ms is not None and dense.ms is not None:
                cells += [row.ms, share(row.ms / dense.ms)]
            rows.append(cells)
        title = f"{k}x{k}, {self.in_channels} -> {self.out_channels} channels on {h}x{w}"
        return f"{title}\n{table([*headings, *(['ms', 'of dense'] * timed)], rows)}"

    def to_json(self) -> str:
        """Everything, for programs."""
        return json.dumps(dataclasses.asdict(self))


@torch.no_grad()
def compare(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    *,
    size: Sequence[int] = (56, 56),
    stride: int = 1,
    groups: Sequence[int] = (2, 4),
    rank: int | None = None,
    timed: bool = True,
) -> Comparison:
    """Dense, grouped, spatially separable and depthwise separable: cost and measured time.

    All pad so that every pixel is met (`k // 2`) and have no bias. The spatially separable one has
    `rank` channels between its two parts, by default a quarter of the output channels.

    Raises OptionError for groups that do not divide the channels, GeometryError for a window that
    does not fit.

    >>> result = compare(512, 512, size=(14, 14), timed=False)
    >>> [(row.name, row.params) for row in result.rows][-1]
    ('depthwise separable', 266752)

    Source: lecture, "Can we maintain the same shaped input and output with fewer parameters?"
    """
    for g in groups:
        if g < 1 or in_channels % g or out_channels % g:
            raise OptionError(
                f"compare: {in_channels} and {out_channels} channels do not divide into {g} "
                "groups; choose groups that divide both"
            )
    middle = max(out_channels // 4, 1) if rank is None else rank
    ci, co, k, p = in_channels, out_channels, kernel_size, kernel_size // 2
    modules: dict[str, nn.Module] = {"dense": Conv2d(ci, co, k, stride, p, bias=False)}
    for g in groups:
        modules[f"{g} groups"] = Conv2d(ci, co, k, stride, p, groups=g, bias=False)
    modules[f"spatially separable, rank {middle}"] = SpatialSeparableConv2d(
        ci, co, k, stride, p, bias=False, rank=middle
    )
    modules["depthwise separable"] = DepthwiseSeparableConv2d(ci, co, k, stride, p, bias=False)
    h, w = size
    x = torch.randn(1, ci, h, w)
    rows = []
    for name, module in modules.items():
        chain = [
            _chains.chain_of(take_apart(layer.module, "compare"))[0]
            for layer in convolutions_in(module, "compare")
        ]
        out = tuple(module(x).shape[2:])
        ms = module_milliseconds(module, x) if timed else None
        params, macs = _chains.params(chain), _chains.macs(chain, (h, w))
        rows.append(Variant(name, (out[0], out[1]), params, macs, ms))
    return Comparison(in_channels, out_channels, kernel_size, (h, w), tuple(rows))
