"""The experiment of the lecture: which networks keep their answers under motions never trained on.

Seven ways to a classifier of the same real digits, trained upright by one recipe: LeNet-5 with and
without augmentation; a small network with global pooling plain, augmented, blurred, with polyphase
choice; and one of p4m group convolutions with as many weights. Each meets shifts, rotations and
scales.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from convariant import models
from convariant.analysis.inspection import inspect
from convariant.analysis.symmetry import (
    CircularShift,
    QuarterTurn,
    Rotation,
    Scale,
    Shift,
    Transform,
    measure,
)
from convariant.errors import OptionError
from convariant.training._digit_recipe import (
    AUGMENTATION,
    BATCH,
    DECAY,
    RATE,
    digits,
    fit_digits,
    spread,
)
from convariant.training._files import write_file
from convariant.training._report import Reporter
from convariant.training._seeds import check_seeds
from convariant.training._study_networks import CONTENDERS, Contender, group_network, small_network
from convariant.training._study_results import Study, Sweep, Trial

__all__ = [
    "AUGMENTATION",
    "CONTENDERS",
    "SWEEPS",
    "Contender",
    "Study",
    "Sweep",
    "Trial",
    "group_network",
    "run_study",
    "small_network",
    "trained_lenet",
]

EPOCHS = 16
IMAGES = 500

SWEEPS: dict[str, tuple[Transform, tuple[float, ...]]] = {
    "circular": (CircularShift(axis="both"), tuple(range(-8, 9))),
    "shift": (Shift(axis="both"), (-4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4)),
    "rotation": (Rotation(), tuple(range(-180, 181, 30))),
    "quarter": (QuarterTurn(), (0, 1, 2, 3)),
    "scale": (Scale(), (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4)),
}


def run_study(
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = EPOCHS,
    images: int = IMAGES,
    contenders: Sequence[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    reporter: Reporter | None = None,
) -> Study:
    """Train every contender with every seed, and sweep it over `images` of those held out.

    Each network runs on one thread, `workers` of them at a time, by default one for each
    processor. With a `folder` every trial is written there as it ends, and one that is found there
    with the same settings is not run again: a study that was stopped goes on.

    Raises: OptionError, MissingDependencyError, StorageError.
    """
    chosen = list(CONTENDERS) if contenders is None else list(contenders)
    check_seeds(seeds)
    _check(chosen, epochs, images, workers)
    reporter = reporter or Reporter()
    settings = _settings(epochs, images)
    work = [(name, seed) for seed in seeds for name in chosen]
    found = {key: _kept(folder, *key, settings) for key in work}
    todo = [key for key in work if found[key] is None]
    if len(todo) < len(work):
        reporter.note(f"{len(work) - len(todo)} of {len(work)} networks were ready in {folder}")
    for key, trial in _run(todo, epochs, images, workers or len(os.sched_getaffinity(0))):
        found[key] = trial
        if folder is not None:
            content = {"settings": settings, "trial": trial.to_json()}
            write_file(_place(folder, *key), json.dumps(content, indent=1).encode())
        reporter.note(
            f"{trial.name}, seed {trial.seed}: {trial.upright:.1%} upright, {trial.seconds:.0f} s"
        )
        reporter.advance("networks", sum(t is not None for t in found.values()), len(work))
    reporter.close()
    return Study(tuple(t for t in found.values() if t is not None), settings)


def trained_lenet(epochs: int = 4, seed: int = 0, *, reporter: Reporter | None = None) -> nn.Module:
    """LeNet-5, trained on the digits for a short while."""
    images, labels = digits("train")
    torch.manual_seed(seed)
    model = models.create("lenet5")
    fit_digits(model, images, labels, epochs, reporter=reporter)
    return model


def _check(chosen: Sequence[str], epochs: int, images: int, workers: int | None) -> None:
    unknown = [name for name in chosen if name not in CONTENDERS]
    numbers = (epochs, images, 1 if workers is None else workers)
    if unknown or min(numbers) < 1 or not chosen:
        raise OptionError(
            f"the study takes at least one epoch, image and worker, and contenders of "
            f"{', '.join(CONTENDERS)}; got epochs={epochs}, images={images}, workers={workers}"
            + (f", {unknown}" if unknown else "")
        )


def _settings(epochs: int, images: int) -> dict[str, Any]:
    """All that a trial depends on, as JSON would give it back."""
    networks = Path(__file__).with_name("_study_networks.py").read_bytes()
    values = {
        "epochs": epochs,
        "images": images,
        "batch": BATCH,
        "rate": RATE,
        "decay": DECAY,
        "augmentation": asdict(AUGMENTATION),
        "networks": hashlib.sha256(networks).hexdigest()[:12],
        "sweeps": {name: [str(t), list(amounts)] for name, (t, amounts) in SWEEPS.items()},
    }
    return json.loads(json.dumps(values))


def _place(folder: str | os.PathLike[str], name: str, seed: int) -> Path:
    return Path(folder) / "trials" / f"{name.lower().replace(' ', '-')}-{seed}.json"


def _kept(
    folder: str | os.PathLike[str] | None, name: str, seed: int, settings: dict[str, Any]
) -> Trial | None:
    """The trial of an earlier run in this folder, if it is whole and had the same settings."""
    if folder is None:
        return None
    try:
        content = json.loads(_place(folder, name, seed).read_text())
        return Trial.from_json(content["trial"]) if content["settings"] == settings else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _run(
    work: Sequence[tuple[str, int]], epochs: int, images: int, workers: int
) -> Iterator[tuple[tuple[str, int], Trial]]:
    """The trials as they end, in this process or in several."""
    if min(workers, len(work)) < 2:
        for name, seed in work:
            yield (name, seed), _trial(name, seed, epochs, images)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(work)), mp_context=spawn) as pool:
        futures: dict[Future[Trial], tuple[str, int]] = {
            pool.submit(_trial, name, seed, epochs, images): (name, seed) for name, seed in work
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _trial(name: str, seed: int, epochs: int, count: int) -> Trial:
    """Train and sweep one contender on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train = digits("train")
        images, labels = spread(count, *digits("held_out"))
        contender = CONTENDERS[name]
        torch.manual_seed(seed)
        model = contender.build()
        began = time.process_time()
        fit_digits(model, *train, epochs, augmented=contender.augmented)
        seconds = time.process_time() - began
        sweeps = {
            sweep: _swept(model, images, labels, transform, amounts)
            for sweep, (transform, amounts) in SWEEPS.items()
        }
        cost = inspect(model, example_inputs=images[:1])
    finally:
        torch.set_num_threads(threads)
    upright = sweeps["quarter"].accuracy[0]
    return Trial(name, seed, cost.params, cost.macs, seconds, upright, sweeps)


def _swept(
    model: nn.Module, x: Tensor, labels: Tensor, transform: Transform, amounts: Sequence[float]
) -> Sweep:
    found = measure(model, x, transform, False, amounts=amounts, labels=labels, batch_size=100)
    assert found.accuracy is not None
    unit = transform.unit.strip()
    return Sweep(found.amounts, found.accuracy.mean, found.consistency.mean, unit)
