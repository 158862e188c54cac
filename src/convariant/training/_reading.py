"""From a source to tensors: every image is decoded once, before training, and kept as bytes."""

from __future__ import annotations

import math
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from convariant.errors import DataError
from convariant.training._files import cannot_write
from convariant.training._images import IGNORED, frame_image, frame_mask, read_image, read_mask
from convariant.training._optional import optional
from convariant.training._report import Reporter
from convariant.training.sources import Part, Source

UNCOUNTED = -100  # the target of pixels that count neither for the loss nor for the scores
IN_MEMORY = 2 << 30  # bytes; larger sets go to a temporary file that is mapped into memory


@dataclass(frozen=True)
class Images(Dataset[tuple[Tensor, Tensor]]):
    """Images and targets of one size, as bytes.

    Batches are taken by a list of indices: images in 0..1 `(n, c, h, w)` and targets `(n,)` or
    `(n, h, w)`, where pixels to leave out are `UNCOUNTED`.
    """

    pixels: Tensor  # (n, c, h, w) bytes
    targets: Tensor  # (n,) int64, or (n, h, w) bytes
    skipped: tuple[str, ...] = ()  # why each image that is missing here was passed over

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, targets = self.__getitems__([index])
        return images[0], targets[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        targets = self.targets[indices].long()
        if targets.dim() == 3:
            targets[targets == IGNORED] = UNCOUNTED
        return self.pixels[indices].float() / 255, targets

    def subset(self, indices: Tensor) -> Images:
        """Only these images."""
        return Images(self.pixels[indices], self.targets[indices], self.skipped)


def read(
    source: Source,
    part: Part,
    size: tuple[int, int],
    channels: int,
    *,
    skip_bad: bool = False,
    reporter: Reporter | None = None,
) -> Images:
    """Decode all images of a part, each scaled into a frame of `size`.

    An image or mask that cannot be used raises DataError, naming it; with `skip_bad` it is passed
    over and counted.
    """
    reporter = reporter or Reporter()
    if isinstance(part.images, np.ndarray) and part.images.shape[1:] == size and channels == 1:
        targets = torch.from_numpy(np.array(part.targets))
        return Images(torch.from_numpy(np.array(part.images))[:, None], targets)
    n = len(part)
    pixels = _allocate((n, channels, *size))
    masks = _allocate((n, *size)) if source.task == "segmentation" else None
    kept: list[int] = []
    skipped: list[str] = []
    for index, result in enumerate(_each(source, part, size, channels)):
        reporter.advance("reading images", index + 1, n)
        if isinstance(result, DataError):
            if not skip_bad:
                raise result
            skipped.append(str(result))
            reporter.note(f"skipped: {result}")
            continue
        pixels[len(kept)] = result[0]
        if masks is not None:
            masks[len(kept)] = result[1]
        kept.append(index)
    if not kept:
        raise DataError(f"{source.name} has no image that can be read; {len(skipped)} are damaged")
    if skipped:
        reporter.note(f"{len(skipped)} of {n} images of {source.name} skipped")
    labels = np.asarray(part.targets)[kept] if masks is None else masks[: len(kept)]
    return Images(torch.from_numpy(pixels[: len(kept)]), torch.from_numpy(labels), tuple(skipped))


def _each(
    source: Source, part: Part, size: tuple[int, int], channels: int
) -> Iterator[tuple[np.ndarray, np.ndarray | None] | DataError]:
    """Every pair in order, decoded by a few threads; what cannot be used comes as its error."""

    def load(index: int) -> tuple[np.ndarray, np.ndarray | None] | DataError:
        try:
            return _pair(source, part, index, size, channels)
        except DataError as error:
            return error

    # the filters of warnings belong to the process, so they are set around the threads
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")
        for indices in _chunks(range(len(part)), 256):  # so that memory holds no more than these
            yield from pool.map(load, indices)


def _pair(
    source: Source, part: Part, index: int, size: tuple[int, int], channels: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """One image in its frame and, for segmentation, its mask."""
    item, target = part.images[index], part.targets[index]
    if isinstance(item, Path):
        image = read_image(item, channels)
    else:
        image = optional("PIL.Image", "scaling images").fromarray(item)
        image = image.convert("L" if channels == 1 else "RGB")
    if source.task == "classification":
        return frame_image(image, size), None
    mask = read_mask(target) if isinstance(target, Path) else np.asarray(target)
    if mask.shape != (image.height, image.width):
        raise DataError(
            f"the mask {target} is {mask.shape[1]}x{mask.shape[0]} pixels, but its image {item} is "
            f"{image.width}x{image.height}; both need the same size"
        )
    if source.binary:
        mask = np.minimum(mask, 1)
    return frame_image(image, size), frame_mask(mask, size)


def _chunks(indices: range, size: int) -> Iterable[range]:
    return (indices[start : start + size] for start in range(0, len(indices), size))


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    """An array of bytes; a large one lives in a temporary file that vanishes with the process."""
    size = math.prod(shape)
    if size <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)  # without it a full disk ends the process
        except OSError as error:
            raise cannot_write(error, Path(tempfile.gettempdir()), size) from error
        return np.memmap(file, np.uint8, mode="r+", shape=shape)
