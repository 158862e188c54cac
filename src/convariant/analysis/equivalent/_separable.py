"""A dense convolution as a separable one, exactly, where its weight allows.

Sources: lecture, "Separable Convolution"; Jaderberg et al. 2014, arXiv 1405.3866.
"""

from __future__ import annotations

from torch import nn

from convariant.analysis._convolution import take_apart
from convariant.analysis.separable._decompositions import Decomposition, Depthwise, Spatial
from convariant.errors import OptionError


def separate_spatially(conv: nn.Module) -> nn.Sequential:
    """A convolution -> one along each axis, through as many channels as its weight needs.

    With one channel and a kernel of rank one, `[3 4 5]^T [1 2 3]`, these are a column and a row,
    6 products in place of 9. A kernel of full rank needs full rank: it is still exact, but dearer.
    Inverse: `merge_separable`.

    Raises OptionError for a kernel with only one axis to separate.

    >>> chain = separate_spatially(nn.Conv2d(1, 1, 3))
    >>> [conv.kernel_size for conv in chain], chain[0].out_channels
    ([(3, 1), (1, 3)], 3)
    """
    parts = take_apart(conv, "separate_spatially")
    if not Spatial.applies(parts):
        raise OptionError(
            f"separate_spatially: {conv} has a kernel of {parts.geometry.kernel_size}; there must "
            "be two axes longer than 1 to separate"
        )
    return _exact(Spatial(parts))


def separate_depthwise(conv: nn.Module) -> nn.Sequential:
    """A convolution -> filters for each channel alone, then a 1x1 convolution that mixes.

    The depth multiplier is the largest rank of any channel's filters; kh kw always suffices.
    Inverse: `merge_separable`.

    Raises OptionError for a 1x1 or an already depthwise convolution.

    >>> [conv.out_channels for conv in separate_depthwise(nn.Conv2d(4, 2, 3))]
    [8, 2]
    """
    parts = take_apart(conv, "separate_depthwise")
    if not Depthwise.applies(parts):
        raise OptionError(
            f"separate_depthwise: {conv} has nothing to separate; it must mix channels, and have "
            "a kernel larger than 1"
        )
    return _exact(Depthwise(parts))


def _exact(decomposition: Decomposition) -> nn.Sequential:
    return decomposition.build(decomposition.ranks_within(0.0))
