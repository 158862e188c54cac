"""Transposed convolution on tensors: the adjoint of the padded convolution, exactly."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from convariant import functional, reference
from support.compare import assert_close, assert_equal
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each
from support.strategies import convolutions, transposed

MODES = ("zeros", "reflect", "replicate", "circular")


def convolve_transposed(config: Config, x, weight, bias, **options):
    operator = getattr(functional, f"conv_transpose{config.axes}d")
    return operator(
        x,
        weight,
        bias,
        config.stride,
        config.padding,
        config.output_padding,
        config.groups,
        config.dilation,
        **options,
    )


def check_values_and_gradients(config: Config) -> None:
    """Whole numbers in float64: every sum is exact, so everything must be equal."""
    arrays = config.arrays()
    x, weight, bias = (None if a is None else torch.from_numpy(a).requires_grad_() for a in arrays)
    y = convolve_transposed(config, x, weight, bias)
    a, w, b = arrays
    groups = config.groups
    expected = reference.transposed_by_scatter(a, w, config.geometry, groups=groups, bias=b)
    assert_equal(y, expected)

    g = np.random.default_rng(1).integers(-4, 5, y.shape).astype(float)
    y.backward(torch.from_numpy(g))
    matrix = reference.toeplitz(w, config.geometry, config.input_size, groups)
    to_input = (matrix.T @ g.reshape(-1, matrix.shape[0]).T).T.reshape(a.shape)
    assert_equal(x.grad, to_input)
    assert_equal(weight.grad, gradient_of_weight(config, a, g))
    if bias is not None:
        assert_equal(bias.grad, g.sum(axis=(0, *range(2, g.ndim))))


def gradient_of_weight(config: Config, x, g) -> np.ndarray:
    """`<g, W^T x> = <W g, x>`: the roles of input and output are swapped."""
    forward = config.geometry.transpose(config.input_size)
    patches = reference.im2patch(g, forward)
    size = forward.output_size(config.geometry.output_size(config.input_size))
    kept = (..., *(slice(i) for i in config.input_size))
    windows = patches.reshape(config.batch, patches.shape[1], *size)[kept]
    groups, positions = config.groups, int(np.prod(config.input_size))
    of_group = windows.reshape(config.batch, groups, patches.shape[1] // groups, positions)
    by_group = x.reshape(config.batch, groups, config.in_channels // groups, positions)
    return np.einsum("ngil,ngkl->gik", by_group, of_group).reshape(config.weight_shape)


@each(TRANSPOSED)
@pytest.mark.usefixtures("poisoned_memory")
def test_values_and_gradients_equal_the_reference(config):
    check_values_and_gradients(config)


@given(transposed())
def test_values_and_gradients_equal_the_reference_on_any_window(config):
    check_values_and_gradients(config)


@each(tuple(config for config in TRANSPOSED if config.torch_padding is not None))
def test_float32_equals_torch_bit_by_bit(config):
    x, weight, bias = config.tensors()
    expected = getattr(F, f"conv_transpose{config.axes}d")(
        x,
        weight,
        bias,
        config.stride,
        config.torch_padding,
        config.output_padding,
        config.groups,
        config.dilation,
    )
    assert_equal(convolve_transposed(config, x, weight, bias), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@each(TRANSPOSED)
def test_every_type_is_close_to_the_truth(config, dtype):
    x, weight, bias = config.tensors(dtype)
    arrays = [None if t is None else t.double().numpy() for t in (x, weight, bias)]
    truth = reference.transposed_by_scatter(
        arrays[0], arrays[1], config.geometry, groups=config.groups, bias=arrays[2]
    )
    y = convolve_transposed(config, x, weight, bias)
    assert_close(y, truth, dtype=dtype, reduction=config.reduction)


def check_adjoint(config: Config, mode: str) -> None:
    """`<W x, y> = <x, W^T y>`, and back in the size that x had; exact in whole numbers."""
    x, weight, _ = (None if a is None else torch.from_numpy(a) for a in config.arrays())
    convolution = getattr(functional, f"conv{config.axes}d")
    back = getattr(functional, f"conv_transpose{config.axes}d")
    window = (config.stride, config.padding)
    wx = convolution(x, weight, None, *window, config.dilation, config.groups, padding_mode=mode)
    y = torch.randint(-4, 5, wx.shape).double()
    wty = back(
        y,
        weight,
        None,
        *window,
        groups=config.groups,
        dilation=config.dilation,
        padding_mode=mode,
        output_size=config.input_size,
    )
    assert wty.shape == x.shape
    assert (wx * y).sum() == (x * wty).sum()


def border_fits(config: Config, mode: str) -> bool:
    most = {"reflect": -1, "circular": 0}.get(mode, 99)
    pads = config.geometry.pads(config.input_size)
    return all(max(pair) <= i + most for pair, i in zip(pads, config.input_size, strict=True))


@pytest.mark.parametrize("mode", MODES)
@each(CONVOLUTIONS)
def test_it_is_the_adjoint_of_the_convolution(config, mode):
    if border_fits(config, mode):
        check_adjoint(config, mode)
    else:
        with pytest.raises(ValueError, match="Padding"):
            check_adjoint(config, mode)


@given(convolutions(), st.sampled_from(MODES))
def test_it_is_the_adjoint_of_any_convolution(config, mode):
    assume(border_fits(config, mode))
    check_adjoint(config, mode)


@pytest.mark.parametrize("mode", MODES)
def test_in_every_padding_mode_it_is_the_gradient_that_autograd_finds(mode):
    x = torch.randn(2, 4, 7, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 2, 3, 4, dtype=torch.float64)
    window = {"stride": (2, 1), "padding": ((2, 0), (1, 2)), "dilation": (2, 1), "groups": 2}
    y = functional.conv2d(x, weight, **window, padding_mode=mode)
    g = torch.randn_like(y)
    (expected,) = torch.autograd.grad(y, x, g)
    back = functional.conv_transpose2d(g, weight, **window, padding_mode=mode, output_size=(7, 6))
    assert_close(back, expected, reduction=36)


@pytest.mark.parametrize("mode", MODES)
def test_the_bias_is_added_once_to_every_output(mode):
    y, weight = torch.randn(1, 2, 4, 4), torch.randn(2, 3, 3, 3)
    bias = torch.tensor([1.0, 10, 100])
    window = {"stride": 2, "padding": ((1, 0), (1, 1)), "padding_mode": mode}
    difference = functional.conv_transpose2d(
        y, weight, bias, **window
    ) - functional.conv_transpose2d(y, weight, **window)
    expected = bias.reshape(1, 3, 1, 1).expand_as(difference).contiguous()
    assert_close(difference, expected, reduction=19)


# kernel of ones over an input of ones, as on the slides: the first two rows
LECTURE = [
    ({}, 2, (4, 4), [1, 2, 2, 1], [2, 4, 4, 2]),
    ({"stride": 2, "padding": 1}, 3, (5, 5), [1, 2, 1, 2, 1], [2, 4, 2, 4, 2]),
    (
        {"stride": 2, "padding": 1, "output_padding": 0},
        3,
        (5, 5),
        [1, 2, 1, 2, 1],
        [2, 4, 2, 4, 2],
    ),
    (
        {"stride": 2, "padding": 1, "output_padding": 1},
        3,
        (6, 6),
        [1, 2, 1, 2, 1, 1],
        [2, 4, 2, 4, 2, 2],
    ),
]


@pytest.mark.parametrize(("window", "size", "out_size", "row", "next_row"), LECTURE)
def test_the_four_examples_of_the_lecture(window, size, out_size, row, next_row):
    x, weight = torch.ones(1, 1, size, size), torch.ones(1, 1, 3, 3)
    y = functional.conv_transpose2d(x, weight, **window)
    assert y.shape[2:] == out_size
    assert y[0, 0, :2].tolist() == [row, next_row]
    by_size = functional.conv_transpose2d(
        x, weight, **{**window, "output_padding": 0}, output_size=out_size
    )
    assert_equal(by_size, y)


def test_onnx_convtranspose_vectors():
    x, ones = torch.arange(9.0).reshape(1, 1, 3, 3), torch.ones(1, 2, 3, 3)
    expected = [
        [0, 1, 3, 3, 2],
        [3, 8, 15, 12, 7],
        [9, 21, 36, 27, 15],
        [9, 20, 33, 24, 13],
        [6, 13, 21, 15, 8],
    ]
    assert functional.conv_transpose2d(x, ones).tolist() == [[expected, expected]]
    dilated = functional.conv_transpose2d(
        torch.tensor([[[[3.0, 8, 1], [9, 5, 7], [3, 2, 6]]]]),
        torch.tensor([[[[7.0, 2], [1, 9]]]]),
        dilation=2,
    )
    assert dilated[0, 0].tolist() == [
        [21, 56, 13, 16, 2],
        [63, 35, 67, 10, 14],
        [24, 22, 76, 76, 21],
        [9, 5, 88, 45, 63],
        [3, 2, 33, 18, 54],
    ]
    same = functional.conv_transpose2d(x, ones, stride=2, padding="same")
    assert same[0, 1].tolist() == [
        [0, 0, 1, 1, 3, 2],
        [0, 0, 1, 1, 3, 2],
        [3, 3, 8, 5, 12, 7],
        [3, 3, 7, 4, 9, 5],
        [9, 9, 20, 11, 24, 13],
        [6, 6, 13, 7, 15, 8],
    ]


def test_onnx_convtranspose_pads_and_output_shape():
    """convtranspose_pads: strides 3x2, pads 1, 2, 1, 2; convtranspose_output_shape: 10x8."""
    x, ones = torch.arange(9.0).reshape(1, 1, 3, 3), torch.ones(1, 2, 3, 3)
    y = functional.conv_transpose2d(x, ones, stride=(3, 2), padding=((1, 1), (2, 2)))
    assert y[0, 0].tolist() == [
        [1, 1, 3],
        [1, 1, 3],
        [7, 4, 9],
        [7, 4, 9],
        [7, 4, 9],
        [13, 7, 15],
        [13, 7, 15],
    ]
    y = functional.conv_transpose2d(x, ones, stride=(3, 2), output_padding=(1, 1))
    assert y.shape == (1, 2, 10, 8)
    assert y[0, 0, :2].tolist() == [[0, 0, 1, 1, 3, 2, 2, 0]] * 2
    assert y[0, 0, 9].tolist() == [0] * 8


def test_same_and_torchs_doubling_differ_by_one_pixel():
    """Both give 2i from i; values are shifted, because one crops at the end, the other at both."""
    x, weight = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 3, 3)
    same = functional.conv_transpose2d(x, weight, stride=2, padding="same")
    torchs = functional.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)
    assert same.shape == torchs.shape
    assert_close(same[..., 1:, 1:], torchs[..., :-1, :-1], reduction=9)


@pytest.mark.parametrize("padding", ["same", "same_lower"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_gives_the_input_times_the_stride(padding, kernel, stride):
    x, weight = torch.randn(1, 1, 4, 3), torch.randn(1, 1, kernel, kernel)
    y = functional.conv_transpose2d(x, weight, stride=stride, padding=padding)
    assert y.shape[2:] == (4 * stride, 3 * stride)


@pytest.mark.parametrize("size", range(10, 13))
@pytest.mark.parametrize("padding", ["same", "same_lower"])
def test_same_returns_to_every_size_that_leads_here(size, padding):
    x, weight = torch.randn(1, 1, size, dtype=torch.float64), torch.randn(1, 1, 5).double()
    y = functional.conv1d(x, weight, stride=3, padding=padding)
    back = functional.conv_transpose1d(y, weight, stride=3, padding=padding, output_size=[size])
    assert y.shape[2] == 4
    assert back.shape == x.shape
    assert_close((back * x).sum(), (y * y).sum(), reduction=64)


def test_one_output_size_stands_for_all_axes():
    x, weight = torch.randn(1, 2, 4, 4), torch.randn(2, 3, 3, 3)
    for size in (9, 10):
        y = functional.conv_transpose2d(x, weight, stride=2, output_size=size)
        expected = functional.conv_transpose2d(x, weight, stride=2, output_size=(size, size))
        assert_equal(y, expected)
        assert y.shape == (1, 3, size, size)


def test_output_size_may_name_batch_and_channels_as_in_torch():
    module = torch.nn.ConvTranspose2d(2, 3, 3, 2, 1)
    x = torch.randn(1, 2, 4, 5)
    for output_size in ((8, 9), (7, 10), torch.Size((1, 3, 8, 10))):
        y = functional.conv_transpose2d(
            x, module.weight, module.bias, 2, 1, output_size=output_size
        )
        assert_equal(y, module(x, output_size=output_size))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unbatched_is_the_batch_of_one(mode, axes):
    operator = getattr(functional, f"conv_transpose{axes}d")
    x, weight = torch.randn(2, *[3] * axes), torch.randn(2, 1, *[3] * axes)
    padding = ((0, 2), (1, 1), (2, 0))[:axes]
    y = operator(x, weight, padding=padding, stride=2, padding_mode=mode)
    batch = operator(x[None], weight, padding=padding, stride=2, padding_mode=mode)
    assert_close(y, batch[0], reduction=54)


@pytest.mark.parametrize("mode", MODES)
def test_memory_layout_and_empty_batches(mode):
    x, weight = torch.randn(2, 8, 4, 5), torch.randn(8, 2, 3, 3)
    window = {"stride": 2, "padding": ((2, 1), (0, 1)), "padding_mode": mode, "groups": 2}
    expected = functional.conv_transpose2d(x, weight, **window)
    last = functional.conv_transpose2d(x.to(memory_format=torch.channels_last), weight, **window)
    assert_close(last, expected, reduction=36)
    empty = functional.conv_transpose2d(x[:0], weight, **window)
    assert empty.shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_second_derivatives(mode, axes):
    x = torch.randn(1, 2, *[3] * axes, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, *[2] * axes, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    padding = ((1, 0), (0, 2), (1, 1))[:axes]

    def operator(x, weight, bias):
        return getattr(functional, f"conv_transpose{axes}d")(
            x, weight, bias, 2, padding, 1, 2, 1, padding_mode=mode
        )

    assert torch.autograd.gradcheck(operator, (x, weight, bias), fast_mode=True)
    assert torch.autograd.gradgradcheck(operator, (x, weight, bias), fast_mode=True)
