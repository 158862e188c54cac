"""What every network shares: how it was built, and a check of its input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from convariant.errors import ShapeError


class Network(nn.Module):
    """A network that remembers its configuration and refuses images that cannot pass through it.

    `config` is the name and every option it was built with, ready for JSON:
    `convariant.models.create(**network.config)` builds the same network again.
    """

    def __init__(self, *, num_classes: int, in_channels: int, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.input_size = input_size  # (h, w) the network is made for; others may fit too

    def _get_name(self) -> str:
        return str(self.config.get("name", type(self).__name__))

    def _check_images(self, images: Tensor) -> None:
        """Raise ShapeError unless `images` is a floating (n, in_channels, h, w) tensor."""
        name, shape = self._get_name(), list(images.shape)
        if images.dim() != 4:
            raise ShapeError(
                f"Expected 4D (batched) input, but got input of size: {shape}; {name} takes images "
                f"(n, {self.in_channels}, h, w)"
                + ("; add the batch axis with images[None]" if images.dim() == 3 else "")
            )
        if images.shape[1] != self.in_channels:
            raise ShapeError(
                f"expected input{shape} to have {self.in_channels} channels, but got "
                f"{shape[1]} channels instead; convert the images or build {name} with "
                f"in_channels={shape[1]}"
            )
        if not torch.is_floating_point(images):
            raise ShapeError(
                f"{name} takes floating-point images, not {images.dtype}; "
                "scale them first, for bytes with images.float() / 255"
            )
        if min(images.shape[-2:]) < 1:
            raise self._refuse_size(
                images,
                "takes images of at least one pixel",
                f"it is made for {self.input_size[0]}x{self.input_size[1]}",
            )

    def _refuse_size(self, images: Tensor, rule: str, fix: str) -> ShapeError:
        """The error for images of a size that does not fit; `rule` says which sizes do."""
        h, w = images.shape[-2:]
        return ShapeError(f"{self._get_name()} {rule}, but got {h}x{w}; {fix}")
