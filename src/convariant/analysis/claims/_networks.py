"""The example architectures: LeNet, AlexNet, U-Net, ResNet, ResNeXt, MobileNet."""

from __future__ import annotations

from collections.abc import Iterator
from time import thread_time
from typing import Any

import torch
from torch import nn

from convariant import models
from convariant.analysis._timing import module_milliseconds
from convariant.analysis.claims._claim import Digits, Fact, Topic, fact, measured
from convariant.analysis.claims._counts import multiply_adds, of_network, pair, parameters
from convariant.analysis.claims._symmetry import accuracy, small_network, train_on
from convariant.analysis.equivalent import (
    concatenate_paths,
    linear_to_convolution,
    prove,
    sum_paths,
)
from convariant.models.resnet import BasicBlock, Bottleneck
from convariant.nn import DepthwiseSeparableConv2d

topic = Topic("Architectures")
NETWORKS = "lecture.md#networks-and-their-symmetries"


@topic.on_digits("true", 38, docs="training.md#a-first-run")
def the_example_network_reads_digits(digits: Digits) -> Iterator[Fact]:
    """Convolution, pooling, convolution, pooling and a fully connected layer read handwritten
    digits.
    """
    images, labels, held_out, truth = digits
    network = train_on(small_network(), images, labels)
    yield measured("real digits trained on, 2 epochs", len(images))
    right = accuracy(network, held_out, truth)
    yield measured("accuracy on digits held out", right, holds=right > 0.9)


@topic("true", 41, docs=NETWORKS)
def lenet5_has_60000_parameters() -> Iterator[Fact]:
    """LeNet-5 of 1998 has 60,000 trainable parameters; the form common today has 61,706."""
    yield fact("trainable, 1998", parameters(models.create("lenet5_1998")), 60_000)
    modern = of_network("lenet5", 32)
    yield fact("parameters, multiply-adds, modern", pair(modern), "61,706, 416,520")


@topic("true", 49, 51, picture="unet_i1x572x572_paper.svg", docs=NETWORKS)
def unet_maps_572_to_388() -> Iterator[Fact]:
    """U-Net maps 572x572 to 388x388: valid convolutions, skips that are cropped, and transposed
    convolutions on the way up.
    """
    with torch.device("meta"):
        network = models.create("unet").eval()
        shape = network(torch.empty(1, 1, 572, 572)).shape
    yield fact("output", tuple(shape[1:]), (2, 388, 388))
    kinds = [type(m) for m in network.modules()]
    convolutions = sum(kinds.count(kind) for kind in (nn.Conv2d, nn.ConvTranspose2d))
    yield fact("convolutional layers", convolutions, 23)
    yield fact("of them transposed", kinds.count(nn.ConvTranspose2d), 4)
    yield fact("parameters", parameters(network), 31_030_658)


@topic(
    "true if", 50, 64,
    remark="Any size that its halvings divide; with mode='same' any size at all.",
    docs=NETWORKS,
)  # fmt: skip
def unet_is_fully_convolutional() -> Iterator[Fact]:
    """U-Net is fully convolutional: it labels every pixel of an image of any size, and the label
    does not depend on how the image was cut into tiles.
    """
    torch.manual_seed(455)
    network = models.create("unet", widths=(4, 8, 16)).double().eval()
    image = torch.randn(1, 1, 92, 92).double()
    with torch.no_grad():
        whole = network(image)
        tile = network(image[..., :76, :76])
    margin = 76 - tile.shape[-1]
    sides = f"{whole.shape[-1]}, {tile.shape[-1]}"
    yield fact("outputs of 92x92 and of a 76x76 tile", sides, "52, 36")
    worst = float((whole[..., : tile.shape[-1], : tile.shape[-1]] - tile).abs().max())
    yield fact("tile equal to the same place of the whole, to 1e-12", worst < 1e-12, True)
    yield fact("pixels that the border takes", margin, 92 - whole.shape[-1])
    same = models.create("unet", widths=(4, 8), mode="same").eval()
    for size in ((31, 17), (64, 48)):
        yield fact(
            f"mode='same': {size[0]}x{size[1]}",
            tuple(same(torch.zeros(1, 1, *size)).shape[2:]),
            size,
        )


