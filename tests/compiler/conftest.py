"""Kernels of tests go to a folder of their own; one saved program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tests.compiler.saved import Net

import convariant as cv


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache folder for each file of tests: what one compiled is no hit for another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVARIANT_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model = Net().eval()
    x = torch.randn(1, 3, 9, 11)
    program = cv.compile(model, x, threads=2, tolerance=1e-5)
    path = tmp_path_factory.mktemp("saved") / "net.convariant"
    program.save(path)
    return program, path, x
