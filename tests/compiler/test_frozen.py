"""A program keeps the weights it was made from, whatever becomes of the model afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.compare import assert_close
from torch import Tensor, nn

import convariant as cv
from convariant.errors import GraphError, ShapeError


class Net(nn.Module):
    """Parameters under two names, buffers, a tensor that is neither, and numbers from shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.one = nn.Conv2d(8, 8, 1)
        self.other = nn.Conv2d(8, 8, 1)
        self.other.weight = self.one.weight
        self.register_buffer("shift", torch.randn(8, 1, 1), persistent=False)
        self.scale = torch.rand(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.stem(x)).relu() * self.scale + self.shift
        return self.other(self.one(y).relu()) * torch.tensor(x.shape[-1] / 10)


def made() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def trained(model: nn.Module) -> None:
    """Every tensor of it written to, some in place and one put elsewhere."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers(), model.scale):
            tensor.add_(1)
        model.stem.weight.data = model.stem.weight * 2
    model.train()


SHAPES = ((1, 3, 9, 9), (2, 3, 12, 10))


@pytest.mark.parametrize("shape", SHAPES, ids=["known", "new"])
def test_training_afterwards_does_not_change_a_program(shape):
    model, old = made(), made()
    fast = cv.compile(model, torch.zeros(SHAPES[0]), threads=1)
    trained(model)
    x = torch.randn(shape)
    assert_close(fast(x), old(x).detach(), reduction=100)
    assert not torch.allclose(fast(x), model.eval()(x), atol=0.1)


def test_a_program_is_saved_and_measured_as_it_was_compiled(tmp_path):
    model, old = made(), made()
    fast = cv.compile(model, torch.zeros(SHAPES[0]), threads=1)
    trained(model)
    fast.save(tmp_path / "net")
    again = cv.load(tmp_path / "net")
    x = torch.randn(SHAPES[0])
    assert_close(again(x), old(x).detach(), reduction=100)
    assert fast.report.error < 1e-5


def test_the_graph_of_a_program_has_one_copy_of_what_has_two_names():
    fast = cv.compile(made(), torch.zeros(SHAPES[0]), threads=1)
    assert sum(c.numel() == 64 for c in fast.graph.constants.values()) == 1


def test_a_layer_put_in_afterwards_is_reported():
    model = made()
    fast = cv.compile(model, torch.zeros(SHAPES[0]), threads=1)
    truth = fast(torch.ones(SHAPES[0]))
    model.stem = nn.Conv2d(3, 8, 5)
    with pytest.raises((GraphError, ShapeError), match=r"'stem.weight' is now .*compile the model"):
        fast(torch.ones(SHAPES[1]))
    assert np.array_equal(fast(np.ones(SHAPES[0], np.float32)), truth.numpy())
