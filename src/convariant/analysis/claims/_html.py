"""Claims as one self-contained page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from convariant.analysis.claims._text import SIGNS, summary, title

if TYPE_CHECKING:
    from convariant.analysis.claims._run import ClaimResult, Claims

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
:root { color-scheme: light dark; --true: #2a9d4a; --if: #d69e00; --wrong: #d14343; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
a { color: inherit; }
h1 { line-height: 1.2; } h2 { margin-top: 3rem; } h3 { margin: .6rem 0; font-size: 1.05rem; }
h3 a, summary a { text-decoration: none; }
summary { cursor: pointer; padding: .2rem 0; font-weight: 600; }
nav ul { list-style: none; margin: 0 0 .6rem; padding-left: 1.1rem; }
nav li { padding-left: .6rem; margin: .25rem 0; }
article { padding: .1rem 1rem; margin: 1.5rem 0; }
article, nav li { border-left: .3rem solid #888; }
.true { border-color: var(--true); } .if { border-color: var(--if); }
.wrong { border-color: var(--wrong); }
table { border-collapse: collapse; font-size: .9rem; }
td { padding: .15rem .8rem .15rem 0; vertical-align: top; }
td + td { font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; overflow-x: auto; }
svg { max-width: 100%; min-width: 24rem; height: auto; max-height: 24rem; }
.no { color: var(--wrong); } .small { opacity: .7; font-size: .85rem; font-weight: 400; }
"""


def html(results: Claims, pictures: dict[str, str]) -> str:
    """A page without scripts and without anything from the network."""
    topics = results.by_topic()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>The lecture's claims, checked</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>The lecture's claims, checked</h1>\n<p>{escape(summary(results))}</p>\n"
        + _contents(topics)
        + "\n".join(_section(topic, group, pictures) for topic, group in topics.items())
        + "\n</body>\n</html>\n"
    )


def _contents(topics: dict[str, list[ClaimResult]]) -> str:
    """Every topic, to be unfolded into its claims."""
    parts = []
    for topic, group in topics.items():
        lines = "".join(
            f'<li class="{_kind(result)}"><a href="#{escape(result.claim.name)}">'
            f"{escape(title(result.claim))}</a></li>"
            for result in group
        )
        parts.append(
            f'<details><summary><a href="#{_anchor(topic)}">{escape(topic)}</a> '
            f'<span class="small">{len(group)}</span></summary><ul>{lines}</ul></details>\n'
        )
    return f'<nav aria-label="contents">\n{"".join(parts)}</nav>\n'


def _section(topic: str, group: list[ClaimResult], pictures: dict[str, str]) -> str:
    articles = "\n".join(_article(result, pictures) for result in group)
    return f'<h2 id="{_anchor(topic)}">{escape(topic)}</h2>\n{articles}'


def _article(result: ClaimResult, pictures: dict[str, str]) -> str:
    claim = result.claim
    rows = "".join(
        f"<tr><td>{escape(f.what)}</td><td{'' if f.holds else ' class=no'}>{escape(f.value)}"
        f"{' <span class=small>measured</span>' if f.measured else ''}</td></tr>"
        for f in result.facts
    )
    picture = pictures.get(claim.picture or "", "")
    return (
        f'<article class="{_kind(result)}" id="{escape(claim.name)}">\n'
        f'<h3><a href="#{escape(claim.name)}">{escape(title(claim))}</a></h3>\n'
        f"<p><strong>{escape(SIGNS[claim.verdict])}</strong> {escape(claim.statement)}</p>\n"
        + (f"<p>{escape(claim.remark)}</p>\n" if claim.remark else "")
        + (f"<figure>{picture}</figure>\n" if picture else "")
        + (f"<table>{rows}</table>\n" if rows else "<p class=small>not run: needs digits</p>\n")
        + f"<p class=small>see docs/{escape(claim.docs)}</p>\n</article>"
    )


def _kind(result: ClaimResult) -> str:
    """The class that colours a claim."""
    return "if" if result.claim.verdict == "true if" else result.claim.verdict


def _anchor(topic: str) -> str:
    return topic.lower().replace(" ", "-")
