"""Every claim of the lecture is run, its verdict confirmed; the page of the docs is that run."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from convariant import UnknownNameError
from convariant.analysis import claims
from convariant.analysis.claims import ClaimResult, Claims, Fact
from convariant.training import open_source

DOCS = Path(__file__).parents[2] / "docs"
ALL = claims.claims()
# statements of the lecture that ask for pictures: the gallery draws them
PICTURES = {59, 60}


@pytest.fixture(scope="module")
def results() -> Claims:
    """All claims, run once, in less than the minute that `convariant claims` may take."""
    source = open_source("digits")

    def tensors(part):
        return torch.from_numpy(part.images).float()[:, None] / 255, torch.from_numpy(part.targets)

    start = time.process_time()  # not that of other work on the machine
    found = claims.run(digits=(*tensors(source.train), *tensors(source.held_out)))
    assert time.process_time() - start < 60
    return found


def test_every_verdict_is_confirmed(results):
    wrong = [
        f"{result.claim.name}: {fact.what}: {fact.value}"
        for result in results.results
        for fact in result.facts
        if not fact.holds
    ]
    assert not wrong
    assert all(result.ran for result in results.results)
    assert results.confirmed


def test_the_page_of_the_docs_is_what_the_run_printed(results):
    """Equal but for measured values; `make claims` writes it anew."""
    assert _without_measured(results.to_markdown()) == _without_measured(
        (DOCS / "claims.md").read_text(encoding="utf-8")
    )


def _without_measured(page: str) -> list[str]:
    measured = re.compile(r"\| [^|]* \*\(measured\)\*")
    rows = (row for row in page.splitlines() if not row.startswith("*Measured on"))
    return [measured.sub("| *(measured)*", row) for row in rows]


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.name)
def test_a_claim_says_what_it_needs_to(claim):
    assert claim.statement.endswith(".")
    assert bool(claim.remark) == (claim.verdict != "true")
    assert (claim.check is None) != (claim.learned is None)
    assert claim.items
    if claim.picture:
        assert (DOCS / "pictures" / claim.picture).is_file()
    page, _, heading = claim.docs.partition("#")
    text = (DOCS / page).read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")) for title in titles]
    assert heading in {title.strip("-") for title in plain}


def test_names_are_distinct_and_every_statement_of_the_lecture_is_covered():
    assert len({claim.name for claim in ALL}) == len(ALL)
    covered = {item for claim in ALL for item in claim.items}
    assert covered | PICTURES == set(range(1, 66))


def test_what_the_lecture_gets_wrong_is_called_wrong():
    """The errata and conditions that are known of, each under the verdict it deserves."""
    verdicts = {claim.name: claim.verdict for claim in ALL}
    for name in (
        "the-total-is-that-of-a-single-filter",
        "table-1-ends-with-a-stride-of-two",
        "resnet-is-fully-convolutional-for-pixels",
    ):
        assert verdicts[name] == "wrong"
    for name in (
        "pooling-is-permutation-invariant",
        "pooling-gives-shift-invariance",
        "the-stride-of-a-transposed-convolution-is-one",
        "deconvolution-inverts-values",
        "it-saves-parameters-and-operations",
        "depthwise-and-pointwise-are-separable",
        "paddings-printed-under-the-pictures",
    ):
        assert verdicts[name] == "true if"


def test_results_print_as_text_json_and_html():
    few = claims.run("dilated")
    text = str(few)
    assert text.startswith("DILATED CONVOLUTION\n\n[true] A dilated (atrous) convolution has")
    assert "dilation 4: covers: 9x9" in text
    assert "      see docs/geometry.md#receptive-fields" in text.splitlines()
    assert text.endswith("s")
    assert "2 of 2 verdicts confirmed (2 true, 0 true if, 0 wrong)" in text
    read = json.loads(few.to_json())["claims"]
    assert [claim["confirmed"] for claim in read] == [True, True]
    assert read[0]["facts"][0] == {
        "what": "dilation 1: parameters", "value": "9", "holds": True, "measured": False,
    }  # fmt: skip
    page = few.to_html({"conv_i7x7_k3x3_d2.svg": "<svg>drawn</svg>"})
    assert page.count("<svg>drawn</svg>") == 2
    assert page.startswith("<!doctype html>")
    assert "<script" not in page


def test_the_page_begins_with_its_contents():
    """A link for each topic and for each claim, each to a place that there is, once."""
    page = Claims(tuple(ClaimResult(claim, (), 0.0) for claim in ALL)).to_html()
    contents, _, rest = page.partition("</nav>")
    targets = re.findall(r'href="#([^"]+)"', contents)
    assert len(targets) == len(set(targets)) == 8 + len(ALL)
    places = re.findall(r' id="([^"]+)"', rest)
    assert sorted(targets) == sorted(places)


def test_the_text_fits_80_columns(results):
    words = [line for line in str(results).splitlines() if "see docs/" not in line]
    assert max(map(len, words)) <= 80


def test_every_item_of_the_lecture_has_a_line_that_runs():
    """docs/lecture.md has a row and a commented line for each of the 65 items and 10 errata."""
    page = (DOCS / "lecture.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    run = {mark for text in re.findall(r"  # (.*)", blocks) for mark in re.findall(r"E?\d+", text)}
    rows = re.findall(r"^\| (E?\d+) \| [^|]+ \|.*\]\([a-z]+\.md#[-a-z0-9]+\)", page, re.MULTILINE)
    wanted = [*map(str, range(1, 66)), *(f"E{n}" for n in range(1, 11))]
    assert sorted(rows) == sorted(wanted)
    assert set(wanted) <= run


def test_a_fact_that_contradicts_its_verdict_shows():
    (first, *rest) = claims.run("dilated").results
    broken = replace(first, facts=(Fact("two and two", "5", holds=False),))
    results = Claims((broken, *rest))
    assert not results.confirmed
    assert "    ! two and two: 5" in str(results)
    assert "1 of 2 verdicts confirmed" in str(results)
    assert "class=no" in results.to_html()


def test_without_digits_what_learns_is_listed_and_not_run():
    learned = next(claim for claim in ALL if claim.learned)
    result = ClaimResult(learned, (), 0.0)
    few = Claims((result,))
    assert not result.confirmed
    assert few.confirmed  # nothing contradicts
    assert "not run: it needs digits to learn from" in str(few)
    assert "1 need digits to learn from and were not run" in str(few)
    assert json.loads(few.to_json())["claims"][0]["confirmed"] is None


def test_topics_are_found_by_their_beginning():
    assert {claim.topic for claim in claims.claims("pool")} == {"Pooling"}
    assert {claim.topic for claim in claims.claims("Sep")} == {"Separable convolution"}
    with pytest.raises(UnknownNameError, match="'poling'; did you mean 'pooling'"):
        claims.claims("poling")
    with pytest.raises(UnknownNameError, match="no topic is named ''"):
        claims.run("")


def test_a_run_leaves_torch_as_it_was():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    claims.run("pooling")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
