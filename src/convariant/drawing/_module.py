"""What a torch module tells about its window, so that a picture can be drawn from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from convariant.errors import OptionError
from convariant.geometry import Geometry
from convariant.reference import PaddingMode

_POOLS: dict[type[torch.nn.Module], tuple[int, str]] = {
    torch.nn.MaxPool1d: (1, "max"),
    torch.nn.MaxPool2d: (2, "max"),
    torch.nn.MaxPool3d: (3, "max"),
    torch.nn.AvgPool1d: (1, "mean"),
    torch.nn.AvgPool2d: (2, "mean"),
    torch.nn.AvgPool3d: (3, "mean"),
}


@dataclass(frozen=True)
class Settings:
    """The window of a module and its weight, None for pooling."""

    geometry: Geometry
    groups: int = 1
    padding_mode: PaddingMode = "zeros"
    reducer: str | None = None
    weight: np.ndarray | None = None


def settings(module: torch.nn.Module) -> Settings:
    """Of a convolution, a transposed one, or a pooling module of torch."""
    if isinstance(module, torch.nn.modules.conv._ConvNd):
        axes = len(module.kernel_size)
        geometry = Geometry.of(
            axes,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            module.output_padding if module.transposed else 0,
            module.transposed,
        )
        weight = module.weight.detach().cpu().double().numpy()
        return Settings(geometry, module.groups, module.padding_mode, None, weight)
    for kind, (axes, reducer) in _POOLS.items():
        if isinstance(module, kind):
            geometry = Geometry.of(
                axes,
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                getattr(module, "dilation", 1),
                ceil_mode=bool(module.ceil_mode),
            )
            return Settings(geometry, reducer=reducer)
    raise OptionError(
        f"{type(module).__name__} cannot be drawn as window arithmetic; give a Geometry, or a "
        "torch Conv, ConvTranspose, MaxPool or AvgPool module"
    )
