"""The race: every engine in its own process, errors measured, failures told."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
import torch
from tests.support.two_results import TwoResults

import convariant as cv
from convariant.compiler.peers import ENGINES, Files, installed, prepare, race
from convariant.graph import to_onnx


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(0)
    network = cv.models.create("lenet5").eval()
    folder = tmp_path_factory.mktemp("race")
    return prepare(network, torch.randn(1, 1, 32, 32), folder, [ENGINES["pytorch"]])


def test_engines_are_timed_and_compared_with_the_truth(files):
    laps = race(files, ["convariant", "pytorch"], rounds=2, seconds=0.02)
    assert [lap.engine for lap in laps] == ["convariant", "pytorch"]
    for lap in laps:
        assert lap.failure is None
        assert len(lap.times) >= 2
        assert 0 < lap.best <= lap.median
        assert 0 <= lap.error < 1e-5


def test_a_wrong_answer_shows_as_an_error(files):
    wrong = dataclasses.replace(files, truth=files.truth * 2)
    (lap,) = race(wrong, ["pytorch"], rounds=1, seconds=0.01)
    assert lap.error == pytest.approx(0.5, rel=1e-3)


def test_an_engine_that_cannot_load_keeps_its_place_with_the_reason(files):
    laps = race(files, ["onnxruntime", "pytorch"], rounds=1, seconds=0.01)
    assert "model.onnx" in laps[0].failure
    assert laps[0].best is None
    assert laps[0].median is None
    assert laps[1].best > 0


@pytest.mark.parametrize("shape", [(2, 3, 9, 9), (2, 3, 12, 10)])
def test_an_onnx_file_is_read_by_engines_as_it_is_and_run_by_pytorch(tmp_path, shape):
    torch.manual_seed(0)
    path = tmp_path / "net.onnx"
    to_onnx(TwoResults().eval(), path, torch.empty(1, 3, 9, 9), dynamic_batch=True)
    names = ["convariant", "pytorch", "onnxruntime"]
    (tmp_path / "files").mkdir()
    engines = [ENGINES[name] for name in names]
    given = prepare(path, torch.randn(shape), tmp_path / "files", engines)
    assert given.failed == {}
    assert [given.read_by(engine) for engine in engines] == [
        *("model.onnx", "model.pt2", "model.onnx")
    ]
    same = (tmp_path / "files" / "model.onnx").read_bytes() == path.read_bytes()
    assert same == (shape == (2, 3, 9, 9))  # written anew for another size than the file's own
    for name in names[1:]:
        assert check_engine(name, given) < 1e-5
    (lap,) = race(given, ["convariant"], rounds=1, seconds=0.01)
    assert lap.failure is None
    assert lap.error < 1e-5


def check_engine(name: str, given: Files) -> float:
    """The error of an engine in this process, whose settings of PyTorch stay as they were."""
    threads = torch.get_num_threads()
    np.save(given.folder / "example.npy", given.example.numpy())
    with torch.no_grad():
        infer = ENGINES[name].load(given.folder / given.read_by(ENGINES[name]), 1)
        result = infer(given.example.numpy())
    torch.set_num_threads(threads)
    return float(abs(result - given.truth.numpy()).max())


def test_a_file_that_pytorch_cannot_run_is_told_of_pytorch_alone(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    to_onnx(torch.nn.Conv2d(3, 8, 3), path, torch.empty(1, 3, 9, 9))

    def refuse(*_, **__):
        raise RuntimeError("cannot be exported\nfor reasons")

    monkeypatch.setattr(torch.export, "export", refuse)
    given = prepare(path, torch.randn(1, 3, 9, 9), tmp_path, [ENGINES["pytorch"]])
    assert given.failed == {"model.pt2": "cannot be exported"}
    assert (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("name", ["ncnn", "mnn"])
def test_converted_networks_run_and_converters_are_silent(name, tmp_path, capfd, recwarn):
    if ENGINES[name].version is None:
        pytest.skip(f"{name} is not installed")
    torch.manual_seed(0)
    network = cv.models.create("lenet5").eval()
    given = prepare(network, torch.randn(2, 1, 32, 32), tmp_path, [ENGINES[name]])
    assert given.failed == {}
    assert capfd.readouterr() == ("", "")
    assert [w for w in recwarn if issubclass(w.category, torch.jit.TracerWarning)] == []
    (lap,) = race(given, [name], rounds=1, seconds=0.01)
    assert lap.failure is None
    assert lap.error < 1e-4


def test_a_conversion_installs_and_reports_nothing(tmp_path, monkeypatch):
    """MNN's own script would: it imports a package for that, and runs pip where there is none."""
    if ENGINES["mnn"].version is None:
        pytest.skip("mnn is not installed")
    done = tmp_path / "done"
    (tmp_path / "aliyun").mkdir()
    (tmp_path / "aliyun" / "__init__.py").write_text(f"open({str(done)!r}, 'a')\nraise ImportError")
    (tmp_path / "pip").write_text(f"#!/bin/sh\ntouch {done}\n")
    (tmp_path / "pip").chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    network = cv.models.create("lenet5").eval()
    given = prepare(network, torch.randn(1, 1, 32, 32), tmp_path, [ENGINES["mnn"]])
    assert given.failed == {}
    assert not done.exists()


def test_the_reason_of_a_failed_conversion_is_told_of_its_engine_alone(files):
    refused = dataclasses.replace(files, failed={"model.mnn": "mnn does not know it"})
    laps = race(refused, ["onnxruntime", "mnn"], rounds=1, seconds=0.01)
    assert "model.onnx" in laps[0].failure
    assert laps[1].failure == "mnn does not know it"


def test_versions_tell_what_is_installed():
    assert installed()["pytorch"].version == torch.__version__
    missing = dataclasses.replace(ENGINES["mnn"], package="no-such-package")
    assert missing.version is None
