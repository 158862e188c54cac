"""Claims as text for a terminal, and as the page of the docs."""

from __future__ import annotations

import datetime
import textwrap
from typing import TYPE_CHECKING

from convariant.analysis._timing import machine

if TYPE_CHECKING:
    from convariant.analysis.claims._claim import Claim
    from convariant.analysis.claims._run import ClaimResult, Claims

MEASURED = "*Measured on"
SIGNS = {"true": "true", "true if": "true if ...", "wrong": "wrong"}

_INTRODUCTION = """\
# The lecture's claims, checked

Every statement is a small function that computes its evidence with the operators of this library;
`convariant claims` runs them all, and this page is what it printed (`make claims` writes it, and a
test runs it again and compares). *True if* names the condition, *wrong* says what is right instead.
Facts marked *measured* belong to one run, on one thread of one machine; milliseconds are of that
thread's processor time.
"""

# as they are spelled in headings
_NAMES = {
    "lenet5": "LeNet-5",
    "lenet": "LeNet",
    "alexnet": "AlexNet",
    "unet": "U-Net",
    "resnet": "ResNet",
    "resnext": "ResNeXt",
    "mobilenet": "MobileNet",
}


def text(results: Claims) -> str:
    """Topic by topic; facts that contradict a verdict are marked."""
    lines = []
    for topic, group in results.by_topic().items():
        lines += [topic.upper(), ""]
        for result in group:
            lines += [*_claim_lines(result), ""]
    lines.append(summary(results))
    return "\n".join(lines)


def summary(results: Claims, *, timed: bool = True) -> str:
    """One line about all of them."""
    ran = [r for r in results.results if r.ran]
    confirmed = sum(r.confirmed for r in ran)
    kinds = ", ".join(
        f"{sum(r.claim.verdict == verdict for r in ran)} {verdict}" for verdict in SIGNS
    )
    skipped = len(results.results) - len(ran)
    more = f"; {skipped} need digits to learn from and were not run" if skipped else ""
    time = f" in {results.seconds:.1f} s" if timed else ""
    return f"{confirmed} of {len(ran)} verdicts confirmed ({kinds}){time}{more}"


def _claim_lines(result: ClaimResult) -> list[str]:
    claim = result.claim
    lines = textwrap.wrap(f"[{SIGNS[claim.verdict]}] {claim.statement}", 80)
    if claim.remark:
        lines += textwrap.wrap(claim.remark, 80, initial_indent="  -> ", subsequent_indent="     ")
    for fact in result.facts:
        mark = "  " if fact.holds else "! "
        said = f"    {mark}{fact.what}: {fact.value}"
        lines += textwrap.wrap(said, 80, subsequent_indent=" " * 8)
    if not result.ran:
        lines.append("      not run: it needs digits to learn from")
    return [*lines, f"      see docs/{claim.docs}"]


def title(claim: Claim) -> str:
    """The heading over a claim: its name, spelled as words.

    >>> from convariant.analysis.claims import claims
    >>> title(claims("architectures")[1])
    'LeNet-5 has 60000 parameters'
    """
    words = " ".join(_NAMES.get(word, word) for word in claim.name.split("-"))
    return words[0].upper() + words[1:]


def markdown(results: Claims) -> str:
    """The page of the docs: a table for each claim."""
    today = datetime.date.today().isoformat()
    parts = [
        _INTRODUCTION,
        f"{MEASURED} {machine()}, {today}.*\n",
        f"{summary(results, timed=False)}.\n",
    ]
    for topic, group in results.by_topic().items():
        parts.append(f"## {topic}\n")
        parts += [_section(result) for result in group]
    return "\n".join(parts)


def _section(result: ClaimResult) -> str:
    claim = result.claim
    lines = [f"### {title(claim)}", ""]
    lines += [
        f"> {claim.statement}",
        "",
        f"**{SIGNS[claim.verdict].capitalize()}** {claim.remark}".rstrip(),
        "",
    ]
    if claim.picture:
        lines += [f"![{claim.statement}](pictures/{claim.picture})", ""]
    lines += ["| computed | |", "|---|---|"]
    for fact in result.facts:
        note = " *(measured)*" if fact.measured else ""
        lines.append(f"| {_cell(fact.what)} | {_cell(fact.value)}{note} |")
    page = claim.docs.partition(".")[0].capitalize()
    return "\n".join([*lines, "", f"More: [{page}]({claim.docs})", ""])


def _cell(value: str) -> str:
    return value.replace("|", "\\|")
