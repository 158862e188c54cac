"""A roofline: what each step of a program does for a byte, and how near it comes to its limit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from convariant.compiler.report import Report, ReportRow
from convariant.drawing._key import key, key_width
from convariant.drawing._picture import Picture
from convariant.drawing._scene import Anchor, Line, Panel, Point, Polygon, Shape, Text, bounds
from convariant.errors import OptionError

LEFT, WIDE, TALL, TOP = 50.0, 580.0, 320.0, 24.0
TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MOST_SHARE = 1.5
STYLES = {"peak": "input-on", "bandwidth": "kernel-on"}


def roofline(report: Report) -> Picture:
    """Draw the steps of a measured program under the machine's roof, both axes in logarithms.

    Across: operations of the definition for each byte that must be moved. Up: the share of the
    multiply-adds measured. The flat roof is their peak; the slanted ones are the fastest and the
    slowest copy that a step is shown against, from the caches near the core and from those far
    away. An area of a point is the time of its step; a thin line leads to the step's own limit.

    Raises OptionError for a report without multiply-adds.

    >>> import torch, convariant as cv
    >>> net = torch.nn.Conv2d(3, 16, 3).eval()
    >>> report = cv.compile(net, torch.zeros(1, 3, 32, 32), threads=1).report
    >>> roofline(report).name
    'roofline_conv2d_t1'
    """
    rows = [row for row in report.rows if row.operations and row.bytes]
    if not rows:
        raise OptionError(f"{report.network} multiplies nothing: no step has a place under a roof")
    threads = f"{report.threads} thread{'s' * (report.threads > 1)}"
    return Picture(
        f"roofline_{report.network.lower()}_t{report.threads}",
        f"{report.network}: its steps under the roof of the machine",
        f"{report.machine}, {report.target}, {threads}, {report.peak_gflops:.0f} GFLOP/s measured",
        _Chart(report, rows).panel(),
        legend=False,
    )


def intensity(row: ReportRow) -> float:
    """Operations for each byte."""
    return row.operations / row.bytes


def copied(row: ReportRow) -> float:
    """Bytes per second of the copy that a step is shown against."""
    assert row.bandwidth
    return 1e3 * row.bytes / row.milliseconds / row.bandwidth


def roof(report: Report, row: ReportRow) -> float:
    """The share of peak that a step's own limits allow."""
    return min(1.0, intensity(row) * copied(row) / report.peak_gflops / 1e9)


