"""Parameters and multiply-adds of a network, counted by running it without data."""

from __future__ import annotations

import torch
from torch import nn

from convariant import models
from convariant.models import Network
from convariant.nn import to_plain


def on_meta(name: str, **options: object) -> Network:
    """The network without memory for its weights: shapes only, in milliseconds."""
    with torch.device("meta"):
        return models.create(name, **options).eval()


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def layer_macs(network: Network, size: tuple[int, int]) -> dict[str, int]:
    """Multiply-adds of each convolution and linear layer for one image of `size`.

    A convolution spends its kernel on every output pixel, a transposed one on every input pixel;
    a group convolution costs what the plain one that it equals costs.
    """
    counts = {}
    network = to_plain(network)

    def hook_of(path):
        def hook(layer, inputs, output):
            if isinstance(layer, nn.Linear):
                counts[path] = layer.weight.numel()
            else:
                pixels = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
                counts[path] = layer.weight.numel() * pixels.shape[-2] * pixels.shape[-1]

        return hook

    handles = [
        layer.register_forward_hook(hook_of(path))
        for path, layer in network.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))
    ]
    network(torch.empty(1, network.in_channels, *size, device="meta"))
    for handle in handles:
        handle.remove()
    return counts


def macs(network: Network, size: tuple[int, int]) -> int:
    return sum(layer_macs(network, size).values())
