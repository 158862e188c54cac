"""All moments of a picture as one GIF: of each only what has changed is drawn and stored."""

from __future__ import annotations

import functools
import io
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from convariant.drawing import _raster
from convariant.drawing._scene import Image, Shape, Text, text_width

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the film
_COLOURS = 127
_SAME = 127  # the colour that lets the frame before show through
_ROOM = 4.0  # around a shape, for the width of its lines; in units of the picture
_HEAD = 12.0  # and for an arrow's head


def film(
    picture: Picture,
    moments: Sequence[Sequence[Shape]],
    seconds: float,
    *,
    scale: float,
    dark: bool,
) -> bytes:
    """An endless GIF, `seconds` for each moment, all in the palette of the middle one."""
    canvas = _raster.Canvas(picture, scale, dark)
    palette = canvas.whole(moments[len(moments) // 2]).quantize(_COLOURS)
    shown = _indexed(canvas.whole(moments[0]), palette)
    frames = [shown.copy()]
    for before, after in itertools.pairwise(moments):
        frame = np.full_like(shown, _SAME)
        for box in changed(before, after, canvas.size, scale):
            left, top, right, bottom = box
            touching = [s for s in after if _touch(bounds(s, scale), box)]
            new = _indexed(canvas.part(touching, box), palette)
            old = shown[top:bottom, left:right]
            frame[top:bottom, left:right] = np.where(new == old, _SAME, new)
            shown[top:bottom, left:right] = new
        frames.append(frame)
    return _written(frames, palette, round(seconds * 1000))


def changed(
    before: Sequence[Shape], after: Sequence[Shape], size: tuple[int, int], scale: float
) -> list[Box]:
    """Boxes apart from each other that hold every pixel in which two moments differ."""
    everything = (0, 0, *size)
    old, new = set(before), set(after)
    if [s for s in before if s in new] != [s for s in after if s in old]:
        return [everything]  # what stays lies over one another in another order
    boxes: list[Box] = []
    for shape in old ^ new:
        box = bounds(shape, scale)
        while touching := [other for other in boxes if _touch(other, box)]:
            boxes = [other for other in boxes if other not in touching]
            box = _around([box, *touching])
        boxes.append(box)
    cut = [_common(box, everything) for box in boxes]
    return [box for box in cut if box[0] < box[2] and box[1] < box[3]]


@functools.lru_cache(maxsize=100_000)
def bounds(shape: Shape, scale: float) -> Box:
    """A box in pixels around a shape, a little wide."""
    if isinstance(shape, Text):
        (x, y), width = shape.at, 1.3 * text_width(shape.text, shape.size, bold=shape.bold)
        start = {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
        xs, ys = [x - start * width, x + (1 - start) * width], [y - shape.size, y + shape.size]
        room = _ROOM
    elif isinstance(shape, Image):
        xs = [shape.at[0], shape.at[0] + shape.size[0]]
        ys = [shape.at[1], shape.at[1] + shape.size[1]]
        room = _ROOM
    else:
        xs, ys = [x for x, _ in shape.points], [y for _, y in shape.points]
        room = _HEAD if getattr(shape, "arrow", False) else _ROOM
    return (
        math.floor((min(xs) - room) * scale),
        math.floor((min(ys) - room) * scale),
        math.ceil((max(xs) + room) * scale),
        math.ceil((max(ys) + room) * scale),
    )


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _common(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _indexed(image: Any, palette: Any) -> np.ndarray:
    return np.array(image.quantize(palette=palette, dither=0))


def _written(frames: Sequence[np.ndarray], palette: Any, milliseconds: int) -> bytes:
    """Pillow crops every frame to what differs from the one before."""
    colours = bytes(palette.getpalette()).ljust(3 * (_SAME + 1), b"\0")
    images = [_raster.paletted(frame, colours) for frame in frames]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=milliseconds,
        loop=0,
        disposal=1,
        transparency=_SAME,
        optimize=False,
    )
    return buffer.getvalue()
