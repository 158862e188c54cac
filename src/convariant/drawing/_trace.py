"""What a module calls, in order, and the shapes that come out: run once on meta tensors."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd


@dataclass(frozen=True)
class Call:
    """One call of a module without children, or of one that was asked for by name."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]  # of the output, without the batch


def trace(module: nn.Module, input_shape: Sequence[int], also: Sequence[str] = ()) -> list[Call]:
    """Every call of a leaf, and of the modules named in `also`, for one image `(c, h, w)`.

    The module itself is not touched: a copy without data runs.
    """
    copy = deepcopy(module).to("meta").eval()
    calls: list[Call] = []

    def record(name: str, original: nn.Module) -> None:
        def after(_: nn.Module, __: object, output: torch.Tensor) -> None:
            calls.append(Call(name, original, tuple(output.shape[1:])))

        copy.get_submodule(name).register_forward_hook(after)

    for name, original in module.named_modules():
        if name in also or (name and not any(original.children())):
            record(name, original)
    with torch.no_grad():
        copy(torch.empty(1, *input_shape, device="meta"))
    return calls


def describe(conv: _ConvNd) -> str:
    """`3 × 3, 64 → 64, stride 2`, as diagrams label a convolution."""
    size = " × ".join(str(k) for k in conv.kernel_size)
    parts = [f"{size}, {conv.in_channels} → {conv.out_channels}"]
    if conv.groups == conv.in_channels > 1:
        parts = [f"{size} depthwise, {conv.out_channels}"]
    elif conv.groups > 1:
        parts.append(f"{conv.groups} groups")
    if max(conv.stride) > 1:
        parts.append(f"stride {conv.stride[0]}")
    return ", ".join(parts)


def brief(module: nn.Module) -> str:
    """What stands between convolutions, in few letters: `BN`, `ReLU`."""
    name = type(module).__name__
    return "BN" if name.startswith("BatchNorm") else "" if name == "Identity" else name
