"""What a long task tells while it runs; the base class tells nothing, the terminal draws."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Reporter:
    """Called by reading, training and prediction as they advance; does nothing itself."""

    def advance(self, what: str, done: int, total: int) -> None:
        """`done` of `total` steps of `what` are done."""

    def row(self, row: dict[str, Any], epochs: int) -> None:
        """An epoch has ended with these metrics."""

    def note(self, sentence: str) -> None:
        """Something that the user should know."""

    def close(self) -> None:
        """The task has ended, well or not."""


class TerminalReporter(Reporter):
    """A Rich progress bar that leaves one line an epoch; without a terminal, only the lines."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._what = ""
        self._started = time.monotonic()
        self._headed = False

    def advance(self, what: str, done: int, total: int) -> None:
        """Move the bar of `what`; a task that takes under half a second gets none."""
        if what != self._what:
            self.close()
            self._what, self._started = what, time.monotonic()
        if not self.console.is_terminal or time.monotonic() - self._started < 0.5:
            return
        if self._bar is None:
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=self.console, transient=True
            )
            self._bar.add_task(what, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def row(self, row: dict[str, Any], epochs: int) -> None:
        """Print one line about an epoch, the first below a heading; fractions are in percent."""
        cells = {"epoch": f"{row['epoch']}/{epochs}"}
        for name, value in row.items():
            if name.endswith("loss"):
                cells[_words(name)] = f"{value:.3f}"
            elif name.endswith(("accuracy", "dice")):
                cells[_words(name)] = f"{value:.2%}".replace("%", " %")
        cells["seconds"] = f"{row['seconds']:.1f}"
        widths = [max(len(heading), 7) for heading in cells]
        if not self._headed:
            self._headed = True
            headings = zip(cells, widths, strict=True)
            self._print("  ".join(h.rjust(width) for h, width in headings), style="bold")
        values = zip(cells.values(), widths, strict=True)
        self._print("  ".join(text.rjust(width) for text, width in values))

    def note(self, sentence: str) -> None:
        """Print the sentence above the bar."""
        self._print(sentence)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._what = ""

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _words(name: str) -> str:
    """`'held_out_accuracy' -> 'held-out accuracy'`."""
    return name.replace("held_out", "held-out").replace("_", " ")
