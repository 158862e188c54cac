"""A folder of images with one sub-folder for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convariant.errors import DataError
from convariant.training._images import list_images
from convariant.training.sources._files import (
    common_look,
    existing_folder,
    hold_out,
    no_images,
    sub_folders,
)
from convariant.training.sources._source import Part, Source

EXPECTED = "folder:PATH takes a folder with one sub-folder of images for each class"
TRAIN, HELD_OUT = ("train", "training"), ("test", "val", "valid", "validation", "held_out")


def open_folder(path: Path) -> Source:
    """Classes are the sub-folders of `path`, by name.

    With `train/` and `test/` (or `val/`) in `path`, these hold the sub-folders; otherwise one
    fifth of each class is held out, chosen by a hash of the file names.

    Raises: DataError.
    """
    folders = sub_folders(existing_folder(path, EXPECTED))
    split = given_split(folders)
    if split is None:
        files = _by_class(path)
        pairs = {name: hold_out(images) for name, images in files.items()}
        train = {name: pair[0] for name, pair in pairs.items()}
        held_out = {name: pair[1] for name, pair in pairs.items()}
        how = "one fifth of each class, chosen by a hash of the names, is held out"
    else:
        train, held_out = _by_class(split[0]), _by_class(split[1])
        how = f"split into {split[0].name}/ and {split[1].name}/"
    strange = sorted(set(held_out) - set(train))
    if strange:
        raise DataError(
            f"{path} has the class {strange[0]!r} among the images held out but not among those "
            "to train on; both need the same sub-folders"
        )
    if len(train) < 2:
        raise DataError(f"{path} has one class, {next(iter(train))!r}; {EXPECTED}, at least two")
    classes = tuple(train)
    channels, size = common_look([file for files in train.values() for file in files])
    parts = _part(train, classes), _part(held_out, classes)
    return Source(
        name=f"folder:{path}",
        task="classification",
        classes=classes,
        channels=channels,
        size=size,
        train=parts[0],
        held_out=parts[1],
        description=(
            f"{len(parts[0]) + len(parts[1]):,} images in the {len(classes)} classes of the "
            f"folder {path.name}; {how}."
        ),
    )


def given_split(folders: list[Path]) -> tuple[Path, Path] | None:
    """The folders of the two parts, where the user has named them so."""
    train = [folder for folder in folders if folder.name.lower() in TRAIN]
    held_out = [folder for folder in folders if folder.name.lower() in HELD_OUT]
    return (train[0], held_out[0]) if train and held_out else None


def _by_class(path: Path) -> dict[str, list[Path]]:
    files = {folder.name: list_images(folder) for folder in sub_folders(path)}
    if not files:
        loose = " (its images lie beside each other)" if list_images(path) else ""
        raise DataError(f"{path} has no sub-folders{loose}; {EXPECTED}")
    for name, images in files.items():
        if not images:
            raise no_images(path / name)
    return files


def _part(files: dict[str, list[Path]], classes: tuple[str, ...]) -> Part:
    labels = [classes.index(name) for name, images in files.items() for _ in images]
    images = [image for images in files.values() for image in images]
    return Part(images, np.array(labels, dtype=np.int64))
