"""Numbers for people: 1.81 G, 44.6 MiB, 64x112x112."""

from __future__ import annotations


def short(count: float) -> str:
    """Three digits and a unit, `1814073344 -> '1.81 G'`; 0 is a dash.

    >>> short(1814073344), short(96), short(0), short(999_999)
    ('1.81 G', '96', '-', '1.00 M')
    """
    if not count:
        return "-"
    if count < 1000:
        return f"{count:.0f}"
    for unit in ("k", "M", "G", "T", "P"):
        count /= 1000
        if count < 999.5:
            return f"{_three_digits(count)} {unit}"
    return f"{count:.0f} P"


def size_text(count: float) -> str:
    """Bytes with a binary unit, `46757888 -> '44.6 MiB'`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{_three_digits(count)} {unit}"


def _three_digits(value: float) -> str:
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def shape(size: tuple[int, ...]) -> str:
    """A shape without its batch, `(1, 64, 112, 112) -> '64x112x112'`."""
    return "x".join(map(str, size[1:])) or "scalar" if len(size) != 1 else str(size[0])


def fit(text: str, width: int) -> str:
    """At most this many columns; the end of a name tells more than its beginning."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def cut(text: str, width: int) -> str:
    """At most this many columns, the beginning kept."""
    return text if len(text) <= width else text[: width - 1] + "…"
