"""What the polyphase layers of one network share: where each grid lies on the finer ones.

Branches that meet again, as in a residual block, must keep the same phase, or they would drift
apart. The first layer that leaves a grid for a coarser one chooses; all others that lead to a grid
of this size, or back from it, follow, by whatever strides they come to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

Size: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class _Grid:
    """Every `stride`-th place of a finer grid, from its phase `index` on; None: from the first."""

    finer: Size
    stride: Size
    index: Tensor | None


class Phases:
    """The phases chosen during one forward pass; a grid is known by its size.

    What was chosen on one way to a grid (two strides of 2) holds on every other (one stride of 4).
    """

    def __init__(self) -> None:
        self._grids: dict[Size, _Grid] = {}

    def start(self, module: nn.Module, inputs: object) -> None:  # noqa: ARG002
        """Forget the last pass; a forward pre-hook of the whole network."""
        self._grids.clear()

    def down(self, size: Size, stride: Size, x: Tensor) -> Tensor | None:
        """The phase of a grid of this size that earlier choices leave; None if they leave all."""
        coarse = divided(size, stride)
        known = self._grids.get(coarse)
        if known is not None and known.finer == size:  # the same step again
            return _zeros(x) if known.index is None else known.index
        root = self._root(size)
        for other in self._grids:
            if self._root(other) == root and _divides(other, coarse):
                return self._between(size, stride, other, x)
        return None

    def keep(self, size: Size, stride: Size, index: Tensor | None) -> None:
        """Remember the phase that was kept of a grid."""
        self._grids.setdefault(divided(size, stride), _Grid(size, stride, index))

    def up(self, size: Size, stride: Size, x: Tensor) -> Tensor | None:
        """The phase that a grid of this size has of the one `stride` times as fine; None: 0."""
        fine = tuple(i * s for i, s in zip(size, stride, strict=True))
        root = self._root(size)
        if fine != root and _divides(root, fine):  # finer than all so far
            self.keep(fine, divided(fine, root), None)
            root = fine
        known = self._grids.get(size)
        if known is None or known.finer == fine:
            return None if known is None else known.index
        if not _divides(fine, root):
            return None
        if fine != root and fine not in self._grids:
            step = divided(root, fine)
            begin = [b % s for b, s in zip(self._begin(size, x), step, strict=True)]
            self.keep(root, step, _row_major(begin, step))
        return self._between(fine, stride, size, x)

    def _root(self, size: Size) -> Size:
        """The finest grid that one of this size is a part of."""
        while size in self._grids:
            size = self._grids[size].finer
        return size

    def _begin(self, size: Size, x: Tensor) -> list[Tensor]:
        """Where a grid begins, in places of its root, for each image of the batch; by axis."""
        grid = self._grids.get(size)
        if grid is None:
            return [_zeros(x)] * len(size)
        begin = self._begin(grid.finer, x)
        if grid.index is None:
            return begin
        steps = divided(self._root(size), grid.finer)
        offsets = by_axis(grid.index, grid.stride)
        return [b + s * o for b, s, o in zip(begin, steps, offsets, strict=True)]

    def _between(self, size: Size, stride: Size, coarse: Size, x: Tensor) -> Tensor:
        """The phase of a grid from which a coarser one that is known can be reached."""
        steps = divided(self._root(size), size)
        pairs = zip(self._begin(coarse, x), self._begin(size, x), strict=True)
        offsets = [(b - a) // t % s for (b, a), t, s in zip(pairs, steps, stride, strict=True)]
        return _row_major(offsets, stride)


def divided(size: Size, by: Size) -> Size:
    return tuple(i // s for i, s in zip(size, by, strict=True))


def _divides(coarse: Size, fine: Size) -> bool:
    """Whether the places of the one may be places of the other."""
    return all(f % c == 0 for c, f in zip(coarse, fine, strict=True))


def _zeros(x: Tensor) -> Tensor:
    return x.new_zeros(x.shape[0], dtype=torch.int64)


def by_axis(index: Tensor, stride: Size) -> list[Tensor]:
    """A phase as one offset for each axis; the inverse of `_row_major`."""
    offsets = []
    for s in reversed(stride):
        offsets.append(index % s)
        index = index // s
    return offsets[::-1]


def _row_major(offsets: list[Tensor], stride: Size) -> Tensor:
    index = offsets[0]
    for offset, s in zip(offsets[1:], stride[1:], strict=True):
        index = index * s + offset
    return index