@topic(
    "wrong", 52,
    remark="The sentence belongs to U-Net. ResNet ends in global pooling and a fully connected "
    "layer and gives one answer for an image; it becomes fully convolutional when that "
    "layer is turned into a 1x1 convolution.",
    docs=NETWORKS,
)  # fmt: skip
def resnet_is_fully_convolutional_for_pixels() -> Iterator[Fact]:
    """ResNet is a popular fully convolutional architecture for pixel-level tasks."""
    network = models.create("resnet18", num_classes=10).eval()
    for side in (64, 128):
        yield fact(
            f"output for {side}x{side}",
            tuple(network(torch.zeros(1, 3, side, side)).shape),
            (1, 10),
        )
    yield fact("its last layer", type(network.fc).__name__, "Linear")
    head = linear_to_convolution(network.fc, (1, 1))[0]  # type: ignore[arg-type]
    maps = torch.zeros(1, 512, 4, 4)
    yield fact("as a convolution on maps of 4x4", tuple(head(maps).shape), (1, 10, 4, 4))


@topic("true", 52, picture="block_basicblock_i64x56x56.svg", docs=NETWORKS)
def a_residual_block_adds_its_input() -> Iterator[Fact]:
    """A residual block adds its input to what its two convolutions compute."""
    block = BasicBlock(8, 8, 1).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 8, 6, 6)
    yield fact(
        "with the branch at zero, the rectified input", torch.equal(block(x), x.relu()), True
    )
    for name, expected in (
        ("resnet18", (11_689_512, 1_814_073_344)),
        ("resnet34", (21_797_672, 3_663_761_408)),
    ):
        found = of_network(name, 224)
        yield fact(f"{name}: parameters, multiply-adds", pair(found), pair(expected))


@topic("true", 53, 62, picture="block_bottleneck_i256x56x56.svg", docs=NETWORKS)
def deeper_networks_have_another_block() -> Iterator[Fact]:
    """Deeper networks (ResNet-50, 101, 152) come from replacing the block with a bottleneck."""
    for name, version, expected in (
        ("resnet50", 1.5, (25_557_032, 4_089_184_256)),
        ("resnet50", 1.0, (25_557_032, 3_857_973_248)),
        ("resnet101", 1.5, (44_549_160, 7_801_405_440)),
        ("resnet152", 1.5, (60_192_808, 11_513_626_624)),
    ):
        found = of_network(name, 224, v=version)
        yield fact(f"{name}, strides of v{version:g}", pair(found), pair(expected))


@topic("true", 54, 62, picture="block_summedpaths_i256x56x56.svg", docs="equivalences.md#rewrites")
def resnext_aggregates_transformations() -> Iterator[Fact]:
    """ResNeXt replaces the bottleneck by aggregated paths, which is grouped convolution with a
    shared input: its three forms compute the same.
    """
    block = Bottleneck(256, 64, 1, inner=128, groups=32)
    for name, rewrite in (("summed paths", sum_paths), ("joined paths", concatenate_paths)):
        yield fact(
            f"{name} equal the grouped form, in float64",
            prove(block, rewrite, (1, 256, 7, 7)).equal,
            True,
        )
    weights = [m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d)]
    yield fact("weights of the 32x4d block", sum(weights), 70_144)
    plain = Bottleneck(256, 64, 1, inner=64)
    yield fact(
        "of ResNet's bottleneck",
        sum(m.weight.numel() for m in plain.modules() if isinstance(m, nn.Conv2d)),
        69_632,
    )
    found = of_network("resnext50_32x4d", 224)
    yield fact(
        "ResNeXt-50 32x4d: parameters, multiply-adds", pair(found), "25,028,904, 4,230,479,872"
    )


