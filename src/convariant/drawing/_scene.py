"""What a picture is made of; written as SVG, pixels or a page by the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]
NOTE_SIZE = 12.0
HEADING = 30.0  # height of a panel's heading
NARROW = 340.0  # what a telephone shows at full size


@dataclass(frozen=True)
class Polygon:
    """A filled outline. Pointing at it shows step `shows[1]` of track `shows[0]`."""

    points: tuple[Point, ...]
    style: str
    shows: tuple[int, int] | None = None

    def moved(self, dx: float, dy: float) -> Polygon:
        """The same elsewhere."""
        return replace(self, points=_moved(self.points, dx, dy))


@dataclass(frozen=True)
class Line:
    """A line through points, with an arrow's head at its end where asked for."""

    points: tuple[Point, ...]
    style: str = "line"
    arrow: bool = False

    def moved(self, dx: float, dy: float) -> Line:
        """The same elsewhere."""
        return replace(self, points=_moved(self.points, dx, dy))


@dataclass(frozen=True)
class Text:
    """One line of text, vertically centred on its point."""

    at: Point
    text: str
    size: float = 13.0
    ink: str = "ink"
    anchor: Anchor = "middle"
    bold: bool = False

    def moved(self, dx: float, dy: float) -> Text:
        """The same elsewhere."""
        return replace(self, at=_moved((self.at,), dx, dy)[0])


@dataclass(frozen=True)
class Image:
    """Pixels, three bytes each (red, green, blue) row by row, enlarged without smoothing."""

    at: Point
    size: Point
    columns: int
    rows: int
    data: bytes

    def moved(self, dx: float, dy: float) -> Image:
        """The same elsewhere."""
        return replace(self, at=_moved((self.at,), dx, dy)[0])


Shape: TypeAlias = Polygon | Line | Text | Image


@dataclass(frozen=True)
class Step:
    """One moment: what is drawn over the still part, what it computes, and from which inputs."""

    shapes: tuple[Shape, ...]
    note: str = ""
    marked: frozenset[tuple[int, ...]] = frozenset()


@dataclass(frozen=True)
class Track:
    """Steps shown one after the other. Those from `played` on are shown on pointing only."""

    steps: tuple[Step, ...]
    still: int = 0
    played: int | None = None
    note_at: Point = (0.0, 0.0)
    note_width: float = 0.0

    @property
    def length(self) -> int:
        """The number of steps played."""
        return len(self.steps) if self.played is None else self.played

    def noted(self, index: int) -> tuple[Shape, ...]:
        """A step's shapes, and its note in writing where there is room for notes."""
        step = self.steps[index]
        if not self.note_width:
            return step.shapes
        x, y = self.note_at
        lines = wrapped(step.note, self.note_width, NOTE_SIZE)
        texts = (Text((x, y + 16 * i), line, NOTE_SIZE, "muted") for i, line in enumerate(lines))
        return (*step.shapes, *texts)


@dataclass(frozen=True)
class Region:
    """A rectangle of a panel that a narrow page may set below the one before.

    A `heading` begins a row; `follows`: an arrow leads here from the region before.
    """

    left: float
    top: float
    right: float
    bottom: float
    heading: str = ""
    follows: bool = False

    def moved(self, dx: float, dy: float) -> Region:
        """The same elsewhere."""
        left, right = self.left + dx, self.right + dx
        return replace(self, left=left, right=right, top=self.top + dy, bottom=self.bottom + dy)

    def holds(self, shape: Shape) -> bool:
        """Whether the middle of a shape lies within."""
        (left, top), (right, bottom) = bounds(shape)
        x, y = (left + right) / 2, (top + bottom) / 2
        return self.left <= x <= self.right and self.top <= y <= self.bottom


