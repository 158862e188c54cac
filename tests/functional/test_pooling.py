"""Pooling on tensors: torch's where torch has it, the reference everywhere."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given

from convariant import functional, reference
from support.compare import assert_close, assert_equal
from support.configs import POOLS, PoolConfig, each
from support.strategies import pools

LECTURE = torch.tensor([[[[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]]])
REDUCERS = ("max", "min", "mean", "sum", "median", "lp")


def kernel_per_axis(config: PoolConfig) -> tuple[int, ...]:
    return config.geometry.kernel_size


def pool(config: PoolConfig, x, reducer, **options):
    return functional.pool(
        x,
        reducer,
        kernel_per_axis(config),
        config.stride,
        config.padding,
        config.dilation,
        ceil_mode=config.ceil_mode,
        **options,
    )


def covers_input(config: PoolConfig) -> bool:
    """Every window has an element of the input, on every axis."""
    geometry, size = config.geometry, config.input_size
    return all(
        geometry.taps(axis, o, size)
        for axis, outputs in enumerate(geometry.output_size(size))
        for o in range(outputs)
    )


def check_reducer(config: PoolConfig, reducer, **options) -> None:
    x = config.tensor(torch.float64)
    expected = reference.pool(x.numpy(), reducer, config.geometry, **options)
    y = pool(config, x, reducer, **options)
    assert_close(y, expected, reduction=64)


@each(POOLS)
@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.usefixtures("poisoned_memory")
def test_every_reducer_equals_the_reference(config, reducer):
    check_reducer(config, reducer)


@each(POOLS)
def test_the_mean_without_padding_equals_the_reference(config):
    check_reducer(config, "mean", count_include_pad=False)


@each(POOLS)
@pytest.mark.parametrize("p", [1, 3, 0.5, float("inf")])
def test_norms_of_any_order_equal_the_reference(config, p):
    if p == float("inf"):
        expected = reference.pool(np.abs(config.tensor().numpy()), "max", config.geometry)
        assert_equal(pool(config, config.tensor(), "lp", p=p), expected, dtype=torch.float32)
    else:
        check_reducer(config, "lp", p=p)


@each(POOLS)
def test_a_function_sees_the_elements_inside_and_only_them(config):
    """Mean absolute deviation, and the number of elements themselves."""

    def deviation(values):
        return abs(values - values.mean(-1)[..., None]).mean(-1)

    x = config.tensor(torch.float64)
    expected = reference.pool(x.numpy(), deviation, config.geometry)
    assert_close(pool(config, x, deviation), expected, reduction=64)
    count = pool(config, x, lambda values: torch.full_like(values[..., 0], values.shape[-1]))
    inside = reference.pool(np.ones(x.shape), "sum", config.geometry)
    assert_equal(count, inside)


@given(pools())
def test_reducers_equal_the_reference_on_any_window(config):
    for reducer in ("max", "min", "sum", "mean"):
        check_reducer(config, reducer)
    check_reducer(config, "mean", count_include_pad=False)
    if covers_input(config):
        check_reducer(config, "median")
    else:
        with pytest.raises(ValueError, match="covers nothing of the input"):
            pool(config, config.tensor(), "median")


def check_max_against_torch(config: PoolConfig, dtype=torch.float32) -> None:
    x = config.tensor(dtype)
    arguments = (config.kernel_size, config.stride)
    name = f"max_pool{config.axes}d"
    ours, torchs = (
        getattr(module, name)(x, *arguments, padding, config.dilation, config.ceil_mode, True)
        for module, padding in ((functional, config.padding), (F, config.torch_padding))
    )
    assert_equal(ours[0], torchs[0])
    assert_equal(ours[1], torchs[1])
    assert_equal(pool(config, x, "max"), torchs[0])
    assert_equal(pool(config, -x, "min"), -torchs[0])


def check_mean_against_torch(config: PoolConfig, dtype=torch.float32) -> None:
    x = config.tensor(dtype)
    name = f"avg_pool{config.axes}d"
    arguments = (config.kernel_size, config.stride)
    for count_include_pad in (True, False):
        ours, torchs = (
            getattr(module, name)(x, *arguments, padding, config.ceil_mode, count_include_pad)
            for module, padding in ((functional, config.padding), (F, config.torch_padding))
        )
        assert_equal(ours, torchs)
        assert_equal(pool(config, x, "mean", count_include_pad=count_include_pad), torchs)


TORCHS = tuple(config for config in POOLS if config.torch_padding is not None)


@each(TORCHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_maximum_equals_torch(config, dtype):
    check_max_against_torch(config, dtype)


@each(tuple(config for config in TORCHS if config.dilation == 1))
def test_average_equals_torch(config):
    check_mean_against_torch(config)


@given(pools(torch_accepts=True))
def test_maximum_and_average_equal_torch_on_any_window(config):
    check_max_against_torch(config)
    check_mean_against_torch(config)


@given(pools(torch_accepts=True))
def test_windows_written_with_pairs_of_padding_equal_torch(config):
    """The same windows through our own path: dilation 1, but padding beyond what torch takes."""
    x = config.tensor(torch.float64)
    wide = torch.nn.functional.pad(x, [1, 0] * config.axes, value=-9.0)
    pads = config.geometry.pads(config.input_size)
    shifted = tuple((begin + 1, end) for begin, end in pads)
    size = tuple(i + 1 for i in config.input_size)
    larger = PoolConfig(
        "w", size, config.kernel_size, config.stride, shifted, ceil_mode=config.ceil_mode
    )
    for reducer in ("max", "mean", "median"):
        if reducer != "median" or covers_input(larger):
            expected = reference.pool(wide.numpy(), reducer, larger.geometry)
            assert_close(pool(larger, wide, reducer), expected, reduction=64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("reducer", REDUCERS)
@each(POOLS)
def test_every_type_is_close_to_the_truth(config, reducer, dtype):
    x = config.tensor(dtype)
    truth = reference.pool(x.double().numpy(), reducer, config.geometry)
    assert_close(pool(config, x, reducer), truth, dtype=dtype, reduction=64)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_average_pool_3d_of_half_types(dtype):
    """Torch refuses them on the CPU."""
    x = torch.randn(2, 3, 4, 5, 6).to(dtype)
    expected = F.avg_pool3d(x.double(), 3, 2, 1)
    assert_close(functional.avg_pool3d(x, 3, 2, 1), expected, dtype=dtype, reduction=27)


def test_divisor_override():
    x = torch.randn(2, 3, 6, 7)
    for padding in (1, ((1, 1), (0, 1))):
        sums = functional.pool(x, "sum", (3, 3), 2, padding)
        y = functional.avg_pool2d(x, 3, 2, padding, divisor_override=5)
        assert_close(y, sums / 5, reduction=9)
    assert_equal(
        functional.avg_pool2d(x, 3, 2, 1, divisor_override=5),
        F.avg_pool2d(x, 3, 2, 1, divisor_override=5),
    )


@pytest.mark.parametrize(
    ("padding", "ceil_mode"), [(((0, 1), (2, 0)), False), (((1, 0), (0, 2)), True), ("same", False)]
)
@pytest.mark.parametrize("dilation", [1, 2])
def test_indices_point_at_the_maxima(padding, ceil_mode, dilation):
    x = torch.randn(2, 3, 7, 8)
    values, index = functional.max_pool2d(x, 3, 2, padding, dilation, ceil_mode, True)
    assert_equal(x.flatten(2).gather(2, index.flatten(2)).reshape(values.shape), values)
    assert_equal(functional.max_pool2d(x, 3, 2, padding, dilation, ceil_mode), values)


def test_indices_of_minus_infinity_lie_inside_the_window():
    """Torch names the first element inside; one-sided padding must not change that."""
    x = torch.full((1, 1, 4, 4), float("-inf"))
    index = functional.max_pool2d(x, 3, 2, ((1, 0), (1, 0)), return_indices=True)[1]
    assert_equal(index, F.max_pool2d(x, 3, 2, 1, return_indices=True)[1])
    outside = functional.max_pool1d(x[0, :, 0], 1, 3, ((2, 2),), return_indices=True)
    assert 0 <= int(outside[1].min()) <= int(outside[1].max()) < 4


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("padding", [1, ((0, 2), (1, 0))])
def test_gradients(reducer, padding):
    generator = torch.Generator().manual_seed(3)
    x = torch.randperm(2 * 30, generator=generator).double().reshape(1, 2, 5, 6)
    x = (x - 30.25).requires_grad_()

    def operator(x):
        return functional.pool(x, reducer, (3, 2), (2, 1), padding, ceil_mode=True)

    assert torch.autograd.gradcheck(operator, (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(operator, (x,), fast_mode=True)


def test_gradient_of_the_maximum_is_torchs_also_for_equal_elements():
    grads = []
    for operator in (
        lambda x: F.max_pool2d(x, 2),
        lambda x: functional.max_pool2d(x, 2),
        lambda x: functional.max_pool2d(x, 2, padding=((0, 1), (0, 0))),
    ):
        x = torch.zeros(1, 1, 4, 4, requires_grad=True)
        operator(x)[:, :, :2].sum().backward()
        grads.append(x.grad)
    assert_equal(grads[1], grads[0])
    assert_equal(grads[2], grads[0])


def test_the_norm_of_nothing_but_zeros_has_a_gradient():
    x = torch.zeros(1, 1, 4, requires_grad=True)
    functional.pool(x, "lp", 2).sum().backward()
    assert_equal(x.grad, torch.zeros(1, 1, 4))


def test_matrices_of_the_lecture():
    assert functional.max_pool2d(LECTURE, 2)[0, 0].tolist() == [[4, 5], [7, 9]]
    assert functional.avg_pool2d(LECTURE, 2)[0, 0].tolist() == [[2, 3], [4, 6]]
    assert functional.pool(LECTURE, "max", 2, 2)[0, 0].tolist() == [[4, 5], [7, 9]]
    assert functional.pool(LECTURE, "mean", 2, 2)[0, 0].tolist() == [[2, 3], [4, 6]]


def test_onnx_pool_vectors():
    """MaxPool and AveragePool of the ONNX specification on 1..25, pads, SAME_UPPER and ceil."""
    x = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    assert functional.max_pool2d(x, 5, 1, 2)[0, 0].tolist() == [
        [13, 14, 15, 15, 15],
        [18, 19, 20, 20, 20],
        [23, 24, 25, 25, 25],
        [23, 24, 25, 25, 25],
        [23, 24, 25, 25, 25],
    ]
    same = functional.max_pool2d(x, 3, 2, "same")
    assert same[0, 0].tolist() == [[7, 9, 10], [17, 19, 20], [22, 24, 25]]
    assert functional.max_pool2d(x, 2, 2)[0, 0].tolist() == [[7, 9], [17, 19]]
    mean = functional.avg_pool2d(x, 5, 1, 2, count_include_pad=False)
    assert mean[0, 0].tolist() == [
        [7, 7.5, 8, 8.5, 9],
        [9.5, 10, 10.5, 11, 11.5],
        [12, 12.5, 13, 13.5, 14],
        [14.5, 15, 15.5, 16, 16.5],
        [17, 17.5, 18, 18.5, 19],
    ]
    mean = functional.avg_pool2d(x, 3, 2, "same", count_include_pad=False)
    assert mean[0, 0].tolist() == [[4, 5.5, 7], [11.5, 13, 14.5], [19, 20.5, 22]]
    x = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    assert functional.max_pool2d(x, 3, 2, ceil_mode=True)[0, 0].tolist() == [[11, 12], [15, 16]]
    assert functional.avg_pool2d(x, 3, 2, ceil_mode=True)[0, 0].tolist() == [[6, 7.5], [12, 13.5]]
    dilated = functional.max_pool2d(x, 2, 1, dilation=2)
    assert dilated[0, 0].tolist() == [[11, 12], [15, 16]]


@pytest.mark.parametrize("reducer", [*REDUCERS, lambda values: values.logsumexp(-1)])
def test_pooling_ignores_the_order_inside_a_window_and_only_there(reducer):
    x = torch.randn(1, 2, 4, 6, dtype=torch.float64)
    turned = x.unfold(2, 2, 2).unfold(3, 3, 3).flatten(4).flip(4)  # (1, 2, 2, 2, 6)
    inside = turned.reshape(1, 2, 2, 2, 2, 3).transpose(3, 4).reshape(1, 2, 4, 6)
    across = x.roll(1, 3)
    y = functional.pool(x, reducer, (2, 3))
    assert_close(functional.pool(inside, reducer, (2, 3)), y, reduction=6)
    assert not torch.allclose(functional.pool(across, reducer, (2, 3)), y)


@pytest.mark.parametrize("reducer", [*REDUCERS, lambda values: values.amax(-1)])
@pytest.mark.parametrize("padding", [1, ((0, 1), (1, 0))])
def test_layout_unbatched_and_empty(reducer, padding):
    x = torch.randn(2, 4, 6, 5)
    window = ((3, 2), 2, padding)
    y = functional.pool(x, reducer, *window)
    last = functional.pool(x.to(memory_format=torch.channels_last), reducer, *window)
    assert_close(last, y, reduction=6)
    assert_close(functional.pool(x[1], reducer, *window), y[1], reduction=6)
    strided = torch.randn(2, 4, 12, 10)[:, :, ::2, ::2].copy_(x)
    assert_close(functional.pool(strided, reducer, *window), y, reduction=6)
    assert functional.pool(x[:0], reducer, *window).shape == (0, *y.shape[1:])


def test_whole_numbers_have_maxima_and_sums():
    x = torch.arange(12).reshape(1, 1, 3, 4)
    assert functional.pool(x, "max", (2, 2), 1, "same").tolist() == [
        [[[5, 6, 7, 7], [9, 10, 11, 11], [9, 10, 11, 11]]]
    ]
    assert functional.pool(x, "sum", (2, 2), 2, "same").tolist() == [[[[10, 18], [17, 21]]]]


WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def whole_numbers(dtype, size):
    """The whole range of a short type, its ends included."""
    low, high = max(torch.iinfo(dtype).min, -(10**6)), min(torch.iinfo(dtype).max, 10**6)
    x = torch.randint(low, high + 1, (2, 3, *size), dtype=torch.int64)
    x[0, 0].view(-1)[:2] = torch.tensor([low, high])
    return x.to(dtype)


@pytest.mark.parametrize("dtype", WHOLE)
@each(POOLS)
def test_whole_numbers_of_every_length_equal_the_reference(config, dtype):
    x = whole_numbers(dtype, config.input_size)
    truth = {
        reducer: reference.pool(x.numpy(), reducer, config.geometry)
        for reducer in ("max", "min", "sum", "mean")
    }
    for reducer in ("max", "min"):
        inside = np.clip(truth[reducer], torch.iinfo(dtype).min, torch.iinfo(dtype).max)
        assert_equal(pool(config, x, reducer), inside.astype(np.int64), dtype=dtype)
    assert_equal(pool(config, x, "sum"), truth["sum"].astype(np.int64), dtype=torch.int64)
    cut = np.trunc(truth["mean"] + np.sign(truth["mean"]) * 1e-9).astype(np.int64)
    assert_equal(pool(config, x, "mean"), cut, dtype=dtype)


def test_the_least_and_the_largest_whole_numbers():
    """-(-128) is no int8, and minus the least int64 no int64."""
    for dtype in WHOLE:
        low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
        x = torch.tensor([[[low, high, high, low]]], dtype=dtype)
        for padding in (0, ((0, 1),)):
            assert functional.pool(x, "min", 2, 2, padding)[0, 0, :2].tolist() == [low, low]
            assert functional.pool(x, "max", 2, 2, padding)[0, 0, :2].tolist() == [high, high]


def test_means_of_whole_numbers_equal_torch():
    x = whole_numbers(torch.int64, (7, 6))
    for options in ({}, {"count_include_pad": False}, {"divisor_override": 5}):
        expected = F.avg_pool2d(x, 3, 2, 1, **options)
        assert_equal(functional.avg_pool2d(x, 3, 2, 1, **options), expected)
    for options in ({}, {"divisor_override": 5}):  # one-sided padding is our own path
        expected = F.avg_pool2d(F.pad(x, [1, 0, 1, 0]), 3, 2, **options)
        ours = functional.avg_pool2d(x, 3, 2, ((1, 0), (1, 0)), **options)
        assert_equal(ours, expected)
