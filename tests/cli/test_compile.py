"""`convariant compile`: a report, a file that loads, one sentence for what cannot be."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from tests.support.compare import assert_close
from tests.support.onnx_models import model as onnx_model
from tests.support.onnx_models import normal

import convariant as cv
from convariant.graph import to_onnx


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CONVARIANT_CACHE", str(tmp_path_factory.getbasetemp() / "cli-kernels"))


def test_a_report_is_printed_and_the_file_loads(run, tmp_path):
    path = tmp_path / "lenet5.convariant"
    answer = run("compile", "lenet5", "-o", path, "--threads", 1, "--tolerance", 1e-5)
    assert answer.code == 0
    assert "c1" in answer.out
    assert "relative error" in answer.out
    assert f"written to {path}" in answer.out.replace("\n", "")
    program = cv.load(path)
    assert (program.threads, program.tolerance) == (1, 1e-5)
    assert program(torch.zeros(1, 1, 32, 32)).shape == (1, 10)


def test_json_is_the_report(run):
    answer = run("compile", "lenet5", "--size", "2x1x28x28", "--threads", 1, "--json")
    report = json.loads(answer.out)
    assert report["network"] == "LeNet5"
    assert report["error"] < 1e-5
    assert [row["path"] for row in report["rows"] if row["gflops"]] == [
        *("c1", "c3", "c5", "f6", "output")
    ]


def test_the_changes_of_each_pass_are_printed(run):
    answer = run("compile", "lenet5", "--threads", 1, "--passes")
    assert answer.out.startswith("LeNet5: 12 nodes\nfold_constants: ")
    assert answer.out.index("fuse_epilogues: ") < answer.out.index("relative error")


def test_one_layer_is_explained(run):
    answer = run("compile", "lenet5", "--threads", 1, "--step", "c3")
    assert answer.out.startswith("c3: Conv 5x5 + relu\n  direct, tile ")
    assert "no winograd: its kernel is not 3x3" in answer.out
    code = run("compile", "lenet5", "--threads", 1, "--code", "c3").out
    assert code.index("layer    c3, kernel 1 of 1: direct") < code.index("assembly of the inner")
    assert "define void" not in code
    assert "define void" in run("compile", "lenet5", "--code", "c3", "--whole").out
    for option in ("--step", "--code"):
        assert "did you mean" in run("compile", "lenet5", "--threads", 1, option, "c33").sentence()


def test_the_report_is_written_as_a_page(run, tmp_path):
    run("compile", "lenet5", "--threads", 1, "--html", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count("<details>") >= 7


def test_a_network_is_drawn_into_a_folder(run, tmp_path):
    folder = tmp_path / "new" / "pictures"
    answer = run("compile", "lenet5", "--threads", 1, "--pictures", folder)
    names = sorted(path.name.partition("_")[0] for path in folder.glob("*.svg"))
    assert names == ["arena", "compilation", "roofline"]
    assert answer.out.count("written to ") == 3
    (tmp_path / "file").write_text("")
    wrong = run("compile", "lenet5", "--threads", 1, "--pictures", tmp_path / "file")
    assert wrong.sentence().endswith("file: File exists")


def test_an_onnx_file_is_compiled(run, tmp_path):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()).eval()
    to_onnx(model, tmp_path / "net.onnx", torch.empty(1, 3, 9, 9), dynamic_batch=True)
    answer = run("compile", tmp_path / "net.onnx", "-o", tmp_path / "net.convariant")
    assert answer.code == 0
    x = torch.randn(1, 3, 9, 9)
    assert_close(cv.load(tmp_path / "net.convariant")(x), model(x).detach(), reduction=100)


def test_what_cannot_be_compiled_is_one_sentence(run, tmp_path):
    assert "no model is named 'lenet7'" in run("compile", "lenet7").sentence()
    folder = tmp_path / "missing" / "out"
    assert "cannot write" in run("compile", "lenet5", "-o", folder).sentence()


@pytest.mark.parametrize(
    "shown", [("--code", "c3"), ("--step", "c3"), ("--passes",), ("--json",), ()], ids=str
)
def test_files_are_written_whatever_is_printed(run, tmp_path, shown):
    files = tmp_path / "net.convariant", tmp_path / "net.html", tmp_path / "net"
    places = "-o", files[0], "--html", files[1], "--pictures", files[2]
    answer = run("compile", "lenet5", "--threads", 1, *shown, *places)
    assert answer.code == 0
    assert cv.load(files[0])(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    assert "<details>" in files[1].read_text()
    assert len(list(files[2].glob("*.svg"))) == 3
    if shown == ("--json",):
        assert json.loads(answer.out)["network"] == "LeNet5"
    else:
        assert answer.out.count("written to ") == 5


def test_passes_a_step_and_code_are_printed_one_after_the_other(run):
    text = run("compile", "lenet5", "--threads", 1, "--passes", "--step", "c3", "--code", "c5").out
    heads = "fold_constants: ", "c3: Conv 5x5 + relu", "; layer    c5, kernel 1 of 1"
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert "relative error " in text  # of the step; the table of all steps is not printed
    assert "of limit" not in text


@pytest.mark.parametrize(
    ("options", "named", "fix"),
    [
        (("--json", "--code", "c3"), ("--json", "--code"), "leave out --json or --code"),
        (("--json", "--step", "c3"), ("--json", "--step"), "leave out --json or --step"),
        (("--json", "--passes"), ("--json", "--passes"), "leave out --json or --passes"),
        (("--whole",), ("--whole", "--code"), "add --code LAYER"),
        (("-o", "net", "--html", "net"), ("--output", "--html"), "give each a file of its own"),
    ],
)
def test_options_that_cannot_both_be_had_are_named(run, tmp_path, monkeypatch, options, named, fix):
    monkeypatch.chdir(tmp_path)
    sentence = run("compile", "lenet5", *options).sentence()
    assert all(name in sentence for name in (*named, fix))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def words(tmp_path):
    """An ONNX file that looks up rows of a table of 5, by whole numbers."""
    weights = {"table": normal(5, 8), "w": normal(8, 3)}
    nodes = [
        onnx.helper.make_node("Gather", ["table", "words"], ["rows"]),
        onnx.helper.make_node("MatMul", ["rows", "w"], ["y"]),
    ]
    words = {"words": np.zeros((1, 4), np.int64)}
    onnx.save(onnx_model(nodes, words, ["y"], weights=weights), tmp_path / "words.onnx")
    return tmp_path / "words.onnx"


def given(monkeypatch, value):
    """Measured with this number, where a network reads whole ones."""

    def inputs(self):
        types = self.plan.graph.types
        return {n: torch.full(types[n].sizes, value) for n in self.plan.graph.inputs}

    monkeypatch.setattr("convariant.compiler._instance.Instance.random_inputs", inputs)


def test_a_network_that_reads_whole_numbers_is_reported(run, words, monkeypatch):
    given(monkeypatch, 4)
    answer = run("compile", words, "--threads", 1, "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["error"] < 1e-5


def test_numbers_that_a_network_fails_on_are_one_sentence(run, words, monkeypatch):
    given(monkeypatch, 7)
    for tuned in ((), ("--tune",)):
        sentence = run("compile", words, "--threads", 1, *tuned).sentence()
        assert "fails on the random inputs that it is measured with: index out of " in sentence
        assert "call it with inputs of your own" in sentence


def test_a_program_is_written_also_where_it_cannot_be_measured(run, tmp_path, monkeypatch):
    def fail(*_):
        raise IndexError("index out of range in self\nand more")

    monkeypatch.setattr("convariant.compiler._instance.Instance.random_inputs", fail)
    path = tmp_path / "net.convariant"
    sentence = run("compile", "lenet5", "--threads", 1, "-o", path).sentence()
    assert "measured with: index out of range in self; compile it" in sentence
    assert cv.load(path)(torch.zeros(1, 1, 32, 32)).shape == (1, 10)


def test_an_error_of_the_report_itself_is_not_blamed_on_the_network(run, monkeypatch):
    def fail(*_):
        raise KeyError("a fault of ours")

    monkeypatch.setattr("convariant.compiler.report.make_report", fail)
    with pytest.raises(KeyError, match="a fault of ours"):
        run("compile", "lenet5", "--threads", 1)


def test_lack_of_memory_while_measuring_is_told_as_such(run, monkeypatch):
    def fail(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate")

    monkeypatch.setattr("convariant.compiler._instance.Instance.run", fail)
    assert "more memory than there is" in run("compile", "lenet5", "--threads", 1).sentence()
