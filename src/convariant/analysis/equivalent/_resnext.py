"""The three equal forms of an aggregated residual block, with mapped weights.

Source: Xie et al. 2016, arXiv 1611.05431, figure 3.
"""

from __future__ import annotations

from convariant.models.resnet import Bottleneck
from convariant.models.resnext import ConcatenatedPaths, SummedPaths, as_grouped


def sum_paths(block: Bottleneck) -> SummedPaths:
    """Form (c), a grouped convolution -> form (a), separate paths that are added at the end.

    Inverse: `group_paths`.

    >>> from convariant.analysis.equivalent import prove
    >>> block = Bottleneck(64, 16, 1, inner=32, groups=8)
    >>> prove(block, sum_paths, (1, 64, 5, 5)).equal
    True
    """
    return SummedPaths(block)


def concatenate_paths(block: Bottleneck) -> ConcatenatedPaths:
    """Form (c), a grouped convolution -> form (b), separate paths joined before the last 1x1.

    Inverse: `group_paths`.

    >>> from convariant.analysis.equivalent import prove
    >>> block = Bottleneck(64, 16, 2, inner=32, groups=8)
    >>> prove(block, concatenate_paths, (1, 64, 6, 6)).equal
    True
    """
    return ConcatenatedPaths(block)


def group_paths(form: SummedPaths | ConcatenatedPaths) -> Bottleneck:
    """Form (a) or (b) -> form (c), one grouped convolution."""
    return as_grouped(form)
