"""A folder of images and, beside it, one of masks that name the class of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convariant.errors import DataError
from convariant.training._images import IGNORED, list_images, read_mask
from convariant.training.sources._files import (
    common_look,
    existing_folder,
    hold_out,
    no_images,
    sub_folders,
)
from convariant.training.sources._source import Part, Source
from convariant.training.sources.folder import given_split

EXPECTED = "segments:PATH takes a folder with images/ and masks/, files of the same names in both"


def open_segments(path: Path, *, skip_bad: bool = False) -> Source:
    """Pairs of `images/NAME.*` and `masks/NAME.*`; mask values are class numbers, 255 is ignored.

    Names of the classes are the lines of `classes.txt`, if there is one; otherwise the values
    found are counted, and must be 0, 1, 2... without a gap. Masks of 0 and 255 alone are read as
    two classes. Splits as for `folder:PATH`.

    Raises: DataError.
    """
    folders = sub_folders(existing_folder(path, EXPECTED))
    split = given_split(folders)
    if split is None:
        train, held_out = hold_out(_images(path))
        how = "one fifth, chosen by a hash of the names, is held out"
    else:
        train, held_out = _images(split[0]), _images(split[1])
        how = f"split into {split[0].name}/ and {split[1].name}/"
    parts = Part(train, _masks(train)), Part(held_out, _masks(held_out))
    values = _values([*parts[0].targets, *parts[1].targets], skip_bad)
    binary = set(values) <= {0, IGNORED} and IGNORED in values
    classes = _classes(path / "classes.txt", values, binary)
    channels, size = common_look([*train, *held_out])
    return Source(
        name=f"segments:{path}",
        task="segmentation",
        classes=classes,
        channels=channels,
        size=size,
        train=parts[0],
        held_out=parts[1],
        description=(
            f"{len(train) + len(held_out):,} images of the folder {path.name} with masks of "
            f"{len(classes)} classes; {how}."
        ),
        binary=binary,
    )


def _images(folder: Path) -> list[Path]:
    images = existing_folder(folder / "images", EXPECTED)
    existing_folder(folder / "masks", EXPECTED)
    files = list_images(images)
    if not files:
        raise no_images(images)
    return files


def _masks(images: Sequence[Path]) -> list[Path]:
    """The mask of each image: the file of the same stem."""
    if not images:
        return []
    folder = images[0].parent.parent / "masks"
    by_stem = {path.stem: path for path in list_images(folder)}
    for image in images:
        if image.stem not in by_stem:
            raise DataError(f"the image {image} has no mask; {folder} needs a {image.stem}.png")
    return [by_stem[image.stem] for image in images]


def _values(masks: Sequence[Path], skip_bad: bool) -> dict[int, Path]:
    """Every value that occurs, with the first mask it was seen in."""
    found: dict[int, Path] = {}
    for path in masks:
        try:
            values = np.unique(read_mask(path))
        except DataError:
            if skip_bad:
                continue  # reported and counted when the pairs are read
            raise
        for value in values.tolist():
            found.setdefault(value, path)
    return found


_MOST = 64  # different values without a list of names; more are rather shades than classes


def _classes(names: Path, values: dict[int, Path], binary: bool) -> tuple[str, ...]:
    labels = {0, 1} if binary else set(values) - {IGNORED}
    if names.is_file():
        classes = tuple(line.strip() for line in names.read_text().splitlines() if line.strip())
        rule = f"{names} names {len(classes)} classes"
    elif len(labels) > _MOST:
        raise DataError(
            f"the masks hold {len(labels)} different values, so they are hardly class numbers "
            f"(JPEG and smoothing change them); save PNGs of numbers, or name all in {names}"
        )
    else:
        classes = ("background", *(f"class {number}" for number in range(1, len(labels))))
        rule = f"the masks hold {len(labels)} different values"
    if len(classes) < 2:
        raise DataError(f"{names.parent} has one class; segmentation takes at least two")
    for label in sorted(labels):
        if label >= len(classes):
            raise DataError(
                f"the mask {values[label]} has label {label}, but {rule}, so that labels are 0 to "
                f"{len(classes) - 1} (255: ignore); renumber the masks or write the names of all "
                f"classes into {names}"
            )
    return classes
