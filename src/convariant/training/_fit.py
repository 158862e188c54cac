"""Training from a model's name and a data set's name to a model folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from convariant.errors import ModelFileError, OptionError, StorageError
from convariant.training._augmentation import Augmentation
from convariant.training._evaluate import score
from convariant.training._hardware import Hardware, is_first_process
from convariant.training._model_folder import CONFIG, SavedModel, save_model
from convariant.training._optional import optional
from convariant.training._recipes import Recipe, recipe_of
from convariant.training._report import Reporter
from convariant.training._scores import Scores
from convariant.training._setup import Setup, check_same, set_up, settings_of
from convariant.training._threads import enough_threads

if TYPE_CHECKING:
    from convariant.training._training import Trained

LAST = Path("checkpoints/last.ckpt")


@dataclass(frozen=True)
class TrainingResult:
    """A trained model, its scores on the images held out, and how it came there."""

    folder: Path
    model: SavedModel
    scores: Scores
    history: tuple[Mapping[str, Any], ...]  # one row an epoch, as in metrics.csv
    seconds: float  # of all epochs, also of those before a resumption
    is_first_process: bool  # of several that train together: only this one has written


def fit(
    model: str,
    data: str,
    folder: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    image_size: tuple[int, int] | None = None,
    recipe: Recipe | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    patience: int | None = None,
    hardware: Hardware | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    skip_bad: bool = False,
    reporter: Reporter | None = None,
) -> TrainingResult:
    """Train the network `model` on the data set `data`; the trained model is written to `folder`.

    Beside the model stand metrics.csv (one row an epoch), logs/ (TensorBoard) and checkpoints/.
    The images held out are measured after every epoch, but nothing is chosen by them: the weights
    are those of the last epoch. With `patience` a tenth of the training images is set apart, and
    training ends after so many epochs in which their loss did not fall; the weights are then
    those of the best epoch.

    `init` is a model folder whose weights training begins with, its replaced layers included: what
    `cv.factorize` and `cv.mobilize` made of a network is trained again so.

    `resume` goes on with a run that was stopped in any way; the result is that of a run that was
    not. `overwrite` replaces a run.

    Raises: UnknownNameError, OptionError, DataError, ShapeError, StorageError, ModelFileError,
    MissingDependencyError; TrainingInterruptedError where Ctrl-C stopped it.
    """
    optional("lightning.pytorch", "training")
    optional("tensorboard", "training")
    folder, recipe = Path(folder), recipe or recipe_of(model)
    hardware = hardware or Hardware()
    reporter = reporter if reporter is not None and is_first_process() else Reporter()
    augmentation = augmentation or Augmentation()
    _check_numbers(patience, seed)
    if is_first_process():
        _check_folder(folder, resume, overwrite)
    from convariant.training import _checkpoints, _training  # they load Lightning

    begun = _checkpoints.read_checkpoint(folder / LAST)["settings"] if resume else None
    setup = set_up(
        model,
        data,
        options=options or {},
        image_size=image_size,
        recipe=recipe,
        seed=seed,
        early_stopping=patience is not None,
        skip_bad=skip_bad,
        reporter=reporter,
        init=None if init is None else Path(init),
    )
    settings = settings_of(setup, recipe, augmentation, seed, patience)
    settings["precision"] = hardware.precision
    if init is not None:
        settings["init"] = str(init)
    if begun is not None:
        check_same(begun, settings, str(folder))
    batch = min(recipe.batch_size, len(setup.train))
    with enough_threads(setup.network, setup.preprocessing, batch):
        trained = _training.run(
            setup,
            folder,
            settings,
            recipe=recipe,
            augmentation=augmentation,
            seed=seed,
            patience=patience,
            hardware=hardware,
            resume=resume,
            reporter=reporter,
        )
        result = _finish(setup, trained, settings, folder)
    reporter.close()
    return result


def _finish(
    setup: Setup, trained: Trained, settings: dict[str, Any], folder: Path
) -> TrainingResult:
    """Measure the trained network on the images held out, and write the model folder."""
    source, preprocessing = setup.source, setup.preprocessing
    network = setup.network.eval().to(trained.device)
    scores = score(network, preprocessing, setup.held_out, source.task, source.classes)
    seconds = sum(row["seconds"] for row in trained.history)
    saved = SavedModel(
        setup.network.cpu(),
        source.task,
        source.classes,
        preprocessing,
        training={
            **settings,
            "data": {**settings["data"], "description": source.description},
            "epochs_trained": len(trained.history),
            "seconds": round(seconds, 1),
            "machine": _machine(trained.device),
            "versions": {name: version(name) for name in ("convariant", "torch", "lightning")},
        },
        scores=scores.to_json(),
    )
    if trained.is_first_process:
        save_model(folder, saved)
    return TrainingResult(
        folder, saved, scores, tuple(trained.history), seconds, trained.is_first_process
    )


def _check_folder(folder: Path, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that cannot be written, or holds what would be overwritten unasked."""
    there = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise StorageError(
            f"cannot write into {folder}: {there} is "
            + ("not writable" if there.is_dir() else "a file")
            + "; choose another folder"
        )
    if resume:
        if not (folder / LAST).exists():
            raise ModelFileError(
                f"there is no run to resume in {folder}: it has no {LAST}; train without resume"
            )
    elif not overwrite and any((folder / name).exists() for name in (CONFIG, LAST)):
        raise OptionError(
            f"{folder} already holds a run; go on with resume, replace it with overwrite, or "
            "choose another folder"
        )


def _check_numbers(patience: int | None, seed: int) -> None:
    if patience is not None and patience < 1:
        raise OptionError(f"training takes patience of at least 1, but got {patience}")
    if seed < 0:
        raise OptionError(f"training takes a seed of at least 0, but got {seed}")


def _machine(device: torch.device) -> str:
    """The processor or accelerator that trained, and with how many threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = named[0] if named else name
    return f"{name}, {torch.get_num_threads()} threads"
