"""Separable convolution in both senses: in space, and in space x depth."""

from __future__ import annotations

from collections.abc import Iterator
from time import thread_time

import numpy as np
import torch
from torch import nn

from convariant import models
from convariant import nn as extended
from convariant.analysis._convolution import take_apart
from convariant.analysis._timing import modules_in_turn
from convariant.analysis.claims._claim import FEWER, Fact, Topic, fact, measured
from convariant.analysis.claims._convolution import integers
from convariant.analysis.claims._counts import multiply_adds, pair, parameters
from convariant.analysis.comparison import compare
from convariant.analysis.equivalent import (
    merge_separable,
    pointwise_to_linear,
    prove,
    separate_spatially,
)
from convariant.analysis.separable import mobilize, separability
from convariant.geometry import Geometry
from convariant.reference import cross_correlate, spatially_separable

topic = Topic("Separable convolution")
KERNEL = np.array([[3, 6, 9], [4, 8, 12], [5, 10, 15]])


@topic(
    "true",
    27,
    picture="spatially_separable_convolution.svg",
    docs="separability.md#how-separable-is-a-network",
)
def the_kernel_of_the_slide_separates() -> Iterator[Fact]:
    """The kernel 3 6 9 / 4 8 12 / 5 10 15 is the column 3 4 5 times the row 1 2 3, and convolving
    with the column and then with the row is convolving with the kernel.
    """
    column, row = np.array([3, 4, 5]), np.array([1, 2, 3])
    yield fact("column x row - kernel", int((np.outer(column, row) != KERNEL).sum()), 0)
    x = integers(1, 1, 9, 9)
    whole = cross_correlate(x, KERNEL[None, None], Geometry(3))
    parts = spatially_separable(
        x, column.reshape(1, 1, 3, 1), row.reshape(1, 1, 1, 3), Geometry((3, 3))
    )
    yield fact("values of the two convolutions that differ", int((whole != parts).sum()), 0)


