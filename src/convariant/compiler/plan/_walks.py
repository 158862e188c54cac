"""How a convolution walks over its axes; a transposed one takes several walks, its phases."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from convariant.compiler.layout import Axis, Floats
from convariant.compiler.plan._model import Located
from convariant.geometry import Geometry

__all__ = ["Part", "Walk", "parts"]


@dataclass(frozen=True)
class Walk:
    """The outputs start, start + spread, ... of one axis, and the kernel taps that they meet."""

    axis: Axis
    start: int
    taps: slice


@dataclass(frozen=True)
class Part:
    """What one kernel computes of a convolution: a walk over planes, rows and columns."""

    planes: Walk
    rows: Walk
    columns: Walk

    @property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        """How outputs meet inputs on each axis."""
        return self.planes.axis, self.rows.axis, self.columns.axis

    def weight(self, whole: Floats) -> Floats:
        """The taps of a weight (co, ci, kd, kh, kw) that the part meets."""
        return whole[:, :, self.planes.taps][..., self.rows.taps, :][..., self.columns.taps]

    def place(self, located: Located) -> Located:
        """A tensor of the whole result, from the part's first output on."""
        layout = located.layout
        offset = self.planes.start * layout.plane
        offset += self.rows.start * layout.row + self.columns.start * layout.column
        return Located(layout, located.address + offset)


def parts(g: Geometry, x: tuple[int, ...], y: tuple[int, ...]) -> list[Part]:
    """One part; of a transposed convolution one for each phase of the stride. Sizes (d, h, w)."""
    begins = (begin for begin, _ in g.pads(x))
    walk = _phases if g.transposed else _whole
    walks = (walk(g, a, begin, y[a]) for a, begin in enumerate(begins))
    return [Part(*chosen) for chosen in itertools.product(*walks)]


def _whole(g: Geometry, a: int, begin: int, outputs: int) -> list[Walk]:
    """All outputs of an axis of a convolution that is not transposed."""
    k, s, d = g.kernel_size[a], g.stride[a], g.dilation[a]
    return [Walk(Axis(outputs, taps=k, stride=s, step=d, offset=-begin), 0, slice(None))]


def _phases(g: Geometry, a: int, begin: int, outputs: int) -> list[Walk]:
    """One walk for each remainder of the output index by the stride, as far as there are any."""
    k, s, d = g.kernel_size[a], g.stride[a], g.dilation[a]
    apart = s // math.gcd(s, d)
    walks = []
    for start in range(min(s, outputs)):
        count = -(-(outputs - start) // s)
        first = next((t for t in range(k) if (start + begin - d * t) % s == 0), k)
        taps = len(range(first, k, apart))
        offset = (start + begin - d * first) // s if taps else 0
        axis = Axis(count, taps=taps, step=-(d * apart // s), offset=offset, spread=s)
        walks.append(Walk(axis, start, slice(first, k, apart)))
    return walks
