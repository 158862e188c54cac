"""What holds for every test: one thread beside its neighbours, fixed seeds, poisoned memory."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

hypothesis.settings.register_profile("convariant", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("convariant")

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers in every run and in any order of the tests."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def poisoned_memory() -> Iterator[None]:
    """torch.empty is filled with NaN, so that an output left unwritten cannot pass by luck."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.utils.deterministic.fill_uninitialized_memory = filled
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; one for all tests of a process, since Playwright starts once in each."""
    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if installed is None:
        pytest.skip("no Chromium: on Debian, apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        yield opened
        opened.close()
