"""Arrays as pixels: grey and colour images, maps of one sign, weights of two signs."""

from __future__ import annotations

import numpy as np

from convariant.drawing._scene import Image, Point
from convariant.errors import DataError

# dark blue to yellow, of even steps in lightness and alike to all eyes: cividis,
# Nuñez, Anderton and Renslow 2018, https://doi.org/10.1371/journal.pone.0199239
_ONE_SIGN = np.array(
    [(0, 34, 78), (67, 78, 108), (125, 124, 120), (188, 174, 108), (254, 232, 56)], float
)
# orange below zero, white at zero, blue above: the kernel's and the input's hues
_TWO_SIGNS = np.array(
    [(138, 74, 0), (230, 159, 0), (255, 255, 255), (0, 114, 178), (0, 52, 90)], float
)


_GAP = (150, 158, 167)  # what is no number


def one_sign(values: np.ndarray) -> np.ndarray:
    """`(h, w)` from 0 to 1 as `(h, w, 3)` bytes; NaN, which marks gaps, is grey."""
    return _interpolated(values, _ONE_SIGN)


def two_signs(values: np.ndarray) -> np.ndarray:
    """`(h, w)` from -1 to 1 as `(h, w, 3)` bytes; NaN is grey."""
    return _interpolated((values + 1) / 2, _TWO_SIGNS)


def _interpolated(fraction: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    at = np.nan_to_num(fraction).clip(0, 1) * (len(anchors) - 1)
    low = np.minimum(at.astype(int), len(anchors) - 2)
    part = (at - low)[..., None]
    colours = anchors[low] * (1 - part) + anchors[low + 1] * part
    colours[np.isnan(fraction)] = _GAP
    return colours.round().astype(np.uint8)


def as_bytes(image: np.ndarray) -> np.ndarray:
    """A photo `(h, w)`, `(h, w, 3)` or `(3, h, w)`, bytes or 0 to 1, as `(h, w, 3)` bytes.

    Raises DataError for anything else.
    """
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise DataError(
            f"an image of shape {np.shape(image)} cannot be drawn; give (h, w), (h, w, 3) or "
            "(3, h, w)"
        )
    if array.dtype.kind == "f":
        array = (array.clip(0, 1) * 255).round()
    elif array.dtype.kind == "b":
        array = array * 255
    array = array[..., :3].clip(0, 255).astype(np.uint8)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def picture_of(colours: np.ndarray, at: Point, size: Point) -> Image:
    """Bytes `(h, w, 3)` as a shape."""
    h, w, _ = colours.shape
    return Image(at, size, w, h, np.ascontiguousarray(colours).tobytes())


def mosaic(tiles: np.ndarray, columns: int, gap: float = np.nan) -> np.ndarray:
    """Tiles `(n, h, w)` in rows of `columns`, one pixel of `gap` between them."""
    n, h, w = tiles.shape
    rows = -(-n // columns)
    out = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), gap, float)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (h + 1), i % columns * (w + 1)
        out[top : top + h, left : left + w] = tile
    return out
