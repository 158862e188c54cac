"""A picture as pixels, through Pillow: the same scene that the SVG is written from."""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convariant.drawing._palette import INKS, STYLES, Style
from convariant.drawing._scene import Image, Line, Point, Polygon, Shape, Text, arrow_head
from convariant.errors import MissingDependencyError

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

OVERSAMPLING = 3  # drawn this many times larger, then averaged: smooth edges
_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}


def render(
    picture: Picture, moments: list[list[Shape]], *, scale: float, dark: bool
) -> Iterator[Any]:
    """One Pillow image per moment: the still part, drawn once, and the moment's shapes over it."""
    pil = _pillow("writing PNG and GIF files")
    factor = scale * OVERSAMPLING
    size = tuple(round(n * scale) * OVERSAMPLING for n in picture.size)
    base = pil.new("RGB", size, _colours(STYLES["background"], dark)[0])
    _draw(base, picture.full.shapes, factor, dark)
    for shapes in moments:
        image = base.copy()
        _draw(image, shapes, factor, dark)
        yield image.reduce(OVERSAMPLING)


def _draw(image: Any, shapes: Iterable[Shape], factor: float, dark: bool) -> None:
    brush = _Brush(image, factor, dark)
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


def gif(frames: list[Any], seconds: float) -> bytes:
    """The images as one endless GIF, all with the palette of the first."""
    palette = frames[len(frames) // 2].quantize(128)
    indexed = [frame.quantize(palette=palette, dither=0) for frame in frames]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=round(seconds * 1000),
        loop=0,
        disposal=1,
    )
    return buffer.getvalue()


class _Brush:
    """Draws shapes into one image at one scale."""

    def __init__(self, image: Any, factor: float, dark: bool) -> None:
        from PIL import ImageDraw

        self.image, self.factor, self.dark = image, factor, dark
        self.canvas = ImageDraw.Draw(image)

    def draw(self, shape: Shape) -> None:
        if isinstance(shape, Text):
            ink = INKS[shape.ink][self.dark]
            font = _font(round(shape.size * self.factor), shape.bold)
            at = self._scaled((shape.at,))[0]
            self.canvas.text(at, shape.text, fill=ink, font=font, anchor=_ANCHORS[shape.anchor])
        elif isinstance(shape, Image):
            corner = tuple(round(c) for c in self._scaled((shape.at,))[0])
            size = [round(n * self.factor) for n in shape.size]
            self.image.paste(pixels(shape).resize(size, 0), corner)
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

    def _stroke(self, points: list[Point], colour: str | None, style: Style) -> None:
        width = max(round(style.width * self.factor), 1)
        if not style.dashed:
            # two segments more than once round, so that the joint of a closed outline is mitred
            closed = points[0] == points[-1]
            self.canvas.line([*points, *points[1:2]] if closed else points, colour, width, "curve")
            return
        for start, end in itertools.pairwise(points):
            for dash in _dashes(start, end, 4 * self.factor, 3 * self.factor):
                self.canvas.line(dash, colour, width)

    def _scaled(self, points: tuple[Point, ...]) -> list[Point]:
        return [(x * self.factor, y * self.factor) for x, y in points]


def _dashes(start: Point, end: Point, on: float, off: float) -> list[tuple[Point, Point]]:
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dashes = []
    position = 0.0
    while position < length:
        a, b = position / length, min(position + on, length) / length
        dashes.append(
            (
                (x0 + (x1 - x0) * a, y0 + (y1 - y0) * a),
                (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b),
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
