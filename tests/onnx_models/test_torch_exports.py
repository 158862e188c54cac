"""Files that torch.onnx.export writes, opset by opset: sizes left open, functions in parts."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
from torch import nn

from convariant import models
from convariant.graph import from_onnx, interpret
from convariant.graph.ops import Elementwise
from support.compare import assert_close


def exported(net: nn.Module, x: torch.Tensor, opset: int) -> bytes:
    """The file, with batch and image size left open."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated, its files are not
        torch.onnx.export(
            net,
            (x,),
            file,
            opset_version=opset,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "N", 2: "H", 3: "W"}},
        )
    return file.getvalue()


class Mixed(nn.Module):
    """Operators that exporters spell differently from opset to opset."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding="same")
        self.group = nn.GroupNorm(4, 8)
        self.layer = nn.LayerNorm(8)
        self.lstm = nn.LSTM(8, 5, bidirectional=True, batch_first=True)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = nn.functional.gelu(self.group(self.conv(x)))
        y = nn.functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
        y = nn.functional.avg_pool2d(nn.functional.hardswish(y), 3, 4, 1, ceil_mode=True)
        tokens = self.layer(y.flatten(2).transpose(1, 2))
        read, _ = self.lstm(tokens)
        flat = y.view(x.shape[0], -1).softmax(1)
        return read, flat, nn.functional.pixel_shuffle(y, 2), y[:, 1::2].mean((2, 3))


@pytest.mark.parametrize("opset", [11, 13, 16, 18])
def test_a_mixture(opset: int) -> None:
    torch.manual_seed(0)
    net = Mixed().eval()
    content = exported(net, torch.randn(2, 3, 8, 8), opset)
    graph = from_onnx(content, (2, 3, 8, 8))
    functions = [n.op.function for n in graph.nodes if isinstance(n.op, Elementwise)]
    assert functions.count("gelu") == functions.count("hard_swish") == 1
    for shape in ((2, 3, 8, 8), (1, 3, 12, 16)):
        x = torch.randn(shape)
        with torch.no_grad():
            truth = net.double()(x.double())
        net.float()
        for actual, expected in zip(interpret(graph.with_inputs(shape), x), truth, strict=True):
            assert_close(actual, expected, dtype="float32", reduction=1024)


@pytest.mark.parametrize("name", ["mobilenet_v1", "resnet18"])
@pytest.mark.parametrize("opset", [9, 17])
def test_our_networks(name: str, opset: int) -> None:
    net = models.create(name, num_classes=10).eval()
    x = torch.randn(1, 3, 64, 64)
    graph = from_onnx(exported(net, x, opset), tuple(x.shape))
    with torch.no_grad():
        truth = net(x)
    assert_close(interpret(graph, x)[0], truth, reduction=4096)
    assert {node.op.kind for node in graph.nodes}.isdisjoint({"Torch"})
