"""MobileNet's move: a depthwise separable block in place of a dense convolution."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from convariant.analysis._convolution import Convolution
from convariant.analysis.separable._chains import depthwise_chain
from convariant.analysis.separable._decompositions import Depthwise

_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def mobile_block(parts: Convolution, activation: bool) -> nn.Sequential:
    """Depthwise, then norm and ReLU where asked for, then pointwise.

    The weights are the best of one filter for each channel (by singular value decomposition), the
    norm starts as identity; with the activation the block still has to be trained.
    """
    depthwise, pointwise = Depthwise(parts).build((1,))
    layers: list[tuple[str, nn.Module]] = [("depthwise", depthwise)]
    if activation:
        norm = _NORMS[parts.axes](parts.in_channels).to(parts.weight)
        layers += [("norm", norm), ("activation", nn.ReLU())]
    return nn.Sequential(OrderedDict([*layers, ("pointwise", pointwise)]))


def worthwhile(parts: Convolution) -> bool:
    """Whether a depthwise separable block has fewer weights than this convolution.

    `1 / N + 1 / k^2 < 1` for N filters of k x k elements.
    """
    if not Depthwise.applies(parts):
        return False
    return sum(link.params for link in depthwise_chain(parts, 1)) < parts.weight.numel()
