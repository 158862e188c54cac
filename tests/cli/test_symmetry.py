"""convariant symmetry: measure, certify, report."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from convariant.cli._app import build

RUNNER = CliRunner()


def run_json(*words: str) -> dict:
    result = RUNNER.invoke(build(), ["symmetry", *words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_measure(tmp_path):
    picture = tmp_path / "m.png"
    found = run_json(
        *("measure", "lenet5", "--images", "4", "-t", "circular_shift", "--out", str(picture))
    )
    assert found["transform"] == "circular_shift"
    assert found["images"] == 4
    assert found["output"]["mean"][5] == 0
    assert picture.stat().st_size > 3000


def test_a_network_alone_is_measured():
    words = ("lenet5", "--images", "2", "--data", "digits", "--only-output")
    alone, named = run_json(*words), run_json("measure", *words)  # two networks: random weights
    assert (alone["transform"], alone["amounts"]) == (named["transform"], named["amounts"])
    result = RUNNER.invoke(build(), ["symmetry", "lenet6"])
    assert result.exit_code == 2
    assert "did you mean 'lenet5'?" in result.output


def test_certify():
    assert run_json("certify", "p4_lenet", "--size", "1x28x28", "-g", "p4")["verdict"] == "exact"
    found = run_json("certify", "lenet5")
    assert (found["verdict"], found["layers"][-1]["cause"]) == ("broken", "c1")


def test_report():
    words = ["report", "resnet", "--images", "2", "-o", "depths=1,1", "-o", "width=4"]
    found = run_json(*words, "-o", "in_channels=1", "-o", "small_input=true")
    assert found["rows"][1]["circular"] == 1.0


def test_sphere():
    words = ["sphere", "--seeds", "3", "--epochs", "1", "--images", "5", "--learned", "10"]
    found = run_json(*words)
    assert [(t["network"], t["seed"]) for t in found["trials"][:2]] == [
        ("spherical", 3),
        ("planar", 3),
    ]
    result = RUNNER.invoke(build(), ["symmetry", *words])
    assert result.stdout.startswith("network    trained  params  s  upright %")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["measure", "lenet6"], "did you mean 'lenet5'"),
        (["certify", "lenet5", "--size", "1x20x28", "-g", "p4"], "certify at 28x28"),
        (["experiment", "--seeds", "a"], "write numbers with commas"),
        (["experiment", "--seeds", "1,1"], "none of them twice"),
        (["sphere", "--seeds", "0,-1"], "whole numbers from 0 on"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence):
    result = RUNNER.invoke(build(), ["symmetry", *words])
    assert result.exit_code == 2
    assert sentence in result.output
