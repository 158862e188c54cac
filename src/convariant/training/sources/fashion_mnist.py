"""Fashion-MNIST from its four IDX files, wherever they lie."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from convariant.errors import DataError
from convariant.training.sources._source import Part, Source

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist

CLASSES = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def open_fashion_mnist(folder: Path = DEBIAN) -> Source:
    """60,000 images of clothes to train and 10,000 held out, 28x28, split by their makers.

    Raises: DataError.

    Source: Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017 (arXiv 1708.07747), MIT licence.
    """
    train, held_out = (
        Part(_images(folder, prefix), _labels(folder, prefix)) for prefix in ("train", "t10k")
    )
    for part, name in ((train, "train"), (held_out, "t10k")):
        if len(part.images) != len(part.targets):
            raise DataError(
                f"{folder} has {len(part.images)} {name} images but {len(part.targets)} labels; "
                "take both files from one release"
            )
    return Source(
        name="fashion-mnist" if folder == DEBIAN else f"fashion-mnist:{folder}",
        task="classification",
        classes=CLASSES,
        channels=1,
        size=(train.images.shape[1], train.images.shape[2]),  # type: ignore[union-attr]
        train=train,
        held_out=held_out,
        description=(
            f"Fashion-MNIST: {len(train):,} images of clothes to train and {len(held_out):,} held "
            "out (28x28, grey), the split of its makers."
        ),
    )


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The bytes in an IDX file, plain or gzipped: magic number, one size per axis, then values.

    Raises: DataError.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut short: {error}") from None
    header = 4 + 4 * axes
    if content[:4] != bytes((0, 0, 8, axes)) or len(content) < header:
        raise DataError(f"{path} is not an IDX file of bytes with {axes} axes")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", axes, offset=4))
    if len(content) != header + math.prod(shape):
        raise DataError(
            f"{path} is damaged or cut short: its header says {shape}, which is "
            f"{math.prod(shape)} values, but {len(content) - header} follow"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _images(folder: Path, prefix: str) -> np.ndarray:
    return read_idx(_find(folder, f"{prefix}-images-idx3-ubyte"), axes=3)


def _labels(folder: Path, prefix: str) -> np.ndarray:
    path = _find(folder, f"{prefix}-labels-idx1-ubyte")
    labels = read_idx(path, axes=1).astype(np.int64)
    if labels.size and labels.max() >= len(CLASSES):
        raise DataError(f"{path} has label {labels.max()}, but Fashion-MNIST has classes 0 to 9")
    return labels


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(
        f"there is no {name} in {folder}; on Debian and Ubuntu 'apt-get install "
        "dataset-fashion-mnist' puts it there, elsewhere name its folder: fashion-mnist:PATH"
    )
