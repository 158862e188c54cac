"""U-Net: down by pooling, up by transposed convolution, the maps of each level joined.

Source: Ronneberger, Fischer, Brox, U-Net: convolutional networks for biomedical image
segmentation, 2015 (arXiv 1505.04597).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import ShapeError
from convariant.models._init import initialise
from convariant.models._network import Network
from convariant.models._registry import register


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each with ReLU; without padding, four pixels less a side."""

    def __init__(self, ci: int, co: int, padding: int, norm: bool) -> None:
        layers: list[nn.Module] = []
        for channels in (ci, co):
            layers.append(nn.Conv2d(channels, co, 3, padding=padding, bias=not norm))
            if norm:
                layers.append(nn.BatchNorm2d(co))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class ResizeConv(nn.Sequential):
    """Twice the size, half the channels: 1x1 convolution, then bilinear resize.

    A pointwise convolution and a resize commute, so it runs first, on a quarter of the pixels.
    """

    def __init__(self, ci: int, co: int) -> None:
        super().__init__(nn.Conv2d(ci, co, 1), nn.Upsample(scale_factor=2, mode="bilinear"))


class UNet(Network):
    """A contracting and an expanding path of `len(widths) - 1` halvings.

    Mode `paper` has no padding: the output is smaller than the image, and only sizes that can be
    halved all the way down fit. Mode `same` pads its convolutions, and takes every size: images
    are padded with zeros, evenly on both sides, to the next size that can be halved all the way,
    and the output is cropped back.

    Shape: `(n, in_channels, h, w) -> (n, num_classes, h - margin, w - margin)`, logits; margin
    is 184 for the paper's five widths, 0 in mode `same`.
    Raises: ShapeError.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        same: bool,
        widths: tuple[int, ...],
        resize: bool,
        norm: bool,
    ) -> None:
        multiple = 2 ** (len(widths) - 1)
        margin = 0 if same else 12 * multiple - 8  # 4 at each level down and up, scaled by 2^level
        side = 256 if same else max(572, next_fit(margin + 1, multiple))
        super().__init__(num_classes=num_classes, in_channels=in_channels, input_size=(side, side))
        self.same, self.multiple, self.margin = same, multiple, margin
        padding = 1 if same else 0
        self.down = nn.ModuleList(
            DoubleConv(ci, co, padding, norm)
            for ci, co in zip((in_channels, *widths[:-1]), widths, strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        levels = list(zip(widths[1:], widths[:-1], strict=True))[::-1]  # (below, here), upwards
        self.up = nn.ModuleList(
            ResizeConv(ci, co) if resize else nn.ConvTranspose2d(ci, co, 2, stride=2)
            for ci, co in levels
        )
        self.join = nn.ModuleList(DoubleConv(2 * co, co, padding, norm) for _, co in levels)
        self.output = nn.Conv2d(widths[0], num_classes, 1)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each pixel."""
        self._check_images(images)
        if self.same:
            return self._paths_of_any_size(images)
        if any(side <= self.margin or (side + 4) % self.multiple for side in images.shape[-2:]):
            raise self._misfit(images)
        return self._paths(images)

    def _paths(self, x: Tensor) -> Tensor:
        """Down, keeping the maps of each level, and up again."""
        skips = []
        for level in self.down[:-1]:
            skips.append(level(x))  # (n, 64, 568, 568), (n, 128, 280, 280), ...
            x = self.pool(skips[-1])  # (n, 64, 284, 284), ...
        x = self.down[-1](x)  # (n, 1024, 28, 28)
        for up, join in zip(self.up, self.join, strict=True):
            x = up(x)  # (n, 512, 56, 56), ...
            skip = skips.pop() if self.same else centre(skips.pop(), x.shape[-2:])
            x = join(torch.cat((skip, x), dim=1))  # (n, 512, 52, 52), ...
        return self.output(x)  # (n, num_classes, 388, 388)

    def _paths_of_any_size(self, images: Tensor) -> Tensor:
        """Zeros around the image up to a size that can be halved all the way, then off again."""
        # a multiple of a quotient, not a remainder: torch.export can follow its halves
        h, w = (-(-side // self.multiple) * self.multiple for side in images.shape[-2:])
        bottom, right = h - images.shape[-2], w - images.shape[-1]
        pads = (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2)
        if all(isinstance(pad, int) and pad == 0 for pad in pads):  # a symbolic size is no int
            return self._paths(images)
        return F.pad(self._paths(F.pad(images, pads)), [-pad for pad in pads])

    def _misfit(self, images: Tensor) -> ShapeError:
        """The error for images of mode paper, with the sizes around theirs that fit."""
        least = next_fit(self.margin + 1, self.multiple)
        up = [max(least, next_fit(side, self.multiple)) for side in images.shape[-2:]]
        down = [next_fit(side - self.multiple + 1, self.multiple) for side in images.shape[-2:]]
        fix = f"pad to {up[0]}x{up[1]}"
        if min(down) >= least:
            fix += f" or crop to {down[0]}x{down[1]}"
        return self._refuse_size(
            images,
            f"in mode='paper' takes sides of {least}, {least + self.multiple}, "
            f"{least + 2 * self.multiple}, ... pixels",
            f"{fix}, or build it with mode='same', which takes every size",
        )


def centre(x: Tensor, size: torch.Size) -> Tensor:
    """The middle of `x`, of this height and width."""
    top, left = ((have - want) // 2 for have, want in zip(x.shape[-2:], size, strict=True))
    return x[:, :, top : top + size[0], left : left + size[1]]


def next_fit(side: int, multiple: int) -> int:
    """The least side from `side` on that unpadded 3x3 pairs and poolings halve without a rest."""
    return side + -(side + 4) % multiple


@register(
    task="segmentation",
    input_size=(572, 572),
    params=31_030_658,
    macs=150_428_424_448,
    paper="Ronneberger et al., U-Net, 2015, arXiv 1505.04597",
)
def unet(
    *,
    num_classes: int = 2,
    in_channels: int = 1,
    mode: Literal["paper", "same"] = "paper",
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024),
    up: Literal["transpose", "resize"] = "transpose",
    norm: bool = False,
) -> UNet:
    """U-Net; `widths` are the channels of each level, `norm` adds batch normalisation.

    >>> unet(widths=(4, 8))(torch.zeros(1, 1, 30, 20)).shape
    torch.Size([1, 2, 14, 4])
    >>> unet(widths=(4, 8), mode="same")(torch.zeros(1, 1, 31, 17)).shape
    torch.Size([1, 2, 31, 17])
    """
    return UNet(
        num_classes,
        in_channels,
        same=mode == "same",
        widths=widths,
        resize=up == "resize",
        norm=norm,
    )
