"""Where the numbers of a tensor lie, and how the outputs of a window meet its inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "LINE",
    "SINGLE",
    "SINGLE_NUMBER",
    "Axis",
    "Floats",
    "Halo",
    "Layout",
    "lay_out",
    "read_back",
]

Floats: TypeAlias = npt.NDArray[np.float32]

# Floats of a cache line, which is also the widest vector.
LINE = 16

# Extra (top, bottom, left, right) rows and columns around each plane.
Halo: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Layout:
    """An (n, c, d, h, w) tensor in memory: element (n, c, z, y, x) lies, counted in floats, at `n *
    image + c // lanes * block + z * plane + y * row + x * column + c % lanes` from element 0.

    `lanes` channels stand side by side (1: planar, as PyTorch stores images; a vector's width:
    blocked, the last block filled up). A stride of 0 repeats the tensor along that axis. `halo`
    rows and columns around each plane belong to the tensor: a padded consumer reads them as zeros.
    An image is a volume of one plane.

    With a `fold`, pixel (y, x) is the `y * width + x`-th of all pixels of a plane, which lie in
    memory in rows of `fold`, each `row` floats behind the one before.
    """

    batch: int
    channels: int
    height: int
    width: int
    lanes: int
    image: int
    block: int
    row: int
    column: int
    halo: Halo = (0, 0, 0, 0)
    depth: int = 1
    plane: int = 0
    fold: int = 0

    @classmethod
    def dense(cls, shape: tuple[int, ...], lanes: int, halo: Halo = (0, 0, 0, 0)) -> Layout:
        """The tensor (n, c, h, w) or (n, c, d, h, w) alone in its buffer:
        [image][block][plane][row][column][lane].

        >>> Layout.dense((1, 20, 5, 5), lanes=16, halo=(1, 1, 1, 1)).block
        784
        """
        n, c, *depth, h, w = shape
        d = depth[0] if depth else 1
        top, bottom, left, right = halo
        row = (left + w + right) * lanes
        plane = (top + h + bottom) * row
        image = -(-c // lanes) * d * plane
        return cls(n, c, h, w, lanes, image, d * plane, row, lanes, halo, d, plane)

    @property
    def blocks(self) -> int:
        """Channel blocks of one image."""
        return -(-self.channels // self.lanes)

    @property
    def planes(self) -> int:
        """Planes of one channel, through the batch."""
        return self.batch * self.depth

    @property
    def origin(self) -> int:
        """From the start of the buffer to element 0."""
        return self.halo[0] * self.row + self.halo[2] * self.column

    @property
    def size(self) -> int:
        """Floats in a dense buffer, halo and filled-up lanes included."""
        return self.batch * self.image

    @property
    def gapless(self) -> bool:
        """Whether each row begins where the one before ends."""
        return self.height == 1 or self.row == self.width * self.column

    @property
    def flat(self) -> Layout:
        """The same memory with its pixels in one line, where they are; itself where they are not.

        A batch of single pixels becomes a line too: that is how Linear shares weights.

        >>> Layout.dense((1, 16, 7, 7), lanes=16).flat.width
        49
        >>> Layout.dense((8, 16, 1, 1), lanes=16).flat.width
        8
        """
        if self.depth == self.height == self.width == 1:
            return replace(self, batch=1, width=self.batch, column=self.image, row=0, image=0)
        if not self.gapless:
            return self
        area = self.height * self.width
        line = replace(self, height=1, width=area, row=0)
        if self.depth == 1 or self.plane != area * self.column:
            return line
        return replace(line, depth=1, width=self.depth * area, plane=0)

    def dealt(self, rows: int, columns: int) -> Layout:
        """The same memory, its pixels dealt out in other rows.

        >>> Layout.dense((1, 8, 14, 14), lanes=8).dealt(4, 49).row
        392
        >>> Layout.dense((1, 8, 14, 14), lanes=8, halo=(1, 1, 1, 1)).dealt(4, 49).fold
        14
        """
        dealt = replace(self, height=rows, width=columns)
        if self.gapless:
            return replace(dealt, row=columns * self.column)
        return replace(dealt, fold=self.width)


@dataclass(frozen=True)
class Axis:
    """How `count` outputs of one axis meet their inputs, tap by tap.

    Output o lies at `o * spread` and reads, for each tap t, the input at
    `o * stride + t * step + offset`. A convolution has spread 1; a transposed one of stride s is s
    phases of spread s whose inputs advance by one: no zero is ever inserted.

    >>> Axis(3, taps=3, stride=2, offset=-1).reach
    (-1, 5)
    """

    count: int
    taps: int = 1
    stride: int = 1
    step: int = 1
    offset: int = 0
    spread: int = 1

    @property
    def reach(self) -> tuple[int, int]:
        """The lowest and the highest input index that is read."""
        first, last = self.offset, self.offset + (self.taps - 1) * self.step
        return min(first, last), max(first, last) + (self.count - 1) * self.stride


# The axis that an operation over fewer axes does not have.
SINGLE = Axis(1)

# One number, where a layout is asked for and none is read.
SINGLE_NUMBER = Layout.dense((1, 1, 1, 1), 1)


def lay_out(values: Floats, layout: Layout) -> Floats:
    """An (n, c, h, w) or (n, c, d, h, w) array as the dense buffer of that layout, halo and
    filled-up lanes zero.
    """
    buffer = np.zeros(layout.size, np.float32)
    size = (layout.depth, layout.height, layout.width)
    padded = np.zeros((layout.batch, layout.blocks * layout.lanes, *size), np.float32)
    padded[:, : layout.channels] = values.reshape(layout.batch, layout.channels, *size)
    blocked = padded.reshape(layout.batch, layout.blocks, layout.lanes, *size)
    _pixels(buffer, layout)[...] = blocked.transpose(0, 1, 3, 4, 5, 2)
    return buffer


def read_back(buffer: Floats, layout: Layout) -> Floats:
    """The (n, c, h, w) array that a buffer of that layout holds; of a volume, (n, c, d, h, w)."""
    blocked = _pixels(buffer, layout).transpose(0, 1, 5, 2, 3, 4)
    depth = () if layout.depth == 1 else (layout.depth,)
    whole = blocked.reshape(layout.batch, -1, *depth, layout.height, layout.width)
    return np.ascontiguousarray(whole[:, : layout.channels])


def _pixels(buffer: Floats, layout: Layout) -> Floats:
    """A view (image, block, plane, row, column, lane) of the elements in a buffer."""
    sizes = (layout.batch, layout.blocks, layout.depth, layout.height, layout.width, layout.lanes)
    strides = (layout.image, layout.block, layout.plane, layout.row, layout.column, 1)
    return np.lib.stride_tricks.as_strided(
        buffer[layout.origin :], sizes, tuple(4 * s for s in strides)
    )
