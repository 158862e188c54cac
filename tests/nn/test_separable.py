"""Depthwise and spatially separable convolution: values, counts, exact factoring."""

import copy
import pickle

import pytest
import torch
from torch import einsum

from convariant import GeometryError, functional, nn, reference
from convariant.geometry import Geometry
from support.compare import assert_close, assert_equal

CLASSES = {
    1: nn.DepthwiseSeparableConv1d,
    2: nn.DepthwiseSeparableConv2d,
    3: nn.DepthwiseSeparableConv3d,
}
KERNEL = torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]])


def weights(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("padding", [1, "same", "pairs"])
def test_depthwise_separable_equals_the_reference(axes, multiplier, padding):
    padding = ((0, 1), (2, 0), (1, 1))[:axes] if padding == "pairs" else padding
    layer = CLASSES[axes](
        3, 5, 3, 2, padding, 2, bias=False, depth_multiplier=multiplier, dtype=torch.float64
    )
    x = torch.randn(2, 3, *[7, 6, 5][:axes], dtype=torch.float64)
    depthwise, pointwise = (p.detach().numpy() for p in layer.parameters())
    window = Geometry.of(axes, 3, 2, padding, 2)
    expected = reference.depthwise_separable(x.numpy(), depthwise, pointwise, window)
    assert depthwise.shape == (3 * multiplier, 1, *[3] * axes)
    assert_close(layer(x), expected, reduction=256)


def test_gradients_reach_every_parameter():
    layer = nn.DepthwiseSeparableConv2d(
        4, 6, 3, padding=1, norm=torch.nn.BatchNorm2d, activation=torch.nn.ReLU
    )
    layer(torch.randn(2, 4, 5, 6)).square().sum().backward()
    assert [name for name, p in layer.named_parameters() if p.grad is None] == []
    assert torch.autograd.gradcheck(
        nn.DepthwiseSeparableConv2d(2, 3, 2, 2, "same", dtype=torch.float64),
        (torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True),),
        fast_mode=True,
    )


def test_depthwise_then_pointwise_is_one_dense_convolution():
    layer = nn.DepthwiseSeparableConv2d(3, 4, 3, padding=1, depth_multiplier=2, bias=False)
    layer.double()
    depthwise = layer.depthwise.weight.reshape(3, 2, 3, 3)
    pointwise = layer.pointwise.weight.reshape(4, 3, 2)
    dense = einsum("oim,imhw->oihw", pointwise, depthwise)
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    assert_close(layer(x), functional.conv2d(x, dense, padding=1), reduction=54)


def test_norm_and_activation_stand_between():
    layer = nn.DepthwiseSeparableConv2d(
        2, 3, 3, padding=1, norm=torch.nn.BatchNorm2d, activation=torch.nn.ReLU, depth_multiplier=3
    ).eval()
    assert layer.norm.num_features == 6
    with torch.no_grad():
        layer.norm.running_mean.fill_(0.5)
    x = torch.randn(1, 2, 4, 4)
    middle = layer.depthwise(x)
    expected = layer.pointwise(torch.relu((middle - 0.5) / (1 + 1e-5) ** 0.5))
    assert_close(layer(x), expected, reduction=64)


@pytest.mark.parametrize(
    ("options", "early", "late"),
    [
        ({}, False, True),
        ({"bias": False}, False, False),
        ({"activation": torch.nn.ReLU}, True, True),
        ({"activation": torch.nn.ReLU, "norm": torch.nn.BatchNorm2d}, False, True),
        ({"activation": torch.nn.ReLU, "bias": False}, False, False),
    ],
)
def test_a_bias_stands_only_where_it_is_not_redundant(options, early, late):
    layer = nn.DepthwiseSeparableConv2d(2, 3, 3, **options)
    assert (layer.depthwise.bias is not None, layer.pointwise.bias is not None) == (early, late)


def test_counts_of_the_lecture():
    """14x14x512 -> 512: 266,752 against 2,359,296 weights, a ratio of 1/N + 1/k^2."""
    separable = nn.DepthwiseSeparableConv2d(512, 512, 3, padding=1, bias=False)
    dense = nn.Conv2d(512, 512, 3, padding=1, bias=False)
    assert (weights(separable), weights(dense)) == (266_752, 2_359_296)
    assert weights(separable) / weights(dense) == pytest.approx(1 / 512 + 1 / 9)


def test_the_kernel_of_the_lecture_is_three_by_one_after_one_by_three():
    """Rank one: 6 weights in place of 9, the same result."""
    conv = nn.Conv2d(1, 1, 3, bias=False, dtype=torch.float64)
    separable = nn.SpatialSeparableConv2d(1, 1, 3, bias=False, dtype=torch.float64)
    with torch.no_grad():
        conv.weight[0, 0] = KERNEL
        separable.column.weight[0, 0, :, 0] = torch.tensor([3.0, 4, 5])
        separable.row.weight[0, 0, 0] = torch.tensor([1.0, 2, 3])
    x = torch.randint(-9, 9, (1, 1, 6, 7)).double()
    assert_equal(separable(x), conv(x))
    assert (weights(separable), weights(conv)) == (6, 9)
    assert torch.linalg.svdvals(KERNEL.double())[0].item() == pytest.approx(700**0.5)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(2, 1), "same", "valid", ((1, 0), (0, 2))])
