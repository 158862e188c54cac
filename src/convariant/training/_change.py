"""A trained model with another network in it: images to change it by, and where it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from convariant.errors import DataError, ModelFileError
from convariant.models import Network
from convariant.training._evaluate import evaluate
from convariant.training._model_folder import CONFIG, SavedModel, read_model, save_model
from convariant.training._reading import read
from convariant.training._scores import Scores
from convariant.training.sources import open_source


def training_images(model: str | Path | SavedModel, count: int) -> Tensor:
    """Some images that a model learned from, as its network takes them: `(count, c, h, w)`.

    Evenly chosen over the training part of its data set.

    Raises: ModelFileError, DataError.
    """
    saved = model if isinstance(model, SavedModel) else read_model(model)
    name = saved.training.get("data", {}).get("name")
    if name is None:
        raise DataError(f"{model} does not say what it was trained on, so it has no images to give")
    source = open_source(name)
    preprocessing = saved.preprocessing
    images = read(source, source.train, preprocessing.size, preprocessing.channels)
    chosen = torch.linspace(0, len(images) - 1, min(count, len(images))).round().long().unique()
    pixels, _ = images.__getitems__(chosen.tolist())
    return preprocessing.normalise(pixels)


def save_changed(model: str | Path, network: Network, folder: str | Path) -> Scores:
    """Save a trained model's folder anew with a changed network; gives its scores, held out.

    Raises: ModelFileError where the folder already has a model, StorageError, DataError.
    """
    folder = Path(folder)
    if (folder / CONFIG).exists():
        raise ModelFileError(f"{folder} already holds a model; choose another folder")
    saved = replace(read_model(model), network=network.eval())
    scores = evaluate(saved)
    save_model(folder, replace(saved, scores=scores.to_json()))
    return scores
