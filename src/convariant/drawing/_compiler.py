"""The figures of the compiler: plans for one named target, so that every machine draws the same."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch

from convariant.compiler.llvm import get_target
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Plan, make_plan
from convariant.drawing._figure import Figure
from convariant.drawing._picture import Picture
from convariant.drawing.compiled import (
    arena,
    compilation,
    minimal_filtering,
    register_tile,
    strips,
)
from convariant.graph import Graph, from_torch
from convariant.models import create

TARGET = "avx512"
TOLERANCE = 1e-4
SIZES = {"lenet5": (1, 1, 28, 28), "resnet18": (1, 3, 224, 224), "mobilenet_v1": (1, 3, 224, 224)}


@functools.cache
def captured(name: str) -> Graph:
    """One of our networks as a graph, for one image."""
    return from_torch(create(name).eval(), (torch.zeros(SIZES[name]),), frozen=True)


@functools.cache
def planned(name: str) -> Plan:
    """Its plan for one thread, which nothing measured goes into."""
    return make_plan(run_passes(captured(name)), get_target(TARGET), 1, TOLERANCE)


def _named(picture: Picture, graph: str, network: str) -> Picture:
    """The picture under the network's own name, where its class has another."""
    name = picture.name.replace(graph.lower(), network.lower().replace("-", ""), 1)
    return replace(picture, name=name, title=picture.title.replace(graph, network, 1))


def compiler() -> list[Figure]:
    """In the order of the compiler's folders."""
    targets = get_target("avx512"), get_target("avx2")
    return [
        Figure(
            "LeNet-5 on its way through the compiler, every box a node or a step.",
            lambda: _named(compilation(captured("lenet5"), planned("lenet5")), "LeNet5", "LeNet-5"),
            name="compilation_lenet5_avx512",
        ),
        Figure(
            "Its memory over the steps of its plan,",
            lambda: _named(arena(planned("lenet5")), "LeNet5", "LeNet-5"),
            name="arena_lenet5_avx512",
        ),
        Figure(
            "and that of ResNet-18, where what a skip needs stays longer.",
            lambda: _named(arena(planned("resnet18")), "ResNet", "ResNet-18"),
            name="arena_resnet18_avx512",
        ),
        Figure(
            "The tile of a pointwise layer in registers, and what one multiply-add touches.",
            lambda: register_tile(targets, 64, (14, 14)),
            animated=True,
        ),
        Figure("Winograd's algorithm on one tile, with all numbers.", minimal_filtering),
        Figure(
            "A depthwise and a pointwise layer of MobileNet, strip by strip.",
            lambda: strips(planned("mobilenet_v1"), "features.2.conv"),
            animated=True,
            name="strips_mobilenetv1_features.2.conv_avx512",
        ),
    ]
