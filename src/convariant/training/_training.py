"""One training run on Lightning: the trainer, what it reports, what it leaves."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.nn import BatchNorm2d

from convariant.errors import DataError, OptionError
from convariant.training._augmentation import Augmentation
from convariant.training._checkpoints import (
    LAST,
    METRICS,
    AtomicCheckpointIO,
    RunFolder,
    StopRequest,
    read_checkpoint,
)
from convariant.training._hardware import Hardware
from convariant.training._loading import ImageData
from convariant.training._module import TrainingModule
from convariant.training._recipes import Recipe
from convariant.training._report import Reporter
from convariant.training._seeds import Use, global_numbers
from convariant.training._setup import Setup

BEST, LOGS = Path("checkpoints/best.ckpt"), Path("logs")

# what Lightning warns of and this package has settled; anything else still comes through
_SETTLED = (
    ".*does not have many workers.*",  # images are in memory
    ".*ended before the epoch ended and your dataloader is not resumable.*",  # TrainingOrder is
    ".*recommended to use `self.log.*sync_dist=True.*",  # figures are summed before they are logged
    ".*Checkpoint directory .* exists and is not empty.*",  # a run continued
    ".*LeafSpec.*is deprecated.*",  # inside Lightning
)


@dataclass(frozen=True)
class Trained:
    """What a run leaves: its network has the final weights, of the best epoch if it chose one."""

    history: list[dict[str, Any]]
    device: torch.device
    is_first_process: bool


class _Progress(pl.Callback):
    """Tells a reporter of every step."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.is_global_zero:
            steps = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
            self.reporter.advance("training", trainer.global_step, steps)


def run(
    setup: Setup,
    folder: Path,
    settings: dict[str, Any],
    *,
    recipe: Recipe,
    augmentation: Augmentation,
    seed: int,
    patience: int | None,
    hardware: Hardware,
    resume: bool,
    reporter: Reporter,
) -> Trained:
    """Train the network of a set-up, in place.

    Raises: OptionError, StorageError, TrainingInterruptedError.
    """
    # a quarter faster on a CPU than weights with the channels first, and faster on a GPU too
    setup.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module = TrainingModule(
        setup.network.train(),
        task=setup.source.task,
        classes=setup.source.classes,
        preprocessing=setup.preprocessing,
        recipe=recipe,
        augmentation=augmentation,
        seed=seed,
        images=len(setup.train),
        measured="validation" if setup.early_stopping else "held_out",
        settings=settings,
        reporter=reporter,
    )
    images = ImageData(
        setup.train,
        setup.measured,
        batch_size=recipe.batch_size,
        seed=seed,
        workers=hardware.workers,
    )
    with _quiet(), StopRequest(reporter) as stop, global_numbers(seed, Use.BATCH):
        callbacks: list[pl.Callback] = [_Progress(reporter)]
        if patience is not None:
            callbacks += _early_stopping(folder, patience)
        trainer = _trainer(folder, [*callbacks, RunFolder(folder, stop)], recipe, hardware)
        _check_shares(setup, recipe, trainer.world_size)
        if trainer.is_global_zero:
            _tidy(folder, resume)
        try:
            trainer.fit(module, images, ckpt_path=folder / LAST if resume else None)
        finally:
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
    if patience is not None:
        weights = read_checkpoint(folder / BEST)["state_dict"]
        module.load_state_dict(weights)
    # as it was given, whatever precision it was trained in
    setup.network.float().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return Trained(module.history, trainer.strategy.root_device, trainer.is_global_zero)


def _trainer(
    folder: Path, callbacks: list[pl.Callback], recipe: Recipe, hardware: Hardware
) -> pl.Trainer:
    try:
        return pl.Trainer(
            accelerator=hardware.accelerator,
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy=hardware.strategy,
            precision=hardware.precision,
            max_epochs=recipe.epochs,
            callbacks=callbacks,
            logger=TensorBoardLogger(folder, name="", version=LOGS.name),
            plugins=[AtomicCheckpointIO()],
            use_distributed_sampler=False,  # TrainingOrder shares the batches
            num_sanity_val_steps=0,
            log_every_n_steps=1,  # figures are logged once an epoch
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        sentence = " ".join(str(error).split())
        raise OptionError(f"Lightning cannot train with {hardware}: {sentence}") from None


def _early_stopping(folder: Path, patience: int) -> list[pl.Callback]:
    """Stop after `patience` epochs without a lower validation loss; keep the best weights."""
    return [
        EarlyStopping("validation_loss", patience=patience, mode="min"),
        ModelCheckpoint(
            folder / BEST.parent,
            BEST.stem,
            monitor="validation_loss",
            mode="min",
            save_weights_only=True,
            enable_version_counter=False,
        ),
    ]


def _check_shares(setup: Setup, recipe: Recipe, processes: int) -> None:
    """Every process needs the same number of images in a step, and enough of them."""
    images = len(setup.train)
    if recipe.batch_size % processes:
        fitting = -(-recipe.batch_size // processes) * processes
        raise OptionError(
            f"batch_size={recipe.batch_size} is that of all {processes} processes together and "
            f"must be a multiple of {processes}; use {fitting}"
        )
    if images < processes:
        raise DataError(f"{images} training images are too few for {processes} processes")
    share = min(recipe.batch_size, images) // processes
    if share == 1 and any(isinstance(m, BatchNorm2d) for m in setup.network.modules()):
        raise OptionError(
            f"{setup.network.config['name']} has batch normalisation, which needs at least two "
            f"images a step in every process; use batch_size={2 * processes} or more, and at least "
            "as many training images"
        )


def _tidy(folder: Path, resume: bool) -> None:
    """Take away what a killed process was writing, and the records of a run that is replaced.

    Its model stays until there is a new one.
    """
    for path in (folder / LAST.parent).glob(f".{LAST.name}.*"):
        path.unlink()
    if not resume:
        for path in (folder / LAST, folder / BEST, folder / METRICS):
            path.unlink(missing_ok=True)
        shutil.rmtree(folder / LOGS, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's hints and the warnings that are settled stay away; others come through."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _SETTLED:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
