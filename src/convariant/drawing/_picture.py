"""A finished picture: shown in a notebook, or saved in the format that its file name asks for."""

from __future__ import annotations

import functools
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from convariant.drawing import _film, _html, _raster, _svg
from convariant.drawing._key import key, key_width
from convariant.drawing._palette import LEGEND
from convariant.drawing._scene import (
    Panel,
    Point,
    Shape,
    Text,
    Track,
    text_width,
)
from convariant.errors import OptionError, StorageError

MARGIN = 24.0


@dataclass(frozen=True)
class Picture:
    """One scene, with its moving parts, to be written as SVG, PNG, GIF or an HTML page.

    `name` is the picture's file name without ending: its parameters. In a notebook it shows itself.

    >>> import convariant as cv
    >>> picture = cv.draw.arithmetic(cv.Geometry(3, stride=2, padding=1), (5, 5))
    >>> picture.name
    'conv_i5x5_k3x3_s2_p1'
    >>> picture.svg().startswith('<svg')
    True
    """

    name: str
    title: str
    subtitle: str
    panel: Panel
    legend: bool = True
    slides: str = "kernel"  # over the input: a kernel, or the window of a pooling
    narrow: Panel | None = None  # the same still picture, for pages narrower than the panel

    @property
    def description(self) -> str:
        """What the picture says, in words, for those who cannot see it."""
        notes = (t.steps[t.still].note for t in self.panel.tracks)
        return ". ".join(part for part in (self.subtitle, *notes) if part)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The moving parts: each a sequence of steps with what it computes and from what."""
        return self.panel.tracks

    @property
    def size(self) -> Point:
        """Width and height in pixels at scale 1."""
        return self.full.width, self.full.height

    @functools.cached_property
    def entries(self) -> list[tuple[str, str]]:
        """The styles that the legend explains, and its words for them."""
        used = self.panel.styles() if self.legend else set()
        words = ((style, text.format(slides=self.slides)) for style, text in LEGEND.items())
        return [(style, text) for style, text in words if style in used]

    @functools.cached_property
    def full(self) -> Panel:
        """The panel with title, subtitle and legend around it."""
        rows = _legend_rows(self.entries, max(self.panel.width, 560.0))
        heading = text_width(self.title, 17, bold=True), text_width(self.subtitle, 12.5)
        width = max(self.panel.width, *heading, *(key_width(row) for row in rows)) + 2 * MARGIN
        top = MARGIN + 26 + (20 if self.subtitle else 0) + 12
        shapes: list[Shape] = [
            Text((MARGIN, MARGIN + 9), self.title, 17, "ink", "start", bold=True)
        ]
        if self.subtitle:
            shapes.append(Text((MARGIN, MARGIN + 33), self.subtitle, 12.5, "muted", "start"))
        panel = self.panel
        if not panel.regions:
            panel = replace(panel, regions=(panel.whole(),))
        body = panel.moved((width - panel.width) / 2, top)
        y = top + self.panel.height + 26
        for row in rows:
            shapes += key(row, (width - key_width(row)) / 2, y)
            y += 22
        height = (y if rows else top + self.panel.height) + MARGIN
        shapes += body.shapes
        return Panel(math.ceil(width), math.ceil(height), tuple(shapes), body.tracks, body.regions)

    def svg(self, *, step: int | None = None, animated: bool = False, seconds: float = 0.8) -> str:
        """SVG text: one step (the picture's own where none is named), or all of them in motion."""
        if animated and self._moves:
            return _svg.moving_svg(self, seconds)
        return _svg.still_svg(self, self._steps(step))

    def html(self) -> str:
        """A page without outside parts: play, step, speed, and any output's sum of products."""
        return _html.page(self)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        step: int | None = None,
        animated: bool = False,
        seconds: float = 0.8,
        scale: float | None = None,
        dark: bool = False,
    ) -> Path:
        """Write the picture in the format of the ending and return the path.

        `.svg` (with `animated`: all steps), `.png`, `.gif` (all steps), `.html` (interactive). A
        folder gets an SVG under the picture's own name. `scale` (2 for PNG, 1 for
        GIF) and `dark` are for pixels; SVG and HTML follow the reader's choice.

        Raises OptionError for another ending, StorageError where the file cannot be written.
        """
        target = Path(path)
        if target.is_dir():
            target = target / f"{self.name}.svg"
        kind = target.suffix.lower()
        if kind in (".svg", ".html"):
            text = self.html() if kind == ".html" else ""
            text = text or self.svg(step=step, animated=animated, seconds=seconds)
            return write_file(target, text.encode())
        if kind == ".png":
            canvas = _raster.Canvas(self, scale or 2.0, dark)
            return write_file(target, _raster.png(canvas.whole(self._moments(self._steps(step)))))
        if kind == ".gif":
            moments = [self._moments(steps) for steps in self._played()]
            return write_file(
                target, _film.film(self, moments, seconds, scale=scale or 1.0, dark=dark)
            )
        raise OptionError(
            f"a picture cannot be saved as {target.name!r}; end the name with .svg, .png, .gif "
            "or .html"
        )

    def _repr_svg_(self) -> str:
        return self.svg()

    @property
    def _moves(self) -> bool:
        return any(track.length > 1 for track in self.panel.tracks)

    def _steps(self, step: int | None) -> tuple[int, ...]:
        if step is None:
            return tuple(track.still for track in self.panel.tracks)
        longest = max((track.length for track in self.panel.tracks), default=1)
        if not 0 <= step < longest:
            raise OptionError(f"this picture has no step {step}; its steps are 0 to {longest - 1}")
        return tuple(step * track.length // longest for track in self.panel.tracks)

    def _played(self) -> list[tuple[int, ...]]:
        longest = max((track.length for track in self.panel.tracks), default=1)
        return [self._steps(step) for step in range(longest)]

    def _moments(self, steps: tuple[int, ...]) -> list[Shape]:
        tracks = zip(self.full.tracks, steps, strict=True)
        return [shape for track, i in tracks for shape in track.noted(i)]


def _legend_rows(entries: list[tuple[str, str]], room: float) -> list[list[tuple[str, str]]]:
    """The entries broken into as few rows as fit, of about equal length."""
    rows = _broken(entries, room)
    while rows and len(narrower := _broken(entries, room - 10)) == len(rows) and room > 100:
        rows, room = narrower, room - 10
    return rows


def _broken(entries: list[tuple[str, str]], room: float) -> list[list[tuple[str, str]]]:
    rows: list[list[tuple[str, str]]] = []
    for entry in entries:
        if rows and key_width([*rows[-1], entry]) <= room:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def write_file(target: Path, data: bytes) -> Path:
    """Write beside the target first, then rename: the old file or the new one, never half."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(
            f"the picture cannot be written to {target}: {error.strerror}; choose a folder that "
            "exists and is writable"
        ) from error
    return target
