"""Which input sizes a network takes without leaving rows unread."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant import valid_input_sizes
from convariant.analysis.inspection import InputSizes
from convariant.errors import GraphError
from convariant.graph import from_torch
from convariant.models import create


def test_unet_of_the_paper() -> None:
    sizes = valid_input_sizes(create("unet", in_channels=1, num_classes=2))
    assert (sizes.minimum, sizes.start, sizes.period, sizes.remainders) == (188, 188, 16, (12,))
    assert str(sizes) == "n = 12 mod 16, n >= 188"
    assert 572 in sizes
    assert 570 not in sizes


def test_lenet_pads_small_images_and_refuses_large_ones() -> None:
    assert str(valid_input_sizes(create("lenet5"))) == "1 <= n <= 32"


def test_alexnet_takes_one_size() -> None:
    sizes = valid_input_sizes(create("alexnet"))
    assert str(sizes) == "n = 227, of all up to 354"
    assert list(sizes) == [227]
    assert (sizes.nearest(500), sizes.nearest(3)) == (227, 227)


def test_resnet_takes_any_size() -> None:
    assert str(valid_input_sizes(create("resnet18"))) == "n >= 1"


def runs_and_reads_everything(net: nn.Module, size: int) -> bool:
    """By derivative: every input element influences some output."""
    x = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
    try:
        y = net.double()(x)
    except RuntimeError:
        return False
    y.sum().backward()
    assert x.grad is not None
    return bool((x.grad != 0).all())


def ones(layer: nn.Module) -> nn.Module:
    for p in layer.parameters():
        nn.init.ones_(p)
    return layer


class Skip(nn.Module):
    """A coarse path and a fine one that only meet where the sizes fit."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ones(nn.Conv1d(1, 1, 3, stride=3))

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.conv(x), scale_factor=3.0)


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(ones(nn.Conv1d(1, 1, 3, stride=2)), nn.AvgPool1d(2)),
        nn.Sequential(ones(nn.Conv1d(1, 1, 4, stride=3, padding=1)), nn.AvgPool1d(3, 2)),
        nn.Sequential(ones(nn.Conv1d(1, 1, 3, dilation=2, stride=1)), nn.AvgPool1d(5)),
        nn.Sequential(nn.AvgPool1d(4, ceil_mode=True), ones(nn.ConvTranspose1d(1, 1, 4, 2))),
        Skip(),
    ],
    ids=["conv, pool", "odd strides", "dilated", "ceil", "interpolate"],
)
def test_against_derivatives(net: nn.Module) -> None:
    sizes = valid_input_sizes(net)
    tested = range(1, 60)
    expected = [n for n in tested if runs_and_reads_everything(net, n)]
    assert [n for n in tested if n in sizes] == expected
    graph = from_torch(net, torch.empty(1, 1, expected[0], dtype=torch.float64))
    assert valid_input_sizes(graph) == sizes


def test_stride_that_skips_rows_is_not_held_against_the_end() -> None:
    assert str(valid_input_sizes(nn.Conv1d(1, 1, 1, stride=2))) == "n >= 1"


def test_sizes_that_python_code_refuses() -> None:
    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            if x.shape[2] % 8:
                raise ValueError("height must be a multiple of 8")
            return self.conv(x)

    assert 24 in valid_input_sizes(Picky(), limit=64)
    assert 25 not in valid_input_sizes(Picky(), limit=64)


def test_nothing_fits() -> None:
    net = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Flatten(), nn.Linear(1000, 1))
    with pytest.raises(GraphError, match="at no square input size up to 40"):
        valid_input_sizes(net, limit=40)


def test_input_sizes_is_a_set_of_integers() -> None:
    sizes = InputSizes(10, 4, (2, 3))
    assert list(itertools.islice(sizes, 5)) == [10, 11, 14, 15, 18]
    assert "10" not in sizes
    assert 8 not in sizes
    assert [sizes.nearest(n) for n in (1, 12, 13, 16, 17)] == [10, 11, 14, 15, 18]
    bounded = InputSizes(10, 4, (2, 3), maximum=18)
    assert list(bounded) == [10, 11, 14, 15, 18]
    assert bounded.nearest(100) == 18
    assert str(bounded) == "n = 2..3 mod 4, 10 <= n <= 18"
    few = InputSizes(3, 0, (), single=(3, 4, 5, 9), searched=40)
    assert str(few) == "n = 3..5, 9, of all up to 40"
    assert (few.nearest(7), few.nearest(100), few.minimum, list(few)) == (9, 9, 3, [3, 4, 5, 9])
    late = InputSizes(29, 32, (0, 29), single=(1, 2))
    assert str(late) == "n = 1..2; or n = 0, 29 mod 32, n >= 29"
    assert (late.minimum, late.nearest(12), late.nearest(20)) == (1, 2, 29)
    assert list(itertools.islice(late, 4)) == [1, 2, 29, 32]