@topic("true", 55, 63, picture="costs_mobilenetv1_macs.svg", docs="inspect.md#what-is-counted")
def mobilenet_needs_fewer_computations() -> Iterator[Fact]:
    """MobileNet replaces vanilla convolutions by depthwise separable ones and needs far fewer
    computations.
    """
    light, heavy = (of_network("mobilenet_v1", 224, dense=dense) for dense in (False, True))
    yield fact("MobileNet: parameters, multiply-adds", pair(light), "4,231,976, 568,740,352")
    yield fact("with dense convolutions", pair(heavy), "29,294,088, 4,867,293,184")
    yield fact("part of the multiply-adds", f"{light[1] / heavy[1]:.4f}", "0.1168")
    for width, resolution, macs in (
        (0.75, 224, 325_400_448),
        (0.5, 224, 149_497_088),
        (0.25, 224, 41_030_272),
        (1.0, 128, 186_400_768),
    ):
        found = of_network("mobilenet_v1", resolution, width=width)[1]
        yield fact(f"width {width:g}, {resolution} pixels: multiply-adds", found, macs)


@topic(
    "wrong", 56,
    remark="The last depthwise row must have stride 1: with stride 2 its output would be 4x4, "
    "but the next row reads 7x7.",
    picture="costs_mobilenetv1_macs.svg",
    docs="inspect.md#other-forms",
)  # fmt: skip
def table_1_ends_with_a_stride_of_two() -> Iterator[Fact]:
    """MobileNet's Table 1 gives the last depthwise layer, on 7x7x1024, a stride of 2."""
    for stride, side, macs in ((1, 7, 568_740_352), (2, 4, 533_833_216)):  # the paper: 569 million
        with torch.device("meta"):
            network = models.create("mobilenet_v1", last_stride=stride).eval()
            maps = network.features(torch.empty(1, 3, 224, 224))  # type: ignore[operator]
        yield fact(f"stride {stride}: maps at the end", tuple(maps.shape[1:]), (1024, side, side))
        yield fact(
            f"stride {stride}: multiply-adds",
            of_network("mobilenet_v1", 224, last_stride=stride)[1],
            macs,
        )


@topic("true", 57, docs="inspect.md#other-forms")
def table_1_ends_with_pooling_and_softmax() -> Iterator[Fact]:
    """The table ends with 7x7 average pooling, a fully connected layer of 1024x1000 and softmax."""
    network = models.create("mobilenet_v1").eval()
    linear: Any = network.fc
    yield fact("weights of the fully connected layer", linear.weight.numel(), 1_024_000)
    maps = torch.rand(1, 1024, 7, 7)
    pooled = nn.functional.avg_pool2d(maps, 7)
    same = torch.allclose(network.avgpool(maps), pooled, atol=1e-6)  # type: ignore[operator]
    yield fact("7x7 average pooling is the global average there", same, True)
    total = linear(pooled.flatten(1)).softmax(1).sum().item()
    yield fact("sum of the softmax", f"{total:.4f}", "1.0000")


@topic.on_digits(
    "true if", 63,
    remark="On a small task, as here, it is nearly as accurate with a fraction of the operations; "
    "the time falls less than they do, or not at all.",
    docs="separability.md#a-trained-resnet-18",
)  # fmt: skip
def fewer_computations_with_good_accuracy(digits: Digits) -> Iterator[Fact]:
    """MobileNet's blocks perform well with fewer computations."""
    images, labels, held_out, truth = digits
    right = {}
    for name, macs in (("dense", 1_835_200), ("separable", 271_904)):
        network = _digit_network(separable=name == "separable")
        yield fact(f"{name}: multiply-adds", multiply_adds(network, images[:1]), macs)
        right[name] = accuracy(train_on(network, images, labels, rate=1e-2), held_out, truth)
        yield measured(
            f"{name}: accuracy on digits held out", right[name], holds=right[name] > 0.85
        )
        spent = module_milliseconds(network, images[:1], clock=thread_time)
        yield measured(f"{name}: ms for one digit", spent)
    lost = right["dense"] - right["separable"]
    yield measured("accuracy lost", lost, holds=lost < 0.08)


def _digit_network(separable: bool) -> nn.Sequential:
    torch.manual_seed(455)

    def unit(ci: int, co: int) -> nn.Module:
        conv = DepthwiseSeparableConv2d if separable else nn.Conv2d
        return nn.Sequential(conv(ci, co, 3, padding=1), nn.BatchNorm2d(co), nn.ReLU())

    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        unit(16, 32),
        nn.MaxPool2d(2),
        unit(32, 64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
