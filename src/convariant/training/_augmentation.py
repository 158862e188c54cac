"""Random changes of the training images that keep what they show."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.training._optional import optional

_LIMITS = {"shift": 1.0, "rotation": 180.0, "scale": 0.9, "noise": 1.0}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image may be changed; all zero, the default, changes nothing.

    Every image of every batch is changed by amounts of its own, drawn evenly within the bounds.
    Masks move with their images.

    Raises: OptionError.
    """

    shift: float = 0.0  # of the height and of the width: 0.1 is up to a tenth each way
    rotation: float = 0.0  # degrees each way
    scale: float = 0.0  # 0.1 is 0.9 to 1.1 times the size
    flip: bool = False  # left to right, every second image
    noise: float = 0.0  # standard deviation of what is added to values in 0..1

    def __post_init__(self) -> None:
        for name, largest in _LIMITS.items():
            value = getattr(self, name)
            if not 0 <= value <= largest:
                raise OptionError(f"augmentation takes {name} of 0 to {largest:g}, but got {value}")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(
            name if value is True else f"{name} {value:g}"
            for name, value in values.items()
            if value
        )


class Augment(nn.Module):
    """Applies an `Augmentation` to batches of images, and to their masks where there are some.

    Random numbers come from torch's global generator.
    """

    def __init__(self, augmentation: Augmentation) -> None:
        super().__init__()
        steps = optional("kornia.augmentation", "augmentation")
        chain: list[nn.Module] = []
        if augmentation.shift or augmentation.rotation or augmentation.scale:
            chain.append(
                steps.RandomAffine(
                    degrees=augmentation.rotation,
                    translate=(augmentation.shift, augmentation.shift),
                    scale=(1 - augmentation.scale, 1 + augmentation.scale),
                    padding_mode="border",
                    p=1.0,
                )
            )
        if augmentation.flip:
            chain.append(steps.RandomHorizontalFlip(p=0.5))
        if augmentation.noise:
            chain.append(steps.RandomGaussianNoise(std=augmentation.noise, p=1.0))
        self.images = steps.AugmentationSequential(*chain, data_keys=["input"])
        self.pairs = steps.AugmentationSequential(*chain, data_keys=["input", "mask"])

    @torch.no_grad()
    def forward(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Changed images `(n, c, h, w)` in 0..1, with their classes or masks."""
        if targets.dim() == 1:
            return self.images(images), targets
        images, masks = self.pairs(images, targets[:, None].to(images.dtype))
        return images, masks[:, 0].round().long()
