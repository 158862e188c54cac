"""`convariant export`: files written, tidied, checked, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from convariant.graph import Dim, from_onnx
from support.onnx_models import model, normal, one_node

Run = Callable[..., Any]


def test_the_command_writes_and_checks(tmp_path: Path, run: Run) -> None:
    answer = run("export", "lenet5", tmp_path / "net.onnx", "--any-batch", "--check")
    assert answer.code == 0
    assert "onnxruntime" in answer.out
    assert "openvino" in answer.out
    assert "values agree, the worst" in answer.out
    assert max(map(len, answer.out.splitlines()[-2:])) <= 80
    assert from_onnx(tmp_path / "net.onnx").input_types[0].shape[0] == Dim()


def test_the_command_tidies_an_onnx_file(tmp_path: Path, run: Run) -> None:
    weights = {"w": normal(4, 3, 3, 3)}
    proto = one_node(
        "Conv", {"x": normal(1, 3, 9, 9)}, weights=weights, auto_pad="SAME_LOWER", strides=[2, 2]
    )
    onnx.save(proto, tmp_path / "in.onnx")
    answer = run("export", tmp_path / "in.onnx", tmp_path / "out.onnx", "--size", "1x3x8x8")
    assert answer.code == 0
    assert "1 operations" in answer.out
    (node,) = onnx.load(tmp_path / "out.onnx").graph.node
    attributes = {a.name: list(a.ints) for a in node.attribute}
    assert attributes["pads"] == [1, 1, 0, 0]


def test_the_command_cuts_an_onnx_file(tmp_path: Path, run: Run) -> None:
    boxes = {"boxes": normal(1, 9, 4), "scores": normal(1, 2, 9)}
    nodes = [
        helper.make_node("Abs", ["boxes"], ["sides"]),
        helper.make_node("Sigmoid", ["scores"], ["chances"]),
        helper.make_node("NonMaxSuppression", ["sides", "chances"], ["rows"]),
    ]
    onnx.save(model(nodes, boxes, ["rows"]), tmp_path / "in.onnx")
    refusal = run("export", tmp_path / "in.onnx", tmp_path / "out.onnx").sentence()
    assert "read the network up to here: outputs=['sides', 'chances']" in refusal
    cut = ("export", tmp_path / "in.onnx", tmp_path / "out.onnx", "--outputs", "sides, chances")
    assert "2 operations" in run(*cut).out
    assert from_onnx(tmp_path / "out.onnx").outputs == ("sides", "chances")
    refusal = run("export", "lenet5", tmp_path / "out.onnx", "--outputs", "fc").sentence()
    assert "outputs= cuts an ONNX file, but the network is none" in refusal


def test_the_command_answers_for_programs(tmp_path: Path, run: Run) -> None:
    answer = run("export", "lenet5", tmp_path / "net.onnx", "--json")
    assert json.loads(answer.out)["bytes"] == (tmp_path / "net.onnx").stat().st_size
    answer = run("export", "lenet5", tmp_path / "net.onnx", "--check", "--json")
    assert {engine["engine"] for engine in json.loads(answer.out)} == {"onnxruntime", "openvino"}


def test_the_command_exits_with_1_where_an_engine_diverges(tmp_path: Path, run: Run) -> None:
    answer = run("export", "lenet5", tmp_path / "net.onnx", "--check", "--tolerance", "1e-12")
    assert answer.code == 1
    assert "values to diverge is" in answer.out


def test_the_command_refuses_in_one_sentence(tmp_path: Path, run: Run) -> None:
    answer = run("export", tmp_path / "none.onnx", tmp_path / "net.onnx")
    assert "cannot read the ONNX file" in answer.sentence()
    assert "cannot write" in run("export", "lenet5", tmp_path / "no" / "net.onnx").sentence()
