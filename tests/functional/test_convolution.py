"""Convolution on tensors: values and gradients against the reference and against torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given

from convariant import functional, reference
from support.compare import assert_close, assert_equal
from support.configs import CONVOLUTIONS, Config, each
from support.strategies import convolutions

MODES = ("reflect", "replicate", "circular")
TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])


def convolve(config: Config, x, weight, bias, **options):
    operator = getattr(functional, f"conv{config.axes}d")
    return operator(
        x, weight, bias, config.stride, config.padding, config.dilation, config.groups, **options
    )


def check_values_and_gradients(config: Config, mode: str = "zeros") -> None:
    """Whole numbers in float64: every sum is exact, so everything must be equal."""
    arrays = config.arrays()
    x, weight, bias = (None if a is None else torch.from_numpy(a).requires_grad_() for a in arrays)
    y = convolve(config, x, weight, bias, padding_mode=mode)
    a, w, b = arrays
    options = {"groups": config.groups, "padding_mode": mode}
    assert_equal(y, reference.cross_correlate(a, w, config.geometry, bias=b, **options))

    g = np.random.default_rng(1).integers(-4, 5, y.shape).astype(float)
    y.backward(torch.from_numpy(g))
    matrix = reference.toeplitz(w, config.geometry, config.input_size, **options)
    to_input = (matrix.T @ g.reshape(-1, matrix.shape[0]).T).T.reshape(a.shape)
    assert_equal(x.grad, to_input)
    assert_equal(weight.grad, gradient_of_weight(config, a, g, mode))
    if bias is not None:
        assert_equal(bias.grad, g.sum(axis=(0, *range(2, g.ndim))))


def gradient_of_weight(config: Config, x, g, mode: str) -> np.ndarray:
    """`y = W @ patches`, so the gradient of W is `g @ patches^T`, summed over the batch."""
    patches = reference.im2patch(x, config.geometry, padding_mode=mode)
    groups, positions = config.groups, patches.shape[2]
    of_group = patches.reshape(config.batch, groups, patches.shape[1] // groups, positions)
    by_group = g.reshape(config.batch, groups, config.out_channels // groups, positions)
    return np.einsum("ngol,ngkl->gok", by_group, of_group).reshape(config.weight_shape)


@each(CONVOLUTIONS)
@pytest.mark.usefixtures("poisoned_memory")
def test_values_and_gradients_equal_the_reference(config):
    check_values_and_gradients(config)


@given(convolutions())
def test_values_and_gradients_equal_the_reference_on_any_window(config):
    check_values_and_gradients(config)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_padding_modes_equal_the_reference(mode, axes):
    check_values_and_gradients(
        Config(
            "modes",
            (5, 4, 6)[:axes],
            3,
            (2, 1, 2)[:axes],
            ((2, 1), (0, 3), (1, 1))[:axes],
            (1, 2, 1)[:axes],
            groups=2,
            in_channels=2,
            out_channels=4,
        ),
        mode,
    )


@pytest.mark.parametrize("mode", ["zeros", *MODES])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_modes_equal_torchs_module(mode, stride):
    torch_module = torch.nn.Conv2d(3, 4, 3, stride, (2, 1), padding_mode=mode)
    x = torch.randn(2, 3, 6, 7)
    y = functional.conv2d(
        x, torch_module.weight, torch_module.bias, stride, (2, 1), padding_mode=mode
    )
    assert_equal(y, torch_module(x))


@each(tuple(config for config in CONVOLUTIONS if config.torch_padding is not None))
def test_float32_equals_torch_bit_by_bit(config):
    x, weight, bias = config.tensors()
    expected = getattr(F, f"conv{config.axes}d")(
        x, weight, bias, config.stride, config.torch_padding, config.dilation, config.groups
    )
    assert_equal(convolve(config, x, weight, bias), expected)


@TYPES
@each(CONVOLUTIONS)
def test_every_type_is_close_to_the_truth(config, dtype):
    x, weight, bias = config.tensors(dtype)
    arrays = [None if t is None else t.double().numpy() for t in (x, weight, bias)]
    truth = reference.cross_correlate(
        arrays[0], arrays[1], config.geometry, groups=config.groups, bias=arrays[2]
    )
    y = convolve(config, x, weight, bias)
    assert_close(y, truth, dtype=dtype, reduction=config.reduction)


@pytest.mark.parametrize("padding", ["same", "same_upper", "same_lower"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_gives_the_input_over_the_stride_rounded_up(padding, kernel, stride):
    x, weight = torch.randn(1, 1, 10, 11), torch.randn(1, 1, kernel, kernel)
    y = functional.conv2d(x, weight, stride=stride, padding=padding)
    assert y.shape[2:] == (-(-10 // stride), -(-11 // stride))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_equals_torchs_where_torch_has_it(kernel, dilation):
    x, weight = torch.randn(1, 2, 9, 8), torch.randn(3, 2, kernel, kernel)
    ours = functional.conv2d(x, weight, padding="same", dilation=dilation)
    assert_equal(ours, F.conv2d(x, weight, padding="same", dilation=dilation))


@pytest.mark.parametrize(
    ("padding", "by_hand"), [("same", (0, 1, 0, 1)), ("same_lower", (1, 0, 1, 0))]
)
def test_the_odd_pixel_goes_to_the_end_or_to_the_beginning(padding, by_hand):
    """TensorFlow and ONNX SAME_UPPER pad below and right, SAME_LOWER above and left."""
    x, weight = torch.randn(1, 1, 6, 6), torch.randn(1, 1, 3, 3)
    y = functional.conv2d(x, weight, stride=2, padding=padding)
    assert_equal(y, F.conv2d(F.pad(x, by_hand), weight, stride=2))


def test_onnx_conv_vectors():
    """Conv of the ONNX specification: 5x5 with and without padding, strided, one-sided padding."""
    x, ones = torch.arange(25.0).reshape(1, 1, 5, 5), torch.ones(1, 1, 3, 3)
    assert functional.conv2d(x, ones, padding=1)[0, 0].tolist() == [
        [12, 21, 27, 33, 24],
        [33, 54, 63, 72, 51],
        [63, 99, 108, 117, 81],
        [93, 144, 153, 162, 111],
        [72, 111, 117, 123, 84],
    ]
    assert functional.conv2d(x, ones)[0, 0].tolist() == [
        [54, 63, 72],
        [99, 108, 117],
        [144, 153, 162],
    ]
    tall = torch.arange(35.0).reshape(1, 1, 7, 5)
    assert functional.conv2d(tall, ones, stride=2, padding=1)[0, 0].tolist() == [
        [12, 27, 24],
        [63, 108, 81],
        [123, 198, 141],
        [112, 177, 124],
    ]
    assert functional.conv2d(tall, ones, stride=2, padding=((1, 1), (0, 0)))[0, 0].tolist() == [
        [21, 33],
        [99, 117],
        [189, 207],
        [171, 183],
    ]
    lower = functional.conv2d(x, ones, stride=2, padding="same_lower")
    assert lower[0, 0].tolist() == [[12, 27, 24], [63, 108, 81], [72, 117, 84]]


def test_groups_are_separate_convolutions_side_by_side():
    x, weight = torch.randn(2, 6, 5, 5), torch.randn(4, 3, 3, 3)
    y = functional.conv2d(x, weight, padding=1, groups=2)
    halves = [
        functional.conv2d(a, w, padding=1)
        for a, w in zip(x.chunk(2, 1), weight.chunk(2, 0), strict=True)
    ]
    assert_close(y, torch.cat(halves, 1), reduction=27)


@pytest.mark.parametrize("mode", ["zeros", *MODES])
@pytest.mark.parametrize("padding", [1, ((0, 2), (1, 0)), "same"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unbatched_is_the_batch_of_one(mode, padding, axes):
    if not isinstance(padding, (int, str)):
        padding = (*padding, (1, 1))[:axes]
    operator = getattr(functional, f"conv{axes}d")
    x, weight = torch.randn(2, *[4] * axes), torch.randn(3, 2, *[3] * axes)
    y = operator(x, weight, padding=padding, padding_mode=mode)
    assert_close(y, operator(x[None], weight, padding=padding, padding_mode=mode)[0], reduction=54)


@pytest.mark.parametrize("padding", [1, ((0, 2), (1, 0))])
@pytest.mark.parametrize("mode", ["zeros", *MODES])
def test_memory_layout_does_not_matter(padding, mode):
    x, weight = torch.randn(2, 8, 6, 5), torch.randn(4, 8, 3, 3)
    expected = functional.conv2d(x, weight, padding=padding, padding_mode=mode)
    last = x.to(memory_format=torch.channels_last)
    strided = torch.randn(2, 8, 12, 10)[:, :, ::2, ::2].copy_(x)
    turned = weight.transpose(2, 3).contiguous().transpose(2, 3)
    for layout, kernel in ((last, weight), (strided, weight), (last, turned)):
        y = functional.conv2d(layout, kernel, padding=padding, padding_mode=mode)
        assert_close(y, expected, reduction=72)
    if mode == "zeros":
        y = functional.conv2d(last, weight, padding=padding)
        assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("mode", ["zeros", *MODES])
def test_a_batch_of_none_has_a_shape_and_gradients(mode):
    x = torch.randn(0, 2, 5, 6, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, requires_grad=True)
    y = functional.conv2d(x, weight, stride=2, padding="same", padding_mode=mode)
    y.sum().backward()
    assert y.shape == (0, 3, 3, 3)
    assert x.grad.shape == x.shape
    assert_equal(weight.grad, torch.zeros_like(weight))


@pytest.mark.parametrize("mode", ["zeros", *MODES])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_second_derivatives(mode, axes):
    x = torch.randn(1, 2, *[3] * axes, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, *[2] * axes, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)

    def convolution(x, weight, bias):
        return getattr(functional, f"conv{axes}d")(
            x, weight, bias, 2, "same_lower", 2, 2, padding_mode=mode
        )

    assert torch.autograd.gradcheck(convolution, (x, weight, bias), fast_mode=True)
    assert torch.autograd.gradgradcheck(convolution, (x, weight, bias), fast_mode=True)


def test_autocast_may_mix_types():
    x, weight = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        y = functional.conv2d(x.bfloat16(), weight, padding=((1, 0), (0, 1)))
    assert y.dtype == torch.bfloat16
