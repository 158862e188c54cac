"""Small sets of images that a test trains on in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHAPES = ("bar", "square", "stripe")


def draw(shape: str, rng: np.random.Generator) -> np.ndarray:
    """A bright shape on a dark ground of noise, 16x16 bytes, moved by up to two pixels."""
    image = rng.integers(0, 60, (16, 16))
    y, x = rng.integers(-2, 3, 2)
    height, width = {"bar": (8, 2), "square": (6, 6), "stripe": (2, 8)}[shape]
    top, left = 8 - height // 2 + y, 8 - width // 2 + x
    image[top : top + height, left : left + width] = 220
    return image.astype(np.uint8)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 40 grey PNGs, one sub-folder each."""
    root = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        (root / shape).mkdir()
        for number in range(40):
            Image.fromarray(draw(shape, rng)).save(root / shape / f"{number:02}.png")
    return root


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 images with masks of 0 and 1: the pixels of the shape."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(2)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(30):
        image = draw(SHAPES[number % 3], rng)
        Image.fromarray(image).save(root / "images" / f"{number:02}.png")
        mask = (image > 200).astype(np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{number:02}.png")
    return root
