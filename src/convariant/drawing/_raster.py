"""A picture as pixels, through Pillow: the same scene that the SVG is written from."""

from __future__ import annotations

import functools
import io
import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convariant.drawing._palette import INKS, STYLES, Style
from convariant.drawing._scene import Image, Line, Point, Polygon, Shape, Text, arrow_head
from convariant.errors import MissingDependencyError

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

OVERSAMPLING = 3  # drawn this many times larger, then averaged: smooth edges
Pixel = tuple[int, int]
_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}


class Canvas:
    """A picture's still part as pixels, drawn once, for shapes to be drawn over copies of it."""

    def __init__(self, picture: Picture, scale: float, dark: bool) -> None:
        self.size = round(picture.size[0] * scale), round(picture.size[1] * scale)
        self.factor, self.dark = scale * OVERSAMPLING, dark
        large = tuple(side * OVERSAMPLING for side in self.size)
        ground = _colours(STYLES["background"], dark)[0]
        self.base = _pillow("writing PNG and GIF files").new("RGB", large, ground)
        _draw(self.base, picture.full.shapes, self.factor, dark)

    def whole(self, shapes: Iterable[Shape]) -> Any:
        """A Pillow image of the still part and these shapes."""
        return self.part(shapes, (0, 0, *self.size))

    def part(self, shapes: Iterable[Shape], box: tuple[int, int, int, int]) -> Any:
        """The same of a box of pixels (left, top, right, bottom) alone."""
        left, top, right, bottom = (side * OVERSAMPLING for side in box)
        image = self.base.crop((left, top, right, bottom))
        _draw(image, shapes, self.factor, self.dark, (left, top))
        return image.reduce(OVERSAMPLING)


def _draw(
    image: Any,
    shapes: Iterable[Shape],
    factor: float,
    dark: bool,
    origin: tuple[int, int] = (0, 0),
) -> None:
    brush = _Brush(image, factor, dark, origin)
    for shape in shapes:
        brush.draw(shape)


def pixels(image: Image) -> Any:
    """The pixels of an image shape as a Pillow image."""
    size = (image.columns, image.rows)
    return _pillow("drawing pixels").frombytes("RGB", size, image.data)


def png(image: Any) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def paletted(indices: np.ndarray, colours: bytes) -> Any:
    """Numbers of colours as a Pillow image."""
    image = _pillow("writing PNG and GIF files").fromarray(indices)
    image.putpalette(colours)
    return image


class _Brush:
    """Draws shapes into one image at one scale; the image's corner is the `origin` of a larger."""

    def __init__(self, image: Any, factor: float, dark: bool, origin: tuple[int, int]) -> None:
        from PIL import ImageDraw

        self.image, self.factor, self.dark, self.origin = image, factor, dark, origin
        self.canvas = ImageDraw.Draw(image)

    def draw(self, shape: Shape) -> None:
        if isinstance(shape, Text):
            ink = INKS[shape.ink][self.dark]
            font = _font(round(shape.size * self.factor), shape.bold)
            at = self._scaled((shape.at,))[0]
            self.canvas.text(at, shape.text, fill=ink, font=font, anchor=_ANCHORS[shape.anchor])
        elif isinstance(shape, Image):
            size = [round(n * self.factor) for n in shape.size]
            self.image.paste(pixels(shape).resize(size, 0), self._scaled((shape.at,))[0])
        elif isinstance(shape, Line):
            self._line(shape)
        else:
            self._polygon(shape)

    def _polygon(self, polygon: Polygon) -> None:
        style = STYLES[polygon.style]
        fill, stroke = _colours(style, self.dark)
        points = self._scaled(polygon.points)
        if fill:
            self.canvas.polygon(points, fill=fill)
        if stroke:
            self._stroke([*points, points[0]], stroke, style)

    def _line(self, line: Line) -> None:
        style = STYLES[line.style]
        _, stroke = _colours(style, self.dark)
        self._stroke(self._scaled(line.points), stroke, style)
        if line.arrow:
            self._stroke(self._scaled(arrow_head(line.points)), stroke, style)

    def _stroke(self, points: list[Pixel], colour: str | None, style: Style) -> None:
        width = max(round(style.width * self.factor), 1)
        if not style.dashed:
            # two segments more than once round, so that the joint of a closed outline is mitred
            closed = points[0] == points[-1]
            self.canvas.line([*points, *points[1:2]] if closed else points, colour, width, "curve")
            return
        for start, end in itertools.pairwise(points):
            for dash in _dashes(start, end, 4 * self.factor, 3 * self.factor):
                self.canvas.line(dash, colour, width)

    def _scaled(self, points: tuple[Point, ...]) -> list[Pixel]:
        """Whole pixels, so that a part of a picture is drawn as it is in the whole."""
        left, top = self.origin
        return [
            (math.floor(x * self.factor) - left, math.floor(y * self.factor) - top)
            for x, y in points
        ]


def _dashes(start: Pixel, end: Pixel, on: float, off: float) -> list[tuple[Pixel, Pixel]]:
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dashes = []
    position = 0.0
    while position < length:
        a, b = position / length, min(position + on, length) / length
        dashes.append(
            (
                (x0 + round((x1 - x0) * a), y0 + round((y1 - y0) * a)),
                (x0 + round((x1 - x0) * b), y0 + round((y1 - y0) * b)),
            )
        )
        position += on + off
    return dashes


def _colours(style: Style, dark: bool) -> tuple[str | None, str | None]:
    return (style.dark_fill, style.dark_stroke) if dark else (style.fill, style.stroke)


@functools.cache
def _font(size: int, bold: bool) -> Any:
    """DejaVu Sans, which comes with matplotlib; Pillow's own font has no multiplication sign."""
    from PIL import ImageFont

    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingDependencyError(
            "matplotlib", "text in PNG and GIF files", extra="draw"
        ) from error
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), size)


def _pillow(purpose: str) -> Any:
    try:
        from PIL import Image as PillowImage
    except ImportError as error:
        raise MissingDependencyError("pillow", purpose, extra="draw") from error
    return PillowImage
