"""Files that are either the old ones or the new ones, never half of either."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from convariant.errors import StorageError


def write_file(path: Path, content: bytes) -> None:
    """Write beside `path`, wait until the disk has it, then rename over it.

    Raises: StorageError; what was at `path` is then untouched.
    """
    write_files(path.parent, {path.name: content})


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write several files of one folder: none takes its place before all are on the disk.

    Raises: StorageError; what was in the folder is then untouched.
    """
    staged = {folder / f".{name}.{os.getpid()}": content for name, content in contents.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for temporary, content in staged.items():
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for temporary, name in zip(staged, contents, strict=True):
            temporary.replace(folder / name)
    except OSError as error:
        _remove(staged)  # before the free room is measured
        raise cannot_write(error, folder, sum(map(len, contents.values()))) from error
    finally:
        _remove(staged)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()


def cannot_write(error: OSError, folder: Path, size: int) -> StorageError:
    """The error in one sentence: where, why, and how much room there is and was needed."""
    there = next((place for place in (folder, *folder.parents) if place.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    return StorageError(
        f"cannot write into {folder}: {error.strerror or error} ({_bytes(size)} to write, "
        f"{_bytes(free)} free); nothing there was changed, make room or choose another folder"
    )


def _bytes(count: int) -> str:
    """`1536 -> '1.5 kB'`."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
