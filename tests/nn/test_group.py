"""Group convolutions turn with their image, to the last bit, and equal their plain forms."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from convariant import GeometryError, ShapeError, UnknownNameError
from convariant.nn._group import GroupConv2d, GroupConvTranspose2d, GroupLift2d, to_plain
from convariant.nn._group_layers import (
    GroupAvgPool2d,
    GroupBatchNorm2d,
    GroupMaxPool2d,
    GroupPool2d,
)
from convariant.nn._group_table import inverse, order, product_table, turn, turn_features
from support.compare import assert_close, assert_equal

# kernel, stride, padding, dilation, groups, and a size that is odd, even, or not square
WINDOWS = [
    pytest.param((3, 1, 1, 1, 1), (7, 7), id="padded"),
    pytest.param((3, 2, 1, 1, 1), (9, 7), id="strided, not square"),
    pytest.param((5, 1, 0, 1, 2), (9, 11), id="groups"),
    pytest.param((2, 2, 0, 1, 1), (8, 6), id="even kernel"),
    pytest.param((3, 1, 2, 2, 1), (7, 8), id="dilated"),
    pytest.param((1, 1, 0, 1, 1), (1, 1), id="one pixel"),
]
GROUPS = ["p4", "p4m"]


def whole_numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-4, 5, shape, generator=generator).double()


def with_whole_numbers(module: nn.Module) -> nn.Module:
    module = module.double()
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(whole_numbers(*parameter.shape, seed=seed + 1))
    return module


@pytest.mark.parametrize("group", GROUPS)
def test_the_table_is_a_group(group: str) -> None:
    table, elements = product_table(group), range(order(group))
    for row in table:
        assert sorted(row) == list(elements)
    for a, b, c in itertools.product(elements, repeat=3):
        assert table[table[a][b]][c] == table[a][table[b][c]]
    assert all(table[inverse(e, group)][e] == 0 for e in elements)
    with pytest.raises(UnknownNameError, match="no group is named 'p6'"):
        order("p6")


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("numbers", "size"), WINDOWS)
def test_convolutions_turn_with_their_input_exactly(numbers, size, group) -> None:
    lift = with_whole_numbers(GroupLift2d(2, 4, *numbers, group=group))
    conv = with_whole_numbers(GroupConv2d(4, 6, *numbers, group=group))
    up = with_whole_numbers(GroupConvTranspose2d(4, 6, *numbers, group=group))
    image = whole_numbers(2, 2, *size)
    features = whole_numbers(2, 4 * order(group), *size)
    for g in range(order(group)):
        assert_equal(lift(turn(image, g)), turn_features(lift(image), g, group))
        turned = turn_features(features, g, group)
        assert_equal(conv(turned), turn_features(conv(features), g, group))
        assert_equal(up(turned), turn_features(up(features), g, group))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("numbers", "size"), WINDOWS)
def test_the_plain_form_has_the_same_outputs(numbers, size, group) -> None:
    image, features = whole_numbers(2, 2, *size), whole_numbers(2, 4 * order(group), *size)
    for module, x in (
        (GroupLift2d(2, 4, *numbers, group=group), image),
        (GroupConv2d(4, 6, *numbers, group=group), features),
        (GroupConvTranspose2d(4, 6, *numbers, bias=False, group=group), features),
    ):
        module = with_whole_numbers(module)
        assert_equal(module.to_conv()(x), module(x))


def test_the_definition_written_out() -> None:
    """`y[o, g] = sum over i, k of x[i, k] * turn(w[o, i, g^-1 k], g)`, one plane at a time."""
    conv = with_whole_numbers(GroupConv2d(2, 3, 3, padding=1, group="p4m"))
    x = whole_numbers(1, 2 * 8, 5, 5)
    y = conv(x).unflatten(1, (3, 8))
    planes = x.unflatten(1, (2, 8))
    for o, g in itertools.product(range(3), range(8)):
        expected = conv.bias[o].expand(1, 1, 5, 5)
        for i, k in itertools.product(range(2), range(8)):
            kernel = turn(conv.weight[o, i, product_table("p4m")[inverse(g, "p4m")][k]], g)
            expected = expected + torch.conv2d(
                planes[:, i : i + 1, k], kernel[None, None], padding=1
            )
        assert_equal(y[:, o : o + 1, g], expected)


@pytest.mark.parametrize("reduction", ["max", "mean"])
def test_pooling_over_the_group_gives_a_map_that_turns_like_an_image(reduction: str) -> None:
    lift = with_whole_numbers(GroupLift2d(1, 3, 3, padding=1, group="p4m"))
    pool = GroupPool2d(reduction, group="p4m")
    image = whole_numbers(2, 1, 7, 9)
    for g in range(8):
        assert_equal(pool(lift(turn(image, g))), turn(pool(lift(image)), g))


def test_spatial_pooling_turns_or_refuses() -> None:
    features = whole_numbers(2, 4 * 2, 8, 6)
    for pool in (GroupMaxPool2d(2), GroupAvgPool2d(2)):
        for g in range(4):
            assert_equal(
                pool(turn_features(features, g, "p4")), turn_features(pool(features), g, "p4")
            )
        with pytest.raises(ShapeError, match="leaves 1 of the 7 rows on axis 1.*size of 6 or 8"):
            pool(whole_numbers(1, 8, 8, 7))


def test_batch_norm_shares_its_numbers_over_the_group() -> None:
    norm = GroupBatchNorm2d(3, group="p4")
    x = torch.randn(4, 12, 5, 5) * 3 + 1
    norm(x)
    by_hand = x.unflatten(1, (3, 4)).transpose(0, 1).flatten(1)
    assert_close(norm.running_mean, by_hand.mean(1) * 0.1, reduction=400)
    norm.eval()
    assert_close(norm.to_norm()(x), norm(x), reduction=4)
    assert not norm.to_norm().training


def small_network(group: str) -> nn.Sequential:
    return nn.Sequential(
        GroupLift2d(1, 4, 3, padding=1, group=group),
        GroupBatchNorm2d(4, group=group),
        nn.ReLU(),
        GroupMaxPool2d(2),
        GroupConv2d(4, 6, 3, padding=1, group=group),
        nn.ReLU(),
        GroupPool2d(group=group),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
    )


@pytest.mark.parametrize("group", GROUPS)
def test_a_network_is_invariant_and_exports(group: str) -> None:
    network = small_network(group).double().eval()
    image = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    y = network(image)
    for g in range(order(group)):
        assert_close(network(turn(image, g)), y, reduction=9 * 4 * order(group))
    plain = to_plain(network)
    assert_close(plain(image), y, reduction=100)
    assert not any(isinstance(m, (GroupLift2d, GroupConv2d)) for m in plain.modules())
    assert any(isinstance(m, GroupConv2d) for m in network.modules())  # the original is untouched
    exported = torch.export.export(network, (image,)).module()
    assert_close(exported(image), y, reduction=100)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    "make",
    [
        lambda group: GroupLift2d(2, 4, 3, stride=2, padding=1, group=group),
        lambda group: GroupLift2d(2, 4, 5, padding=2, dilation=1, groups=2, group=group),
        lambda group: GroupConv2d(2, 4, 3, padding=2, dilation=2, group=group),
        lambda group: GroupConv2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False, group=group),
        lambda group: GroupConvTranspose2d(2, 3, 3, stride=2, padding=1, group=group),
    ],
)
def test_plain_forms_go_to_the_compiler_and_to_onnx(make, group, tmp_path) -> None:
    """Whole numbers, so that the answers are equal to the last bit."""
    runtime = pytest.importorskip("onnxruntime")
    from convariant import compile as compiled
    from convariant.graph import from_torch, to_onnx

    layer = with_whole_numbers(make(group)).float()
    plain = layer.to_conv().eval()
    assert type(plain) in (nn.Conv2d, nn.ConvTranspose2d)
    x = whole_numbers(2, plain.in_channels, 7, 7).float()
    y = layer(x)
    exact = compiled(plain, x, tolerance=0)  # no Winograd, which divides
    assert torch.equal(exact(x), y)
    to_onnx(from_torch(plain, x), tmp_path / "plain.onnx")
    session = runtime.InferenceSession(tmp_path / "plain.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert torch.equal(torch.from_numpy(found), y)


def test_every_weight_gets_the_gradient_of_the_plain_form() -> None:
    conv = with_whole_numbers(GroupConv2d(2, 3, 3, padding=1, group="p4"))
    x = whole_numbers(2, 8, 5, 5).requires_grad_()
    weight = conv.full_weight()
    plain_weight = weight.detach().requires_grad_()
    target = whole_numbers(2, 12, 5, 5, seed=9)
    (conv(x) * target).sum().backward()
    (torch.conv2d(x.detach(), plain_weight, padding=1) * target).sum().backward()
    (expected,) = torch.autograd.grad(weight, conv.weight, plain_weight.grad)
    assert_equal(conv.weight.grad, expected)
    assert_equal(conv.bias.grad, target.unflatten(1, (3, 4)).sum((0, 2, 3, 4)))


def test_state_dict_round_trip_and_batch_0() -> None:
    first, second = small_network("p4"), small_network("p4")
    second.load_state_dict(first.state_dict())
    x = torch.rand(3, 1, 8, 8)
    assert_equal(second.eval()(x), first.eval()(x))
    assert first(x[:0]).shape == (0, 6)
    assert "group='p4'" in repr(first)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GroupConv2d(4, 4, (3, 1)), GeometryError, "same kernel_size on both axes"),
        (lambda: GroupLift2d(4, 4, 3, padding=(1, 0)), GeometryError, "same padding on both axes"),
        (lambda: GroupConv2d(4, 6, 3, groups=4), ShapeError, "divisible by groups=4"),
        (lambda: GroupConv2d(4, 4, 3, group="p5"), UnknownNameError, "no group is named 'p5'"),
        (
            lambda: GroupConv2d(4, 4, 3)(torch.rand(1, 4, 5, 5)),
            ShapeError,
            r"takes \(n, 16, h, w\).*input of size \[1, 4, 5, 5\].*in_channels=4 times the 4",
        ),
        (
            lambda: GroupLift2d(1, 4, 3, stride=2, padding=1)(torch.rand(1, 1, 8, 8)),
            ShapeError,
            "stride \\(2, 2\\) leaves 1 of the 8 rows.*use a size of 7 or 9",
        ),
        (
            lambda: GroupLift2d(1, 4, 3)(torch.rand(1, 1, 2, 8)),
            GeometryError,
            "Kernel size can't be greater than actual input size",
        ),
    ],
)
def test_bad_input(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"(?s){message}"):
        make()
