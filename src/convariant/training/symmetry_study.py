"""The experiment of the lecture: which networks keep their answers under motions never trained on.

Seven ways to a classifier of the same real digits, trained upright by one recipe: LeNet-5 with and
without augmentation; a small network with global pooling plain, augmented, blurred, with polyphase
choice; and one of p4m group convolutions. Each meets shifts, rotations and scales.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant import models
from convariant.analysis.inspection import inspect
from convariant.analysis.symmetry import (
    CircularShift,
    Measurement,
    QuarterTurn,
    Rotation,
    Scale,
    Shift,
    Transform,
    make_shift_invariant,
    measure,
)
from convariant.errors import OptionError
from convariant.nn import (
    GroupBatchNorm2d,
    GroupConv2d,
    GroupLift2d,
    GroupMaxPool2d,
    GroupPool2d,
)
from convariant.training._augmentation import Augment, Augmentation
from convariant.training._files import write_file
from convariant.training._report import Reporter
from convariant.training.sources import open_source

FIELD = 32  # the digits, 28x28, stand in the middle of a field that strides of 8 divide
BATCH = 64
RATE = 3e-3

AUGMENTATION = Augmentation(shift=0.1, rotation=15, scale=0.15)

SWEEPS: dict[str, tuple[Transform, tuple[float, ...]]] = {
    "circular shift": (CircularShift(axis="both"), tuple(range(-8, 9))),
    "shift": (Shift(axis="both"), (-4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4)),
    "rotation": (Rotation(), tuple(range(-180, 181, 30))),
    "quarter turn": (QuarterTurn(), (0, 1, 2, 3)),
    "scale": (Scale(), (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4)),
}


def small_network() -> nn.Sequential:
    """Three convolutions, pooling after each, a mean over all places."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


