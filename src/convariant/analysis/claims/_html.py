"""Claims as one self-contained page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from convariant.analysis.claims._text import SIGNS, summary

if TYPE_CHECKING:
    from convariant.analysis.claims._run import ClaimResult, Claims

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
article { border-left: .3rem solid #888; padding: .1rem 1rem; margin: 1.5rem 0; }
article.true { border-color: #2a9d4a; } article.if { border-color: #d69e00; }
article.wrong { border-color: #d14343; }
table { border-collapse: collapse; font-size: .9rem; }
td { padding: .15rem .8rem .15rem 0; vertical-align: top; }
td + td { font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; max-height: 24rem; }
.no { color: #d14343; } .small { opacity: .7; font-size: .85rem; }
"""


def html(results: Claims, pictures: dict[str, str]) -> str:
    """A page without scripts and without anything from the network."""
    sections = []
    for topic, group in results.by_topic().items():
        articles = "\n".join(_article(result, pictures) for result in group)
        sections.append(f"<h2>{escape(topic)}</h2>\n{articles}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>The lecture's claims, checked</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>The lecture's claims, checked</h1>\n<p>{escape(summary(results))}</p>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def _article(result: ClaimResult, pictures: dict[str, str]) -> str:
    claim = result.claim
    kind = "if" if claim.verdict == "true if" else claim.verdict
    rows = "".join(
        f"<tr><td>{escape(f.what)}</td><td{'' if f.holds else ' class=no'}>{escape(f.value)}"
        f"{' <span class=small>measured</span>' if f.measured else ''}</td></tr>"
        for f in result.facts
    )
    picture = pictures.get(claim.picture or "", "")
    return (
        f'<article class="{kind}" id="{escape(claim.name)}">\n'
        f"<p><strong>{escape(SIGNS[claim.verdict])}</strong> {escape(claim.statement)}</p>\n"
        + (f"<p>{escape(claim.remark)}</p>\n" if claim.remark else "")
        + (f"<figure>{picture}</figure>\n" if picture else "")
        + (f"<table>{rows}</table>\n" if rows else "<p class=small>not run: needs digits</p>\n")
        + (f"<p class=small>see docs/{escape(claim.docs)}</p>\n" if claim.docs else "")
        + "</article>"
    )
