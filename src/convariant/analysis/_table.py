"""Results as text: rows under headings, in columns as wide as they need to be."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Text columns: numbers and shares to the right, words to the left.

    >>> print(table(["layer", "MACs"], [["conv1", 1200], ["fc", 40]]))
    layer   MACs
    conv1  1,200
    fc        40
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    right = [all(_is_number(row[i]) for row in rows) for i in range(len(headings))]
    widths = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (headings, *texts)
    ]
    return "\n".join(lines)


def table_within(width: int, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose first column gives way, the beginning of its cells first.

    >>> print(table_within(12, ["layer", "MACs"], [["body.conv1", 1200]]))
    layer   MACs
    ….conv1  1,200
    """
    full = table(headings, rows)
    longest = max(len(str(row[0])) for row in rows)
    room = max(longest - max(map(len, full.splitlines())) + width, 7)
    return table(headings, [[_end_of(str(row[0]), room), *row[1:]] for row in rows])


def _end_of(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):
        return cell.endswith("%") or not cell
    return cell is None or isinstance(cell, (int, float))


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 999.5 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def share(part: float) -> str:
    """`0.1234 -> '12.3 %'`."""
    return f"{100 * part:.1f} %"


def percent(part: float) -> str:
    """`0.1234 -> '12%'`, for narrow columns; what is not nothing does not look so."""
    return f"{100 * part:.0f}%" if part == 0 or part >= 0.01 else f"{100 * part:.1g}%"
