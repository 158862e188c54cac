"""Any convolution module taken apart, and modules made of such parts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

import convariant.nn as extended
from convariant.errors import DataError, OptionError
from convariant.functional import PaddingMode
from convariant.geometry import Geometry

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_CONV_TRANSPOSE = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
CONVOLUTIONS: tuple[type[nn.Module], ...] = (*_CONV.values(), *_CONV_TRANSPOSE.values())


@dataclass(frozen=True)
class Convolution:
    """A convolution in parts: its numbers and its window, transposed or not.

    `weight` has torch's layout: (co, ci / g, *kernel), or (ci, co / g, *kernel) where transposed.
    """

    weight: Tensor
    bias: Tensor | None
    geometry: Geometry
    groups: int = 1
    padding_mode: PaddingMode = "zeros"

    @property
    def transposed(self) -> bool:
        """Whether the window is that of a transposed convolution."""
        return self.geometry.transposed

    @property
    def axes(self) -> int:
        """The number of axes the window slides over."""
        return self.geometry.axes

    @property
    def in_channels(self) -> int:
        """The channels of the input, all groups together."""
        return self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups

    @property
    def out_channels(self) -> int:
        """The channels of the output, all groups together."""
        return self.weight.shape[1] * self.groups if self.transposed else self.weight.shape[0]

    @property
    def blocks(self) -> Tensor:
        """The weight as (g, co / g, ci / g, *kernel), the same order for both directions."""
        first, second, *kernel = self.weight.shape
        blocks = self.weight.reshape(self.groups, first // self.groups, second, *kernel)
        return blocks.transpose(1, 2) if self.transposed else blocks

    def replace(self, **changes: Any) -> Convolution:
        """These parts with some of them changed."""
        return dataclasses.replace(self, **changes)

    def with_blocks(self, blocks: Tensor, **changes: Any) -> Convolution:
        """These parts with the weight (g, co / g, ci / g, *kernel); the blocks say how many."""
        changed = self.replace(groups=len(blocks), **changes)
        ordered = blocks.transpose(1, 2) if changed.transposed else blocks
        return changed.replace(weight=ordered.flatten(0, 1))

    def module(self) -> nn.Module:
        """A module of these parts: torch's own where it can express the window, else ours."""
        g, padding = self.geometry, self._torch_padding()
        plain = padding is not None and not (self.transposed and self.padding_mode != "zeros")
        options: dict[str, Any] = {
            "stride": g.stride,
            "padding": padding if plain else g.padding,
            "dilation": g.dilation,
            "groups": self.groups,
            "bias": self.bias is not None,
            "padding_mode": self.padding_mode,
            "device": self.weight.device,
            "dtype": self.weight.dtype,
        }
        if self.transposed:
            options["output_padding"] = g.output_padding
        name = f"Conv{'Transpose' if self.transposed else ''}{self.axes}d"
        kind = getattr(nn if plain else extended, name)
        with torch.random.fork_rng(devices=[]):  # the initial weights are replaced at once
            made = kind(self.in_channels, self.out_channels, g.kernel_size, **options)
        made.weight = nn.Parameter(self.weight.detach().clone().contiguous())
        if self.bias is not None:
            made.bias = nn.Parameter(self.bias.detach().clone())
        return cast(nn.Module, made)

    def _torch_padding(self) -> tuple[int, ...] | None:
        """The padding as torch's own modules take it; None where they cannot."""
        pads = self.geometry.padding
        if isinstance(pads, str):
            if self.transposed or any(s > 1 for s in self.geometry.stride):
                return None
            pads = self.geometry.pads((1,) * self.axes)  # at stride 1 any size resolves it
        return tuple(b for b, _ in pads) if all(b == e for b, e in pads) else None


def take_apart(module: nn.Module, operator: str) -> Convolution:
    """The parts of a convolution module of torch or of convariant, 1 to 3 axes.

    Raises OptionError for any other module, DataError for weights with NaN or infinity.
    """
    if not isinstance(module, CONVOLUTIONS) or not isinstance(module.weight, Tensor):
        raise OptionError(
            f"{operator} takes a convolution (Conv1d, Conv2d, Conv3d or ConvTranspose1d...), but "
            f"got {type(module).__name__}; pass the convolution inside it"
        )
    layer: Any = module
    if getattr(layer, "output_size", None) is not None:
        raise OptionError(
            f"{operator}: {module} asks for an output size, so its window depends on its input; "
            "give output_padding in its place"
        )
    check_finite(layer.weight, operator)
    geometry = Geometry.of(
        layer.weight.dim() - 2,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.output_padding,
        transposed=layer.transposed,
    )
    return Convolution(layer.weight, layer.bias, geometry, layer.groups, layer.padding_mode)


def expect(module: object, kinds: type | tuple[type, ...], operator: str, wanted: str) -> None:
    """Refuse what is of no such kind; `wanted` says what is, and how to come by it."""
    if not isinstance(module, kinds):
        raise OptionError(f"{operator} takes {wanted}, but got {type(module).__name__}")


def check_finite(weight: Tensor, operator: str) -> None:
    """Refuse weights from which nothing can be concluded."""
    if isinstance(weight, UninitializedParameter) or weight.is_meta:
        raise DataError(
            f"{operator}: the layer has no weights yet; run the network on an image first, or load "
            "its weights"
        )
    if not weight.numel():
        raise DataError(
            f"{operator}: a weight of size {list(weight.shape)} is empty; a convolution needs at "
            "least one channel on both sides"
        )
    bad = int((~torch.isfinite(weight)).sum())
    if bad:
        raise DataError(
            f"{operator}: a weight of size {list(weight.shape)} has {bad} values that are NaN or "
            "infinite; load the weights again, or train with a smaller learning rate"
        )
