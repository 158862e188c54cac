"""`convariant export`: files written, tidied, checked, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from convariant.graph import Dim, from_onnx
from support.onnx_models import normal, one_node

Run = Callable[..., Any]


def test_the_command_writes_and_checks(tmp_path: Path, run: Run) -> None:
    answer = run("export", "lenet5", tmp_path / "net.onnx", "--any-batch", "--check")
    assert answer.code == 0
    assert "onnxruntime" in answer.out
    assert "openvino" in answer.out
    assert "values agree, the worst" in answer.out
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
