"""A picture as SVG text: one style sheet for light and dark, no script, font or link outside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING

from convariant.drawing._palette import INKS, STYLES
from convariant.drawing._raster import pixels
from convariant.drawing._scene import Image, Line, Point, Shape, Text, arrow_head

if TYPE_CHECKING:
    from convariant.drawing._picture import Picture

FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


def still_svg(picture: Picture, steps: tuple[int, ...]) -> str:
    """One moment of every track."""
    tracks = zip(picture.full.tracks, steps, strict=True)
    return _document(picture, [group_svg(track.noted(i)) for track, i in tracks])


def moving_svg(picture: Picture, seconds: float) -> str:
    """All steps, shown in turn by CSS; a reader who wants no motion sees the still picture."""
    groups, rules = [], []
    total = round(seconds * max(track.length for track in picture.full.tracks), 3)
    for t, track in enumerate(picture.full.tracks):
        share = 100 / track.length
        rules.append(
            f"@keyframes t{t}{{0%{{visibility:visible}}{share:.4f}%{{visibility:hidden}}}}"
            f".t{t}{{visibility:hidden;animation:t{t} {total:g}s step-end infinite}}"
        )
        for i in range(track.length):
            still = " still" if i == track.still else ""
            delay = total * i / track.length
            attributes = f'class="t{t}{still}" style="animation-delay:{delay:.3f}s"'
            groups.append(group_svg(track.noted(i), attributes))
    rules.append(
        "@media (prefers-reduced-motion:reduce){g{animation:none!important}"
        ".still{visibility:visible}}"
    )
    return _document(picture, groups, "".join(rules))


def _document(picture: Picture, groups: list[str], rules: str = "") -> str:
    width, height = (f"{n:g}" for n in picture.size)
    used = picture.full.styles()
    body = "\n".join((*(shape_svg(s) for s in picture.full.shapes), *groups))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="{FONT}">\n'
        f"<title>{escape(picture.title)}</title>\n<desc>{escape(picture.description)}</desc>\n"
        f"<style>{style_sheet(used)}{rules}</style>\n"
        f'<rect class="background" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def style_sheet(used: set[str]) -> str:
    """CSS of the styles used, then what differs in the dark."""
    light, dark = [], []
    for name in STYLES:
        if name not in used | {"background"}:
            continue
        style = STYLES[name]
        dash = ";stroke-dasharray:4 3" if style.dashed else ""
        light.append(
            f".{name}{{fill:{style.fill or 'none'};stroke:{style.stroke or 'none'};"
            f"stroke-width:{style.width:g}{dash}}}"
        )
        dark.append(
            f".{name}{{fill:{style.dark_fill or 'none'};stroke:{style.dark_stroke or 'none'}}}"
        )
    for name, (day, night) in INKS.items():
        light.append(f".i-{name}{{fill:{day}}}")
        dark.append(f".i-{name}{{fill:{night}}}")
    return f"{''.join(light)}@media (prefers-color-scheme:dark){{{''.join(dark)}}}"


def group_svg(shapes: Iterable[Shape], attributes: str = "") -> str:
    """Shapes that are shown together."""
    inner = "".join(shape_svg(s) for s in shapes)
    return f"<g{' ' + attributes if attributes else ''}>{inner}</g>"


def shape_svg(shape: Shape, *, interactive: bool = False) -> str:
    """One shape; an `interactive` one names the step that pointing at it shows."""
    if isinstance(shape, Text):
        weight = ' font-weight="600"' if shape.bold else ""
        return (
            f'<text class="i-{shape.ink}" x="{shape.at[0]:g}" y="{shape.at[1]:g}" '
            f'dy=".35em" font-size="{shape.size:g}" text-anchor="{shape.anchor}"{weight}>'
            f"{escape(shape.text)}</text>"
        )
    if isinstance(shape, Line):
        return "".join(_line(shape))
    if isinstance(shape, Image):
        return _image(shape)
    shows = ""
    if interactive and shape.shows is not None:
        shows = f' data-shows="{shape.shows[0]}-{shape.shows[1]}" tabindex="-1"'
    return f'<polygon class="{shape.style}" points="{_path(shape.points)}"{shows}/>'


def _line(line: Line) -> Iterator[str]:
    yield f'<polyline class="{line.style}" style="fill:none" points="{_path(line.points)}"/>'
    if line.arrow:
        yield f'<polyline class="{line.style}" points="{_path(arrow_head(line.points))}"/>'


def _image(image: Image) -> str:
    buffer = io.BytesIO()
    pixels(image).save(buffer, format="PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<image x="{image.at[0]:g}" y="{image.at[1]:g}" width="{image.size[0]:g}" '
        f'height="{image.size[1]:g}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _path(points: tuple[Point, ...]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
