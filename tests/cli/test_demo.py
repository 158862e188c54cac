"""convariant demo: the whole way, with few epochs here and all of them in the slow test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convariant.cli._picture import beside, draw
from convariant.training import Recipe, _recipes


def check_demo(answer: Any, least: float) -> None:
    """Every part is there, within 80 columns, and the digits are read."""
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    accuracy = re.search(r"^accuracy ([\d.]+) % \(\d+ of 1,000 images right\)", answer.out, re.M)
    assert accuracy is not None
    assert float(accuracy[1]) >= least
    for part in (
        "Digits it has not seen",
        "Some of them, as it read them",
        "Its surest mistakes",
        "The saved model reads an image file",
        "Compiled, and beside PyTorch",
        "What to try next",
    ):
        assert part in lines
    assert re.search(r"^runs/demo/digit.png +7 ", answer.out, re.M)
    compared = r"^(?:this LeNet-5|MobileNet v1, 224 pixels) +[\d.]+ +[\d.]+ +[\d.]+ +(\de-\d+)"
    errors = re.findall(compared, answer.out, re.M)
    assert len(errors) == 2
    assert max(map(float, errors)) <= 1e-4
    assert sum(line.count("⣿") for line in lines) > 10


def test_the_demo_in_short(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(epochs=2, learning_rate=5e-3)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(_recipes._TABLE, "lenet5", recipe)
    check_demo(run("demo"), least=90)
    assert (tmp_path / "runs" / "demo" / "model.safetensors").exists()
    check_demo(run("demo"), least=90)  # once more over the first
    check_demo(run("demo", "--resume"), least=90)  # what a stopped one says to repeat
    other = run("demo", "--out", "runs/demo/../demo")
    assert "already holds a run" in other.sentence()


@pytest.mark.slow
def test_the_whole_demo(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_demo(run("demo"), least=97)


def test_pictures_in_dots() -> None:
    image = np.zeros((5, 4), np.uint8)
    image[0, 0] = image[3, 3] = image[4, 1] = 255
    assert draw(image) == ["⠁⢀", "⠈⠀"]
    assert draw(image, threshold=255) == ["⠀⠀", "⠀⠀"]
    assert beside([["ab"], ["cd"]], ["1", "2"]) == ["ab  cd", "1   2"]
