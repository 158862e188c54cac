"""Everything is captured whole by torch.export and torch.compile, and gives the same numbers."""

import shutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from convariant import functional
from support.compare import assert_close

W1, W2, W3 = (torch.randn(4, 2, *[3] * axes) for axes in (1, 2, 3))

OPERATORS: dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, ...]]] = {
    "conv1d same": (lambda x: functional.conv1d(x, W1, stride=2, padding="same"), (2, 9)),
    "conv2d plain": (lambda x: functional.conv2d(x, W2, padding=1), (2, 7, 6)),
    "conv2d pairs": (lambda x: functional.conv2d(x, W2, padding=((0, 1), (2, 0))), (2, 7, 6)),
    "conv2d reflect": (
        lambda x: functional.conv2d(x, W2, stride=2, padding="same", padding_mode="reflect"),
        (2, 7, 6),
    ),
    "conv3d circular": (
        lambda x: functional.conv3d(x, W3, padding=1, padding_mode="circular"),
        (2, 4, 5, 4),
    ),
    "conv_transpose1d same": (
        lambda x: functional.conv_transpose1d(x, W1, stride=2, padding="same"),
        (4, 5),
    ),
    "conv_transpose2d output_size": (
        lambda x: functional.conv_transpose2d(x, W2, stride=2, padding=1, output_size=(9, 8)),
        (4, 5, 4),
    ),
    "conv_transpose2d replicate": (
        lambda x: functional.conv_transpose2d(
            x, W2, stride=2, padding=((0, 2), (1, 1)), padding_mode="replicate"
        ),
        (4, 5, 4),
    ),
    "max_pool2d": (lambda x: functional.max_pool2d(x, 3, 2, 1), (2, 7, 6)),
    "max_pool2d same": (lambda x: functional.max_pool2d(x, 3, 2, "same"), (2, 7, 6)),
    "avg_pool2d same": (
        lambda x: functional.avg_pool2d(x, 3, 2, "same", count_include_pad=False),
        (2, 7, 6),
    ),
    "pool median": (lambda x: functional.pool(x, "median", 3, 2, 1), (2, 7, 6)),
    "pool lp": (lambda x: functional.pool(x, "lp", 2, dilation=2, p=3.0), (2, 7, 6)),
    "pool function": (
        lambda x: functional.pool(x, lambda values: values.logsumexp(-1), 3, 1, 1, ceil_mode=True),
        (2, 5, 6),
    ),
}
EACH = pytest.mark.parametrize("name", OPERATORS)


class Layer(torch.nn.Module):
    def __init__(self, operator: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.operator = operator

    def forward(self, x: Tensor) -> Tensor:
        return self.operator(x)


@EACH
def test_export_with_any_batch(name):
    operator, shape = OPERATORS[name]
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        Layer(operator), (torch.randn(2, *shape),), dynamic_shapes=({0: batch},)
    )
    x = torch.randn(5, *shape)
    assert_close(program.module()(x), operator(x), reduction=54)


@EACH
def test_compile_in_one_graph_with_gradients(name):
    operator, shape = OPERATORS[name]
    compiled = torch.compile(operator, backend="aot_eager", fullgraph=True)
    x = torch.randn(2, *shape, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    y, expected = compiled(x), operator(twin)
    assert_close(y, expected, reduction=54)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert_close(x.grad, twin.grad, reduction=256)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile writes C++")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # inside torch.compile
@EACH
def test_compile_to_native_code_with_gradients(name):
    """The code that torch.compile writes for two Tensor.unfold ran over the end of its memory."""
    operator, shape = OPERATORS[name]
    x = torch.randn(2, *shape, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    y, expected = torch.compile(operator, fullgraph=True)(x), operator(twin)
    assert_close(y, expected, reduction=54)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert_close(x.grad, twin.grad, reduction=256)


@pytest.mark.parametrize(
    "name",
    [
        "conv2d plain",
        "conv2d pairs",
        "conv2d reflect",
        "conv_transpose1d same",
        "conv_transpose2d output_size",
        "max_pool2d same",
        "avg_pool2d same",
        "pool median",
    ],
)
def test_compile_again_at_another_size(name):
    """The second size makes torch.compile trace with symbolic sizes."""
    operator, shape = OPERATORS[name]
    growth = 0 if "output_size" in name else 1  # the size asked for fits one input size only
    compiled = torch.compile(operator, backend="eager", fullgraph=True)
    for step in range(2):
        x = torch.randn(2 + step, shape[0], *(i + growth * step for i in shape[1:]))
        assert_close(compiled(x), operator(x), reduction=54)


@pytest.mark.parametrize(
    "operator",
    [
        lambda x: functional.conv2d(x, W2, padding=1),
        lambda x: functional.conv2d(x, W2, padding=((0, 1), (2, 0))),
        lambda x: functional.max_pool2d(x, 2),
        lambda x: functional.avg_pool2d(x, 2),
    ],
)
def test_export_with_any_size(operator):
    sizes = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.export.export(
        Layer(operator), (torch.randn(2, 2, 7, 6),), dynamic_shapes=(sizes,)
    )
    x = torch.randn(3, 2, 12, 9)
    assert_close(program.module()(x), operator(x), reduction=54)