class _Chart:
    """Axes that hold all rows, and what is drawn on them."""

    def __init__(self, report: Report, rows: list[ReportRow]) -> None:
        self.report, self.rows = report, rows
        found = [math.log2(intensity(row)) for row in rows]
        self.low, self.high = math.floor(min(found)) - 1, math.ceil(max(found)) + 1
        lowest = min(row.peak or 0.0 for row in rows)
        self.least = max((share for share in TICKS if 2 * share < lowest), default=TICKS[0])

    def place(self, operations: float, share: float) -> Point:
        """Where a point lies; a share beyond the axis lies on its end."""
        x = (math.log2(operations) - self.low) / (self.high - self.low)
        share = min(max(share, self.least), MOST_SHARE)
        y = math.log(MOST_SHARE / share) / math.log(MOST_SHARE / self.least)
        return round(LEFT + WIDE * x, 2), round(TOP + TALL * y, 2)

    def panel(self) -> Panel:
        """Everything, the points above the lines, and names where there is room."""
        roofs = [*self._roofs()]
        shapes = [*self._axes(), *roofs]
        points = [self._point(row) for row in self.rows]
        for row in self.rows:
            x, y = self.place(intensity(row), row.peak or 0.0)
            shapes.append(Line(((x, y), self.place(intensity(row), roof(self.report, row)))))
        shapes += points
        shapes += self._names([*points, *(shape for shape in roofs if isinstance(shape, Text))])
        entries = [
            (STYLES["peak"], "nearer to the peak of multiply-adds"),
            (STYLES["bandwidth"], "nearer to a copy of as many bytes"),
        ]
        shapes += key(entries, LEFT + (WIDE - key_width(entries)) / 2, TOP + TALL + 56)
        return Panel(LEFT + WIDE + 10, TOP + TALL + 68, tuple(shapes))

    def _axes(self) -> Iterator[Shape]:
        bottom = TOP + TALL
        for share in (tick for tick in TICKS if tick >= self.least):
            _, y = self.place(2.0**self.low, share)
            yield Line(((LEFT, y), (LEFT + WIDE, y)), "frame")
            yield Text((LEFT - 7, y), f"{100 * share:g} %", 10.5, "muted", "end")
        for power in range(self.low, self.high + 1):
            x, _ = self.place(2.0**power, 1.0)
            yield Line(((x, bottom), (x, bottom + 4)), "frame")
            yield Text((x, bottom + 14), f"{2.0**power:g}", 10.5, "muted")
        yield Text((LEFT, 6), "share of the multiply-adds measured", 10.5, "muted", "start")
        words = "operations for each byte that must be moved"
        yield Text((LEFT + WIDE, bottom + 32), words, 10.5, "muted", "end")

    def _roofs(self) -> Iterator[Shape]:
        """The peak, and the fastest and the slowest copy, up to where they meet it."""
        left, right = 2.0**self.low, 2.0**self.high
        yield Line((self.place(left, 1.0), self.place(right, 1.0)), "block")
        peak = 1e9 * self.report.peak_gflops
        speeds = [copied(row) for row in self.rows]
        for speed, side, part in ((max(speeds), -1, 0.7), (min(speeds), 1, 0.1)):
            start, end = max(left, self.least * peak / speed), min(right, peak / speed)
            if start >= end:
                continue
            yield Line(tuple(self.place(x, x * speed / peak) for x in (start, end)), "bound")
            along = start ** (1 - part) * end**part
            x, y = self.place(along, along * speed / peak)
            anchor: Anchor = "start" if side > 0 else "end"
            words = f"copy {speed / 1e9:.0f} GB/s"
            yield Text((x + 8 * side, y + 6 * side), words, 10.5, "purple", anchor)

    def _point(self, row: ReportRow) -> Polygon:
        """A disc; one with half of all time would be 34 pixels across."""
        x, y = self.place(intensity(row), row.peak or 0.0)
        whole = sum(row.milliseconds for row in self.report.rows)
        radius = max(3.0, 24 * math.sqrt(row.milliseconds / whole))
        angles = [2 * math.pi * i / 24 for i in range(24)]
        corners = tuple(
            (round(x + radius * math.cos(a), 2), round(y + radius * math.sin(a), 2)) for a in angles
        )
        return Polygon(corners, STYLES[row.limit or "peak"])

    def _names(self, taken_up: Sequence[Shape]) -> Iterator[Text]:
        """Of the steps that take longest, and then of all whose name meets nothing."""
        taken = [bounds(shape) for shape in taken_up]
        for row in sorted(self.rows, key=lambda row: -row.milliseconds):
            (left, top), (right, bottom) = bounds(self._point(row))
            middle, centre = (left + right) / 2, (top + bottom) / 2
            for text in (
                Text((right + 3, centre), row.path, 9.0, "ink", "start"),
                Text((left - 3, centre), row.path, 9.0, "ink", "end"),
                Text((middle, bottom + 7), row.path, 9.0, "ink"),
                Text((middle, top - 7), row.path, 9.0, "ink"),
            ):
                box = bounds(text)
                inside = box[0][0] >= LEFT and box[1][0] <= LEFT + WIDE + 10
                if inside and not any(_meet(box, other) for other in taken):
                    taken.append(box)
                    yield text
                    break


def _meet(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    (left, top), (right, bottom) = a
    (other_left, other_top), (other_right, other_bottom) = b
    across = left < other_right and other_left < right
    return across and top < other_bottom and other_top < bottom
