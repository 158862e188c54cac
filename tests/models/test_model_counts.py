"""Parameters and multiply-adds: exact, for every network and for the variants that papers name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from convariant import models
from models.counting import layer_macs, macs, on_meta, parameters

# name, options, side of the image, parameters, multiply-adds
VARIANTS = [
    ("mobilenet_v1", {"width": 0.75}, 224, 2_585_560, 325_400_448),
    ("mobilenet_v1", {"width": 0.5}, 224, 1_331_592, 149_497_088),
    ("mobilenet_v1", {"width": 0.25}, 224, 470_072, 41_030_272),
    ("mobilenet_v1", {"resolution": 192}, 192, 4_231_976, 418_121_728),
    ("mobilenet_v1", {"resolution": 160}, 160, 4_231_976, 290_675_200),
    ("mobilenet_v1", {"resolution": 128}, 128, 4_231_976, 186_400_768),
    ("mobilenet_v1", {"dense": True}, 224, 29_294_088, 4_867_293_184),
    ("mobilenet_v1", {"last_stride": 2}, 224, 4_231_976, 533_833_216),
    ("resnet50", {"v": 1}, 224, 25_557_032, 3_857_973_248),
    ("resnet101", {"v": 1}, 224, 44_549_160, 7_570_194_432),
    ("resnet152", {"v": 1}, 224, 60_192_808, 11_282_415_616),
    ("alexnet", {"groups": 1}, 227, 62_378_344, 1_135_256_096),
    ("lenet5", {}, 28, 61_706, 416_520),
    ("lenet5", {"activation": "tanh", "pooling": "average"}, 32, 61_706, 416_520),
]


@pytest.mark.parametrize("name", models.names())
def test_stored_counts_are_those_of_the_default_network(name):
    known, network = models.info(name), on_meta(name)
    assert parameters(network) == known.params
    assert macs(network, known.input_size) == known.macs
    assert network.input_size == known.input_size


@pytest.mark.parametrize(("name", "options", "side", "params", "multiply_adds"), VARIANTS)
def test_counts_of_variants(name, options, side, params, multiply_adds):
    network = on_meta(name, **options)
    assert parameters(network) == params
    assert macs(network, (side, side)) == multiply_adds


def test_the_generic_resnet_builds_the_named_ones():
    network = on_meta("resnet", block="aggregated", depths=(3, 4, 23, 3), paths=64)
    assert parameters(network) == models.info("resnext101_64x4d").params
    cifar = on_meta("resnet", depths=(3, 3, 3), width=16, small_input=True, num_classes=10)
    convolutions = [m for m in cifar.modules() if isinstance(m, nn.Conv2d)]
    assert len([m for m in convolutions if m.kernel_size == (3, 3)]) == 19  # and one linear: 20
    assert parameters(cifar) == 272_474  # the paper says 0.27M


def test_where_mobilenet_spends_its_operations():
    network = on_meta("mobilenet_v1")
    spent = {"conv": 0, "conv dw": 0, "conv 1x1": 0, "fc": 0}
    weights = dict.fromkeys(spent, 0)
    for path, count in layer_macs(network, (224, 224)).items():
        layer = network.get_submodule(path)
        kind = "fc"
        if isinstance(layer, nn.Conv2d):
            kind = "conv 1x1" if layer.kernel_size == (1, 1) else "conv dw"
            kind = "conv" if layer.in_channels == 3 else kind
        spent[kind] += count
        weights[kind] += layer.weight.numel()
    assert spent == {
        "conv": 10_838_016,
        "conv dw": 17_385_984,
        "conv 1x1": 539_492_352,
        "fc": 1_024_000,
    }
    assert sum(weights.values()) == 4_209_088
    assert round(100 * weights["conv 1x1"] / 4_209_088, 2) == 74.59


def test_other_counts_of_mobilenet_parameters():
    """Without batch normalisation, and with its running statistics as Keras counts them."""
    network = on_meta("mobilenet_v1")
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    affine = sum(parameters(norm) for norm in norms)
    assert parameters(network) - affine == 4_210_088
    assert parameters(network) + affine == 4_253_864  # two statistics beside two parameters


def test_alexnet_layer_by_layer():
    network = on_meta("alexnet")
    counted = layer_macs(network, (227, 227))
    found = [(parameters(network.get_submodule(path)), counted[path]) for path in counted]
    assert found == [
        (34_944, 105_415_200),
        (307_456, 223_948_800),
        (885_120, 149_520_384),
        (663_936, 112_140_288),
        (442_624, 74_760_192),
        (37_752_832, 37_748_736),
        (16_781_312, 16_777_216),
        (4_097_000, 4_096_000),
    ]


def test_unet_has_23_convolutions_and_the_sizes_of_the_paper():
    network = on_meta("unet")
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert len(layers) == 23
    sizes = []
    for layer in layers:
        layer.register_forward_hook(lambda layer, inputs, output: sizes.append(output.shape[-1]))
    network(torch.empty(1, 1, 572, 572, device="meta"))
    down = [570, 568, 282, 280, 138, 136, 66, 64, 30, 28]
    up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388, 388]
    assert sizes == down + up


def test_lenet_1998_layer_by_layer():
    network = models.lenet5_1998()
    trained = {
        name: parameters(network.get_submodule(name))
        for name in ("c1", "s2", "c3", "s4", "c5", "f6")
    }
    assert list(trained.values()) == [156, 12, 1_516, 32, 48_120, 10_164]
    assert network.connections() == {
        "C1": 122_304,
        "S2": 5_880,
        "C3": 151_600,
        "S4": 2_000,
        "C5": 48_120,
        "F6": 10_164,
        "RBF": 840,
    }
    assert sum(network.connections().values()) == 340_908


def test_the_blocks_of_resnet_and_resnext_weigh_about_the_same():
    def weights(block):
        return sum(conv.weight.numel() for conv in (block.conv1, block.conv2, block.conv3))

    assert weights(models.Bottleneck(256, 64, 1, inner=64)) == 69_632
    assert weights(models.Bottleneck(256, 64, 1, inner=128, groups=32)) == 70_144
