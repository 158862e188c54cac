"""Whole networks written and checked, from Python and from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from convariant import models
from convariant.errors import GraphError, MissingDependencyError, StorageError
from convariant.graph import (
    Dim,
    GraphBuilder,
    TensorType,
    check_onnx,
    from_onnx,
    from_torch,
    interpret,
    to_onnx,
)
from convariant.graph.onnx import _check
from convariant.graph.ops import Elementwise
from support.compare import assert_close
from support.onnx_models import normal, one_node, run_onnxruntime


class Odd(nn.Module):
    """What engines read in different ways: 'same' at stride 2, ceil_mode, circular padding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=2, padding_mode="circular")
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.mean = nn.AvgPool2d(3, 2, 1, ceil_mode=True)
        self.up = nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.mean(self.pool(self.conv(x).relu()))
        y = nn.functional.interpolate(self.up(y), scale_factor=1.5, mode="bicubic")
        return y, torch.nn.functional.normalize(y.flatten(1), dim=1)


def test_a_module_with_an_open_batch(tmp_path: Path) -> None:
    net = Odd().eval()
    to_onnx(net, tmp_path / "odd.onnx", torch.empty(2, 3, 13, 10), dynamic_batch=True)
    graph = from_onnx(tmp_path / "odd.onnx")
    assert graph.input_types[0].shape == (Dim(), 3, 13, 10)
    for batch in (1, 3):
        x = torch.randn(batch, 3, 13, 10)
        truth = net.double()(x.double())
        net.float()
        for actual, expected in zip(interpret(graph, x), truth, strict=True):
            assert_close(actual, expected.detach(), dtype="float32", reduction=256)
        for actual, expected in zip(
            run_onnxruntime(tmp_path / "odd.onnx", {graph.inputs[0]: x.numpy()}), truth, strict=True
        ):
            assert_close(actual, expected.detach(), dtype="float32", reduction=256)


@pytest.mark.parametrize("name", ["lenet5", "lenet5_1998", "mobilenet_v1", "p4_lenet", "resnet18"])
def test_our_networks(tmp_path: Path, name: str) -> None:
    net = models.create(name, num_classes=10).eval()
    shape = (1, net.in_channels, *net.input_size) if "lenet" in name else (1, 3, 64, 64)
    x = torch.randn(shape)
    graph = from_torch(net, x)
    to_onnx(graph, tmp_path / "net.onnx")
    result = check_onnx(graph, tmp_path / "net.onnx", [x])
    assert result.agrees, str(result)
    assert [engine.engine for engine in result.engines] == ["onnxruntime", "openvino"]
    assert all(0 < engine.worst.error < 1e-4 for engine in result.engines)


def test_reading_back_gives_the_same_operations(tmp_path: Path) -> None:
    net = models.create("unet", widths=[4, 8, 16]).eval()
    graph = from_torch(net, torch.empty(1, 1, 48, 48))
    to_onnx(graph, tmp_path / "unet.onnx")
    back = from_onnx(tmp_path / "unet.onnx")
    assert [node.op for node in back.nodes] == [node.op for node in graph.nodes]
    assert back.outputs == graph.outputs
    assert back.parameters == graph.parameters


def test_what_comes_from_weights_alone_is_computed(tmp_path: Path) -> None:
    """The turned copies of a group convolution's filters become one plain weight."""
    net = models.create("p4_lenet").eval()
    to_onnx(net, tmp_path / "p4.onnx", torch.empty(1, 1, 32, 32))
    operators = {node.op_type for node in onnx.load(tmp_path / "p4.onnx").graph.node}
    assert operators <= {"Conv", "Relu", "MaxPool", "Reshape", "ReduceMax", "Gemm"}


def diverging(path: Path, *, value: float = 1.5) -> None:
    """Change one weight of the second convolution in the file."""
    proto = onnx.load(path)
    for weight in proto.graph.initializer:
        if weight.name == "2.weight":
            array = numpy_helper.to_array(weight).copy()
            array[0, 0, 0, 0] += value
            weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(proto, path)


def three_layers() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Sigmoid())


