"""Modules of the shared configurations, and other networks to take apart."""

from __future__ import annotations

import torch
from torch import nn

from convariant.analysis._convolution import Convolution
from support.configs import Config


def module_of(config: Config, dtype: torch.dtype = torch.float64, mode: str = "zeros") -> nn.Module:
    """The convolution of a configuration with its random weights."""
    _, weight, bias = config.tensors(dtype)
    return Convolution(weight, bias, config.geometry, config.groups, mode).module()


def shaken(norm: nn.Module) -> nn.Module:
    """An evaluated batch norm with statistics and parameters unlike those it starts with."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in [*norm.named_parameters(), *norm.named_buffers()]:
        if tensor.dim() == 1:
            drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.5
            signed = drawn - 1 if name != "running_var" else drawn
            tensor.data.copy_(signed.to(tensor.dtype))
    return norm.eval()