def group_network() -> nn.Sequential:
    """The same with p4m group convolutions, narrower, and a maximum over the group."""
    return nn.Sequential(
        GroupLift2d(1, 4, 5, padding=2, group="p4m"),
        *(GroupBatchNorm2d(4, group="p4m"), nn.ReLU(), GroupMaxPool2d(2)),
        GroupConv2d(4, 8, 3, padding=1, group="p4m"),
        *(GroupBatchNorm2d(8, group="p4m"), nn.ReLU(), GroupMaxPool2d(2)),
        GroupConv2d(8, 16, 3, padding=1, group="p4m"),
        *(GroupBatchNorm2d(16, group="p4m"), nn.ReLU(), GroupMaxPool2d(2)),
        *(GroupPool2d("max", group="p4m"), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(16, 10),
    )


@dataclass(frozen=True)
class Contender:
    """A way to a classifier: how it is built, and whether its images are augmented."""

    build: Callable[[], nn.Module]
    augmented: bool = False


CONTENDERS = {
    "LeNet-5": Contender(lambda: models.create("lenet5")),
    "LeNet-5, augmented": Contender(lambda: models.create("lenet5"), augmented=True),
    "small CNN": Contender(small_network),
    "small CNN, augmented": Contender(small_network, augmented=True),
    "small CNN, blur": Contender(lambda: make_shift_invariant(small_network(), "blur")),
    "small CNN, polyphase": Contender(lambda: make_shift_invariant(small_network(), "polyphase")),
    "p4m CNN": Contender(group_network),
}


@dataclass(frozen=True)
class Trial:
    """One contender, trained once: its cost, and what each sweep did to its answers."""

    name: str
    seed: int
    params: int
    macs: int
    seconds: float
    upright: float
    sweeps: dict[str, Measurement]

    def to_json(self) -> dict[str, Any]:
        """All figures of the trial."""
        values = {k: v for k, v in vars(self).items() if k != "sweeps"}
        sweeps = {
            name: {
                "amounts": list(m.amounts),
                "accuracy": [] if m.accuracy is None else list(m.accuracy.mean),
                "consistency": list(m.consistency.mean),
            }
            for name, m in self.sweeps.items()
        }
        return {**values, "sweeps": sweeps}


@dataclass(frozen=True)
class Study:
    """All trials; `table` is Markdown, `save` writes JSON, the table and the curves."""

    trials: tuple[Trial, ...]
    epochs: int
    images: int

    def table(self) -> str:
        """Means over the seeds, with the standard deviation where there are several."""
        names = list(dict.fromkeys(t.name for t in self.trials))
        head = ["network", "parameters", "MACs", "training (s)", "upright"]
        head += [f"{sweep} (right / same)" for sweep in SWEEPS]
        lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
        for name in names:
            rows = [t for t in self.trials if t.name == name]
            cells = [name, f"{rows[0].params:,}", f"{rows[0].macs:,}"]
            cells.append(f"{statistics.mean(t.seconds for t in rows):.0f}")
            cells.append(_percent([t.upright for t in rows]))
            for sweep in SWEEPS:
                right = [_mean(t.sweeps[sweep].accuracy.mean) for t in rows]  # type: ignore[union-attr]
                same = [_mean(t.sweeps[sweep].consistency.mean) for t in rows]
                cells.append(f"{_percent(right)} / {_percent(same)}")
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Every curve of every trial."""
        return {
            "epochs": self.epochs,
            "images": self.images,
            "augmentation": asdict(AUGMENTATION),
            "trials": [t.to_json() for t in self.trials],
        }

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write study.json, study.md and curves.png (where matplotlib is installed).

        Raises: StorageError, MissingDependencyError.
        """
        from convariant.training._study_plot import save_curves

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        write_file(place / "study.json", json.dumps(self.to_json(), indent=2).encode())
        write_file(place / "study.md", (self.table() + "\n").encode())
        save_curves(self, place / "curves.png")
        return place


def run_study(
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 3,
    images: int = 100,
    contenders: Sequence[str] | None = None,
    reporter: Reporter | None = None,
) -> Study:
    """Train every contender with every seed, and sweep it over `images` of those held out.

    Raises: OptionError, MissingDependencyError.
    """
    chosen = list(CONTENDERS) if contenders is None else list(contenders)
    unknown = [name for name in chosen if name not in CONTENDERS]
    if unknown or epochs < 1 or images < 1 or not seeds:
        raise OptionError(
            f"the study takes at least one seed, epoch and image, and contenders of "
            f"{', '.join(CONTENDERS)}; got seeds={list(seeds)}, epochs={epochs}, images={images}"
            + (f", {unknown}" if unknown else "")
        )
    reporter = reporter or Reporter()
    source = open_source("digits")
    train = _tensors(source.train.images, source.train.targets)
    held_out = _tensors(source.held_out.images, source.held_out.targets)
    step = max(len(held_out[0]) // images, 1)
    held_out = held_out[0][::step][:images], held_out[1][::step][:images]
    trials = []
    work = [(name, seed) for seed in seeds for name in chosen]
    for done, (name, seed) in enumerate(work):
        reporter.advance("networks", done, len(work))
        trials.append(_trial(name, seed, epochs, train, held_out))
        found = trials[-1]
        reporter.note(f"{name}, seed {seed}: {found.upright:.2%} upright, {found.seconds:.0f} s")
    reporter.close()
    return Study(tuple(trials), epochs, len(held_out[0]))


def trained_lenet(epochs: int = 4, seed: int = 0) -> nn.Module:
    """LeNet-5, trained on the digits for a short while."""
    source = open_source("digits")
    torch.manual_seed(seed)
    model = models.create("lenet5")
    _train(model, *_tensors(source.train.images, source.train.targets), epochs, False)
    return model


def _trial(
    name: str,
    seed: int,
    epochs: int,
    train: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
) -> Trial:
    contender = CONTENDERS[name]
    torch.manual_seed(seed)
    model = contender.build()
    began = time.perf_counter()
    _train(model, *train, epochs, contender.augmented)
    seconds = time.perf_counter() - began
    images, labels = held_out
    sweeps = {
        sweep: measure(model, images, transform, False, amounts=amounts, labels=labels)
        for sweep, (transform, amounts) in SWEEPS.items()
    }
    cost = inspect(model, example_inputs=images[:1])
    turned = sweeps["quarter turn"]
    assert turned.accuracy is not None
    return Trial(name, seed, cost.params, cost.macs, seconds, turned.accuracy.mean[0], sweeps)


def _train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, augmented: bool) -> None:
    """AdamW, one epoch of warming up, then half a cosine; the same for every contender."""
    steps = len(x) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.02)
    total = epochs * steps

    def rate(step: int) -> float:
        return min((step + 1) / steps, 1.0) * (1 + math.cos(math.pi * step / total)) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    augment = Augment(AUGMENTATION) if augmented else None
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x))[: steps * BATCH].view(steps, BATCH):
            images, targets = x[batch], y[batch]
            if augment is not None:
                images, targets = augment(images, targets)
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()


def _tensors(images: Any, labels: Any) -> tuple[Tensor, Tensor]:
    """Bytes `(n, 28, 28)` as images in 0..1 on the field, and their classes."""
    x = torch.from_numpy(images).float()[:, None] / 255
    margin = (FIELD - x.shape[-1]) // 2
    return F.pad(x, (margin,) * 4), torch.from_numpy(labels)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percent(values: Sequence[float]) -> str:
    text = f"{100 * statistics.mean(values):.1f}"
    return f"{text} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else text
