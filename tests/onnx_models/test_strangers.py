"""Networks that are not ours: captured, run, written, checked by two engines, read and told of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from convariant import inspect, lint
from convariant.graph import check_onnx, from_onnx, from_torch, interpret, to_onnx
from support.compare import assert_close, assert_equal
from support.onnx_models import run_onnxruntime
from support.strangers import STRANGERS


def stranger(name: str, batch: int = 2) -> tuple[nn.Module, list[Tensor]]:
    """The network with statistics that are not 0 and 1, and inputs for it."""
    torch.manual_seed(0)
    make, shapes = STRANGERS[name]
    net = make().eval()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.running_var, layer.weight, layer.running_mean, layer.bias):
                nn.init.uniform_(tensor, 0.5, 1.5)
    return net, [torch.randn(batch, *shape[1:]) for shape in shapes]


def truth(net: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """What the module itself computes, in float64; whole numbers are as they are."""
    with torch.no_grad():
        results = pytree.tree_leaves(net.double()(*(x.double() for x in inputs)))
    net.float()
    return results


def assert_near(found: Tensor, expected: Tensor) -> None:
    if expected.is_floating_point():
        assert_close(found, expected, dtype="float32", reduction=4096)
    else:
        assert_equal(found, expected)


@pytest.mark.parametrize("name", STRANGERS)
def test_any_batch_in_and_out_of_a_file(name: str, tmp_path: Path) -> None:
    net, inputs = stranger(name)
    graph = from_torch(net, inputs, dynamic_batch=True)
    for found, expected in zip(interpret(graph, *inputs), truth(net, inputs), strict=True):
        assert_near(found, expected)
    path = tmp_path / "net.onnx"
    to_onnx(graph, path)
    result = check_onnx(graph, path, inputs)
    assert result.agrees, str(result)
    net, inputs = stranger(name, batch=3)
    back = from_onnx(path)
    named = {name: x.numpy() for name, x in zip(back.inputs, inputs, strict=True)}
    ran = run_onnxruntime(path, named)
    read = interpret(back, *inputs)
    for mine, theirs, expected in zip(read, ran, truth(net, inputs), strict=True):
        assert_near(mine, expected)
        assert_near(theirs, expected)


@pytest.mark.parametrize("name", STRANGERS)
def test_inspected(name: str) -> None:
    net, inputs = stranger(name)
    shapes = [tuple(x.shape) for x in inputs]
    result = inspect(net, shapes)
    assert result.status["macs"] == "complete"
    assert result.params == sum(p.numel() for p in net.parameters())
    assert max(map(len, str(result).splitlines())) <= 80
    warnings = {f.rule for f in lint(net, shapes).findings if f.severity == "warning"}
    assert warnings == ({"ceil-mode-trap"} if name == "dense block" else set())
