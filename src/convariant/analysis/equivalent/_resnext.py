"""The three equal forms of an aggregated residual block, with mapped weights.

Source: Xie et al. 2016, arXiv 1611.05431, figure 3.
"""

from __future__ import annotations

from convariant.analysis._convolution import expect
from convariant.models.resnet import Bottleneck
from convariant.models.resnext import ConcatenatedPaths, SummedPaths, as_grouped

_BLOCK = "a bottleneck of ResNeXt, such as models.create('resnext50_32x4d').layer1[0]"


def sum_paths(block: Bottleneck) -> SummedPaths:
    """Form (c), a grouped convolution -> form (a), separate paths that are added at the end.

    Inverse: `group_paths`.

    Raises OptionError for any other module.

    >>> from convariant.analysis.equivalent import prove
    >>> block = Bottleneck(64, 16, 1, inner=32, groups=8)
    >>> prove(block, sum_paths, (1, 64, 5, 5)).equal
    True
    """
    expect(block, Bottleneck, "sum_paths", _BLOCK)
    return SummedPaths(block)


def concatenate_paths(block: Bottleneck) -> ConcatenatedPaths:
    """Form (c), a grouped convolution -> form (b), separate paths joined before the last 1x1.

    Inverse: `group_paths`.

    Raises OptionError for any other module.

    >>> from convariant.analysis.equivalent import prove
    >>> block = Bottleneck(64, 16, 2, inner=32, groups=8)
    >>> prove(block, concatenate_paths, (1, 64, 6, 6)).equal
    True
    """
    expect(block, Bottleneck, "concatenate_paths", _BLOCK)
    return ConcatenatedPaths(block)


def group_paths(form: SummedPaths | ConcatenatedPaths) -> Bottleneck:
    """Form (a) or (b) -> form (c), one grouped convolution.

    Raises OptionError for any other module.
    """
    wanted = "form (a) or (b) of a block, which sum_paths and concatenate_paths make"
    expect(form, (SummedPaths, ConcatenatedPaths), "group_paths", wanted)
    return as_grouped(form)