@dataclass(frozen=True)
class Panel:
    """A part of a picture with its own size; panels are set side by side or stacked."""

    width: float
    height: float
    shapes: tuple[Shape, ...] = ()
    tracks: tuple[Track, ...] = field(default=())
    regions: tuple[Region, ...] = ()

    def moved(self, dx: float, dy: float, tracks: int = 0) -> Panel:
        """The panel shifted, its tracks counted from `tracks` on."""

        def place(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
            return tuple(_renumbered(s.moved(dx, dy), tracks) for s in shapes)

        moved = []
        for track in self.tracks:
            steps = tuple(replace(step, shapes=place(step.shapes)) for step in track.steps)
            note_at = _moved((track.note_at,), dx, dy)[0]
            moved.append(replace(track, steps=steps, note_at=note_at))
        regions = tuple(region.moved(dx, dy) for region in self.regions)
        return replace(self, shapes=place(self.shapes), tracks=tuple(moved), regions=regions)

    def whole(self) -> Region:
        """The rectangle of all of it."""
        return Region(0.0, 0.0, self.width, self.height)

    def styles(self) -> set[str]:
        """The styles that appear in it, moving parts included."""
        moving = (s for track in self.tracks for step in track.steps for s in step.shapes)
        shapes: Iterable[Shape] = (*self.shapes, *moving)
        return {s.style for s in shapes if isinstance(s, (Polygon, Line))}


def with_notes(panel: Panel) -> Panel:
    """Room under a panel for the note of each step of its only track, as tall as the longest."""
    (track,) = panel.tracks
    width = max(panel.width, 380.0)
    lines = max(len(wrapped(step.note, width, NOTE_SIZE)) for step in track.steps)
    at = (panel.width / 2, panel.height + 18)
    track = replace(track, note_at=at, note_width=width)
    return replace(panel, height=panel.height + 14 + 16 * lines, tracks=(track,))


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is; the font is the reader's, so a little room is left."""
    return len(text) * size * (0.6 if bold else 0.56)


def wrapped(text: str, width: float, size: float) -> list[str]:
    """A text broken at spaces into lines that fit; what an equation gives is kept with its sign."""
    lines: list[str] = []
    for word in text.replace("= ", "=\xa0").split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line.replace("\xa0", " ") for line in lines]


def bounds(shape: Shape) -> tuple[Point, Point]:
    """The upper left and the lower right corner of the room that a shape takes."""
    if isinstance(shape, Text):
        width, (x, y) = text_width(shape.text, shape.size, bold=shape.bold), shape.at
        left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
        return (left, y - shape.size / 2), (left + width, y + shape.size / 2)
    if isinstance(shape, Image):
        (x, y), (width, height) = shape.at, shape.size
        return (x, y), (x + width, y + height)
    xs, ys = zip(*shape.points, strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))


def bottom_of(shapes: Iterable[Shape]) -> float:
    """The lowest point of all."""
    return max(bounds(shape)[1][1] for shape in shapes)


def row_of(boards: Sequence[tuple[float, float]], bottom: float, heading: str) -> list[Region]:
    """Regions of boards from left to right, each given by its edges; arrows stand in between."""
    top = HEADING if heading else 0.0
    return [
        Region(left - 8, top, right + 8, bottom, "" if i else heading, follows=i > 0)
        for i, (left, right) in enumerate(boards)
    ]


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """The corners of an upright rectangle, from the top left one clockwise."""
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def beside(panels: Sequence[Panel], gap: float = 48, *, level: bool = False) -> Panel:
    """Panels in a row, centred on one horizontal line, or `level` at their upper edges."""
    return _joined(panels, gap, across=True, centred=not level)


def stacked(panels: Sequence[Panel], gap: float = 28) -> Panel:
    """Panels in a column, centred on one vertical line."""
    return _joined(panels, gap, across=False, centred=True)


def arrow_head(points: tuple[Point, ...], length: float = 6.0) -> tuple[Point, ...]:
    """Three points: the two barbs and between them the tip, at the end of a line."""
    (x0, y0), (x1, y1) = points[-2:]
    span = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    ux, uy = (x1 - x0) / span * length, (y1 - y0) / span * length
    return (
        (round(x1 - ux - uy * 0.6, 2), round(y1 - uy + ux * 0.6, 2)),
        (x1, y1),
        (round(x1 - ux + uy * 0.6, 2), round(y1 - uy - ux * 0.6, 2)),
    )


def _joined(panels: Sequence[Panel], gap: float, *, across: bool, centred: bool) -> Panel:
    along = [p.width if across else p.height for p in panels]
    breadth = max(p.height if across else p.width for p in panels)
    shapes: list[Shape] = []
    tracks: list[Track] = []
    regions: list[Region] = []
    position = 0.0
    for panel, length in zip(panels, along, strict=True):
        offset = (breadth - (panel.height if across else panel.width)) / 2 * centred
        dx, dy = (position, offset) if across else (offset, position)
        if across and not panel.regions:
            panel = replace(panel, regions=(panel.whole(),))
        placed = panel.moved(dx, dy, len(tracks))
        shapes += placed.shapes
        tracks += placed.tracks
        regions += placed.regions
        position += length + gap
    total = position - gap
    width, height = (total, breadth) if across else (breadth, total)
    return Panel(width, height, tuple(shapes), tuple(tracks), tuple(regions))


def _renumbered(shape: Shape, tracks: int) -> Shape:
    if isinstance(shape, Polygon) and shape.shows is not None:
        track, step = shape.shows
        return replace(shape, shows=(track + tracks, step))
    return shape


def _moved(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((round(x + dx, 2), round(y + dy, 2)) for x, y in points)
