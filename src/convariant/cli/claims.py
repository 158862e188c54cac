"""convariant claims: the lecture's statements, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant import ConvariantError
from convariant.cli._options import Json
from convariant.cli._output import line, out

if TYPE_CHECKING:
    from torch import Tensor

    from convariant.analysis.claims import Claims

Topic = Annotated[
    str | None,
    typer.Option("--topic", "-t", help="Only this topic; the beginning of its name is enough."),
]
Html = Annotated[Path | None, typer.Option("--html", help="Write one page, pictures included.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the page of the docs.")]


def claims(
    topic: Topic = None, html: Html = None, markdown: Markdown = None, json: Json = False
) -> None:
    """Check every statement of the lecture, and show the numbers that confirm the verdict.

    Exit code 1 where a number contradicts a verdict.

    Example: convariant claims --topic transposed
    """
    results = _run(topic)
    if html is not None:
        html.write_text(results.to_html(_pictures(results)), encoding="utf-8")
        line(f"wrote {html}")
    if markdown is not None:
        markdown.write_text(results.to_markdown(), encoding="utf-8")
        line(f"wrote {markdown}")
    if json:
        out.print(results.to_json(), markup=False, soft_wrap=True)
    elif html is None and markdown is None:
        line(str(results))
    if not results.confirmed:
        raise typer.Exit(1)


def _run(topic: str | None) -> Claims:
    """All results, with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import track

    from convariant.analysis import claims as checks

    chosen = checks.claims(topic)
    digits = _digits() if any(claim.learned for claim in chosen) else None
    results = track(
        checks.iterate(topic, digits=digits),
        description="checking",
        total=len(chosen),
        console=Console(stderr=True),
        transient=True,
    )
    return checks.Claims(tuple(results))


def _digits() -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Real digits for what has to learn; None where their package is not installed."""
    from convariant.training._digit_recipe import digits

    try:
        return (*digits("train", 28), *digits("held_out", 28))
    except ConvariantError:
        return None


def _pictures(results: Claims) -> dict[str, str]:
    """The figures of these claims as SVG texts, drawn now, by file name."""
    from convariant.drawing.gallery import drawn

    wanted = {r.claim.picture.removesuffix(".svg") for r in results.results if r.claim.picture}
    return {f"{name}.svg": picture.svg() for name, picture in drawn(wanted).items()}
