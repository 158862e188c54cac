"""`convariant bench`: a table for each network, missing peers named, refusals in a sentence."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
import pytest
import torch
from tests.support.onnx_models import model as onnx_model
from tests.support.onnx_models import normal, one_node
from tests.support.two_results import TwoResults

from convariant import models
from convariant.compiler.peers import Engine, Lap
from convariant.graph import to_onnx
from convariant.training import Preprocessing, SavedModel, save_model

QUICK = ("--rounds", 1, "--seconds", 0.02)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CONVARIANT_CACHE", str(tmp_path_factory.getbasetemp() / "cli-kernels"))


@pytest.fixture
def net(tmp_path):
    """An ONNX file of two outputs that leaves the batch open."""
    to_onnx(TwoResults().eval(), tmp_path / "net.onnx", torch.empty(1, 3, 9, 9), dynamic_batch=True)
    return tmp_path / "net.onnx"


@pytest.fixture
def lacking(monkeypatch):
    """A machine without MNN and ncnn."""
    there = Engine.version.fget

    def version(engine):
        return None if engine.name in ("mnn", "ncnn") else there(engine)

    monkeypatch.setattr(Engine, "version", property(version))


@pytest.fixture
def raced(monkeypatch):
    """Nothing is written or timed: what would have been, as (network, shape, engines)."""
    calls = []

    def prepare(network, example, folder, engines):
        calls.append((network, tuple(example.shape), [engine.name for engine in engines]))

    def race(files, names, **_):
        return [Lap(name, "1.0", 1e-7, [2.0, 4.0, 4.0]) for name in names]

    monkeypatch.setattr("convariant.compiler.peers.prepare", prepare)
    monkeypatch.setattr("convariant.compiler.peers.race", race)
    monkeypatch.setattr("convariant.compiler.peak.peak_gflops", lambda *_: 100.0)
    return calls


def test_the_table_has_real_figures(run, lacking):
    answer = run("bench", "lenet5", "--peers", "pytorch,mnn", "--batch", 2, *QUICK)
    assert answer.code == 0, answer.err
    first, head, *lines, last = answer.out.splitlines()
    assert first.startswith("lenet5, batch 2, 32x32, 1 thread(s); 1.67 MFLOP, peak ")
    assert re.split(r"  +", head.strip())[-2:] == ["% of peak", "error"]
    assert [line.split()[0] for line in lines] == ["convariant", "pytorch"]
    for line in lines:
        best, median, ratio, peak, error = map(float, line.split()[2:])
        assert 0 < best <= median
        assert ratio > 0
        assert 0 <= peak < 150
        assert 0 < error < 1e-5
    assert last == "not installed: mnn (pip install MNN)"


def test_each_network_has_its_table(run, raced, lacking, net):
    answer = run("bench", "lenet5", net, "--batch", 2)
    first, second = answer.out.split("\n\n")
    assert first.startswith("lenet5, batch 2, 32x32, 1 thread(s); 1.67 MFLOP, peak 100 GFLOP/s\n")
    assert second.startswith(f"{net}, batch 2, 9x9, 1 thread(s); 0.07 MFLOP, peak 100 GFLOP/s\n")
    assert first.count("pytorch") == second.count("pytorch") == 2
    assert "not installed" not in first
    assert [line.partition(" (")[0] for line in second.splitlines()[-2:]] == [
        *("not installed: ncnn", "not installed: mnn")
    ]


def test_the_steps_of_our_program_are_printed_below(run, raced):
    answer = run("bench", "lenet5", "--peers", "pytorch", "--steps")
    assert answer.out.index("pytorch") < answer.out.index("no winograd: its kernel is not")
    found = json.loads(run("bench", "lenet5", "--peers", "pytorch", "--steps", "--json").out)
    assert {row["algorithm"] for row in found["report"]["rows"]} >= {"direct", "pointwise"}


def test_names_folders_and_files_are_timed_in_turn(run, raced, net, tmp_path):
    network = models.create("lenet5", num_classes=2).eval()
    preprocessing = Preprocessing((28, 20), 1, (0.0,), (1.0,))
    saved = SavedModel(network, "classification", ("a", "b"), preprocessing)
    save_model(tmp_path / "saved", saved)
    answer = run("bench", "lenet5", tmp_path / "saved", net, "--peers", "onnxruntime", "--json")
    found = json.loads(answer.out)
    assert [each["model"] for each in found] == ["lenet5", str(tmp_path / "saved"), str(net)]
    assert [shape for _, shape, _ in raced] == [(1, 1, 32, 32), (1, 1, 28, 20), (1, 3, 9, 9)]
    assert raced[2][0] == net
    assert all(engines == ["convariant", "onnxruntime"] for *_, engines in raced)


def test_one_network_is_one_document_with_what_is_missing(run, raced, lacking):
    found = json.loads(run("bench", "lenet5", "--json").out)
    assert (found["model"], found["threads"], found["batch"]) == ("lenet5", 1, 1)
    assert [row["engine"] for row in found["rows"]] == [
        *("convariant", "pytorch", "pytorch channels_last", "torch.compile"),
        *("onnxruntime", "openvino"),
    ]
    assert found["rows"][1]["x ours"] == "1.00"
    assert found["missing"] == [
        {"engine": "ncnn", "install": "pip install ncnn"},
        {"engine": "mnn", "install": "pip install MNN"},
    ]
    named = json.loads(run("bench", "lenet5", "--peers", "pytorch, mnn", "--json").out)
    assert [row["engine"] for row in named["rows"]] == ["convariant", "pytorch"]
    assert [each["engine"] for each in named["missing"]] == ["mnn"]


@pytest.mark.parametrize("peers", [(), ("--peers", "mnn")], ids=str)
def test_a_missing_peer_is_named_with_the_command_that_installs_it(run, raced, lacking, peers):
    answer = run("bench", "lenet5", *peers)
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "not installed: mnn (pip install MNN)"
    assert "mnn" not in raced[0][2]


def test_the_first_wrong_name_is_told_before_anything_is_timed(run, raced):
    assert "no model is named 'lenet7'" in run("bench", "lenet5", "lenet7").sentence()
    assert "no engine is named 'torch'" in run("bench", "lenet5", "--peers", "torch").sentence()
    assert "missing.onnx" in run("bench", "lenet5", "missing.onnx").sentence()
    assert raced == []


def test_sizes_are_said_as_in_other_commands(run, raced, net):
    assert "batch 1, 28x28" in run("bench", "lenet5", "--size", "1x28x28").out
    assert "batch 3, 20x16" in run("bench", net, "--size", "20x16", "--batch", 3).out
    assert raced[-1][1] == (3, 3, 20, 16)
    for name in ("lenet5", net):
        channels = 1 if name == "lenet5" else 3
        refused = run("bench", name, "--size", f"2x{channels}x28x28")
        assert "say it as --batch 2" in refused.sentence()


def test_files_that_cannot_be_timed_say_why(run, raced, tmp_path):
    words = {"words": np.zeros((1, 4), np.int64)}
    table = onnx_model(
        [onnx.helper.make_node("Gather", ["table", "words"], ["y"])],
        words,
        ["y"],
        weights={"table": normal(5, 8)},
    )
    onnx.save(table, tmp_path / "words.onnx")
    sentence = run("bench", tmp_path / "words.onnx").sentence()
    assert "networks of one float32 input, but" in sentence
    assert "takes words: i64[1,4]; convariant compile" in sentence
    reshape = one_node("Reshape", {"x": normal(4, 6)}, weights={"to": np.array([4, 2, 3])})
    onnx.save(reshape, tmp_path / "four.onnx")
    assert "for 4 images, not for 1" in run("bench", tmp_path / "four.onnx").sentence()
    assert run("bench", tmp_path / "four.onnx", "--batch", 4).code == 0
