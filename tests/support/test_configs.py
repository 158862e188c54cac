"""The shared configurations are valid, distinct, and cover what they promise."""

import torch
from hypothesis import given

from support.compare import assert_equal
from support.configs import CONVOLUTIONS, POOLS, TRANSPOSED, Config, each
from support.strategies import convolutions, pools, transposed


@each(CONVOLUTIONS + TRANSPOSED)
def test_torch_agrees_with_the_shapes(config):
    if config.torch_padding is None:
        assert config.output_shape[0] == config.batch
        return
    x, weight, bias = config.tensors()
    extra = {"output_padding": config.geometry.output_padding} if config.transposed else {}
    operator = getattr(
        torch.nn.functional, f"conv{'_transpose' if config.transposed else ''}{config.axes}d"
    )
    y = operator(
        x,
        weight,
        bias,
        stride=config.stride,
        padding=config.torch_padding,
        groups=config.groups,
        dilation=config.dilation,
        **extra,
    )
    assert tuple(y.shape) == config.output_shape


def test_names_are_distinct_and_data_repeats():
    for table in (CONVOLUTIONS, TRANSPOSED, POOLS):
        assert len({config.name for config in table}) == len(table)
    config = CONVOLUTIONS[0]
    assert_equal(config.tensors()[0], config.tensors()[0])
    assert_equal(config.arrays()[1], config.arrays()[1])


def test_pool_data_is_distinct():
    x = POOLS[5].tensor()
    assert x.unique().numel() == x.numel()


@given(convolutions())
def test_drawn_convolutions_fit(config: Config):
    assert min(config.output_shape[1:]) >= 1


@given(transposed())
def test_drawn_transposed_convolutions_leave_something(config: Config):
    assert min(config.output_shape[1:]) >= 1


@given(pools())
def test_drawn_pools_fit(config):
    assert min(config.geometry.output_size(config.input_size)) >= 1
