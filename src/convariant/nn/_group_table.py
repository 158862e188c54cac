"""The rotations and mirrors of a square grid: what they do to an image, and how they multiply."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from convariant.errors import UnknownNameError

GroupName: TypeAlias = Literal["p4", "p4m"]


def order(group: GroupName) -> int:
    """The number of elements: 4 rotations for `p4`, with their mirror images 8 for `p4m`."""
    if group not in get_args(GroupName):
        raise UnknownNameError("group", str(group), get_args(GroupName))
    return 4 if group == "p4" else 8


def turn(x: Tensor, element: int) -> Tensor:
    """Apply one element to the last two axes: mirrored first (elements 4 to 7), then rotated.

    >>> turn(torch.tensor([[1, 2], [3, 4]]), 1)
    tensor([[2, 4],
            [1, 3]])
    """
    mirror, quarters = divmod(element, 4)
    return torch.rot90(x.flip(-1) if mirror else x, quarters, (-2, -1))


@functools.cache
def product_table(group: GroupName) -> tuple[tuple[int, ...], ...]:
    """`table[a][b]` is the element that does what b and then a do.

    Found by watching the four corners of a labelled square: no two elements move them alike.
    """
    corners = (1, 2, 3, 4)  # plain numbers: tracing must not see this
    elements = range(order(group))
    seen = {_turn_corners(corners, e): e for e in elements}
    return tuple(
        tuple(seen[_turn_corners(_turn_corners(corners, b), a)] for b in elements) for a in elements
    )


def _turn_corners(corners: tuple[int, ...], element: int) -> tuple[int, ...]:
    """`turn` of a square of four numbers, row by row."""
    mirror, quarters = divmod(element, 4)
    a, b, c, d = corners
    if mirror:
        a, b, c, d = b, a, d, c
    for _ in range(quarters):
        a, b, c, d = b, d, a, c
    return a, b, c, d


@functools.cache
def inverse(element: int, group: GroupName) -> int:
    """The element that undoes this one."""
    return product_table(group)[element].index(0)


@functools.cache
def seen_from(element: int, group: GroupName) -> tuple[int, ...]:
    """For each k, the element `element^-1 k`: the group as seen from `element`."""
    return product_table(group)[inverse(element, group)]


def turn_features(x: Tensor, element: int, group: GroupName) -> Tensor:
    """What becomes of group features when the image behind them is turned: planes turn and permute.

    `(T_g y)[k] = turn(y[g^-1 k], g)`. Shape: `(n, c * |G|, h, w)`, height and width swapped by a
    quarter turn.

    Source: Cohen and Welling 2016, equation 8, https://arxiv.org/abs/1602.07576.
    """
    planes = x.unflatten(1, (-1, order(group)))  # (n, c, |G|, h, w)
    return turn(planes[:, :, list(seen_from(element, group))], element).flatten(1, 2)
