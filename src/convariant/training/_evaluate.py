"""Measuring a trained network on labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import nn

from convariant.errors import DataError, OptionError
from convariant.training._images import IGNORED
from convariant.training._model_folder import SavedModel, read_model
from convariant.training._preprocessing import Preprocessing
from convariant.training._reading import Images, read
from convariant.training._report import Reporter
from convariant.training._scores import Scores, Tally, loss_of
from convariant.training._threads import enough_threads
from convariant.training.sources import Source, Task, open_source

Split = Literal["held-out", "train", "all"]
_PIXELS = 1 << 20  # of all images of a batch together, where nothing is trained


def evaluate(
    model: str | Path | SavedModel,
    data: str | None = None,
    *,
    split: Split = "held-out",
    skip_bad: bool = False,
    reporter: Reporter | None = None,
) -> Scores:
    """The scores of a model folder on a data set, by default the one it was trained on.

    Classes are matched by name, so a data set may have fewer of them than the model.

    Raises: ModelFileError, DataError, OptionError, UnknownNameError.
    """
    saved = model if isinstance(model, SavedModel) else read_model(model)
    name = data or saved.training.get("data", {}).get("name")
    if name is None:
        raise DataError(f"{model} does not say what it was trained on; name a data set")
    source = open_source(name, skip_bad=skip_bad)
    check_task(saved, source)
    parts = {
        "held-out": [source.held_out],
        "train": [source.train],
        "all": [source.train, source.held_out],
    }
    if split not in parts:
        raise OptionError(f"evaluation takes split {', '.join(parts)}, but got {split!r}")
    size, channels = saved.preprocessing.size, saved.preprocessing.channels
    tally = Tally(len(saved.classes))
    for part in parts[split]:
        images = read(source, part, size, channels, skip_bad=skip_bad, reporter=reporter)
        images = matched(images, source, saved.classes)
        count(saved.network, saved.preprocessing, images, tally, reporter)
    return tally.scores(saved.task, saved.classes)


def score(
    network: nn.Module,
    preprocessing: Preprocessing,
    images: Images,
    task: Task,
    classes: tuple[str, ...],
    reporter: Reporter | None = None,
) -> Scores:
    """The scores of a network in evaluation mode."""
    tally = Tally(len(classes))
    count(network, preprocessing, images, tally, reporter)
    return tally.scores(task, classes)


@torch.inference_mode()
def count(
    network: nn.Module,
    preprocessing: Preprocessing,
    images: Images,
    tally: Tally,
    reporter: Reporter | None = None,
) -> None:
    """Add what a network says of every image to a tally."""
    reporter = reporter or Reporter()
    device = next(network.parameters()).device
    batches = torch.arange(len(images)).split(batch_size(preprocessing.size))
    with enough_threads(network, preprocessing, len(batches[0])):
        for done, indices in enumerate(batches):
            inputs, targets = images.__getitems__(indices.tolist())
            logits = network(preprocessing.normalise(inputs.to(device))).cpu()
            tally.add(loss_of(logits, targets), logits, targets)
            reporter.advance("measuring", done + 1, len(batches))


def batch_size(size: tuple[int, int]) -> int:
    """How many images of a size are worked on at once where nothing is trained."""
    return max(1, min(256, _PIXELS // (size[0] * size[1])))


def check_task(saved: SavedModel, source: Source) -> None:
    """Raise DataError unless a data set has the kind of labels that a model gives."""
    if saved.task != source.task:
        raise DataError(
            f"{source.name} is for {source.task}, but the model was trained for {saved.task}"
        )


def matched(images: Images, source: Source, classes: tuple[str, ...]) -> Images:
    """The same images with the class numbers of a model; DataError for a class it does not know."""
    for name in source.classes:
        if name not in classes:
            raise DataError(
                f"{source.name} has the class {name!r}, which the model does not know; its classes "
                f"are {', '.join(classes)}"
            )
    numbers = torch.tensor([classes.index(name) for name in source.classes])
    if source.task == "classification":
        return Images(images.pixels, numbers[images.targets])
    table = torch.full((256,), IGNORED)
    table[: len(numbers)] = numbers
    return Images(images.pixels, table[images.targets.long()].to(torch.uint8))
