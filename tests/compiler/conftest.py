"""Kernels of tests go to a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache folder for each file of tests: what one compiled is no hit for another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVARIANT_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield
