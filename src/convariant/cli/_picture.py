"""Small grey images drawn in a terminal with Braille dots, two wide and four high a character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# the bit of each dot in a Braille character, by row and column of the 4x2 block
_DOTS = ((0, 3), (1, 4), (2, 5), (6, 7))


def draw(pixels: np.ndarray, threshold: int = 100) -> list[str]:
    """Bytes `(h, w)` as lines of text; pixels above the threshold are dots.

    >>> import numpy as np
    >>> draw(np.eye(4, dtype=np.uint8) * 255)
    ['⠑⢄']
    """
    h, w = pixels.shape
    lines = []
    for top in range(0, h, 4):
        codes = [0] * (-(-w // 2))
        for y in range(top, min(top + 4, h)):
            for x in range(w):
                if pixels[y, x] > threshold:
                    codes[x // 2] |= 1 << _DOTS[y - top][x % 2]
        lines.append("".join(chr(0x2800 + code) for code in codes))
    return lines


def beside(pictures: Sequence[Sequence[str]], captions: Sequence[str], gap: int = 2) -> list[str]:
    """Pictures in one row, each with a caption in the middle below."""
    width = max(len(line) for picture in pictures for line in picture)
    rows = [*zip(*pictures, strict=True), [caption.center(width) for caption in captions]]
    return [(" " * gap).join(row).rstrip() for row in rows]
