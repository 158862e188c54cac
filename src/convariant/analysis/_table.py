"""Results as text: rows under headings, in columns as wide as they need to be."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Text columns: numbers to the right, words to the left.

    >>> print(table(["layer", "MACs"], [["conv1", 1200], ["fc", 40]]))
    layer   MACs
    conv1  1,200
    fc        40
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    right = [
        all(isinstance(row[i], (int, float)) or row[i] is None for row in rows)
        for i in range(len(headings))
    ]
    widths = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (headings, *texts)
    ]
    return "\n".join(lines)


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def share(part: float) -> str:
    """`0.1234 -> '12.3 %'`."""
    return f"{100 * part:.1f} %"
