"""The Claims tab: what the lecture says, our verdict, and the numbers, computed on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from convariant.analysis import claims
from convariant.studio import _html
from convariant.studio._wiring import in_turn

_ALL = "All topics"
_SIGNS = {"true": "✓ true", "true if": "◐ true, if", "wrong": "✗ wrong as said"}
_CLASSES = {"true": "cv-true", "true if": "cv-if", "wrong": "cv-wrong"}


@dataclass
class Asked:
    """What one reader asked for; checks that find `times` changed have been given up."""

    times: int = 0
    due: bool = False  # whether a topic waits to be begun

    def begin(self) -> None:
        """A topic was chosen."""
        self.times += 1
        self.due = True

    def stop(self) -> None:
        """The button was pressed."""
        self.times += 1
        self.due = False


def claims_tab(tab: gr.Tab) -> None:
    """Build what stands in the tab.

    Another topic gives up the checks of the one before, as the button does, after the claim that is
    being checked.
    """
    topics = list(dict.fromkeys(claim.topic for claim in claims.claims()))
    asked = gr.State(Asked())
    topic = gr.Dropdown([_ALL, *topics], value=topics[0], label="Topic", elem_id="claims-topic")
    stop = gr.Button("Stop", size="sm", visible=False, elem_id="claims-stop")
    outputs = [
        gr.HTML(elem_id="claims-status"),
        stop,
        gr.HTML(elem_id="claims-output"),
    ]
    for event in (tab.select, topic.input):
        event(Asked.begin, asked, None, **in_turn("giving up claims")).then(
            shown, [topic, asked], outputs, **in_turn("claims")
        )
    stop.click(Asked.stop, asked, None, **in_turn("giving up claims"))


def shown(topic: str, asked: Asked) -> Iterator[tuple[Any, Any, Any]]:
    """How far it is, the button, and the claims of a topic, each as soon as its check has run.

    The page may ask twice for one choice: then there is nothing due the second time.
    """
    if not asked.due:
        yield gr.skip(), gr.skip(), gr.skip()
        return
    asked.due = False
    chosen = None if topic == _ALL else topic
    waiting = [claim.statement for claim in claims.claims(chosen)]
    times = asked.times
    articles: list[str] = []
    yield _progress(waiting, 0), gr.update(visible=True), ""
    for result in claims.iterate(chosen):
        articles.append(_article(result))
        done = len(articles)
        if asked.times != times and done < len(waiting):
            status = _html.quiet(f"Stopped: {done} of {len(waiting)} are checked.")
            yield status, gr.update(visible=False), "".join(articles)
            return
        button = gr.update(visible=done < len(waiting))
        yield _progress(waiting, done), button, "".join(articles)


def _progress(statements: list[str], done: int) -> str:
    """How many are checked, and which is being checked."""
    total = len(statements)
    if done == total:
        return ""
    return (
        f'<progress max="{total}" value="{done}" aria-label="claims checked"></progress>'
        + _html.quiet(f"{done} of {total} checked. Now: {statements[done]}")
    )


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
