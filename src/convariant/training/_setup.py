"""What is decided before training: sizes, data in memory, a network that takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from convariant import models
from convariant.errors import DataError, OptionError, ShapeError
from convariant.models.unet import next_fit
from convariant.training._augmentation import Augmentation
from convariant.training._model_folder import read_model
from convariant.training._preprocessing import Placement, Preprocessing, measure
from convariant.training._reading import Images, read
from convariant.training._recipes import Recipe, network_options
from convariant.training._report import Reporter
from convariant.training._seeds import Use, generator, global_numbers
from convariant.training.sources import Source, open_source

VALIDATION = 10  # one tenth of the training images decides when to stop, if that is asked for
LARGEST = 256  # pixels a side of segmentation images, where no size is asked for


@dataclass(frozen=True)
class Setup:
    """Everything that training starts from."""

    source: Source
    network: models.Network
    preprocessing: Preprocessing
    train: Images
    measured: Images  # after every epoch: those held out, or for early stopping a validation part
    held_out: Images
    early_stopping: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many images there are of each kind."""
        return {
            "train": len(self.train),
            "validation": len(self.measured) if self.early_stopping else 0,
            "held_out": len(self.held_out),
            "skipped": len(self.train.skipped) + len(self.held_out.skipped),
        }


def set_up(
    model: str,
    data: str,
    *,
    options: Mapping[str, Any],
    image_size: tuple[int, int] | None,
    recipe: Recipe,
    seed: int,
    early_stopping: bool,
    skip_bad: bool,
    reporter: Reporter,
    init: Path | None = None,
) -> Setup:
    """Find the data, build the network for it, check that they fit, and read all images.

    With `init` the network is that of a model folder, weights and replaced layers included.

    Raises: UnknownNameError, OptionError, DataError, ShapeError, ModelFileError.
    """
    info = models.info(model)
    source = open_source(data, skip_bad=skip_bad)
    if info.task != source.task:
        fitting = [name for name in models.names() if models.info(name).task == source.task]
        raise DataError(
            f"{model} is for {info.task}, but {source.name} is for {source.task}; take one of "
            f"{', '.join(fitting)}"
        )
    if not len(source.held_out):
        raise DataError(f"{source.name} has too few images to hold some out; it needs two a class")
    if init is not None:
        network, size = _begun(init, model, source, options)
        size, channels = image_size or size, network.in_channels
    else:
        size = image_size or _natural_size(source, info.input_size)
        channels = int(options.get("in_channels", source.channels))
        network = _network(model, source, channels, recipe, size, options, seed)
    margin = 0
    if isinstance(network, models.UNet) and not network.same:
        margin = network.margin
        if image_size is None:  # up to the next size that passes through
            h, w = (next_fit(side + margin, network.multiple) - margin for side in size)
            size = (h, w)
    preprocessing = Preprocessing(
        size, channels, (0.0,) * channels, (1.0,) * channels, (margin // 2, margin // 2)
    )
    _check_fit(network, preprocessing, source)

    def load(part: Any) -> Images:
        return read(source, part, size, channels, skip_bad=skip_bad, reporter=reporter)

    train, held_out = load(source.train), load(source.held_out)
    measured = held_out
    if early_stopping:
        train, measured = _set_apart(train, seed)
    mean, std = measure(train.pixels)
    preprocessing = replace(preprocessing, mean=mean, std=std)
    return Setup(source, network, preprocessing, train, measured, held_out, early_stopping)


def settings_of(
    setup: Setup, recipe: Recipe, augmentation: Augmentation, seed: int, patience: int | None
) -> dict[str, Any]:
    """What decides the result of a run, as plain values; a run is continued only with the same."""
    return {
        "model": dict(setup.network.config),
        "data": {"name": setup.source.name, **setup.counts},
        "preprocessing": _plain(setup.preprocessing.to_json()),
        "recipe": recipe.to_json(),
        "augmentation": asdict(augmentation),
        "seed": seed,
        "patience": patience,
    }


def check_same(
    begun: Mapping[str, Any], now: Mapping[str, Any], place: str, path: str = ""
) -> None:
    """Raise OptionError for the first setting that differs from those a run was begun with."""
    for key in [*begun, *(key for key in now if key not in begun)]:
        before, after = begun.get(key), now.get(key)
        name = f"{path}.{key}" if path else str(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            check_same(before, after, place, name)
        elif before != after:
            raise OptionError(
                f"the run in {place} was begun with {name}={before!r}, now it is {after!r}; repeat "
                "its command unchanged, or train into another folder"
            )


def _natural_size(source: Source, made_for: tuple[int, int]) -> tuple[int, int]:
    """The size of the images where the network takes it easily, else the network's own."""
    if source.size is None:
        return made_for if source.task == "classification" else (LARGEST, LARGEST)
    limit = made_for if source.task == "classification" else (LARGEST, LARGEST)
    if all(side <= most for side, most in zip(source.size, limit, strict=True)):
        return source.size
    return Placement.of(source.size, limit).scaled if source.task == "segmentation" else limit


def _network(
    model: str,
    source: Source,
    channels: int,
    recipe: Recipe,
    size: tuple[int, int],
    given: Mapping[str, Any],
    seed: int,
) -> models.Network:
    options = network_options(model, recipe, size, given)
    options |= {"num_classes": len(source.classes), "in_channels": channels}
    if given.get("num_classes", len(source.classes)) != len(source.classes):
        raise OptionError(
            f"{source.name} has {len(source.classes)} classes, so num_classes="
            f"{given['num_classes']} does not fit; leave it out"
        )
    with global_numbers(seed, Use.WEIGHTS):
        return models.create(model, **options)


def _begun(
    folder: Path, model: str, source: Source, options: Mapping[str, Any]
) -> tuple[models.Network, tuple[int, int]]:
    """The network of a model folder, to be trained further, and the image size it was made for."""
    saved = read_model(folder)
    name = saved.network.config["name"]
    if name != model:
        raise OptionError(f"{folder} holds {name}, not {model}; train {name} from it")
    if options:
        raise OptionError(
            f"the network of {folder} is built already, so {', '.join(options)} cannot be chosen; "
            "leave the options out"
        )
    if saved.classes != source.classes:
        raise DataError(
            f"{folder} knows the classes {', '.join(saved.classes)}, but {source.name} has "
            f"{', '.join(source.classes)}; train on data with the same classes"
        )
    return saved.network, saved.preprocessing.size


def _check_fit(network: models.Network, preprocessing: Preprocessing, source: Source) -> None:
    """Run one blank image through: a size that does not fit is told before anything is read."""
    h, w = preprocessing.size
    with torch.no_grad():
        image = torch.zeros(1, preprocessing.channels, h, w)
        logits = network.eval()(preprocessing.normalise(image))
    network.train()
    k = len(source.classes)
    wanted = (k,) if source.task == "classification" else (k, h, w)
    if tuple(logits.shape[1:]) != wanted:
        raise ShapeError(
            f"{network.config['name']} gives {tuple(logits.shape[1:])} for an image of {h}x{w}, "
            f"but {source.task} needs {wanted}"
        )


def _set_apart(train: Images, seed: int) -> tuple[Images, Images]:
    """One tenth of the images, chosen by the seed, for validation."""
    count = len(train) // VALIDATION
    if count == 0:
        raise DataError(
            f"early stopping sets one in {VALIDATION} training images apart, but there are only "
            f"{len(train)}; leave patience out"
        )
    order = torch.randperm(len(train), generator=generator(seed, Use.VALIDATION))
    return train.subset(order[count:].sort().values), train.subset(order[:count].sort().values)


def _plain(value: Any) -> Any:
    """Tuples as lists, as a checkpoint or JSON gives them back."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
