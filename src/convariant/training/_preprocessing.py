"""How an image of any size becomes the input of a network, and how a mask finds its way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.errors import ModelFileError


@dataclass(frozen=True)
class Placement:
    """An image scaled as a whole, its proportions kept, in the middle of a frame."""

    image: tuple[int, int]  # (h, w) of the image as it is
    scaled: tuple[int, int]  # (h, w) that it has in the frame
    corner: tuple[int, int]  # (top, left) where it stands in the frame
    frame: tuple[int, int]

    @classmethod
    def of(cls, image: tuple[int, int], frame: tuple[int, int]) -> Placement:
        """The largest placement of an image in a frame.

        >>> Placement.of((100, 50), (28, 28))
        Placement(image=(100, 50), scaled=(28, 14), corner=(0, 7), frame=(28, 28))
        """
        scale = min(frame[0] / image[0], frame[1] / image[1])
        h, w = (max(1, round(side * scale)) for side in image)
        return cls(image, (h, w), ((frame[0] - h) // 2, (frame[1] - w) // 2), frame)

    @property
    def border(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows (before, after) and columns (before, after) that the image leaves free."""
        (top, left), (h, w), (fh, fw) = self.corner, self.scaled, self.frame
        return (top, fh - h - top), (left, fw - w - left)

    def restore(self, maps: Tensor) -> Tensor:
        """Maps of the frame as maps of the image, bilinear: `(n, c, fh, fw) -> (n, c, h, w)`."""
        (top, left), (h, w) = self.corner, self.scaled
        inside = maps[:, :, top : top + h, left : left + w]
        return F.interpolate(inside, self.image, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Preprocessing:
    """The input that a trained network expects: size, channels, mean and deviation.

    Images are brought to `channels` channels of bytes and scaled into a frame of `size`; the
    bytes are divided by 255 and normalised by channel. `margin` rows and columns are added on
    each side by reflection for a network whose output is smaller than its input.
    """

    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    margin: tuple[int, int] = (0, 0)

    @property
    def frame(self) -> tuple[int, int]:
        """The (h, w) that reaches the network: the size with its margins."""
        (h, w), (rows, columns) = self.size, self.margin
        return h + 2 * rows, w + 2 * columns

    def normalise(self, images: Tensor) -> Tensor:
        """Images in 0..1 as the network takes them: `(n, c, h, w) -> (n, c, h + 2m, w + 2m)`."""
        mean = images.new_tensor(self.mean).view(-1, 1, 1)
        std = images.new_tensor(self.std).view(-1, 1, 1)
        images = (images - mean) / std
        rows, columns = self.margin
        if rows or columns:
            images = F.pad(images, (columns, columns, rows, rows), mode="reflect")
        return images

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Read what `to_json` gave.

        Raises: ModelFileError for anything else.
        """
        try:
            made = cls(
                size=(int(values["size"][0]), int(values["size"][1])),
                channels=int(values["channels"]),
                mean=tuple(float(value) for value in values["mean"]),
                std=tuple(float(value) for value in values["std"]),
                margin=(int(values["margin"][0]), int(values["margin"][1])),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelFileError(
                f"the entry 'preprocessing' of config.json is not as convariant writes it: "
                f"{type(error).__name__}: {error}"
            ) from None
        if min(made.size) < 1 or min(made.margin) < 0 or min(made.std, default=0) <= 0:
            raise ModelFileError(
                f"the entry 'preprocessing' of config.json has no sense: {dict(values)}"
            )
        if len(made.mean) != made.channels or len(made.std) != made.channels:
            raise ModelFileError(
                f"the entry 'preprocessing' of config.json has {made.channels} channels, but "
                f"{len(made.mean)} means and {len(made.std)} deviations"
            )
        return made


def measure(pixels: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel, in 0..1, exactly: `(n, c, h, w)` of bytes.

    A channel without variation has deviation 1.
    """
    channels = pixels.shape[1]
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    for images in pixels.split(1024):
        for channel in range(channels):
            counts[channel] += torch.bincount(images[:, channel].flatten(), minlength=256)
    values = torch.arange(256, dtype=torch.float64) / 255
    weights = counts.double() / counts.sum(1, keepdim=True)
    mean = weights @ values
    variance = (weights * (values - mean[:, None]).square()).sum(1)
    std = torch.where(variance > 0, variance.sqrt(), 1.0)
    return tuple(mean.tolist()), tuple(std.tolist())
