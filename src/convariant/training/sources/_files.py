"""What the sources that read a user's folders share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from convariant.errors import DataError
from convariant.training._images import SUFFIXES, peek

PEEKED = 256  # headers read to learn size and colour; opening every file of a large set takes long


def existing_folder(path: Path, what: str) -> Path:
    """The folder, or a DataError that says what it should have been."""
    if not path.is_dir():
        fault = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"{path} {fault}; {what}")
    return path


def sub_folders(folder: Path) -> list[Path]:
    """The visible folders in a folder, by name."""
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def no_images(folder: Path) -> DataError:
    """The error for a folder without images."""
    return DataError(f"{folder} has no images; it should have files {', '.join(SUFFIXES)}")


def hold_out(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """One fifth of the files is held out, chosen by a hash of the name: (train, held out).

    The choice does not depend on the other files, on the order or on chance, so that a folder
    that grows keeps its split but for a few files.
    """
    ranked = sorted(files, key=lambda path: hashlib.sha256(path.name.encode()).digest())
    count = max(1, round(len(files) / 5)) if len(files) > 1 else 0
    return sorted(ranked[count:]), sorted(ranked[:count])


def common_look(files: Sequence[Path]) -> tuple[int, tuple[int, int] | None]:
    """Channels (1 where all are grey, else 3) and the size, if they share one, of some images."""
    looks = [peek(path) for path in files[:: max(1, len(files) // PEEKED)]]
    known = [look for look in looks if look is not None]
    sizes = {size for size, _ in known}
    grey = bool(known) and all(is_grey for _, is_grey in known)
    return 1 if grey else 3, sizes.pop() if len(sizes) == 1 else None
