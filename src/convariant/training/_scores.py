"""What a network got right: the confusion matrix, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import ShapeError
from convariant.training._reading import UNCOUNTED
from convariant.training.sources import Task


@dataclass(frozen=True)
class Scores:
    """The scores of a network on a set of images, all read from one confusion matrix.

    `confusion[truth][prediction]` counts images, or for segmentation pixels.
    """

    task: Task
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    loss: float
    images: int

    @property
    def accuracy(self) -> float:
        """The part that was classified correctly."""
        right = sum(row[i] for i, row in enumerate(self.confusion))
        return _ratio(right, sum(map(sum, self.confusion)))

    @property
    def recall(self) -> tuple[float, ...]:
        """Of each class, the part that was found; NaN for a class that does not occur."""
        return tuple(_ratio(row[i], sum(row)) for i, row in enumerate(self.confusion))

    @property
    def precision(self) -> tuple[float, ...]:
        """Of what was called each class, the part that is; NaN for one that was never called."""
        called = [sum(column) for column in zip(*self.confusion, strict=True)]
        return tuple(_ratio(row[i], called[i]) for i, row in enumerate(self.confusion))

    @property
    def dice(self) -> tuple[float, ...]:
        """Of each class `2 |A and B| / (|A| + |B|)`, over all pixels of all images together.

        NaN for a class that neither occurs nor was called.
        """
        called = [sum(column) for column in zip(*self.confusion, strict=True)]
        return tuple(
            _ratio(2 * row[i], sum(row) + called[i]) for i, row in enumerate(self.confusion)
        )

    @property
    def mean_dice(self) -> float:
        """The mean Dice of the classes that occur, without one named background."""
        values = zip(self.classes, self.dice, strict=True)
        counted = [v for name, v in values if name != "background" and not math.isnan(v)]
        return _ratio(sum(counted), len(counted))

    @property
    def main(self) -> tuple[str, float]:
        """The one figure of the task and its name."""
        if self.task == "segmentation":
            return "dice", self.mean_dice
        return "accuracy", self.accuracy

    def worst_confusions(self, count: int) -> list[tuple[int, str, str]]:
        """The most frequent mistakes: how often, the true class, the class it was taken for."""
        mistakes = [
            (number, self.classes[truth], self.classes[called])
            for truth, row in enumerate(self.confusion)
            for called, number in enumerate(row)
            if truth != called and number
        ]
        return sorted(mistakes, key=lambda mistake: -mistake[0])[:count]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a score that is not defined is None."""
        per_class = {"recall": self.recall, "precision": self.precision}
        if self.task == "segmentation":
            per_class["dice"] = self.dice
        name, value = self.main
        return {
            name: _finite(value),
            "loss": _finite(self.loss),
            "images": self.images,
            "per_class": {
                score: dict(zip(self.classes, map(_finite, values), strict=True))
                for score, values in per_class.items()
            },
            "confusion": [list(row) for row in self.confusion],
        }


class Tally:
    """Sums over batches from which scores are made; sums of several processes add up."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        # the confusion matrix row by row, then the loss summed over images, then their number
        self.sums = torch.zeros(classes * classes + 2, dtype=torch.float64)

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Count a batch with this mean loss."""
        with torch.no_grad():
            truth, called = targets.flatten(), logits.argmax(1).flatten()
            counted = truth != UNCOUNTED
            pairs = truth[counted] * self.classes + called[counted]
            self.sums[:-2] += torch.bincount(pairs, minlength=self.classes**2).cpu()
            self.sums[-2] += float(loss) * len(targets)
            self.sums[-1] += len(targets)

    def scores(self, task: Task, classes: tuple[str, ...]) -> Scores:
        """The scores of everything counted."""
        counts = self.sums[:-2].long().view(self.classes, self.classes).tolist()
        loss, images = self.sums[-2:].tolist()
        return Scores(task, classes, tuple(map(tuple, counts)), _ratio(loss, images), int(images))


def loss_of(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of images `(n, k), (n,)` or of pixels `(n, k, h, w), (n, h, w)`."""
    total = F.cross_entropy(
        logits,
        targets,
        ignore_index=UNCOUNTED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return total / (targets != UNCOUNTED).sum().clamp(min=1)


def check_output(logits: Tensor, task: Task, classes: int, size: tuple[int, int]) -> None:
    """Raise ShapeError unless a network's output fits its task."""
    wanted = (classes,) if task == "classification" else (classes, *size)
    if tuple(logits.shape[1:]) != wanted:
        raise ShapeError(
            f"the network gives {tuple(logits.shape[1:])} for an image of {size[0]}x{size[1]}, but "
            f"{task} needs {wanted}"
        )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
