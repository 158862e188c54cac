"""One short recipe for every small classifier of digits that is compared with others."""

from __future__ import annotations

import functools
import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.training._augmentation import Augment, Augmentation
from convariant.training._report import Reporter
from convariant.training.sources import open_source

BATCH = 64
RATE = 6e-3
DECAY = 0.02
FIELD = 32  # the digits, 28x28, stand in the middle of a field that strides of 8 divide

AUGMENTATION = Augmentation(shift=0.1, rotation=15, scale=0.15)


@functools.cache
def digits(part: Literal["train", "held_out"], field: int = FIELD) -> tuple[Tensor, Tensor]:
    """Images `(n, 1, field, field)` from 0 to 1, and their classes `(n,)`."""
    source = open_source("digits")
    chosen = source.train if part == "train" else source.held_out
    assert isinstance(chosen.targets, np.ndarray)
    x = torch.from_numpy(chosen.images).float()[:, None] / 255
    return F.pad(x, ((field - x.shape[-1]) // 2,) * 4), torch.from_numpy(chosen.targets)


def spread(count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    """`count` entries of each tensor, evenly over all of it; all of them where it has fewer.

    >>> spread(3, torch.arange(10))
    (tensor([0, 3, 6]),)
    """
    total = len(tensors[0])
    count = min(count, total)
    places = torch.arange(count) * total // max(count, 1)
    return tuple(t[places] for t in tensors)


def fit_digits(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    epochs: int,
    *,
    augmented: bool = False,
    reporter: Reporter | None = None,
) -> None:
    """Train by AdamW, one epoch of warming up, then half a cosine; leaves the model in eval mode.

    Shape: x `(n, c, h, w)`, y `(n,)`; fewer than a batch of images are one batch.
    """
    size = min(BATCH, len(x))
    steps = len(x) // size
    if all(p.dim() < 5 for p in model.parameters()):  # torch runs plain convolutions faster so
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    total = epochs * steps

    def rate(step: int) -> float:
        return min((step + 1) / steps, 1.0) * (1 + math.cos(math.pi * step / total)) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    augment = Augment(AUGMENTATION) if augmented else None
    reporter = reporter or Reporter()
    model.train()
    for epoch in range(epochs):
        order = torch.randperm(len(x))[: steps * size].view(steps, size)
        for step, batch in enumerate(order, start=epoch * steps):
            reporter.advance("training", step, total)
            images, targets = x[batch], y[batch]
            if augment is not None:
                images, targets = augment(images, targets)
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
