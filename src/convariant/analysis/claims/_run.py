"""Running claims, and what came out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import torch

from convariant.analysis._timing import on_threads
from convariant.analysis.claims import (
    _convolution,
    _dilated,
    _grouped,
    _networks,
    _pooling,
    _separable,
    _symmetry,
    _transposed,
)
from convariant.analysis.claims._claim import Claim, Digits, Fact, Topic
from convariant.errors import UnknownNameError

# in the order of the lecture
TOPICS: tuple[Topic, ...] = (
    _symmetry.topic,
    _convolution.topic,
    _transposed.topic,
    _dilated.topic,
    _grouped.topic,
    _separable.topic,
    _pooling.topic,
    _networks.topic,
)


@dataclass(frozen=True)
class ClaimResult:
    """A claim and what its check computed; no facts where it was not run for lack of digits."""

    claim: Claim
    facts: tuple[Fact, ...]
    seconds: float

    @property
    def ran(self) -> bool:
        """Whether there was everything it needs."""
        return bool(self.facts)

    @property
    def confirmed(self) -> bool:
        """Whether every fact is as the verdict says."""
        return self.ran and all(fact.holds for fact in self.facts)


@dataclass(frozen=True)
class Claims:
    """The results of a run, in the order of the lecture."""

    results: tuple[ClaimResult, ...]

    @property
    def seconds(self) -> float:
        """The time of all checks together."""
        return sum(result.seconds for result in self.results)

    @property
    def confirmed(self) -> bool:
        """Whether every claim that was run is confirmed."""
        return all(result.confirmed for result in self.results if result.ran)

    def by_topic(self) -> dict[str, list[ClaimResult]]:
        """The results under the headings of the lecture."""
        topics: dict[str, list[ClaimResult]] = {}
        for result in self.results:
            topics.setdefault(result.claim.topic, []).append(result)
        return topics

    def __str__(self) -> str:
        from convariant.analysis.claims._text import text

        return text(self)

    def to_json(self) -> str:
        """All of it, for programs."""
        rows = []
        for result in self.results:
            claim = {k: v for k, v in asdict(_plain(result.claim)).items() if k not in _FUNCTIONS}
            rows.append(
                claim
                | {
                    "confirmed": result.confirmed if result.ran else None,
                    "seconds": round(result.seconds, 3),
                    "facts": [asdict(fact) for fact in result.facts],
                }
            )
        return json.dumps({"claims": rows}, ensure_ascii=False)

    def to_markdown(self) -> str:
        """The page of the docs."""
        from convariant.analysis.claims._text import markdown

        return markdown(self)

    def to_html(self, pictures: dict[str, str] | None = None) -> str:
        """One page; `pictures` are SVG texts by file name, put inside it."""
        from convariant.analysis.claims._html import html

        return html(self, pictures or {})


_FUNCTIONS = ("check", "learned")


def _plain(claim: Claim) -> Claim:
    """Without its functions, which `asdict` would try to copy."""
    return replace(claim, check=None, learned=None)


def claims(topic: str | None = None) -> tuple[Claim, ...]:
    """Every claim, or those of one topic; the beginning of its name is enough.

    Raises UnknownNameError for a topic that there is not.

    >>> [claim.name for claim in claims("dilated")]
    ['dilation-adds-no-parameters', 'dilation-enlarges-the-receptive-field']
    """
    if topic is None:
        return tuple(claim for group in TOPICS for claim in group.claims)
    wanted = topic.strip().lower()
    found = [group for group in TOPICS if group.name.lower().startswith(wanted)]
    if not found or not wanted:
        raise UnknownNameError("topic", topic, [group.name.lower() for group in TOPICS])
    return tuple(claim for group in found for claim in group.claims)


def run(topic: str | None = None, *, digits: Digits | None = None) -> Claims:
    """Check the lecture's claims, all or of one topic.

    `digits` are real ones to learn from: images (n, 1, 28, 28) and labels, then the same held out;
    without them the few claims about trained networks are listed but not run.

    Raises UnknownNameError for a topic that there is not.

    >>> result = run("dilated")
    >>> result.confirmed, [r.claim.verdict for r in result.results]
    (True, ['true', 'true'])
    """
    return Claims(tuple(iterate(topic, digits=digits)))


def iterate(topic: str | None = None, *, digits: Digits | None = None) -> Iterator[ClaimResult]:
    """The results of `run` as they come, for a progress bar."""
    for claim in claims(topic):
        start = time.perf_counter()
        with on_threads(1):  # all is small: more threads would only wait for each other
            facts = _facts(claim, digits)
        yield ClaimResult(claim, facts, time.perf_counter() - start)


def _facts(claim: Claim, digits: Digits | None) -> tuple[Fact, ...]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(455)  # the same random weights, whichever claims run
        if claim.check is not None:
            return tuple(claim.check())
        if claim.learned is not None and digits is not None:
            return tuple(claim.learned(digits))
        return ()
