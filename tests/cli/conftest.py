"""The command line inside this process, its two streams apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from convariant.cli._app import build


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    def sentence(self) -> str:
        """The one line on standard error of a command that was refused."""
        assert self.code == 2, (self.out, self.err)
        lines = [line for line in self.err.splitlines() if line.startswith("convariant: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


Run = Callable[..., Answer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("models", "--json")` as the shell would, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words: str | Path) -> Answer:
        result = CliRunner().invoke(build(), [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 20 images, dark and light, for training in a second."""
    root = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (root / name).mkdir()
        for number in range(20):
            pixels = rng.integers(level - 30, level + 30, (16, 16)).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:02}.png")
    return root


@pytest.fixture(scope="session")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 images whose right side is light, with masks of 0 and 1."""
    root = tmp_path_factory.mktemp("regions")
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(12):
        mask = np.zeros((16, 16), np.uint8)
        mask[:, rng.integers(4, 12) :] = 1
        pixels = 40 + 160 * mask + rng.integers(0, 30, mask.shape, dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number:02}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number:02}.png")
    return root
