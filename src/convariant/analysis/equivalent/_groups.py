"""Grouped convolution as several smaller ones, and as one dense one with a block-diagonal weight.

Source: lecture, "Grouped Convolution"; Krizhevsky et al. 2012 (two groups on two devices).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution, expect, take_apart
from convariant.errors import OptionError


class SplitConvolution(nn.Module):
    """Convolutions side by side: each reads its share of the channels, the results are joined.

    Shape: `(n, ci, h, w) -> (n, co, oh, ow)`.
    """

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        """Cut, convolve each, join."""
        shares = x.chunk(len(self.parts), dim=1)
        return torch.cat([part(s) for part, s in zip(self.parts, shares, strict=True)], dim=1)


def split_groups(conv: nn.Module) -> SplitConvolution:
    """One convolution of g groups -> g convolutions of one group, their outputs concatenated.

    Plain and transposed, 1 to 3 axes. Inverse: `merge_groups`.

    >>> split = split_groups(nn.Conv2d(4, 6, 3, groups=2))
    >>> [tuple(part.weight.shape) for part in split.parts]
    [(3, 2, 3, 3), (3, 2, 3, 3)]
    """
    whole = take_apart(conv, "split_groups")
    biases = [None] * whole.groups if whole.bias is None else whole.bias.chunk(whole.groups)
    parts = [
        whole.with_blocks(block[None], bias=bias).module()
        for block, bias in zip(whole.blocks, biases, strict=True)
    ]
    return SplitConvolution(parts)


def merge_groups(split: SplitConvolution) -> nn.Module:
    """G convolutions of equal shape side by side -> one convolution of g groups.

    Raises OptionError where their windows or shapes differ, or for any other module.
    """
    wanted = "a SplitConvolution, which split_groups makes"
    expect(split, SplitConvolution, "merge_groups", wanted)
    parts = [take_apart(part, "merge_groups") for part in split.parts]
    first = parts[0]
    for number, part in enumerate(parts):
        if (
            part.geometry != first.geometry
            or part.weight.shape != first.weight.shape
            or part.groups != first.groups
            or part.padding_mode != first.padding_mode
            or (part.bias is None) != (first.bias is None)
        ):
            raise OptionError(
                f"merge_groups takes convolutions of one shape, but part {number} is "
                f"{split.parts[number]} and part 0 is {split.parts[0]}; merge equal ones only"
            )
    biases = [part.bias for part in parts if part.bias is not None]
    blocks = torch.cat([part.blocks for part in parts])
    return first.with_blocks(blocks, bias=torch.cat(biases) if biases else None).module()


def densify(conv: nn.Module) -> nn.Module:
    """A grouped convolution -> one group, whose weight is zero between channels of other groups.

    With two groups the weight, as a matrix of kernels, is `[[A, 0], [0, B]]`. Inverse: `regroup`.

    >>> densify(nn.Conv1d(4, 4, 1, groups=4, bias=False)).weight[..., 0].count_nonzero().item()
    4
    """
    return one_group(take_apart(conv, "densify")).module()


def one_group(parts: Convolution) -> Convolution:
    """The same convolution with a block-diagonal weight."""
    g, co, ci, *kernel = parts.blocks.shape
    dense = parts.weight.new_zeros(1, g, co, g, ci, *kernel)
    for number, block in enumerate(parts.blocks):
        dense[0, number, :, number] = block
    return parts.with_blocks(dense.reshape(1, g * co, g * ci, *kernel))


def regroup(conv: nn.Module, groups: int) -> nn.Module:
    """A dense convolution whose weight is block-diagonal -> the same with that many groups.

    Raises OptionError where weights outside the blocks are not zero.

    >>> regroup(densify(nn.Conv2d(6, 6, 3, groups=6)), groups=3).groups
    3
    """
    parts = one_group(take_apart(conv, "regroup"))
    _, co, ci, *kernel = parts.blocks.shape
    if not isinstance(groups, int) or groups < 1 or co % groups or ci % groups:
        raise OptionError(
            f"regroup: {ci} input and {co} output channels do not divide into groups={groups!r}; "
            "use a divisor of both"
        )
    square = parts.blocks.reshape(groups, co // groups, groups, ci // groups, *kernel)
    diagonal = torch.stack([square[number, :, number] for number in range(groups)])
    outside = int(square.count_nonzero() - diagonal.count_nonzero())
    if outside:
        raise OptionError(
            f"regroup: {outside} weights outside the {groups} diagonal blocks are not zero, so "
            "groups would lose them; cv.separability(model) finds the groups that a weight has"
        )
    return parts.with_blocks(diagonal).module()
