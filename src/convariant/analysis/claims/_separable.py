"""Separable convolution in both senses: in space, and in space x depth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from convariant import models
from convariant import nn as extended
from convariant.analysis._convolution import take_apart
from convariant.analysis._timing import modules_in_turn
from convariant.analysis.claims._claim import Fact, Topic, fact, measured
from convariant.analysis.claims._convolution import integers
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


@topic("true", 27, picture="spatially_separable_convolution.svg", docs="separability.md")
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
    docs="separability.md",
)  # fmt: skip
def nine_products_become_six() -> Iterator[Fact]:
    """A simple 3x3 convolution has 9 products for each output, the separated one 3 + 3 = 6."""
    for k in (3, 5, 7):
        yield fact(f"{k}x{k}: products for each output, separated", f"{k * k}, {2 * k}")
    for side in (3, 5, 32, 224):
        out = side - 2
        dense, separated = 9 * out * out, 3 * out * side + 3 * out * out
        yield fact(f"3x3 on {side}x{side}, all products, separated", f"{dense:,}, {separated:,}")
    yield fact("a single output saves", 9 - (3 * 3 + 3), holds=9 - (3 * 3 + 3) < 0)


@topic("true", 29, docs="separability.md")
def separable_kernels_have_rank_one() -> Iterator[Fact]:
    """Spatially separable kernels have rank one and cannot represent kernels of full rank."""
    values = np.linalg.svd(KERNEL, compute_uv=False)
    yield fact(
        "largest singular value of the slide's kernel, squared", round(float(values[0] ** 2)), 700
    )
    yield fact("its other singular values are below 1e-14", bool(values[1] < 1e-14), True)
    for name, kernel, rank in (("slide's", KERNEL, 1), ("identity", np.eye(3), 3)):
        conv = nn.Conv2d(1, 1, 3, bias=False)
        conv.weight.data[0, 0] = torch.from_numpy(kernel)
        layer = separability(conv).layers[0]
        yield fact(f"rank of the {name} kernel", layer.spatial_rank, rank)
        yield fact(
            f"part of the {name} kernel that rank one loses", f"{layer.kernel_errors[0]:.3f}"
        )
        chain = separate_spatially(conv)
        width = chain[0].out_channels
        yield fact(f"separable convolutions whose sum is the {name} kernel", width, rank)


@topic("true", 30, 61, picture="depthwise_separable_convolution.svg", docs="operators.md")
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


@topic("true", 31, docs="operators.md")
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
    docs="separability.md",
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
    dense = nn.Conv2d(512, 512, 3, padding=1, bias=False).eval()
    light = extended.DepthwiseSeparableConv2d(512, 512, 3, padding=1, bias=False).eval()
    weights = [sum(p.numel() for p in m.parameters()) for m in (dense, light)]
    yield fact("weights of 3x3, 512 -> 512", weights[0], 2_359_296)
    yield fact("of the separable layer", weights[1], 266_752)
    yield fact("multiply-adds at 14x14", weights[0] * 196, 462_422_016)
    yield fact("of the separable layer", weights[1] * 196, 52_283_392)
    yield fact("ratio", f"{weights[1] / weights[0]:.5f}", f"{1 / 512 + 1 / 9:.5f}")
    for filters, kernel in ((1, 3), (2, 3), (512, 1)):
        ratio = 1 / filters + 1 / kernel**2
        yield fact(
            f"ratio for N={filters}, k={kernel}",
            f"{ratio:.3f}",
            holds=(ratio < 1) == (filters == 2),
        )
    dense = nn.Conv2d(64, 64, 3, padding=1, bias=False).eval()
    light = extended.DepthwiseSeparableConv2d(64, 64, 3, padding=1, bias=False).eval()
    x = torch.randn(1, 64, 56, 56)
    # many short rounds: the verdict hangs on a ratio, which other work on the machine may upset
    times = modules_in_turn([dense, light], x, rounds=12, seconds=0.03)
    yield measured("ms, 64 -> 64 at 56x56, dense", times[0])
    yield measured("ms, separable", times[1])
    faster = times[0] / times[1]
    fewer = 1 / (1 / 64 + 1 / 9)
    what = f"times faster, with {fewer:.2f} times fewer operations"
    yield measured(what, faster, holds=faster < fewer)


@topic("true", 65, docs="separability.md#same-shapes-fewer-parameters")
def four_ways_to_the_same_shapes() -> Iterator[Fact]:
    """Input and output can keep their shapes with fewer parameters: grouped, spatially separable
    and depthwise separable convolution do it.
    """
    result = compare(64, 64, 3, size=(56, 56), timed=False)
    shapes = {row.output_size for row in result.rows}
    yield fact("output sizes", str(sorted(shapes)), "[(56, 56)]")
    for row in result.rows:
        yield fact(f"{row.name}: weights", row.params)
    fewer = all(row.params < result.rows[0].params for row in result.rows[1:])
    yield fact("all have fewer than the dense one", fewer, True)


@topic("true", 58, 55, picture="block_separable_i64x112x112.svg", docs="separability.md")
def any_network_can_make_the_move() -> Iterator[Fact]:
    """MobileNet's move, a depthwise separable block in place of a vanilla convolution, works in any
    network.
    """
    result = mobilize(models.create("resnet18"))
    before, after = result.params
    yield fact("convolution weights of ResNet-18", before, 11_166_912)
    yield fact("after the move", after, 1_432_576)
    macs_before, macs_after = result.macs
    yield fact("multiply-adds at 224x224", macs_before)
    yield fact("after the move", macs_after)
    blocks = [
        m
        for m in result.model.modules()
        if isinstance(m, nn.Sequential) and "depthwise" in dict(m.named_children())
    ]
    yield fact("layers replaced", len(blocks), 16)
    check = take_apart(blocks[0].get_submodule("depthwise"), "claims")
    yield fact("groups of the first depthwise part", check.groups, 64)
