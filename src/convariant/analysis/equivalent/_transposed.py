"""Transposed convolution as zeros inserted and then a convolution, and as s x s small ones.

Source: lecture, "2D Transposed Convolution"; Dumoulin and Visin 2016, arXiv 1603.07285; Shi et al.
2016, "Is the deconvolution layer the same as a convolutional layer?", arXiv 1609.07009.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution, expect, take_apart
from convariant.analysis._indexing import every, last_first, on_last_axes
from convariant.errors import OptionError
from convariant.geometry import EffectiveGeometry, Geometry


class ZeroInsertion(nn.Module):
    """Zeros between the inputs, around them, and after them: `1 2 -> 0 1 0 2 0`.

    `effective` says how many; negative padding crops.

    Shape: `(n, c, h, w) -> (n, c, *effective.stuffed_size((h, w)))`.
    """

    def __init__(self, effective: EffectiveGeometry) -> None:
        super().__init__()
        self.effective = effective

    def forward(self, x: Tensor) -> Tensor:
        """Stuff, then pad or crop."""
        e = self.effective
        spread = [(i - 1) * (z + 1) + 1 for i, z in zip(x.shape[2:], e.zeros_inserted, strict=True)]
        stuffed = x.new_zeros(*x.shape[:2], *spread)
        stuffed[every(z + 1 for z in e.zeros_inserted)] = x
        around = [(b, end + extra) for (b, end), extra in zip(e.padding, e.extra, strict=True)]
        return F.pad(stuffed, last_first(around))

    def extra_repr(self) -> str:
        """The numbers of the effective view."""
        e = self.effective
        return f"zeros_inserted={e.zeros_inserted}, padding={e.padding}, extra={e.extra}"


def insert_zeros(conv: nn.Module) -> nn.Sequential:
    """A transposed convolution -> zeros inserted, then a convolution of stride 1.

    The kernel is turned round, and input and output channels are swapped within each group. Most
    products are with zeros: `split_phases` leaves them out. Inverse: `remove_zeros`.

    Raises OptionError unless the convolution is transposed, with padding mode zeros.

    >>> insert_zeros(nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1))[0]
    ZeroInsertion(zeros_inserted=(1, 1), padding=((1, 1), (1, 1)), extra=(0, 0))
    """
    parts = _transposed_parts(conv, "insert_zeros")
    effective = parts.geometry.effective()
    window = Geometry(effective.kernel_size, dilation=effective.dilation)
    turned = parts.blocks.flip(tuple(range(3, 3 + parts.axes)))
    return nn.Sequential(
        ZeroInsertion(effective), parts.with_blocks(turned, geometry=window).module()
    )


def remove_zeros(pair: nn.Sequential) -> nn.Module:
    """Zeros inserted and then a convolution -> the transposed convolution that they are.

    Raises OptionError for any other two modules, GeometryError where the zeros around exceed what
    any padding of a transposed convolution gives.
    """
    if (
        not isinstance(pair, nn.Sequential)
        or len(pair) != 2
        or not isinstance(pair[0], ZeroInsertion)
    ):
        raise OptionError(
            f"remove_zeros takes Sequential(ZeroInsertion, convolution), but got {pair}; "
            "insert_zeros makes one"
        )
    parts, effective = take_apart(pair[1], "remove_zeros"), pair[0].effective
    if parts.transposed or any(s != 1 for s in parts.geometry.stride):
        raise OptionError(
            f"remove_zeros: the convolution after the zeros must have stride 1, not {pair[1]}"
        )
    crops = tuple(
        (extent - 1 - begin, extent - 1 - end)
        for extent, (begin, end) in zip(parts.geometry.extent, effective.padding, strict=True)
    )
    window = Geometry(
        parts.geometry.kernel_size,
        tuple(z + 1 for z in effective.zeros_inserted),
        crops,
        parts.geometry.dilation,
        effective.extra,
        transposed=True,
    )
    turned = parts.blocks.flip(tuple(range(3, 3 + parts.axes)))
    return parts.with_blocks(turned, geometry=window).module()


class Phase(NamedTuple):
    """On one axis: the outputs `start, start + s, ...`, which all meet the same kernel elements.

    These are `kernel[first :: step]`. They slide over the input with `dilation`, after it was
    padded (negative: cropped) by `begin` and `end`. A phase without taps is 0 everywhere.
    """

    start: int
    first: int
    step: int
    taps: int
    dilation: int
    begin: int
    end: int


class PhasedConvolution(nn.Module):
    """A transposed convolution as one small convolution for each phase of its stride.

    With stride s on every axis, output o meets only the kernel elements k for which `o + p - d k`
    is a multiple of s: s x s interleaved images, each of them a convolution of stride 1 of the
    small input by a part of the kernel. No zero is ever multiplied.

    Shape: as the transposed convolution, `(n, ci, h, w) -> (n, co, oh, ow)`.
    """

    def __init__(self, parts: Convolution) -> None:
        super().__init__()
        self.geometry, self.out_channels = parts.geometry, parts.out_channels
        self.phases = list(itertools.product(*axis_phases(parts.geometry)))
        self.convs = nn.ModuleList(phase_convolution(parts, phase) for phase in self.phases)
        self.bias = None if parts.bias is None else nn.Parameter(parts.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Convolve once for each phase, and interleave."""
        size = self.geometry.output_size(x.shape[2:])
        y = x.new_zeros(len(x), self.out_channels, *size)
        for phase, conv in zip(self.phases, self.convs, strict=True):
            seen = tuple(
                slice(p.start, None, s) for p, s in zip(phase, self.geometry.stride, strict=True)
            )
            target = y[on_last_axes(seen)]
            if all(p.taps for p in phase) and target.numel():
                target.copy_(conv(F.pad(x, last_first([(p.begin, p.end) for p in phase]))))
        return y if self.bias is None else y + self.bias.reshape(-1, *[1] * len(size))


