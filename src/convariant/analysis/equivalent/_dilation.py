"""Dilated convolution as plain convolution with zeros between the weights.

Source: lecture, "2D Dilated Convolution"; Yu and Koltun 2016, arXiv 1511.07122.
"""

from __future__ import annotations

from torch import nn

from convariant.analysis._convolution import take_apart
from convariant.analysis._indexing import every
from convariant.errors import OptionError
from convariant.geometry import Geometry


def stuff_kernel(conv: nn.Module) -> nn.Module:
    """Dilation d -> dilation 1 with d - 1 zeros between the weights: `1 2 3 -> 1 0 2 0 3`.

    Plain and transposed, 1 to 3 axes, any groups. The kernel covers as much as before and reads
    more; the parameters that are not zero are the same. Inverse: `dilate_kernel`.

    Raises OptionError where an output padding needs the dilation that goes away.

    >>> stuff_kernel(nn.Conv1d(1, 1, 3, dilation=2)).weight.count_nonzero().item()
    3
    """
    parts = take_apart(conv, "stuff_kernel")
    g = parts.geometry
    stuffed = parts.weight.new_zeros(*parts.weight.shape[:2], *g.extent)
    stuffed[every(g.dilation)] = parts.weight
    if any(op and op >= s for op, s in zip(g.output_padding, g.stride, strict=True)):
        raise OptionError(
            f"stuff_kernel: output_padding={g.output_padding} is allowed only by the dilation "
            f"{g.dilation}, which the stuffed kernel does not have; use output_padding below the "
            f"stride {g.stride}, and pad the result"
        )
    window = Geometry(g.extent, g.stride, g.padding, 1, g.output_padding, g.transposed)
    return parts.replace(weight=stuffed, geometry=window).module()


def dilate_kernel(conv: nn.Module, dilation: int | tuple[int, ...]) -> nn.Module:
    """A kernel with zeros in all but every d-th place -> those weights, with dilation d.

    Raises OptionError where a weight that would go is not zero, or the kernel does not divide.

    >>> dilate_kernel(stuff_kernel(nn.Conv2d(1, 1, 3, dilation=2)), 2).kernel_size
    (3, 3)
    """
    parts = take_apart(conv, "dilate_kernel")
    g = parts.geometry
    steps = Geometry.of(parts.axes, 1, dilation=dilation).dilation
    if any(d != 1 for d in g.dilation) or any(
        (k - 1) % d for k, d in zip(g.kernel_size, steps, strict=True)
    ):
        raise OptionError(
            f"dilate_kernel: {g} cannot be read with dilation {steps}; the kernel must have "
            "dilation 1 and a size of 1 more than a multiple of the new dilation"
        )
    kept = parts.weight[every(steps)]
    lost = int(parts.weight.count_nonzero() - kept.count_nonzero())
    if lost:
        raise OptionError(
            f"dilate_kernel: {lost} weights between every {steps}-th are not zero and would be "
            "lost; only a kernel stuffed with zeros can be dilated"
        )
    window = Geometry(
        tuple(kept.shape[2:]), g.stride, g.padding, steps, g.output_padding, g.transposed
    )
    return parts.replace(weight=kept, geometry=window).module()
