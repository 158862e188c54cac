"""Small pieces of HTML that the tabs are made of; whatever is text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from convariant.drawing._html import player as player


def facts(pairs: Mapping[str, str]) -> str:
    """Names and what they are, as tiles."""
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in pairs.items()
    )
    return f'<dl class="cv-facts">{tiles}</dl>' if tiles else ""


def message(text: str, heading: str = "This does not fit") -> str:
    """A sentence about what went wrong and how to mend it."""
    return (
        f'<div class="cv-message" role="alert"><strong>{escape(heading)}</strong>'
        f"{escape(text)}</div>"
    )


def quiet(text: str) -> str:
    """A line of explanation."""
    return f'<p class="cv-quiet">{escape(text)}</p>'


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: frozenset[str] = frozenset()
) -> str:
    """A table that scrolls by itself; columns named in `numbers` are aligned to the right."""
    kinds = [' class="number"' if column in numbers else "" for column in columns]
    head = "".join(f"<th{k}>{escape(c)}</th>" for c, k in zip(columns, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{k}>{escape(v)}</td>" for v, k in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="cv-scroll" tabindex="0"><table class="cv-table"><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def figures(pictures: Sequence[tuple[str, str]]) -> str:
    """Pictures side by side: pairs of an address and a caption."""
    made = "".join(
        f'<figure><img src="{escape(address)}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for address, caption in pictures
    )
    return f'<div class="cv-figures">{made}</div>'
