"""A trained model as a folder, in the form of a model hub: config.json, weights, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

import convariant
from convariant import models
from convariant.analysis.separable import restructure
from convariant.errors import ConvariantError, ModelFileError
from convariant.training._card import card
from convariant.training._files import write_files
from convariant.training._preprocessing import Preprocessing
from convariant.training.sources import Task

FORMAT = 1  # goes up when a config.json of before can no longer be read
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


@dataclass(frozen=True)
class SavedModel:
    """A network with all that is needed to use it on new images."""

    network: models.Network
    task: Task
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: Mapping[str, Any] = field(default_factory=dict)  # data, recipe, seed..., as recorded
    scores: Mapping[str, Any] = field(default_factory=dict)  # on the images held out


def save_model(folder: str | Path, model: SavedModel) -> None:
    """Write config.json, model.safetensors and the model card README.md.

    Nothing takes its place in the folder before all three are on the disk.

    Raises: StorageError.
    """
    config = {
        "library_name": "convariant",
        "format_version": FORMAT,
        "convariant_version": convariant.__version__,
        "model": dict(model.network.config),
        "task": model.task,
        "classes": list(model.classes),
        "preprocessing": model.preprocessing.to_json(),
        "training": dict(model.training),
        "scores": dict(model.scores),
    }
    weights = {
        name: t.detach().cpu().contiguous() for name, t in model.network.state_dict().items()
    }
    contents = {
        WEIGHTS: save_tensors(weights, metadata={"format": "pt"}),
        CARD: card(model).encode(),
        CONFIG: (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    write_files(Path(folder), contents)


def load_model(folder: str | Path) -> models.Network:
    """The network of a model folder, with its weights, in evaluation mode.

    Raises: ModelFileError.
    """
    return read_model(folder).network


def read_model(folder: str | Path) -> SavedModel:
    """A model folder with its classes and preprocessing; the network is in evaluation mode.

    Only JSON and tensors are read: nothing in the folder can run.

    Raises: ModelFileError.
    """
    folder = Path(folder)
    config = _config(folder)
    try:
        options = dict(config["model"])
        classes = tuple(str(name) for name in config["classes"])
        task = config["task"]
        preprocessing = Preprocessing.from_json(config["preprocessing"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ConvariantError):
            raise
        raise ModelFileError(
            f"{folder / CONFIG} is not as convariant writes it: {type(error).__name__}: {error}"
        ) from None
    if task not in ("classification", "segmentation"):
        raise ModelFileError(f"{folder / CONFIG} is for the task {task!r}, which is not known here")
    try:
        surgery = options.pop("surgery", [])
        network = cast(models.Network, restructure(models.create(**options), surgery))
    except (ConvariantError, TypeError) as error:
        raise ModelFileError(f"{folder / CONFIG} does not describe a network: {error}") from None
    if len(classes) != network.num_classes:
        raise ModelFileError(
            f"{folder / CONFIG} names {len(classes)} classes, but its network has "
            f"{network.num_classes}"
        )
    _load_weights(network, folder / WEIGHTS)
    return SavedModel(
        network.eval(),
        task,
        classes,
        preprocessing,
        training=config.get("training", {}),
        scores=config.get("scores", {}),
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not folder.is_dir():
        raise ModelFileError(
            f"there is no model folder {folder}; 'convariant train' writes one when it ends"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFileError(
            f"{folder} is not a model folder: it has no {CONFIG}; 'convariant train' writes one "
            "when it ends"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}") from None
    if not isinstance(config, dict) or config.get("library_name") != "convariant":
        raise ModelFileError(f"{path} was not written by convariant")
    if config.get("format_version") != FORMAT:
        raise ModelFileError(
            f"{path} has format version {config.get('format_version')!r} (written by convariant "
            f"{config.get('convariant_version')}), but this convariant, "
            f"{convariant.__version__}, reads version {FORMAT}; use that one or train again"
        )
    return config


def _load_weights(network: models.Network, path: Path) -> None:
    """Put the tensors of a file into the network; every one must be there and fit."""
    try:
        weights = load_tensors(path.read_bytes())
    except FileNotFoundError:
        raise ModelFileError(
            f"{path.parent} has no {path.name}; copy the whole folder, or train again"
        ) from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged, cut short or no such file: {error}") from None
    own = network.state_dict()
    missing, strange = sorted(set(own) - set(weights)), sorted(set(weights) - set(own))
    name = network.config["name"]
    if missing or strange:
        raise ModelFileError(
            f"{path} is not of this {name}: "
            + " and ".join(
                [f"it lacks {_some(missing)}"] * bool(missing)
                + [f"has {_some(strange)}, which {name} does not"] * bool(strange)
            )
        )
    for key, tensor in own.items():
        found = weights[key]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise ModelFileError(
                f"{path} is not of this {name}: {key} is {_kind(found)}, but should be "
                f"{_kind(tensor)}"
            )
    network.load_state_dict(weights)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]!r}{more}"


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
