"""Same shapes, fewer parameters: the variants of one convolution side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from convariant.analysis._convolution import take_apart
from convariant.analysis._layers import convolutions_in
from convariant.analysis._table import table
from convariant.analysis._timing import milliseconds_in_turn, on_threads
from convariant.analysis.separable import _chains
from convariant.errors import OptionError
from convariant.nn import Conv2d, DepthwiseSeparableConv2d, SpatialSeparableConv2d

# a name, and what makes of a module and its input the call that is timed
Engine: TypeAlias = tuple[str, Callable[[nn.Module, Tensor], Callable[[], object]]]


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
    """The variants, the dense convolution first; `timed_by` says what computed on the `threads`."""

    in_channels: int
    out_channels: int
    kernel_size: int
    size: tuple[int, int]
    rows: tuple[Variant, ...]
    timed_by: str
    threads: int

    def __str__(self) -> str:
        k, dense = self.kernel_size, self.rows[0]
        headings = ["variant", "params", "share", "MACs", "share"]
        rows = []
        for row in self.rows:
            cells: list[object] = [
                row.name.replace("spatially separable,", "spatial,"),
                row.params,
                _share(row.params, dense.params),
                row.macs,
                _share(row.macs, dense.macs),
            ]
            if row.ms is not None and dense.ms is not None:
                cells += [row.ms, _share(row.ms, dense.ms)]
            rows.append(cells)
        here, there = ("x".join(map(str, size)) for size in (self.size, dense.output_size))
        title = f"{k}x{k}, from {self.in_channels}x{here} to {self.out_channels}x{there}"
        if dense.ms is not None:
            headings += ["ms", "share"]
            title += f"; ms for one image, {self.timed_by}, {_threads(self.threads)}"
        return f"{title}\n{table(headings, rows)}"

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
    groups: Sequence[int] | None = None,
    rank: int | None = None,
    timed: bool = True,
    threads: int = 1,
    engine: Engine | None = None,
) -> Comparison:
    """Dense, grouped, spatially separable and depthwise separable: cost and measured time.

    All pad so that every pixel is met (`k // 2`) and have no bias. `groups` are by default 2 and 4
    where these divide the channels. The spatially separable one has `rank` channels between its two
    parts, by default a quarter of the output channels. Times are of PyTorch, or of an `engine`: a
    name, and what makes of a module and its input the call to be timed. They are the least of three
    medians, the variants taken in turn.

    Raises OptionError for channels, groups or a rank that make no layer, ShapeError for maps
    without elements, GeometryError for a window that does not fit.

    >>> result = compare(512, 512, size=(14, 14), timed=False)
    >>> [(row.name, row.params) for row in result.rows][-1]
    ('depthwise separable', 266752)

    Source: lecture, "Can we maintain the same shaped input and output with fewer parameters?"
    """
    groups = _checked(in_channels, out_channels, groups, rank, threads)
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
    name, prepare = engine or ("PyTorch", _evaluated)
    times: Sequence[float | None] = [None] * len(modules)
    if timed:
        with on_threads(threads):
            times = milliseconds_in_turn([prepare(m, x) for m in modules.values()])
    rows = [
        _variant(variant, module, x, ms)
        for (variant, module), ms in zip(modules.items(), times, strict=True)
    ]
    return Comparison(ci, co, kernel_size, (h, w), tuple(rows), name, threads)


def _checked(
    ci: int, co: int, groups: Sequence[int] | None, rank: int | None, threads: int
) -> Sequence[int]:
    """The groups to show, after all checks."""
    for what, value in (("in_channels", ci), ("out_channels", co), ("threads", threads)):
        if value < 1:
            raise OptionError(f"compare: {what}={value} is not at least 1; give {what}=64")
    if rank is not None and rank < 1:
        raise OptionError(f"compare: rank={rank} is not at least 1; give rank={max(co // 4, 1)}")
    if groups is None:
        return [g for g in (2, 4) if ci % g == 0 and co % g == 0]
    for g in groups:
        if g < 1 or ci % g or co % g:
            raise OptionError(
                f"compare: {ci} and {co} channels do not divide into {g} groups; choose groups "
                "that divide both"
            )
    return groups


def _evaluated(module: nn.Module, x: Tensor) -> Callable[[], object]:
    return lambda: module.eval()(x)


def _variant(name: str, module: nn.Module, x: Tensor, ms: float | None) -> Variant:
    """The counts of one module, spent by asking for the size of what it computes."""
    chain = [
        _chains.chain_of(take_apart(layer.module, "compare"))[0]
        for layer in convolutions_in(module, "compare")
    ]
    h, w, *_ = x.shape[2:]
    oh, ow = module.to("meta")(x.to("meta")).shape[2:]
    return Variant(name, (oh, ow), _chains.params(chain), _chains.macs(chain, (h, w)), ms)


def _share(part: float, whole: float) -> str:
    """Of the dense one, in a narrow column: `100 %`, `16.7 %`, `0.1 %`."""
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 99.95 else f"{percent:.1f} %"


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"
