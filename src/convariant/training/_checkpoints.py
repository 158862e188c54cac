"""Checkpoints: written whole or not at all, after every epoch and when training is stopped."""

from __future__ import annotations

import csv
import io
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from convariant.errors import ModelFileError, TrainingInterruptedError
from convariant.training._files import write_file
from convariant.training._module import TrainingModule
from convariant.training._report import Reporter

LAST, METRICS = Path("checkpoints/last.ckpt"), Path("metrics.csv")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Reads nothing but tensors and plain values, and writes beside the old file, then renames.

    Raises: ModelFileError, StorageError.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: object = None,  # noqa: ARG002  (of remote file systems)
    ) -> None:
        """Write a checkpoint; what was at `path` stays until the new one is on the disk."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_file(Path(path), content.getvalue())

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,
        weights_only: bool | None = None,  # noqa: ARG002  (always)
    ) -> dict[str, Any]:
        """Read a checkpoint."""
        return read_checkpoint(Path(path), map_location)


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The contents of a checkpoint: tensors and plain values, nothing that could run.

    Raises: ModelFileError.
    """
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"the checkpoint {path} cannot be read: {reason}") from None
    if not isinstance(checkpoint, dict) or "settings" not in checkpoint:
        raise ModelFileError(f"{path} is not a checkpoint of a convariant training run")
    return checkpoint


class StopRequest:
    """Within, Ctrl-C and the termination signal ask training to stop; a second one stops it.

    `asked` is read between batches, where everything can be saved.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.asked = False
        self._reporter = reporter
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _handle(self, *_: object) -> None:
        if self.asked:
            raise TrainingInterruptedError(
                "training was stopped at once; the last checkpoint has everything up to its epoch: "
                "repeat the command with --resume"
            )
        self.asked = True
        self._reporter.note("finishing the batch and saving; once more stops at once")


class RunFolder(Checkpoint):
    """Keeps a run's folder up to date: its last checkpoint and the metrics of every epoch.

    When a stop is asked for, the checkpoint is saved after the batch and training ends with
    TrainingInterruptedError.
    """

    def __init__(self, folder: Path, stop: StopRequest) -> None:
        self.folder, self.stop = folder, stop

    def on_train_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.folder / LAST)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        # after the last batch of an epoch its figures are still to come; then the epoch's end stops
        is_last = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        if not is_last and self._told_to_stop(trainer):
            trainer.save_checkpoint(self.folder / LAST)
            raise self._interrupted(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        trainer.save_checkpoint(self.folder / LAST)
        if trainer.is_global_zero:
            write_file(self.folder / METRICS, _table(pl_module.history))
        if self._told_to_stop(trainer):
            raise self._interrupted(trainer)

    def _told_to_stop(self, trainer: pl.Trainer) -> bool:
        """Whether any process was told to: all stop after the same batch."""
        return trainer.strategy.reduce_boolean_decision(self.stop.asked, all=False)

    def _interrupted(self, trainer: pl.Trainer) -> TrainingInterruptedError:
        return TrainingInterruptedError(
            f"training was stopped in epoch {trainer.current_epoch + 1} of {trainer.max_epochs}; "
            f"{self.folder / LAST} has everything to go on: repeat the command with --resume"
        )


def _table(history: list[dict[str, Any]]) -> bytes:
    """The rows as a CSV file with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    for row in history:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue().encode()