@topic(
    "true if", 28,
    remark="Counted for each output. A valid convolution makes a larger image in between, so a "
    "small input saves less, and one output alone nothing.",
    picture="spatially_separable_convolution.svg",
    docs="separability.md#same-shapes-fewer-parameters",
)  # fmt: skip
def nine_products_become_six() -> Iterator[Fact]:
    """A simple 3x3 convolution has 9 products for each output, the separated one 3 + 3 = 6."""
    for k, products in ((3, (9, 6)), (5, (25, 10)), (7, (49, 14))):
        whole, parts = _products(k, 32, padding=k // 2)
        for_each = whole // 32**2, parts // 32**2
        yield fact(f"{k}x{k}: products for each output, separated", pair(for_each), pair(products))
    for side, products in (
        (3, (9, 12)),
        (5, (81, 72)),
        (32, (8_100, 5_580)),
        (224, (443_556, 297_036)),
    ):
        found = _products(3, side)
        yield fact(f"3x3 on {side}x{side}, all products, separated", pair(found), pair(products))


def _products(k: int, side: int, padding: int = 0) -> tuple[int, int]:
    """Of one k x k convolution of an image, and of the column and row that may stand for it."""
    whole = nn.Conv2d(1, 1, k, padding=padding, bias=False)
    parts = extended.SpatialSeparableConv2d(1, 1, k, padding=padding, bias=False, rank=1)
    x = torch.zeros(1, 1, side, side)
    return multiply_adds(whole, x), multiply_adds(parts, x)


@topic("true", 29, docs="separability.md#how-separable-is-a-network")
def separable_kernels_have_rank_one() -> Iterator[Fact]:
    """Spatially separable kernels have rank one and cannot represent kernels of full rank."""
    values = np.linalg.svd(KERNEL, compute_uv=False)
    yield fact(
        "largest singular value of the slide's kernel, squared", round(float(values[0] ** 2)), 700
    )
    yield fact("its other singular values are below 1e-14", bool(values[1] < 1e-14), True)
    for name, kernel, rank, lost in (
        ("slide's", KERNEL, 1, "0.000"),
        ("identity", np.eye(3), 3, "0.816"),  # the root of 2 / 3
    ):
        conv = nn.Conv2d(1, 1, 3, bias=False)
        conv.weight.data[0, 0] = torch.from_numpy(kernel)
        layer = separability(conv).layers[0]
        yield fact(f"rank of the {name} kernel", layer.spatial_rank, rank)
        yield fact(
            f"part of the {name} kernel that rank one loses", f"{layer.kernel_errors[0]:.3f}", lost
        )
        chain = separate_spatially(conv)
        width = chain[0].out_channels
        yield fact(f"separable convolutions whose sum is the {name} kernel", width, rank)


@topic("true", 30, 61, picture="depthwise_separable_convolution.svg", docs=FEWER)
def depthwise_is_as_many_groups_as_channels() -> Iterator[Fact]:
    """Depthwise convolution gives every channel a filter of its own: it is grouped convolution with
    as many groups as channels.
    """
    conv = nn.Conv2d(4, 4, 3, groups=4, bias=False)
    x = torch.randn(1, 4, 7, 7)
    alone = [torch.nn.functional.conv2d(x[:, c : c + 1], conv.weight[c : c + 1]) for c in range(4)]
    same = torch.allclose(torch.cat(alone, 1), conv(x), atol=1e-6)
    yield fact("equal to one convolution for each channel", same, True)
    yield fact(
        "weights, dense and depthwise, 4 channels", f"{4 * 4 * 9}, {conv.weight.numel()}", "144, 36"
    )
    doubled = nn.Conv2d(4, 8, 3, groups=4)
    yield fact("outputs with depth multiplier 2", doubled.out_channels, 8)


@topic("true", 31, docs="equivalences.md#rewrites")
def pointwise_is_linear_over_channels() -> Iterator[Fact]:
    """A pointwise (1x1) convolution mixes channels, at every position by the same linear layer."""
    conv = nn.Conv2d(16, 8, 1)
    layer = pointwise_to_linear(conv).linear
    yield fact("its matrix", tuple(layer.weight.shape), (8, 16))
    yield fact("equal in float64", prove(conv, pointwise_to_linear, (1, 16, 5, 5)).equal, True)


@topic(
    "true if", 32,
    remark="Two meanings of separable: this one is space x depth. A depthwise filter itself need "
    "not be separable in space, and a spatially separable layer mixes channels in both "
    "its parts.",
    picture="depthwise_separable_convolution.svg",
    docs=FEWER,
)  # fmt: skip
def depthwise_and_pointwise_are_separable() -> Iterator[Fact]:
    """Depthwise, then pointwise: a separable convolution, in space and in depth."""
    torch.manual_seed(455)
    layer = extended.DepthwiseSeparableConv2d(8, 16, 3, padding=1)
    dense = merge_separable(layer)
    found = separability(dense).layers[0]
    depth, space = found.form("depthwise"), found.form("spatial")
    yield fact(
        "equal to one dense convolution, in float64",
        prove(layer, merge_separable, (1, 8, 7, 7)).equal,
        True,
    )
    yield fact("rank of each input channel's filters, of 9", depth.ranks if depth else None, (1,))
    yield fact("rank of its kernels in space", found.spatial_rank, 3)
    yield fact("joint rank in space, of 24", space.ranks if space else None, (24,))


@topic(
    "true if", 33, 63,
    remark="The ratio is 1/N + 1/k^2 for N filters of k x k: nothing is saved for k = 1, nor for "
    "N = 1 (3x3: N must exceed 9/8). And operations saved are not time saved: depthwise "
    "kernels run at a smaller part of the machine's peak.",
    picture="depthwise_separable_convolution.svg",
    docs="separability.md#same-shapes-fewer-parameters",
)  # fmt: skip
def it_saves_parameters_and_operations() -> Iterator[Fact]:
    """Depthwise separable convolution saves both parameters and operations."""
    dense, light = _dense_and_separable(512, 512, 3)
    x = torch.zeros(1, 512, 14, 14)
    yield fact("weights of 3x3, 512 -> 512", parameters(dense), 2_359_296)
    yield fact("of the separable layer", parameters(light), 266_752)
    yield fact("multiply-adds at 14x14", multiply_adds(dense, x), 462_422_016)
    yield fact("of the separable layer", multiply_adds(light, x), 52_283_392)
    for filters, kernel in ((512, 3), (2, 3), (1, 3), (512, 1)):
        before, after = map(parameters, _dense_and_separable(64, filters, kernel))
        formula = 1 / filters + 1 / kernel**2
        yield fact(f"ratio for N={filters}, k={kernel}", f"{after / before:.5f}", f"{formula:.5f}")
    x = torch.randn(1, 64, 56, 56)
    # the verdict hangs on a ratio, which other work on the machine may upset
    times = modules_in_turn(
        _dense_and_separable(64, 64, 3), x, rounds=12, seconds=0.03, clock=thread_time
    )
    yield measured("ms, 64 -> 64 at 56x56, dense", times[0])
    yield measured("ms, separable", times[1])
    faster = times[0] / times[1]
    fewer = 1 / (1 / 64 + 1 / 9)
    what = f"times faster, with {fewer:.2f} times fewer operations"
    yield measured(what, faster, holds=faster < fewer)


def _dense_and_separable(ci: int, co: int, k: int) -> tuple[nn.Module, nn.Module]:
    """Two layers of the same shapes."""
    return (
        nn.Conv2d(ci, co, k, padding=k // 2, bias=False),
        extended.DepthwiseSeparableConv2d(ci, co, k, padding=k // 2, bias=False),
    )


@topic("true", 65, docs="separability.md#same-shapes-fewer-parameters")
def four_ways_to_the_same_shapes() -> Iterator[Fact]:
    """Input and output can keep their shapes with fewer parameters: grouped, spatially separable
    and depthwise separable convolution do it.
    """
    result = compare(64, 64, 3, size=(56, 56), timed=False)
    shapes = {row.output_size for row in result.rows}
    yield fact("output sizes", str(sorted(shapes)), "[(56, 56)]")
    for row, weights in zip(result.rows, (36_864, 18_432, 9_216, 6_144, 4_672), strict=True):
        yield fact(f"{row.name}: weights", row.params, weights)


@topic(
    "true",
    58,
    55,
    picture="block_separable_i64x112x112.svg",
    docs="separability.md#mobilenets-move",
)
def any_network_can_make_the_move() -> Iterator[Fact]:
    """MobileNet's move, a depthwise separable block in place of a vanilla convolution, works in any
    network.
    """
    result = mobilize(models.create("resnet18"))
    before, after = result.params
    yield fact("convolution weights of ResNet-18", before, 11_166_912)
    yield fact("after the move", after, 1_432_576)
    macs_before, macs_after = result.macs
    yield fact("multiply-adds at 224x224", macs_before, 1_813_561_344)
    yield fact("after the move", macs_after, 336_292_096)
    blocks = [
        m
        for m in result.model.modules()
        if isinstance(m, nn.Sequential) and "depthwise" in dict(m.named_children())
    ]
    yield fact("layers replaced", len(blocks), 16)
    check = take_apart(blocks[0].get_submodule("depthwise"), "claims")
    yield fact("groups of the first depthwise part", check.groups, 64)
