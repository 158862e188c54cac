"""Grouped convolution: what it saves, what it is equal to, where it was first used."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from convariant import models
from convariant.analysis.claims._claim import FEWER, Fact, Topic, fact
from convariant.analysis.claims._counts import multiply_adds, parameters
from convariant.analysis.equivalent import densify, prove, split_groups

topic = Topic("Grouped convolution")


@topic("true", 23, picture="groups_i27x27_k5x5_g2_c96-256.svg", docs=FEWER)
def two_groups_are_two_convolutions() -> Iterator[Fact]:
    """A convolution of two groups is two convolutions side by side, each of half the channels,
    their outputs joined.
    """
    conv = nn.Conv2d(8, 6, 3, padding=1, groups=2)
    shapes = [tuple(weight.shape) for weight in split_groups(conv).parameters()]
    part = [(3, 4, 3, 3), (3,)]
    yield fact("weights and biases of the parts", str(shapes), str(2 * part))
    yield fact("equal in float64", prove(conv, split_groups, (2, 8, 7, 7)).equal, True)


@topic(
    "true", 24, picture="toeplitz_conv_i4x4_k3x3_p1_g2_c4-4.svg", docs="equivalences.md#rewrites"
)  # fmt: skip
def any_number_of_groups_is_block_diagonal() -> Iterator[Fact]:
    """With g groups the weight, seen as a matrix of kernels, has g blocks on its diagonal and is
    zero elsewhere.
    """
    for groups in (1, 2, 4, 8):
        conv = nn.Conv2d(8, 16, 3, groups=groups, bias=False)
        dense = densify(conv).get_parameter("weight")
        nonzero = int(dense.count_nonzero())
        yield fact(f"g={groups}: weights of 1,152 that are not zero", nonzero, 1152 // groups)
        yield fact(f"g={groups}: equal in float64", prove(conv, densify, (1, 8, 5, 5)).equal, True)


@topic("true", 23, 24, 65, docs=FEWER)
def same_shapes_with_fewer_parameters() -> Iterator[Fact]:
    """With groups the input and the output keep their shapes, and there are 1 / g of the weights
    and of the multiply-adds.
    """
    x = torch.zeros(1, 64, 14, 14)
    for groups, weights in ((1, 36864), (2, 18432), (4, 9216), (64, 576)):
        conv = nn.Conv2d(64, 64, 3, padding=1, groups=groups, bias=False)
        yield fact(f"g={groups}: output", tuple(conv(x).shape[1:]), (64, 14, 14))
        yield fact(f"g={groups}: weights", conv.weight.numel(), weights)
        yield fact(f"g={groups}: multiply-adds", multiply_adds(conv, x), weights * 14 * 14)


@topic(
    "wrong", 25,
    remark="It is true of one filter: a pair of half-deep filters, one for each group, has the "
    "weights of one full filter. Of the layer only 1 / g are left, since each output "
    "channel reads one group.",
    picture="groups_i27x27_k5x5_g1_c96-256.svg",
    docs=FEWER,
)  # fmt: skip
def the_total_is_that_of_a_single_filter() -> Iterator[Fact]:
    """With two groups of filters the total number of parameters is the same as that of a single
    filter before.
    """
    full = nn.Conv2d(64, 32, 3, bias=False)
    grouped = nn.Conv2d(64, 32, 3, groups=2, bias=False)
    one, half = full.weight[0].numel(), grouped.weight[0].numel()
    yield fact("weights of one filter before", one, 576)
    yield fact("of one filter in a group", half, 288)
    yield fact("of a pair of them, one from each group", 2 * half, one)
    yield fact("of the layer before", full.weight.numel(), 18432)
    yield fact("of the grouped layer", grouped.weight.numel(), 9216)


@topic("true", 26, picture="groups_i27x27_k5x5_g2_c96-256.svg", docs=FEWER)
def alexnet_was_first() -> Iterator[Fact]:
    """Groups were first used in AlexNet, which had two, each on a device of its own."""
    with torch.device("meta"):  # counted, not run
        two, one = (models.create("alexnet", groups=g) for g in (2, 1))
    grouped = [name for name, m in two.named_modules() if getattr(m, "groups", 1) == 2]
    yield fact("layers with two groups", len(grouped), 3)
    yield fact("parameters with two groups", parameters(two), 60_965_224)
    yield fact("parameters with one", parameters(one), 62_378_344)
