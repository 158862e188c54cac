"""Values: each part of a network against its formula, and the forms that must agree."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convariant import models
from convariant.models import Bottleneck, ConcatenatedPaths, SummedPaths, as_grouped
from convariant.models.lenet_1998 import (
    C3_TABLE,
    ScaledTanh,
    Subsampling,
    TableConv2d,
    digit_codes,
)
from convariant.models.unet import ResizeConv
from support.compare import assert_close, assert_equal


def shaken(module):
    """In float64, with statistics and affine parameters of batch norms that matter."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
            nn.init.uniform_(norm.running_mean, -0.2, 0.2)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)
    return module.double()


# LeNet-5 of 1998


def test_scaled_tanh_maps_one_to_one():
    ends = torch.tensor([-1.0, 0.0, 1.0, 100.0], dtype=torch.float64)
    expected = torch.tensor([-1.0, 0.0, 1.0, 1.7159], dtype=torch.float64)
    assert torch.allclose(ScaledTanh()(ends), expected, atol=1e-5)


def test_subsampling_is_a_scaled_sum_of_four():
    layer = Subsampling(2).double()
    layer.coefficient.data = torch.tensor([0.5, -1.0]).double()[:, None, None]
    layer.bias.data = torch.tensor([0.25, 3.0]).double()[:, None, None]
    square = torch.tensor([[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]).double()
    x = torch.stack((square, square))[None]
    sums = torch.tensor([[8.0, 12], [16, 24]]).double()
    assert_equal(layer(x)[0].detach(), torch.stack((0.5 * sums + 0.25, 3 - sums)))


def test_table_convolution_is_a_dense_one_with_zeros():
    layer = TableConv2d(C3_TABLE).double()
    weight, bias = torch.zeros(16, 6, 5, 5).double(), []
    rows = [inputs for maps in C3_TABLE for inputs in maps]
    kernels = [kernel for conv in layer.convs for kernel in conv.weight.detach()]
    for co, (inputs, kernel) in enumerate(zip(rows, kernels, strict=True)):
        weight[co, list(inputs)] = kernel
    bias = torch.cat([conv.bias.detach() for conv in layer.convs])
    x = torch.randn(2, 6, 14, 14).double()
    assert_close(layer(x).detach(), F.conv2d(x, weight, bias), reduction=150)
    seen = [sorted(inputs) for inputs in rows]
    assert len({tuple(s) for s in seen}) == 16  # no two maps see the same
    assert [len(s) for s in seen] == [3] * 6 + [4] * 9 + [6]


def test_the_digits_are_far_apart():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert codes.abs().eq(1).all()
    apart = (codes[:, None] != codes[None]).sum(-1) + 84 * torch.eye(10, dtype=torch.int64)
    assert apart.min() >= 8, "two digits are nearly the same picture"


def test_logits_are_minus_distances_to_the_codes():
    network = models.lenet5_1998().eval()
    features = []
    network.f6.register_forward_hook(lambda layer, inputs, output: features.append(output))
    with torch.no_grad():
        logits = network(torch.rand(3, 1, 28, 28))
    f6 = network.squash(features[0]).double()
    distances = torch.cdist(f6, digit_codes().double()).square()
    assert_close(logits, -distances, reduction=84, dtype="float32")
    assert network.rbf(digit_codes()).argmax(1).tolist() == list(range(10))
    assert_equal(network.rbf(digit_codes()).diag().detach(), torch.zeros(10))


def test_map_loss_is_equation_9():
    logits, labels = -20 * torch.rand(7, 10, dtype=torch.float64), torch.arange(7)
    distances = -logits
    own = distances[torch.arange(7), labels]
    rest = torch.log(math.exp(-2) + torch.exp(-distances).sum(1))
    expected = (own + rest).mean()
    assert_close(models.map_loss(logits, labels, rubbish=2.0), expected, reduction=10)


@pytest.mark.parametrize("name", ["lenet5", "lenet5_1998"])
def test_small_images_stand_in_the_middle_of_the_field(name):
    network = models.create(name).eval()
    image = torch.rand(1, 1, 27, 28)
    field = torch.zeros(1, 1, 32, 32)
    field[:, :, 2:29, 2:30] = image  # of five spare rows, two above and three below
    with torch.no_grad():
        assert_equal(network(image), network(field))


# AlexNet


def test_alexnet_normalises_as_the_paper_writes():
    network = models.alexnet(hidden=8)
    x = torch.randn(1, 9, 2, 3, dtype=torch.float64)
    expected = torch.empty_like(x)
    for i in range(9):
        near = x[:, max(0, i - 2) : i + 3].square().sum(1)
        expected[:, i] = x[:, i] / (2 + 1e-4 * near) ** 0.75
    assert_close(network.features.norm1(x), expected, reduction=5)


def test_two_groups_are_two_networks_side_by_side():
    conv = models.alexnet(hidden=8).features.conv2
    x = torch.randn(1, 96, 27, 27)
    halves = [
        F.conv2d(part, weight, bias, padding=2)
        for part, weight, bias in zip(
            x.chunk(2, 1), conv.weight.chunk(2), conv.bias.chunk(2), strict=True
        )
    ]
    assert_close(conv(x).detach(), torch.cat(halves, 1).detach(), reduction=48 * 25)


# U-Net


def test_unet_of_any_size_pads_evenly_and_crops_back():
    network = models.unet(mode="same", widths=(4, 6, 8)).eval()
    image = torch.rand(1, 1, 21, 18)
    padded = torch.zeros(1, 1, 24, 20)
    padded[:, :, 1:22, 1:19] = image
    with torch.no_grad():
        assert_equal(network(image), network(padded)[:, :, 1:22, 1:19])


def test_unet_without_and_with_padding_agree_far_from_the_border():
    """With one halving; with more, cropping shifts the grid that pooling works on."""
    paper = models.unet(widths=(4, 6)).double().eval()
    same = models.unet(widths=(4, 6), mode="same").double().eval()
    same.load_state_dict(paper.state_dict())
    image = torch.rand(1, 1, 40, 32, dtype=torch.float64)
    with torch.no_grad():
        inner, whole = paper(image), same(image)
    assert inner.shape[-2:] == (24, 16)
    assert_close(inner[:, :, 2:-2, 2:-2], whole[:, :, 10:-10, 10:-10], reduction=1_000)


def test_unet_joins_the_centre_of_the_skip_before_the_upper_maps():
    network = models.unet(widths=(2, 3)).double().eval()
    image = torch.rand(1, 1, 20, 22, dtype=torch.float64)

    def pair(x, block):
        return F.relu(block[2](F.relu(block[0](x))))

    with torch.no_grad():
        skip = pair(image, network.down[0])  # 16x18
        below = pair(F.max_pool2d(skip, 2), network.down[1])  # 8x9 -> 4x5
        up = network.up[0](below)  # 8x10
        joined = pair(torch.cat((skip[:, :, 4:12, 4:14], up), 1), network.join[0])
        assert_close(network(image), network.output(joined), reduction=100)


def test_resize_up_is_a_resize_then_a_convolution():
    layer = ResizeConv(6, 3).double()
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    resized = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert_close(layer(x).detach(), layer[0](resized).detach(), reduction=10)


# ResNet and ResNeXt

HEADS = {
    "resnet18": (122, (64, 64, 3, 3), None, 512),
    "resnet50": (320, (64, 64, 1, 1), (64, 64, 3, 3), 2048),
    "resnext50_32x4d": (320, (128, 64, 1, 1), (128, 4, 3, 3), 2048),
    "resnext101_32x8d": (626, (256, 64, 1, 1), (256, 8, 3, 3), 2048),
}


@pytest.mark.parametrize("name", HEADS)
def test_parameters_are_named_and_shaped_as_in_torchvision(name):
    with torch.device("meta"):
        state = models.create(name).state_dict()
    count, first, second, features = HEADS[name]
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    assert len(shapes) == count
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["bn1.running_var"] == (64,)
    assert shapes["layer1.0.conv1.weight"] == first
    assert second is None or shapes["layer1.0.conv2.weight"] == second
    assert shapes["layer2.0.downsample.0.weight"][:2] == (
        features // 4,
        features // 8 if second else 64,
    )
    assert shapes["layer2.0.downsample.1.num_batches_tracked"] == ()
    assert shapes["fc.weight"] == (1000, features)
    tops = {key.split(".")[0] for key in shapes}
    assert tops == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"}
    assert ("layer1.0.downsample.0.weight" in shapes) == (second is not None)
    assert "layer1.1.downsample.0.weight" not in shapes


@pytest.mark.parametrize("v", [1, 1.5])
def test_bottleneck_by_its_formula(v):
    block = shaken(Bottleneck(8, 4, 2, inner=6, v=v)).eval()
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    first, second = (2, 1) if v == 1 else (1, 2)

    def norm(y, layer):
        scale = layer.weight / (layer.running_var + 1e-5).sqrt()
        return (y - layer.running_mean[:, None, None]) * scale[:, None, None] + layer.bias[
            :, None, None
        ]

    y = norm(F.conv2d(x, block.conv1.weight, stride=first), block.bn1).relu()
    y = norm(F.conv2d(y, block.conv2.weight, stride=second, padding=1), block.bn2).relu()
    y = norm(F.conv2d(y, block.conv3.weight), block.bn3)
    skip = norm(F.conv2d(x, block.downsample[0].weight, stride=2), block.downsample[1])
    assert_close(block(x).detach(), (y + skip).relu().detach(), reduction=100)


@pytest.mark.parametrize("form", [SummedPaths, ConcatenatedPaths])
@pytest.mark.parametrize(
    ("ci", "width", "stride", "v"), [(16, 4, 1, 1.5), (12, 4, 2, 1.5), (12, 4, 2, 1)]
)
def test_the_three_forms_of_the_resnext_block_are_equal(form, ci, width, stride, v):
    block = shaken(Bottleneck(ci, width, stride, inner=24, groups=6, v=v))
    x = torch.randn(3, ci, 8, 10, dtype=torch.float64, requires_grad=True)
    other = form(block)
    gradients = []
    for training in (True, False):  # the second sees the statistics that the first has moved
        for module in (block, other):
            y = module.train(training)(x)
            gradients.append(torch.autograd.grad(y.square().sum(), x)[0])
        assert_close(other(x).detach(), block(x).detach(), reduction=200)
        assert_close(gradients[-1], gradients[-2], reduction=5_000)


@pytest.mark.parametrize("form", [SummedPaths, ConcatenatedPaths])
@pytest.mark.parametrize("stride", [1, 2])
def test_forms_of_the_resnext_block_there_and_back(form, stride):
    block = shaken(Bottleneck(12, 4, stride, inner=24, groups=6)).eval()
    again = as_grouped(form(block))
    assert not again.training
    assert again.state_dict().keys() == block.state_dict().keys()
    for key, value in block.state_dict().items():
        assert_equal(again.state_dict()[key], value)
    again.conv1.weight.data.zero_()
    assert block.conv1.weight.abs().sum() > 0  # the forms hold copies


def test_small_input_keeps_all_but_the_stem():
    small, large = models.resnet18(small_input=True), models.resnet18()
    assert small.conv1.stride == (1, 1)
    assert small.layer4(torch.rand(2, 256, 8, 8)).shape == (2, 512, 4, 4)
    theirs = small.state_dict()
    differ = {key for key, value in large.state_dict().items() if value.shape != theirs[key].shape}
    assert differ == {"conv1.weight"}


# MobileNet


def test_mobilenet_is_table_1_row_by_row():
    network = models.mobilenet_v1(num_classes=1)
    sizes = []
    for unit in network.features:
        unit.conv.register_forward_hook(
            lambda layer, inputs, output: sizes.append((tuple(inputs[0].shape[1:]), layer))
        )
    network.to("meta")(torch.empty(1, 3, 224, 224, device="meta"))
    rows = [
        f"{'dw' if conv.groups > 1 else conv.kernel_size[0]} s{conv.stride[0]} {c}x{h}x{w}"
        for (c, h, w), conv in sizes
    ]
    assert rows == [
        *("3 s2 3x224x224", "dw s1 32x112x112", "1 s1 32x112x112"),
        *("dw s2 64x112x112", "1 s1 64x56x56", "dw s1 128x56x56", "1 s1 128x56x56"),
        *("dw s2 128x56x56", "1 s1 128x28x28", "dw s1 256x28x28", "1 s1 256x28x28"),
        *("dw s2 256x28x28", "1 s1 256x14x14", *["dw s1 512x14x14", "1 s1 512x14x14"] * 5),
        *("dw s2 512x14x14", "1 s1 512x7x7", "dw s1 1024x7x7", "1 s1 1024x7x7"),
    ]


def test_the_printed_stride_of_table_1_contradicts_its_next_row():
    """Stride 2 in the last depthwise row leaves 4x4 maps, where the table goes on with 7x7."""
    network = models.mobilenet_v1(width=0.1, last_stride=2)
    x = network.features(torch.rand(1, 3, 224, 224))
    assert x.shape[-2:] == (4, 4)
    assert models.mobilenet_v1(width=0.1).features(torch.rand(1, 3, 224, 224)).shape[-1] == 7


def test_mobilenet_clips_only_if_asked():
    images = 50 * torch.rand(2, 3, 32, 32)
    plain = models.mobilenet_v1(width=0.1)
    clipped = models.mobilenet_v1(width=0.1, activation="relu6")
    clipped.load_state_dict(plain.state_dict())
    first = [network.eval().features[0](images).max() for network in (plain, clipped)]
    assert first[0] > 6
    assert first[1] == 6
