"""Batches: which images, in which order, on which process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from convariant.training._reading import Images
from convariant.training._seeds import Use, generator

Loader = DataLoader[tuple[Tensor, Tensor]]


def steps(images: int, batch_size: int, processes: int) -> int:
    """The steps of an epoch; a set smaller than the batch is one step."""
    return images // _whole_batch(images, batch_size, processes)


class TrainingOrder(Sampler[list[int]]):
    """The batches of an epoch from a given step on, and of each the share of one process.

    Every epoch has an order of its own, which follows from the seed and the epoch. The batch is
    that of all processes together, so their number does not change what one step learns from;
    images that do not fill a last batch are left to other epochs.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        seed: int,
        step: Callable[[], int],
        share: tuple[int, int],
    ) -> None:
        self.images, self.seed, self.step = images, seed, step
        self.rank, self.processes = share
        self.batch_size = _whole_batch(images, batch_size, self.processes)

    def __len__(self) -> int:
        return steps(self.images, self.batch_size, self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        epoch, done = divmod(self.step(), len(self))
        order = torch.randperm(self.images, generator=generator(self.seed, Use.ORDER, epoch))
        batches = order[: len(self) * self.batch_size].view(len(self), self.batch_size)
        for batch in batches[done:]:
            yield batch[self.rank :: self.processes].tolist()


class ImageData(pl.LightningDataModule):
    """The batches to train on and those to measure after each epoch."""

    def __init__(
        self, train: Images, measured: Images, *, batch_size: int, seed: int, workers: int
    ) -> None:
        super().__init__()
        self.train, self.measured = train, measured
        self.batch_size, self.seed, self.workers = batch_size, seed, workers

    def train_dataloader(self) -> Loader:
        """The batches from the present step on."""
        trainer = self._trainer()
        order = TrainingOrder(
            len(self.train),
            self.batch_size,
            self.seed,
            lambda: trainer.global_step,
            (trainer.global_rank, trainer.world_size),
        )
        return DataLoader(
            self.train, batch_sampler=order, num_workers=self.workers, collate_fn=_as_they_are
        )

    def val_dataloader(self) -> Loader:
        """Every image once, in order, shared among the processes."""
        trainer = self._trainer()
        mine = range(trainer.global_rank, len(self.measured), trainer.world_size)
        return DataLoader(
            self.measured,
            sampler=mine,
            batch_size=4 * self.batch_size,
            num_workers=self.workers,
            collate_fn=_as_they_are,
        )

    def _trainer(self) -> pl.Trainer:
        assert self.trainer is not None, "Lightning asks for batches only while it trains"
        return self.trainer


def _whole_batch(images: int, batch_size: int, processes: int) -> int:
    """The batch of all processes together, with an equal share for each."""
    return min(batch_size, images // processes * processes)


def _as_they_are(batch: Any) -> Any:
    """`Images` gives whole batches already."""
    return batch
