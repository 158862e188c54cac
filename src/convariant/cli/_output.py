"""Printing: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from convariant.training import Scores


def _console(file: IO[str] | None = None, width: int | None = None) -> Console:
    """A console that prints text as it is: a file name in brackets is no colour."""
    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)


out = _console()


def print_json(value: Any) -> None:
    """One JSON document, as programs read it: no colours, no wrapping."""
    out.print(json.dumps(value, indent=2, ensure_ascii=False), soft_wrap=True)


def line(text: str = "") -> None:
    """One line of text as it is, wrapped by the terminal and not by us."""
    out.print(text, soft_wrap=True)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table without frame; columns named in `right` are aligned there."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def print_table(made: Table) -> None:
    """A table as wide as the terminal; as wide as it likes where a program or a file reads it."""
    if out.is_terminal:
        out.print(made)
    else:
        _console(file=out.file, width=1000).print(made)


def percent(value: float | None) -> str:
    """`0.9875 -> '98.75 %'`, and a dash for what is not defined."""
    return "-" if value is None or value != value else f"{value:.2%}".replace("%", " %")


def headline(scores: Scores) -> str:
    """The main figure of some scores in one line."""
    name, value = scores.main
    if name == "accuracy":
        right = sum(row[i] for i, row in enumerate(scores.confusion))
        return f"accuracy {percent(value)} ({right:,} of {scores.images:,} images right)"
    return f"mean Dice {percent(value)} without background ({scores.images:,} images)"


def print_scores(scores: Scores) -> None:
    """The main figure, a row for each class, and what was mixed up most."""
    line(f"{headline(scores)}, loss {scores.loss:.4f}")
    line()
    columns = ["class", "recall", "precision"]
    figures = [scores.recall, scores.precision]
    if scores.task == "segmentation":
        columns.append("Dice")
        figures.append(scores.dice)
    made = table(*columns, right=tuple(columns[1:]))
    for i, name in enumerate(scores.classes):
        made.add_row(name, *(percent(column[i]) for column in figures))
    print_table(made)
    mistakes = scores.worst_confusions(5)
    if mistakes and scores.task == "classification":
        line()
        line("mixed up most: " + ", ".join(f"{a} as {b} ({n})" for n, a, b in mistakes))
