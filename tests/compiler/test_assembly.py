"""The emitted code of every kind of convolution: its products, and nothing kept on the stack."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from tests.compiler.listing import Run, runs
from torch import nn

from convariant.compiler.kernels import DirectConv, GroupedConv, StrassenConv, WinogradConv
from convariant.compiler.llvm import TARGETS, Target
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Step, make_plan
from convariant.graph import from_torch

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))

LAYERS = {
    "pointwise": (nn.Conv2d(512, 512, 1), (7, 7)),
    "linear": (nn.Conv2d(512, 960, 1), (1, 1)),
    "3x3, stride 2": (nn.Conv2d(64, 128, 3, 2, 1), (56, 56)),
    "5x5": (nn.Conv2d(64, 64, 5, 1, 2), (28, 28)),
    "7x7 of three channels": (nn.Conv2d(3, 64, 7, 2, 3), (112, 112)),
    "two groups": (nn.Conv2d(128, 128, 3, 2, 1, groups=2), (28, 28)),
    "groups of 4": (nn.Conv2d(128, 128, 3, 1, 1, groups=32), (56, 56)),
    "groups of 8": (nn.Conv2d(256, 256, 3, 1, 1, groups=32), (28, 28)),
    "depthwise 3x3": (nn.Conv2d(128, 128, 3, 1, 1, groups=128), (56, 56)),
    "depthwise 3x3, stride 2": (nn.Conv2d(128, 128, 3, 2, 1, groups=128), (56, 56)),
    "depthwise 7x7": (nn.Conv2d(128, 128, 7, 1, 3, groups=128), (28, 28)),
    "transposed 4x4": (nn.ConvTranspose2d(128, 64, 4, 2, 1), (28, 28)),
    "transposed 3x3": (nn.ConvTranspose2d(128, 64, 3, 2, 1, 1), (28, 28)),
    "strassen": (nn.Conv2d(512, 512, 1), (28, 28)),
    "winograd 3x3": (nn.Conv2d(64, 64, 3, 1, 1), (56, 56)),
    "winograd of many channels": (nn.Conv2d(256, 256, 3, 1, 1), (14, 14)),
    "winograd, dilated": (nn.Conv2d(128, 128, 3, 1, 2, 2), (28, 28)),
}

# Vectors that LLVM moves to the stack all the same: at most one access for so many products. On
# AVX-512 a smaller tile without them took within 1 % of the same time, for groups of 4 3 % longer.
KNOWN: dict[tuple[str, str], int] = {
    ("pointwise", "sse4.2"): 20,
    ("3x3, stride 2", "avx512"): 18,
    ("5x5", "avx512"): 18,
    ("two groups", "avx512"): 18,
    ("two groups", "sse4.2"): 20,
    ("groups of 4", "avx512"): 20,
    ("depthwise 3x3", "sse4.2"): 6,
    ("depthwise 3x3, stride 2", "neon"): 2,
    ("transposed 3x3", "avx512"): 18,
    ("transposed 3x3", "sse4.2"): 20,
    ("strassen", "sse4.2"): 20,
    ("winograd 3x3", "sse4.2"): 8,
}


@functools.cache
def kernels(name: str, target: Target) -> list[Any]:
    """The different kernels of a layer with an activation, as the planner asks for them."""
    layer, size = LAYERS[name]
    model = nn.Sequential(layer, nn.ReLU()).eval()
    graph = from_torch(model, torch.zeros(1, layer.in_channels, *size))
    steps = make_plan(run_passes(graph), target, 1, 1e-4).steps
    families = (DirectConv, GroupedConv, StrassenConv, WinogradConv)
    found = [s.kernel for s in steps if isinstance(s, Step) and isinstance(s.kernel, families)]
    assert found, f"{name} has no kernel"
    return list(dict.fromkeys(found))


def products(kernel: Any) -> set[int]:
    """How many products the inner loop of a whole tile may have: so many channels at a time."""
    if isinstance(kernel, GroupedConv):
        once = kernel.tile_rows * kernel.tile_columns * kernel.columns.taps
        return {once * kernel.used}
    once = kernel.tile.rows * kernel.tile.columns * kernel.tile.vectors
    if isinstance(kernel, DirectConv) and kernel.inputs < 4:
        return {once * unrolled for unrolled in (1, 2, 3, 4)}
    taps = kernel.rows.taps * kernel.columns.taps if isinstance(kernel, DirectConv) else 1
    pointwise = taps == 1 and not isinstance(kernel, WinogradConv)
    return {once * (8 if pointwise and kernel.y.lanes == 8 else 4)}


def inner(kernel: Any, found: list[Run]) -> list[Run]:
    """The loops of products, without Winograd's transforms."""
    if isinstance(kernel, WinogradConv):
        return [run for run in found if run.products in products(kernel)]
    return [run for run in found if run.products >= 8]


@each_target
@pytest.mark.parametrize("name", LAYERS)
def test_inner_loops_are_all_products_and_keep_them_in_registers(name, target):
    for kernel in kernels(name, target):
        found = inner(kernel, runs(kernel, target))
        assert {run.products for run in found} & products(kernel), (kernel, found)
        share = KNOWN.get((name, target.name))
        for run in found:
            most = run.products // share if share else 0
            assert run.stack <= most, (kernel, found)


@each_target
@pytest.mark.parametrize("name", [name for name in LAYERS if name.startswith("winograd")])
def test_transforms_of_winograd_pass_the_stack_once(name, target):
    """Between columns and rows every number is stored and loaded; a fifth more at most."""
    for kernel in kernels(name, target):
        assert isinstance(kernel, WinogradConv)
        size = kernel.m + 2
        transforms = [x for x in runs(kernel, target) if x.products not in products(kernel)]
        assert max(x.products for x in transforms) >= 2 * size * size - 8 * size
        assert max(x.stack for x in transforms) <= 2 * size * size * 6 // 5, transforms


def test_the_listing_tells_a_kernel_that_spills():
    """The check of the checks: one more row of sums than there are registers."""
    target = TARGETS["avx2"]
    (kernel,) = (k for k in kernels("depthwise 3x3", target) if isinstance(k, GroupedConv))
    wide = type(kernel)(**{**vars(kernel), "tile_columns": 16})
    assert max(runs(kernel, target), key=lambda x: x.products).stack == 0
    assert max(runs(wide, target), key=lambda x: x.products).stack > 8