def test_the_first_diverging_node_is_named(tmp_path: Path) -> None:
    x = torch.randn(1, 3, 8, 8)
    graph = from_torch(three_layers().eval(), x)
    to_onnx(graph, tmp_path / "net.onnx")
    diverging(tmp_path / "net.onnx")
    result = check_onnx(graph, tmp_path / "net.onnx", [x])
    assert not result.agrees
    for engine in result.engines:
        assert engine.first is not None
        assert engine.first.node == "2 (Conv conv2d_1)"
        assert engine.first.error > 0.01
        assert "the first of 4 values to diverge is 2 (Conv conv2d_1)" in str(engine)
    assert check_onnx(graph, tmp_path / "net.onnx", [x], tolerance=1e9).agrees
    listed = json.loads(result.to_json())[0]["errors"]
    assert [entry["value"] for entry in listed] == ["conv2d", "relu", "conv2d_1", "sigmoid"]


def test_a_nan_and_another_shape_diverge() -> None:
    truth = torch.tensor([1.0, 2.0])
    assert _check._error(np.array([1.0, np.nan]), truth, 0.0) == float("inf")
    assert _check._error(np.ones((1, 2)), truth, 0.0) == float("inf")
    assert _check._error(np.array([1.0, 2.1]), truth, 0.0) == pytest.approx(0.05)
    assert _check._error(np.array([np.nan, np.inf]), torch.tensor([np.nan, np.inf]), 0.0) == 0.0
    assert _check._error(np.zeros(0), torch.zeros(0), 0.0) == 0.0


def test_checking_a_file_of_another_network(tmp_path: Path) -> None:
    onnx.save(one_node("Relu", {"a": normal(1)}, outputs=("b",)), tmp_path / "other.onnx")
    graph = from_torch(three_layers().eval(), torch.empty(1, 3, 8, 8))
    with pytest.raises(GraphError, match="shares no value with Sequential"):
        check_onnx(graph, tmp_path / "other.onnx", [torch.zeros(1, 3, 8, 8)])


def test_no_engine_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnxruntime", "openvino"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingDependencyError, match="checking an ONNX file needs .*onnxruntime"):
        _check._engines()


def test_no_onnx_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match="reading ONNX files needs the package 'onnx'"):
        from_onnx(tmp_path / "net.onnx")
    with pytest.raises(MissingDependencyError, match="writing ONNX files needs"):
        to_onnx(nn.ReLU(), tmp_path / "net.onnx", torch.empty(1))


class Sorted(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sort(x.relu())[0]


@pytest.mark.parametrize(
    ("net", "examples", "message"),
    [
        (Sorted(), torch.empty(2, 3), "ONNX cannot express sort.*take that part out"),
        (nn.ReLU(), None, "ReLU does not say what its input looks like"),
        (
            nn.Softplus(threshold=1.0),
            torch.empty(2),
            "ONNX cannot express softplus with threshold=1; use torch's default of 20",
        ),
    ],
)
def test_what_onnx_cannot_express(
    tmp_path: Path, net: nn.Module, examples: Any, message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        to_onnx(net, tmp_path / "net.onnx", examples)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", _full_disk)
    with pytest.raises(StorageError, match="cannot write .*net.onnx: No space left on device"):
        to_onnx(nn.ReLU(), path, torch.empty(1))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def _full_disk(self: Path, target: Path) -> None:
    raise OSError(28, "No space left on device")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write .*none/net.onnx: No such file"):
        to_onnx(nn.ReLU(), tmp_path / "none" / "net.onnx", torch.empty(1))


def test_outputs_that_are_inputs_constants_or_repeated(tmp_path: Path) -> None:
    b = GraphBuilder("same")
    x = b.input("x", TensorType((3,)))
    y = b.add(Elementwise("relu"), x, name="y")
    graph = b.build([y, x, y, b.constant(torch.tensor([5.0]), "c")])
    to_onnx(graph, tmp_path / "same.onnx")
    results = run_onnxruntime(tmp_path / "same.onnx", {"x": np.array([-1, 0, 2], np.float32)})
    assert [r.tolist() for r in results] == [[0, 0, 2], [-1, 0, 2], [0, 0, 2], [5]]


def test_weights_without_values(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = nn.Conv2d(3, 4, 3)
    graph = from_torch(net, torch.empty(1, 3, 8, 8, device="meta"))
    with pytest.raises(GraphError, match="has no values .*load the weights first"):
        to_onnx(graph, tmp_path / "net.onnx")
