"""The Claims tab: what the lecture says, our verdict, and the numbers, computed on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import gradio as gr

from convariant.analysis import claims
from convariant.studio import _html
from convariant.studio._wiring import in_turn

_ALL = "All topics"
_SIGNS = {"true": "✓ true", "true if": "◐ true, if", "wrong": "✗ wrong as said"}
_CLASSES = {"true": "cv-true", "true if": "cv-if", "wrong": "cv-wrong"}


def claims_tab(tab: gr.Tab) -> None:
    """Build what stands in the tab."""
    topics = list(dict.fromkeys(claim.topic for claim in claims.claims()))
    topic = gr.Dropdown([_ALL, *topics], value=topics[0], label="Topic", elem_id="claims-topic")
    output = gr.HTML(elem_id="claims-output")
    for event in (tab.select, topic.input):
        event(shown, topic, output, **in_turn("claims", slow=True))


def shown(topic: str) -> Iterator[str]:
    """The claims of a topic, each as soon as its check has run."""
    chosen = None if topic == _ALL else topic
    total = len(claims.claims(chosen))
    articles: list[str] = []
    for result in claims.iterate(chosen):
        articles.append(_article(result))
        done = f"{len(articles)} of {total} checked" if len(articles) < total else ""
        yield _page(articles, done)


def _page(articles: list[str], status: str) -> str:
    return (_html.quiet(status) if status else "") + "".join(articles)


def _article(result: claims.ClaimResult) -> str:
    """The statement, the verdict with its condition, and the facts."""
    claim = result.claim
    rows = "".join(
        f"<tr><td>{escape(fact.what)}</td><td>{'' if fact.holds else '✗ '}{escape(fact.value)}"
        f"{' (measured)' if fact.measured else ''}</td></tr>"
        for fact in result.facts
    )
    heading = f"{len(result.facts)} facts, computed in {result.seconds:.2f} s"
    facts = (
        f"<details><summary>{heading}</summary>"
        f'<table class="cv-table"><tbody>{rows}</tbody></table></details>'
        if result.ran
        else _html.quiet("Its check trains networks, which takes a minute: convariant claims")
    )
    remark = f"<p>{escape(claim.remark)}</p>" if claim.remark else ""
    return (
        f'<article class="cv-claim {_CLASSES[claim.verdict]}">'
        f'<p><span class="cv-mark">{_SIGNS[claim.verdict]}</span> {escape(claim.statement)}</p>'
        f"{remark}{facts}</article>"
    )
