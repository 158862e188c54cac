"""convariant symmetry: measure, certify, report."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from convariant.analysis.symmetry import measure
from convariant.cli._app import build
from convariant.training._digit_recipe import digits, spread

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


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A small network for digits as an ONNX file that was not written by us."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    model.append(nn.Linear(3 * 13 * 13, 10))
    path = tmp_path_factory.mktemp("file") / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own imports
        torch.onnx.export(model, (torch.zeros(1, 1, 28, 28),), path, dynamo=False)
    return model.eval(), path


def test_an_onnx_file_is_measured_as_the_module_that_it_was_made_of(file):
    model, path = file
    found = run_json(str(path), "--images", "5", "-t", "rotation")
    x, labels = spread(5, *digits("held_out", 28))
    expected = measure(model, x, "rotation", labels=labels).to_json()
    assert len(found["layers"]) == 3
    for part in ("consistency", "accuracy", "amounts"):
        assert found[part] == expected[part]
    assert found["output"]["mean"] == pytest.approx(expected["output"]["mean"], abs=1e-5)


def test_an_onnx_file_is_certified_and_not_rewritten(file):
    _, path = file
    found = run_json("certify", str(path), "--group", "shift")
    assert found["verdict"] == "broken"
    assert "flatten + Linear" in found["layers"][-1]["reason"]
    result = RUNNER.invoke(build(), ["symmetry", "report", str(path)])
    assert result.exit_code == 2
    assert "only a network of ours can be rewritten" in " ".join(result.output.split())


def test_what_does_not_fit_an_onnx_file_is_one_sentence(file, tmp_path):
    _, path = file
    (tmp_path / "no.onnx").write_bytes(b"no model")
    for words in ([str(path), "--data", "cifar"], [str(path), "-o", "width=2"], ["no.onnx"]):
        words = [str(tmp_path / w) if w == "no.onnx" else w for w in words]
        result = RUNNER.invoke(build(), ["symmetry", *words])
        assert (result.exit_code, "Traceback" in result.output) == (2, False)


def test_tables_fit_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for words in (["lenet5", "--images", "2"], ["certify", "lenet5"], ["certify", "p4_lenet"]):
        result = RUNNER.invoke(build(), ["symmetry", *words])
        assert result.exit_code == 0
        assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_demo_of_a_digit_that_is_not_there(tmp_path):
    result = RUNNER.invoke(build(), ["symmetry", "demo", "lenet5", "--index", "1000"])
    assert result.exit_code == 2
    assert "--index" in result.output


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
