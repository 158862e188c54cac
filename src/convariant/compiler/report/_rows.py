"""The figures of a report."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from convariant.compiler.plan import Way
from convariant.errors import UnknownNameError

__all__ = ["Report", "ReportRow"]


_LIMITS = {"peak": "fma", "bandwidth": "mem"}


@dataclass(frozen=True)
class ReportRow:
    """One step of a program: all that its kernels do for one layer.

    `operations` are those of the definition, two for each multiply-add, and `bytes` what must be
    moved at least: each input and weight once, each output once.
    `why` is the planner's reason for the algorithm in one line, `ways` what it chose from, declined
    ones included. `peak` and `bandwidth` are shares of 1: of the multiply-adds that the machine can
    do in that time, and of the bytes that a copy of as many moves. Of an element-wise function
    `peak` counts the vector instructions of its loop, each as a multiply-add: additions find room
    beside those, divisions take longer. `error` is the largest
    difference to float64 from the same inputs of the step, relative to the largest true value; it
    is NaN where random numbers gave NaN, of which there is no difference.
    """

    path: str
    step: str
    algorithm: str
    why: str
    tile: str
    milliseconds: float
    operations: int
    bytes: int
    gflops: float | None
    peak: float | None
    bandwidth: float | None
    error: float | None
    fallback: str = ""
    ways: tuple[Way, ...] = ()

    @property
    def limit(self) -> Literal["peak", "bandwidth", ""]:
        """Which of the two holds the step up: that of which it takes the larger share."""
        if self.peak is None and self.bandwidth is None:
            return ""
        return "peak" if (self.peak or 0) >= (self.bandwidth or 0) else "bandwidth"

    @property
    def share(self) -> float | None:
        """The share of that limit."""
        return self.peak if self.limit == "peak" else self.bandwidth

    @property
    def share_text(self) -> str:
        """`96% fma`: the share, and whether of the multiply-adds or of memory."""
        return "" if self.share is None else f"{self.share:.0%} {_LIMITS[self.limit]}"


@dataclass(frozen=True)
class Report:
    """A program on this machine. It prints as a table; `to_json` and `to_html` are for others.

    A large batch runs in `rounds` of a few images each; the rows are of one round.

    `error` is the largest difference to the float64 truth on random inputs, relative to the largest
    true value. `peak_gflops` was measured in the same run, on as many threads.
    """

    network: str
    machine: str
    target: str
    threads: int
    peak_gflops: float
    milliseconds: float
    gflops: float
    error: float
    arena_bytes: int
    arena_bound_bytes: int
    constant_bytes: int
    rounds: int
    rows: tuple[ReportRow, ...]

    @property
    def fallbacks(self) -> tuple[ReportRow, ...]:
        """The steps that PyTorch runs, with the reason of each."""
        return tuple(row for row in self.rows if row.fallback)

    @property
    def halos(self) -> tuple[ReportRow, ...]:
        """The steps that clear the border of a value for readers that pad: many, and all short."""
        return tuple(row for row in self.rows if row.algorithm == "halo")

    def __str__(self) -> str:
        from convariant.compiler.report._text import as_text

        return as_text(self)

    def step(self, layer: str) -> str:
        """All that is known of the steps of one layer, found by its path, as text.

        Raises:
            UnknownNameError: no step belongs to a layer of that path.
        """
        from convariant.compiler.report._text import details

        rows = [row for row in self.rows if row.path == layer]
        if not rows:
            raise UnknownNameError("layer with a step", layer, [row.path for row in self.rows])
        return "\n\n".join(map(details, rows))

    def as_dict(self) -> dict[str, Any]:
        """Every figure, as JSON has it: None for what is not a number."""
        rows = [{**asdict(row), "limit": row.limit, "share": row.share} for row in self.rows]
        return _numbers({**asdict(self), "rows": [_numbers(row) for row in rows]})

    def to_json(self) -> str:
        """Every figure, for programs."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False)

    def to_html(self) -> str:
        """One page that needs no network and no script."""
        from convariant.compiler.report._page import as_page

        return as_page(self)


def _numbers(figures: dict[str, Any]) -> dict[str, Any]:
    """JSON has no form for NaN and infinity."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }
