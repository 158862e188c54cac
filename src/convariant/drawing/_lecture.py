"""The figures of the lecture, section by section, each drawn from the operator it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from convariant.analysis.inspection import inspect
from convariant.drawing._architecture import architecture
from convariant.drawing._arithmetic import arithmetic
from convariant.drawing._blocks import block
from convariant.drawing._chain import chain
from convariant.drawing._costs import costs
from convariant.drawing._deblurred import deconvolution, photograph
from convariant.drawing._fields import receptive_field
from convariant.drawing._figure import Figure
from convariant.drawing._matrix import toeplitz
from convariant.drawing._picture import Picture
from convariant.drawing._trained import learned
from convariant.drawing._unet import unet
from convariant.drawing._volumes import groups
from convariant.geometry import Geometry
from convariant.models import create
from convariant.models.mobilenet import Row, Unit
from convariant.models.resnet import BasicBlock, Bottleneck
from convariant.models.resnext import SummedPaths
from convariant.reference import PaddingMode

POOLED = [[1, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]  # the lecture's matrix
COLUMN, ROW = [3, 4, 5], [1, 2, 3]  # the lecture's separable kernel is their product
FIELD = "receptive_field_resnet18_i256x256"


def lecture() -> dict[str, list[Figure]]:
    """All of them, in the order of the lecture."""
    return {
        "Convolution": _convolution(),
        "Transposed convolution": _transposed(),
        "Dilated convolution": _dilated(),
        "Grouped convolution": _grouped(),
        "Separable convolution": _separable(),
        "Pooling": _pooling(),
        "Architectures": _architectures(),
        "What a network has learned": learned(),
    }


def _window(
    line: str, geometry: Geometry, size: tuple[int, ...], *, output: Sequence[int] | None = None
) -> Figure:
    return Figure(line, lambda: arithmetic(geometry, size, output=output), animated=True)


def _convolution() -> list[Figure]:
    def bordered(mode: PaddingMode, line: str) -> Figure:
        window = Geometry(3, padding=2)
        return Figure(line, lambda: arithmetic(window, (5, 5), padding_mode=mode, output=(0, 0)))

    return [
        _window("A 3 × 3 kernel slides over a 4 × 4 input.", Geometry(3), (4, 4)),
        Figure(
            "The same as a matrix product: the filter as a Toeplitz matrix, one row per output.",
            lambda: toeplitz(Geometry(3), (4, 4)),
            animated=True,
        ),
        _window(
            "Stride 2 and padding 1: 5 × 5 becomes 3 × 3,",
            Geometry(3, stride=2, padding=1),
            (5, 5),
            output=(0, 0),
        ),
        _window(
            "and so does 6 × 6, whose last row and column of padding are never read.",
            Geometry(3, stride=2, padding=1),
            (6, 6),
            output=(2, 2),
        ),
        bordered("reflect", "Padding can mirror the input about its edge,"),
        bordered("replicate", "repeat its edge,"),
        bordered("circular", "or go round: the input that stands behind it is lit too."),
        _window(
            "Padding may differ from side to side.",
            Geometry(3, padding=((0, 1), (2, 0))),
            (4, 4),
            output=(2, 0),
        ),
        _window("On one axis.", Geometry(3, stride=2, padding=1), (9,)),
        _window(
            "Causal: all padding stands before the input, so no output sees what comes after it.",
            Geometry(3, padding=((4, 0),), dilation=2),
            (8,),
            output=(5,),
        ),
        _window("On three axes, the depth as planes.", Geometry(2), (3, 4, 4), output=(1, 1, 1)),
    ]


def _transposed() -> list[Figure]:
    def back(stride: int, padding: int, extra: int = 0) -> Geometry:
        return Geometry(3, stride, padding, output_padding=extra, transposed=True)

    return [
        _window(
            "Example 1, 2 × 2 → 4 × 4: the way back from a convolution of stride 1. As a "
            "convolution it has padding 2.",
            back(1, 0),
            (2, 2),
        ),
        _window(
            "Examples 2 and 3, 3 × 3 → 5 × 5: the way back from stride 2, padding 1, output "
            "padding 0. As a convolution it has one zero inserted between inputs, and padding 1.",
            back(2, 1),
            (3, 3),
        ),
        _window(
            "Example 4, 3 × 3 → 6 × 6: output padding 1 uncovers one more row and column on one "
            "side.",
            back(2, 1, 1),
            (3, 3),
        ),
        Figure(
            "Its matrix is the transpose of the convolution's: x̂ = Wᵀ y.",
            lambda: toeplitz(back(2, 1), (3, 3), output=(1, 1)),
        ),
        _window("On one axis.", back(2, 1), (4,)),
        _window(
            "A kernel that the stride does not divide overlaps itself unevenly.", back(2, 0), (4,)
        ),
        Figure(
            "Deconvolution returns the values, where the transposed convolution returns the shape.",
            deconvolution,
            name="deconvolution",
        ),
    ]


def _dilated() -> list[Figure]:
    return [
        _window("A 3 × 3 kernel,", Geometry(3), (7, 7)),
        _window(
            "and the same nine weights with dilation 2: they see 5 × 5.",
            Geometry(3, dilation=2),
            (7, 7),
        ),
    ]


def _grouped() -> list[Figure]:
    def conv2(split: bool) -> nn.Conv2d:
        layer = create("alexnet", groups=2 if split else 1).get_submodule("features.conv2")
        assert isinstance(layer, nn.Conv2d)
        return layer

    return [
        Figure(
            "The second layer of AlexNet as one convolution: every filter reads all 96 channels.",
            lambda: groups(conv2(False), (27, 27), title="AlexNet, second layer, one group"),
        ),
        Figure(
            "As AlexNet has it, in two groups: half of the weights.",
            lambda: groups(conv2(True), (27, 27), title="AlexNet, second layer, two groups"),
        ),
        Figure(
            "Cell by cell: four channels in two groups.",
            lambda: arithmetic(
                Geometry(3), (4, 4), in_channels=4, out_channels=4, groups=2, output=(2, 0, 1)
            ),
            animated=True,
        ),
        Figure(
            "The matrix of a grouped convolution is block-diagonal.",
            lambda: toeplitz(
                Geometry(3, padding=1), (4, 4), in_channels=4, out_channels=4, groups=2
            ),
        ),
    ]


def _separable() -> list[Figure]:
    full = np.outer(COLUMN, ROW)
    x = np.random.default_rng(1).integers(0, 3, (5, 5))

    def simple() -> Picture:
        picture = arithmetic(Geometry(3), (5, 5), x=x, weight=full)
        return replace(picture, name="simple_convolution", title="Simple: 9 products per output")

    def separable() -> Picture:
        column, row = (torch.tensor(numbers) for numbers in (COLUMN, ROW))
        layers = [_layer(column.reshape(1, 1, 3, 1)), _layer(row.reshape(1, 1, 1, 3))]
        headings = ("3 × 1: 3 products", "1 × 3: 3 products")
        picture = chain(layers, (5, 5), x=x, headings=headings)
        title = "Spatially separable: 3 + 3 = 6 products per output"
        return replace(picture, name="spatially_separable_convolution", title=title)

    def depthwise() -> Picture:
        random = np.random.default_rng(2)
        kernels, mix = random.integers(-1, 2, (3, 1, 3, 3)), random.integers(-1, 2, (4, 3, 1, 1))
        layers = [_layer(torch.from_numpy(kernels), groups=3), _layer(torch.from_numpy(mix))]
        picture = chain(
            layers,
            (5, 5),
            x=random.integers(0, 3, (3, 5, 5)),
            headings=("Depthwise: one filter per channel", "Pointwise: across channels"),
            output=(1, 1, 1),
        )
        return replace(
            picture, name="depthwise_separable_convolution", title="Depthwise, then pointwise"
        )

    return [
        Figure("One 3 × 3 kernel of rank one,", simple, animated=True),
        Figure("and the same result by a column and a row.", separable, animated=True),
        Figure("Depthwise separable: space first, then channels.", depthwise, animated=True),
    ]


def _layer(weight: torch.Tensor, *, groups: int = 1) -> nn.Conv2d:
    """A convolution with this weight and no bias."""
    co, ci, kh, kw = weight.shape
    layer = nn.Conv2d(ci * groups, co, (kh, kw), groups=groups, bias=False)
    layer.weight = nn.Parameter(weight.double())
    return layer


def _pooling() -> list[Figure]:
    def pooled(reducer: str) -> Callable[[], Picture]:
        window = Geometry(2, stride=2)
        return lambda: arithmetic(window, (4, 4), reducer=reducer, x=POOLED, output=(0, 1))

    return [
        Figure("2 × 2 max pooling with stride 2,", pooled("max"), animated=True),
        Figure("and mean pooling of the same matrix.", pooled("mean"), animated=True),
    ]


def field_of_resnet() -> Picture:
    """What one unit in the middle of ResNet-18 sees of a photo."""
    photo = photograph("astronaut")[::2, ::2]  # 256 x 256
    picture = receptive_field(create("resnet18"), photo, layer="layer2.1.conv2")
    return replace(picture, name=FIELD, title="Receptive field in ResNet-18")


def _architectures() -> list[Figure]:
    aggregated = SummedPaths(Bottleneck(256, 64, 1, inner=128, groups=32))
    vanilla = Unit(Row("conv", 1, 128), 64, 128, nn.ReLU)
    separable = nn.Sequential(
        Unit(Row("conv dw", 1, 64), 64, 64, nn.ReLU),
        Unit(Row("conv 1x1", 1, 128), 64, 128, nn.ReLU),
    )
    separable_title = "MobileNet's block: depthwise, then pointwise"

    def named(picture: Picture, name: str) -> Picture:
        return replace(picture, name=name)

    return [
        Figure(
            "ResNet's residual block with its skip connection,",
            lambda: block(BasicBlock(64, 64, 1), (56, 56), title="Residual block (ResNet-18, 34)"),
        ),
        Figure(
            "the bottleneck that builds the deeper ones,",
            lambda: block(
                Bottleneck(256, 64, 1, inner=64), (56, 56), title="Bottleneck (ResNet-50 and up)"
            ),
        ),
        Figure(
            "and ResNeXt's aggregated transformations.",
            lambda: block(aggregated, (56, 56), title="Aggregated block (ResNeXt-50 32×4d)"),
        ),
        Figure(
            "ResNet-50 in whole: repeated blocks are one box.",
            lambda: replace(
                architecture(create("resnet50"), (1, 3, 224, 224)),
                name="architecture_resnet50_i3x224x224",
                title="ResNet-50",
            ),
        ),
        Figure(
            "What one unit in the middle of ResNet-18 sees, layer by layer.",
            field_of_resnet,
            animated=True,
            name=FIELD,
        ),
        Figure("U-Net as in the paper.", lambda: unet(create("unet"))),
        Figure(
            "MobileNet replaces a vanilla convolution",
            lambda: named(
                block(vanilla, (112, 112), title="Vanilla block"), "block_vanilla_i64x112x112"
            ),
        ),
        Figure(
            "by a depthwise separable one.",
            lambda: named(
                block(separable, (112, 112), title=separable_title),
                "block_separable_i64x112x112",
            ),
        ),
        Figure(
            "Where MobileNet's multiply-adds are.",
            lambda: costs(inspect(create("mobilenet_v1"), (1, 3, 224, 224))),
        ),
    ]
