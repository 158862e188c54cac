"""What every data source gives: a name, classes, and two parts of images with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Task = Literal["classification", "segmentation"]


@dataclass(frozen=True)
class Part:
    """Images and their targets, in memory or still in files."""

    images: np.ndarray | Sequence[Path]  # bytes (n, h, w), or files
    targets: np.ndarray | Sequence[Path]  # classes (n,), masks (n, h, w), or mask files

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Source:
    """A data set that was found and whose labels are known; its images may still be in files."""

    name: str  # as written on the command line: digits, folder:pets...
    task: Task
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int] | None  # (h, w) of every image, None where they differ
    train: Part
    held_out: Part
    description: str  # one sentence for the model card: what it is, how it was split
    binary: bool = False  # masks of 0 and 255, where 255 is class 1
