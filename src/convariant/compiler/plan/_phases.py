"""The phases of a transposed convolution: which outputs of an axis meet which taps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convariant.compiler.layout import Axis

if TYPE_CHECKING:
    from convariant.compiler.plan._convs import ConvTask

__all__ = ["Phase", "phases"]


@dataclass(frozen=True)
class Phase:
    """The outputs start, start + stride, ... of one axis, and the kernel taps that they meet."""

    axis: Axis
    start: int
    taps: slice


def phases(task: ConvTask, axis: int) -> list[Phase]:
    """One phase for each remainder of the output index by the stride, as far as there are any."""
    g = task.geometry
    s, d, k = g.stride[axis], g.dilation[axis], g.kernel_size[axis]
    begin = g.pads(task.job.x_image[2:])[axis][0]
    apart = s // math.gcd(s, d)
    phases = []
    for start in range(min(s, task.job.y_image[2 + axis])):
        count = -(-(task.job.y_image[2 + axis] - start) // s)
        first = next((t for t in range(k) if (start + begin - d * t) % s == 0), k)
        taps = len(range(first, k, apart))
        offset = (start + begin - d * first) // s if taps else 0
        walk = Axis(count, taps=taps, step=-(d * apart // s), offset=offset, spread=s)
        phases.append(Phase(walk, start, slice(first, k, apart)))
    return phases