@pytest.mark.parametrize("groups", [1, 2])
def test_of_full_rank_any_convolution_is_separable_exactly(mode, padding, groups):
    conv = nn.Conv2d(
        4, 6, (3, 4), (2, 1), padding, (1, 2), groups, padding_mode=mode, dtype=torch.float64
    )
    separable = nn.SpatialSeparableConv2d.from_conv(conv)
    x = torch.randn(2, 4, 8, 9, dtype=torch.float64)
    assert_close(separable(x), conv(x), reduction=4096)


def test_from_conv_finds_the_rank():
    source = nn.SpatialSeparableConv2d(4, 8, 5, rank=3, groups=2)
    conv = nn.Conv2d(4, 8, 5, groups=2)
    with torch.no_grad():
        column = source.column.weight.reshape(2, 3, 2, 5)
        row = source.row.weight.reshape(2, 4, 3, 5)
        conv.weight.copy_(einsum("grih,gorw->goihw", column, row).reshape(8, 2, 5, 5))
        conv.bias.copy_(source.row.bias)
    found = nn.SpatialSeparableConv2d.from_conv(conv)
    assert found.column.out_channels == 6
    x = torch.randn(1, 4, 9, 8)
    assert_close(found(x), conv.double()(x.double()), dtype=torch.float32, reduction=256)


def test_a_lower_rank_leaves_exactly_the_other_singular_values():
    conv = torch.nn.Conv2d(2, 3, 3, bias=False, dtype=torch.float64)
    matrix = conv.weight.permute(1, 2, 0, 3).reshape(6, 9)
    sigma = torch.linalg.svdvals(matrix)
    for rank in (1, 2, 5):
        near = nn.SpatialSeparableConv2d.from_conv(conv, rank)
        product = einsum("rih,orw->ihow", near.column.weight[..., 0], near.row.weight[:, :, 0])
        error = (product.reshape(6, 9) - matrix).norm()
        assert error.item() == pytest.approx(sigma[rank:].norm().item())


def test_a_kernel_of_zeros_has_rank_one_at_least():
    conv = nn.Conv2d(1, 1, 3)
    torch.nn.init.zeros_(conv.weight)
    separable = nn.SpatialSeparableConv2d.from_conv(conv)
    x = torch.randn(1, 1, 5, 5)
    assert_equal(separable(x), conv(x))


def test_the_default_rank_is_the_output_channels_of_a_group():
    layer = nn.SpatialSeparableConv2d(4, 6, 3, groups=2)
    assert (layer.column.out_channels, layer.row.weight.shape) == (6, (6, 3, 1, 3))


@pytest.mark.parametrize(
    "layer",
    [
        nn.DepthwiseSeparableConv2d(3, 4, 3, 2, "same", activation=torch.nn.ReLU),
        nn.SpatialSeparableConv2d(3, 4, 3, 2, "same", rank=2),
    ],
)
def test_copies_export_and_compile(layer):
    x = torch.randn(2, 3, 7, 6)
    expected = layer(x)
    assert_equal(copy.deepcopy(layer)(x), expected)
    assert_equal(pickle.loads(pickle.dumps(layer))(x), expected)
    batch = torch.export.Dim("batch")
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: batch},))
    assert_close(program.module()(x[:1].repeat(3, 1, 1, 1))[2], expected[0], reduction=32)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert_close(compiled(x), expected, reduction=32)
    assert layer(x[:0]).shape == (0, *expected.shape[1:])
    assert_close(layer(x[1]), expected[1], reduction=32)


@pytest.mark.parametrize(
    ("build_wrong", "message"),
    [
        (
            lambda: nn.DepthwiseSeparableConv2d(3, 4, 3, depth_multiplier=0),
            "^depth_multiplier=0 leaves no filter per channel; the least is 1",
        ),
        (lambda: nn.SpatialSeparableConv2d(3, 4, 3, rank=0), "^rank=0 leaves no channel between"),
        (
            lambda: nn.SpatialSeparableConv2d(3, 4, 3, groups=2),
            "^in_channels must be divisible by groups",
        ),
        (
            lambda: nn.SpatialSeparableConv2d.from_conv(nn.Conv2d(1, 1, 3), rank=4),
            r"^rank=4 is not between 1 and 3, the most that a weight of size \[1, 1, 3, 3\]",
        ),
        (
            lambda: nn.SpatialSeparableConv2d.from_conv(nn.ConvTranspose2d(1, 1, 3)),
            "^from_conv takes a Conv2d, not a ConvTranspose2d",
        ),
    ],
)
def test_arguments_that_make_no_layer(build_wrong, message):
    with pytest.raises(GeometryError, match=message):
        build_wrong()
