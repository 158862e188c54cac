"""Which other shapes a saved or exported network takes: those that it is the same for."""

from __future__ import annotations

import pytest
import torch
from tests.compiler.saved import same
from torch import nn
from torch.nn import functional as F

import convariant as cv
from convariant.errors import ShapeError


class Between(nn.Module):
    """Reads sizes in its Python code: what a graph has of that is a number."""

    def __init__(self, reads: str) -> None:
        super().__init__()
        self.reads, self.conv = reads, nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        if self.reads == "size":
            return F.interpolate(y, size=x.shape[-2:], mode="bilinear") / x.shape[-1]
        return y.view(x.shape[0], -1) if self.reads == "batch" else y.flatten(1)


@pytest.mark.parametrize(
    ("reads", "taken"),
    [("nothing", (True, True)), ("size", (True, False)), ("batch", (False, False))],
)
def test_a_file_takes_only_shapes_that_its_network_is_known_to_be_the_same_for(
    tmp_path, reads, taken
):
    model, x = Between(reads).eval(), torch.randn(1, 3, 8, 12)
    program = cv.compile(model, x, threads=1)
    program.save(tmp_path / "net")
    loaded = cv.load(tmp_path / "net")
    loaded.save(tmp_path / "again")
    for fast in (loaded, cv.load(tmp_path / "again")):
        assert same(program, fast, x)
        others = torch.randn(5, 3, 8, 12), torch.randn(1, 3, 11, 9)
        for right, other in zip(taken, others, strict=True):
            if right:
                assert same(program, fast, other)
                continue
            free = {"size": "batch", "batch": "nothing"}[reads]
            with pytest.raises(ShapeError, match=rf"\(1, 3, 8, 12\), of which {free} may change"):
                fast(other)


def test_the_network_is_saved_as_it_is_for_the_shape_that_ran_last(tmp_path):
    program = cv.compile(Between("size").eval(), torch.randn(1, 3, 8, 12), threads=1)
    x = torch.randn(1, 3, 11, 9)
    expected = program(x)
    program.save(tmp_path / "net")
    assert torch.equal(cv.load(tmp_path / "net")(x), expected)
    assert torch.equal(cv.load(tmp_path / "net", threads=2)(x), expected)  # compiled anew


def test_an_exported_program_keeps_to_its_shape():
    model, x = Between("size").eval(), torch.randn(1, 3, 8, 12)
    fast = cv.compile(torch.export.export(model, (x,)), threads=1)
    torch.testing.assert_close(fast(x), model(x).detach(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError, match=r"f32\[1,3,8,12\]; export it with dynamic_shapes"):
        fast(torch.randn(1, 3, 16, 24))
