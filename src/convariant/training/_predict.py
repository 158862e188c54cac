"""What a trained network says of new images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from convariant.errors import DataError
from convariant.training._evaluate import batch_size
from convariant.training._images import frame_image, read_image
from convariant.training._model_folder import SavedModel, read_model
from convariant.training._optional import optional
from convariant.training._preprocessing import Placement
from convariant.training._report import Reporter
from convariant.training._threads import enough_threads
from convariant.training.sources import Task

if TYPE_CHECKING:
    from PIL.Image import Image

_LIGHTER = 0.4  # of the range 0..1: images this much lighter than those trained on get a note


@dataclass(frozen=True)
class Prediction:
    """The classes of one image and how probable each is; for segmentation, its mask.

    For segmentation a probability is the part of the pixels that was given to the class.
    """

    image: str  # the file, or which of the arrays
    task: Task
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    mask: np.ndarray | None = None  # (h, w) class numbers, of the size of the image

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.ranking[0][0]

    @property
    def ranking(self) -> list[tuple[str, float]]:
        """All classes, the most probable first."""
        pairs = zip(self.classes, self.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the mask."""
        key = "shares" if self.task == "segmentation" else "probabilities"
        return {"image": self.image, "label": self.label, key: dict(self.ranking)}


def predict(
    model: str | Path | SavedModel,
    images: Sequence[str | Path | np.ndarray],
    *,
    invert: bool = False,
    skip_bad: bool = False,
    reporter: Reporter | None = None,
) -> Iterator[Prediction]:
    """The classes of images of any size and mode, in their order.

    Images are files, or arrays of bytes `(h, w)` or `(h, w, 3)`. All are read before the first
    prediction is given, so that a bad one leaves nothing half done; with `skip_bad` it is left
    out, with a note. `invert` swaps dark and light, for dark strokes on paper where the network
    was trained on light strokes.

    Raises: ModelFileError, DataError.
    """
    saved = model if isinstance(model, SavedModel) else read_model(model)
    reporter = reporter or Reporter()
    frames: list[np.ndarray] = []
    placements: list[Placement] = []
    names: list[str] = []
    size, channels = saved.preprocessing.size, saved.preprocessing.channels
    for done, item in enumerate(images, start=1):
        name = f"image {done}" if isinstance(item, np.ndarray) else str(item)
        try:
            image = _image(item, channels)
        except DataError as error:
            if not skip_bad:
                raise
            reporter.note(f"skipped: {error}")
            continue
        pixels = frame_image(image, size)
        frames.append(255 - pixels if invert else pixels)
        placements.append(Placement.of((image.height, image.width), size))
        names.append(name)
        reporter.advance("reading images", done, len(images))
    if not frames:
        raise DataError("there is no image to predict")
    if _much_lighter(frames, saved.preprocessing.mean):
        reporter.note(
            "the images are far lighter than those the model was trained on; if they show dark "
            "strokes on a light ground, try --invert"
        )
    step = batch_size(size)
    for start in range(0, len(frames), step):
        with enough_threads(saved.network, saved.preprocessing, min(step, len(frames) - start)):
            logits = _logits(saved, torch.from_numpy(np.stack(frames[start : start + step])))
        for i, output in enumerate(logits, start=start):
            yield _prediction(saved, names[i], placements[i], output)
        reporter.advance("predicting", min(start + step, len(frames)), len(frames))


def _image(item: str | Path | np.ndarray, channels: int) -> Image:
    if not isinstance(item, np.ndarray):
        return read_image(Path(item), channels)
    if item.dtype != np.uint8 or item.ndim not in (2, 3) or item.shape[2:] not in ((), (3,)):
        raise DataError(
            f"an image is an array of bytes (h, w) or (h, w, 3), but got {item.dtype} "
            f"{list(item.shape)}"
        )
    image = optional("PIL.Image", "prediction").fromarray(item)
    return image.convert("L" if channels == 1 else "RGB")


@torch.inference_mode()
def _logits(saved: SavedModel, pixels: Tensor) -> Tensor:
    return saved.network(saved.preprocessing.normalise(pixels.float() / 255))


def _prediction(saved: SavedModel, name: str, place: Placement, logits: Tensor) -> Prediction:
    if saved.task == "classification":
        return Prediction(name, saved.task, saved.classes, tuple(logits.softmax(0).tolist()))
    mask = place.restore(logits[None]).argmax(1)[0]  # (h, w) of the image
    shares = torch.bincount(mask.flatten(), minlength=len(saved.classes)) / mask.numel()
    return Prediction(
        name, saved.task, saved.classes, tuple(shares.tolist()), mask.to(torch.uint8).numpy()
    )


def _much_lighter(frames: Sequence[np.ndarray], trained: tuple[float, ...]) -> bool:
    mean = sum(float(frame.mean()) for frame in frames) / len(frames) / 255
    return mean - sum(trained) / len(trained) > _LIGHTER
