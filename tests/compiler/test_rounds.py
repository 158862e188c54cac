"""Large batches in rounds: only where images do not meet, and equal to the whole."""

from __future__ import annotations

import pytest
import torch
from tests.support.compare import assert_close
from torch import nn

import convariant as cv
from convariant.compiler.passes import _rounds, split_batch
from convariant.graph import from_torch, interpret
from convariant.models import create


class Meeting(nn.Module):
    """Images that meet, in the way `how` says."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.register_buffer("each", torch.randn(4, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.how == "reshape":
            return x.reshape(2, 6, 8, 8)
        if self.how == "transpose":
            return x.reshape(4, 3, 64).transpose(0, 1).contiguous()
        if self.how == "mean":
            return x - x.mean(0, keepdim=True)
        if self.how == "softmax":
            return x.softmax(0)
        if self.how == "concat":
            return torch.cat((x, x))
        if self.how == "slice":
            return x - x[:1]
        if self.how == "flip":
            return x.flip(0)
        if self.how == "own constant":
            return x + self.each
        if self.how == "matmul":
            return x.flatten(1) @ x.flatten(1).t()
        return x.cumsum(0)


class Apart(nn.Module):
    """Two inputs, two results, and most operations that keep images apart."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.norm, self.line = nn.GroupNorm(4, 16), nn.Linear(16 * 4, 5)
        self.scale = nn.Parameter(torch.randn(16))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.norm(self.conv(x)) + self.conv(y).sigmoid() * self.scale.view(1, -1, 1, 1)
        x = torch.cat((x[:, 8:], x[:, :8].softmax(1)), 1)
        pooled = nn.functional.adaptive_avg_pool2d(x, 2).reshape(x.shape[0], -1)
        return self.line(pooled), nn.functional.interpolate(x, scale_factor=2).permute(0, 2, 3, 1)


@pytest.fixture(autouse=True)
def small_cache(monkeypatch):
    """No more than one image of these networks fits."""
    monkeypatch.setattr(_rounds, "_CACHED_BYTES", 1)


@pytest.mark.parametrize(
    "how",
    ["reshape", "transpose", "mean", "softmax", "concat", "slice", "flip", "own constant",
     "matmul", "cumsum"],
)  # fmt: skip
def test_images_that_meet_stay_together(how):
    torch.manual_seed(0)
    model, x = Meeting(how).eval(), torch.randn(4, 3, 8, 8)
    assert split_batch(from_torch(model, (x,)))[1] == 1
    torch.testing.assert_close(cv.compile(model, x)(x), model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_rounds_equal_the_whole(threads):
    torch.manual_seed(0)
    model, inputs = Apart().eval(), (torch.randn(6, 3, 8, 8), torch.randn(6, 3, 8, 8))
    graph = from_torch(model, inputs)
    part, rounds = split_batch(graph)
    assert rounds == 6
    assert [t.sizes[0] for t in (*part.input_types, *part.output_types)] == [1, 1, 1, 1]
    program = cv.compile(model, inputs, threads=threads)
    truths = interpret(graph, *inputs, dtype=torch.float64)
    for result, truth in zip(program(*inputs), truths, strict=True):
        assert_close(result, truth, dtype="float32", reduction=27)


@pytest.mark.parametrize(
    ("fit", "rounds"), [(0, 12), (1, 12), (2, 6), (5, 3), (6, 2), (11, 2), (12, 1), (100, 1)]
)
def test_a_round_has_as_many_images_as_fit(monkeypatch, fit, rounds):
    monkeypatch.setattr(_rounds, "_CACHED_BYTES", fit * 2 * 64 * 4)
    graph = from_torch(nn.Conv2d(1, 1, 1), (torch.zeros(12, 1, 8, 8),))
    assert split_batch(graph)[1] == rounds


def test_a_saved_program_keeps_its_rounds(tmp_path):
    network, x = create("lenet5").eval(), torch.randn(4, 1, 28, 28)
    program = cv.compile(network, x)
    assert program.latest().plan.rounds == 4
    assert str(program.report).count("in 4 rounds") == 1
    program.save(tmp_path / "lenet")
    loaded = cv.load(tmp_path / "lenet", trusted=True)
    assert loaded.latest().plan.rounds == 4
    assert torch.equal(loaded(x), program(x))
    assert torch.equal(loaded(x[:1]), program(x[:1]))
    torch.testing.assert_close(program(x), network(x).detach(), atol=1e-5, rtol=1e-5)