def split_phases(conv: nn.Module) -> PhasedConvolution:
    """A transposed convolution -> s x s convolutions of the small input, interleaved.

    Raises OptionError unless the convolution is transposed, with padding mode zeros.

    >>> phased = split_phases(nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1))
    >>> [tuple(conv.kernel_size) for conv in phased.convs]
    [(2, 2), (2, 2), (2, 2), (2, 2)]
    """
    return PhasedConvolution(_transposed_parts(conv, "split_phases"))


def merge_phases(phased: PhasedConvolution) -> nn.Module:
    """The interleaved convolutions of `split_phases` -> the transposed convolution again.

    Raises OptionError for any other module.
    """
    wanted = "a PhasedConvolution, which split_phases makes"
    expect(phased, PhasedConvolution, "merge_phases", wanted)
    geometry = phased.geometry
    first: Any = next(c for c in phased.convs if isinstance(c, nn.Module) and has_weight(c))
    blocks = take_apart(first, "merge_phases").blocks
    whole = blocks.new_zeros(*blocks.shape[:3], *geometry.kernel_size)
    for phase, conv in zip(phased.phases, phased.convs, strict=True):
        if has_weight(conv):
            part = take_apart(conv, "merge_phases").blocks
            seen = tuple(slice(p.first, None, p.step) for p in phase)
            whole[on_last_axes(seen)] = part.flip(tuple(range(3, part.dim())))
    return Convolution(whole, phased.bias, geometry).with_blocks(whole).module()


def axis_phases(geometry: Geometry) -> list[list[Phase]]:
    """For each axis the phases of a transposed window, in the order of their first output."""
    full = geometry.explicit((1,) * geometry.axes)
    pads = full.pads((1,) * geometry.axes)
    return [
        [_phase(full, axis, begin, end, residue) for residue in range(full.stride[axis])]
        for axis, (begin, end) in enumerate(pads)
    ]


def _phase(geometry: Geometry, axis: int, begin: int, end: int, residue: int) -> Phase:
    """The outputs o with (o + begin) mod s = residue."""
    k, s, d = geometry.kernel_size[axis], geometry.stride[axis], geometry.dilation[axis]
    last = geometry.extent[axis] - 1 + geometry.output_padding[axis] - end
    start = (residue - begin) % s
    common = math.gcd(s, d)
    step = s // common  # kernel elements that lie this far apart meet the same outputs
    met = [t for t in range(min(step, k)) if (residue - d * t) % s == 0]
    if not met:
        return Phase(start, 0, step, 0, 1, 0, 0)
    first = met[0]
    taps = len(range(first, k, step))
    shift = (residue - d * first) // s  # the first of these taps reads the input at m + shift
    reach = (taps - 1) * (d // common)
    lowest = (start + begin - residue) // s  # m of the first output
    highest_beyond = (last - residue) // s  # m of the last output, counted from the last input
    return Phase(
        start, first, step, taps, d // common, reach - lowest - shift, highest_beyond + shift
    )


def phase_convolution(parts: Convolution, phase: tuple[Phase, ...]) -> nn.Module:
    """The convolution of one phase: every step-th element of the kernel, turned round."""
    if not all(p.taps for p in phase):
        return nn.Identity()
    seen = tuple(slice(p.first, None, p.step) for p in phase)
    kernel = parts.blocks[on_last_axes(seen)].flip(tuple(range(3, 3 + parts.axes)))
    window = Geometry(tuple(kernel.shape[3:]), dilation=tuple(p.dilation for p in phase))
    return parts.with_blocks(kernel, geometry=window, bias=None).module()


def has_weight(conv: nn.Module) -> bool:
    """Whether this phase has any kernel element."""
    return not isinstance(conv, nn.Identity)


def _transposed_parts(conv: nn.Module, operator: str) -> Convolution:
    parts = take_apart(conv, operator)
    if not parts.transposed or parts.padding_mode != "zeros":
        raise OptionError(
            f"{operator} takes a transposed convolution with padding_mode='zeros', but got {conv}; "
            "a plain one already is its own effective convolution"
        )
    return parts
