"""The training step and the figures of each epoch, as a Lightning module."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.models.lenet_1998 import map_loss
from convariant.training._augmentation import Augment, Augmentation
from convariant.training._loading import steps
from convariant.training._preprocessing import Preprocessing
from convariant.training._recipes import Recipe
from convariant.training._report import Reporter
from convariant.training._scores import Scores, Tally, loss_of
from convariant.training._seeds import Use, derive
from convariant.training.sources import Task

Batch = tuple[Tensor, Tensor]


class TrainingModule(pl.LightningModule):
    """A network with its loss, optimiser, augmentation and the history of its epochs.

    `history` has one row an epoch. `settings` are written into every checkpoint, so that a run
    is only ever continued as it was begun.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        task: Task,
        classes: tuple[str, ...],
        preprocessing: Preprocessing,
        recipe: Recipe,
        augmentation: Augmentation,
        seed: int,
        images: int,
        measured: str,
        settings: Mapping[str, Any],
        reporter: Reporter,
    ) -> None:
        super().__init__()
        self.network = network
        self.task, self.classes = task, classes
        self.preprocessing, self.recipe, self.seed = preprocessing, recipe, seed
        self.images = images  # in the training set
        self.measured = measured  # what the measured images are called in the history
        self.settings = dict(settings)
        self.reporter = reporter
        self.augment = Augment(augmentation) if augmentation else None
        self.history: list[dict[str, Any]] = []
        self._train = Tally(len(classes))
        self._measured = Tally(len(classes))
        self._epoch_began = time.monotonic()

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images in 0..1."""
        return self.network(self.preprocessing.normalise(images))

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser; weight decay spares biases and normalisation, as is usual."""
        decayed = [p for p in self.network.parameters() if p.requires_grad and p.dim() > 1]
        spared = [p for p in self.network.parameters() if p.requires_grad and p.dim() <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.recipe.weight_decay},
            {"params": spared, "weight_decay": 0.0},
        ]
        optimizer: torch.optim.Optimizer
        if self.recipe.optimizer == "sgd":
            optimizer = torch.optim.SGD(
                groups, self.recipe.learning_rate, self.recipe.momentum, nesterov=True
            )
        else:
            optimizer = torch.optim.AdamW(groups, self.recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        self._epoch_began = time.monotonic()

    def on_train_batch_start(self, *_: object) -> None:
        # augmentation and dropout of a batch depend on nothing but its place in the run
        torch.manual_seed(derive(self.seed, Use.BATCH, self.global_step, self.global_rank))

    def training_step(self, batch: Batch) -> Tensor:
        """The loss of one batch."""
        images, targets = batch
        if self.augment is not None:
            images, targets = self.augment(images, targets)
        logits = self(images)
        if self.recipe.loss == "map":
            loss = map_loss(logits, targets)
        else:
            loss = loss_of(logits, targets, self.recipe.label_smoothing)
        self._train.add(loss, logits, targets)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._measured = Tally(len(self.classes))

    def validation_step(self, batch: Batch) -> None:
        """Count one batch of the images that are measured."""
        logits = self(batch[0])
        self._measured.add(loss_of(logits, batch[1]), logits, batch[1])

    def on_validation_epoch_end(self) -> None:
        scores = self._scores(self._measured)
        name, value = scores.main
        self._log({f"{self.measured}_loss": scores.loss, f"{self.measured}_{name}": value})

    def on_train_epoch_end(self) -> None:
        train, measured = self._scores(self._train), self._scores(self._measured)
        if not math.isfinite(train.loss):
            raise OptionError(
                f"the loss is no longer a number in epoch {self.current_epoch + 1}; try a "
                f"learning_rate below {self.recipe.learning_rate:g}"
            )
        name = train.main[0]
        figures = {
            "train_loss": train.loss,
            f"train_{name}": train.main[1],
            f"{self.measured}_loss": measured.loss,
            f"{self.measured}_{name}": measured.main[1],
        }
        row = {
            "epoch": self.current_epoch + 1,
            "step": self.global_step,
            "learning_rate": self.recipe.learning_rate * self._rate(self.global_step - 1),
            **figures,
            "seconds": time.monotonic() - self._epoch_began,
        }
        self._log({"train_loss": train.loss, f"train_{name}": train.main[1]})
        self.history.append(row)
        if self.global_rank == 0:
            self.reporter.row(row, self.recipe.epochs)
        self._train = Tally(len(self.classes))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["settings"] = self.settings
        checkpoint["history"] = self.history
        checkpoint["train_sums"] = self._total(self._train)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = checkpoint["history"]
        self._train = Tally(len(self.classes))
        if self.global_rank == 0:  # the sums are those of all processes
            self._train.sums = checkpoint["train_sums"]

    def _rate(self, step: int) -> float:
        epoch = steps(self.images, self.recipe.batch_size, self.trainer.world_size)
        return self.recipe.rate(step, epoch)

    def _scores(self, tally: Tally) -> Scores:
        total = Tally(len(self.classes))
        total.sums = self._total(tally)
        return total.scores(self.task, self.classes)

    def _total(self, tally: Tally) -> Tensor:
        """The sums of all processes together."""
        if self.trainer.world_size == 1:
            return tally.sums.clone()
        return self.trainer.strategy.reduce(tally.sums.to(self.device), reduce_op="sum").cpu()

    def _log(self, values: dict[str, float]) -> None:
        # the same on every process already: the sums behind them are
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=1, rank_zero_only=False)
