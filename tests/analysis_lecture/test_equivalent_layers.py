"""Each rewrite computes the same as what it came from, and its inverse brings it back."""

import pytest
import torch
from hypothesis import given
from torch import nn

from analysis_lecture.modules import module_of
from convariant import GeometryError, OptionError, ShapeError, equivalent
from convariant import nn as extended
from convariant.analysis.equivalent import prove
from support.compare import assert_close, assert_equal
from support.configs import CONVOLUTIONS, POOLS, TRANSPOSED, Config, each
from support.strategies import convolutions, transposed

PLAIN = tuple(c for c in CONVOLUTIONS if not (isinstance(c.padding, str) and c.stride != 1))
POINTWISE = (
    *(c for c in PLAIN if set(c.geometry.kernel_size) == {1}),
    Config("1x1 grouped stride 2 padding 1", (5, 6), 1, 2, 1, groups=2, in_channels=4,
           out_channels=6),
    Config("1x1 three axes", (3, 4, 2), 1, (1, 2, 1), in_channels=3),
    Config("1x1 one-sided padding", (5,), 1, 2, ((2, 1),)),
)  # fmt: skip


def check(config: Config, there, back, mode: str = "zeros") -> nn.Module:
    """Rewrite and prove; bring back, prove, and compare the weights themselves."""
    module = module_of(config, mode=mode)
    rewritten = there(module)
    proof = prove(module, rewritten, config.input_shape)
    assert proof.equal, proof
    assert proof.output_shape == config.output_shape
    returned = back(rewritten)
    proof = prove(module, returned, config.input_shape)
    assert proof.equal, proof
    assert_equal(returned.weight, module.weight)
    assert (returned.bias is None) == (module.bias is None)
    return rewritten


@each(CONVOLUTIONS + TRANSPOSED)
def test_grouped_is_split(config):
    split = check(config, equivalent.split_groups, equivalent.merge_groups)
    assert len(split.parts) == config.groups


@each(CONVOLUTIONS + TRANSPOSED)
def test_grouped_is_block_diagonal(config):
    groups = config.groups
    dense = check(config, equivalent.densify, lambda m: equivalent.regroup(m, groups))
    assert dense.groups == 1
    assert dense.weight.count_nonzero() <= dense.weight.numel() // groups


@each(CONVOLUTIONS + TRANSPOSED)
def test_dilated_is_zero_stuffed(config):
    g = config.geometry
    if any(op and op >= s for op, s in zip(g.output_padding, g.stride, strict=True)):
        with pytest.raises(OptionError, match="output_padding=.* is allowed only by the dilation"):
            equivalent.stuff_kernel(module_of(config))
        return
    stuffed = check(
        config, equivalent.stuff_kernel, lambda m: equivalent.dilate_kernel(m, g.dilation)
    )
    assert tuple(stuffed.weight.shape[2:]) == g.extent
    assert set(stuffed.dilation) == {1}


@each(TRANSPOSED)
def test_transposed_is_zeros_inserted(config):
    pair = check(config, equivalent.insert_zeros, equivalent.remove_zeros)
    assert set(pair[1].stride) == {1}


@each(TRANSPOSED)
def test_transposed_is_phases(config):
    phased = check(config, equivalent.split_phases, equivalent.merge_phases)
    held = sum(p.numel() for p in phased.convs.parameters())
    assert held <= module_of(config).weight.numel()  # nothing is held twice, no zero is added


@given(transposed())
def test_any_transposed_convolution_is_phases_and_zeros(config):
    check(config, equivalent.split_phases, equivalent.merge_phases)
    check(config, equivalent.insert_zeros, equivalent.remove_zeros)


@given(convolutions() | transposed())
def test_any_convolution_is_split_and_dense(config):
    check(config, equivalent.split_groups, equivalent.merge_groups)
    check(config, equivalent.densify, lambda m: equivalent.regroup(m, config.groups))


@each(PLAIN)
def test_strided_is_subsampled(config):
    pair = check(config, equivalent.stride_to_subsampling, equivalent.subsampling_to_stride)
    assert set(pair[0].stride) == {1}


@each(POINTWISE)
def test_pointwise_is_linear(config):
    module = module_of(config)
    layer = equivalent.pointwise_to_linear(module)
    assert layer.linear.weight.shape == (config.out_channels, config.in_channels)
    proof = prove(module, layer, config.input_shape)
    assert proof.equal, proof
    assert proof.output_shape == config.output_shape
    returned = equivalent.linear_to_pointwise(layer)
    assert prove(module, returned, config.input_shape).equal


def test_a_linear_layer_is_a_convolution_as_large_as_its_input():
    linear = nn.Linear(3 * 4 * 5, 7).double()
    conv = equivalent.linear_to_convolution(linear, (4, 5))
    flat = nn.Sequential(nn.Flatten(), linear)
    assert prove(flat, conv, (2, 3, 4, 5)).equal
    back = equivalent.convolution_to_linear(conv)
    assert prove(flat, back, (2, 3, 4, 5)).equal
    slid = conv[0](torch.ones(1, 3, 6, 5, dtype=torch.float64))
    assert slid.shape == (1, 7, 3, 1)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_rewrites_keep_the_padding_mode(mode):
    config = Config("modes", (7, 6), 3, 2, 2, 2, groups=2, in_channels=4, out_channels=2)
    check(config, equivalent.split_groups, equivalent.merge_groups, mode)
    check(config, equivalent.densify, lambda m: equivalent.regroup(m, 2), mode)
    check(config, equivalent.stuff_kernel, lambda m: equivalent.dilate_kernel(m, 2), mode)
    check(config, equivalent.stride_to_subsampling, equivalent.subsampling_to_stride, mode)
    turned = Config("turned", (3, 4), 3, 2, 1, transposed=True, groups=2, out_channels=2)
    check(turned, equivalent.split_groups, equivalent.merge_groups, mode)
    with pytest.raises(OptionError, match="padding_mode='zeros'"):
        equivalent.split_phases(module_of(turned, mode=mode))


@each(POOLS)
def test_average_pooling_is_depthwise(config):
    pads = config.torch_padding
    if pads is None or max(config.geometry.dilation) > 1:
        assert config.name
        return
    kind = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}[config.axes]
    g = config.geometry
    for counted in (True, False):
        pool = kind(g.kernel_size, g.stride, pads, config.ceil_mode, count_include_pad=counted)
        conv = equivalent.pool_to_depthwise(pool, config.channels, dtype=torch.float64)
        shape = (config.batch, config.channels, *config.input_size)
        proof = prove(pool, conv, shape)
        assert proof.equal, (proof, counted)
        back = equivalent.depthwise_to_pool(conv)
        assert type(back) is kind
        assert prove(pool, back, shape).equal


def test_a_divisor_of_ones_own_is_a_weight():
    pool = nn.AvgPool2d(3, 2, 1, divisor_override=5)
    conv = equivalent.pool_to_depthwise(pool, 2)
    assert_close(conv.weight, torch.full((2, 1, 3, 3), 0.2))
    exact = equivalent.pool_to_depthwise(pool, 2, dtype=torch.float64)
    assert prove(pool, exact, (1, 2, 7, 7)).equal
    with pytest.raises(OptionError, match="divides by 5 even where ceil_mode cuts a window"):
        equivalent.pool_to_depthwise(nn.AvgPool2d(3, 2, 1, True, divisor_override=5), 2)


def test_gradients_flow_through_rewrites():
    module = module_of(TRANSPOSED[8])
    x = torch.randn(TRANSPOSED[8].input_shape, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(module(x).square().sum(), x)
    for rewrite in (equivalent.split_phases, equivalent.insert_zeros, equivalent.split_groups):
        (found,) = torch.autograd.grad(rewrite(module)(x).square().sum(), x)
        assert_close(found, expected, reduction=64)


def test_the_given_module_stays_as_it_is():
    module = nn.ConvTranspose2d(4, 4, 3, 2, 1, groups=2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for rewrite in (equivalent.split_phases, equivalent.insert_zeros, equivalent.densify):
        for parameter in rewrite(module).parameters():
            parameter.data.zero_()
    for name, value in module.state_dict().items():
        assert_equal(value, before[name])


def test_a_proof_sees_what_differs():
    conv = nn.Conv1d(2, 2, 3)
    other = nn.Conv1d(2, 2, 3)
    proof = prove(conv, other, (1, 2, 9))
    assert not proof.equal
    assert str(proof).startswith("NOT equal: largest difference")
    same = prove(conv, conv, (1, 2, 9), trials=2)
    assert str(same).startswith("equal: largest difference 0.0e+00")
    assert prove(nn.ReLU(inplace=True), nn.ReLU(), (5,)).equal
    assert prove(conv, conv, (0, 2, 9)).equal
    double = nn.Conv1d(2, 2, 3).double()
    for size, right in (
        (1e-9, False),
        (1e-17, True),
    ):  # of a rewrite, too, rounding alone is let by

        def nearly(module: nn.Module, size: float = size) -> nn.Module:
            module.weight.data *= 1 + size
            return module

        assert prove(double, nearly, (1, 2, 9)).equal is right
    broken = nn.Conv1d(2, 2, 3)
    broken.weight.data[0, 0, 0] = torch.nan
    assert not prove(conv, broken, (1, 2, 9)).equal
    with pytest.raises(ShapeError, match=r"prove: the outputs have shapes \(1, 2, 7\) and"):
        prove(conv, nn.Conv1d(2, 2, 5), (1, 2, 9))


def test_what_cannot_be_rewritten_is_refused():
    with pytest.raises(OptionError, match="split_groups takes a convolution .* got Linear"):
        equivalent.split_groups(nn.Linear(3, 3))
    with pytest.raises(OptionError, match="8 weights outside the 2 diagonal blocks"):
        equivalent.regroup(nn.Conv2d(4, 4, 1), 2)
    with pytest.raises(OptionError, match="do not divide into groups=3"):
        equivalent.regroup(nn.Conv2d(4, 4, 1), 3)
    with pytest.raises(OptionError, match="merge_groups takes convolutions of one shape"):
        equivalent.merge_groups(
            equivalent.SplitConvolution([nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 1)])
        )
    with pytest.raises(OptionError, match="cannot be read with dilation"):
        equivalent.dilate_kernel(nn.Conv1d(1, 1, 4), 2)
    with pytest.raises(OptionError, match="1 weights between every"):
        equivalent.dilate_kernel(nn.Conv1d(1, 1, 3), 2)
    with pytest.raises(OptionError, match="insert_zeros takes a transposed convolution"):
        equivalent.insert_zeros(nn.Conv1d(1, 1, 3))
    with pytest.raises(OptionError, match=r"remove_zeros takes Sequential\(ZeroInsertion"):
        equivalent.remove_zeros(nn.Sequential(nn.Conv1d(1, 1, 3)))
    with pytest.raises(OptionError, match=r"subsampling_to_stride takes Sequential\(convolution"):
        equivalent.subsampling_to_stride(nn.Sequential(nn.Conv1d(1, 1, 3)))
    with pytest.raises(OptionError, match="a transposed convolution with a subsampling behind"):
        equivalent.subsampling_to_stride(
            nn.Sequential(nn.ConvTranspose1d(1, 1, 3), equivalent.Subsample((2,)))
        )
    with pytest.raises(OptionError, match="padding in numbers"):
        equivalent.stride_to_subsampling(nn.ConvTranspose1d(1, 1, 3))
    with pytest.raises(OptionError, match="pointwise_to_linear takes a 1x1 convolution"):
        equivalent.pointwise_to_linear(nn.Conv2d(1, 1, 3))
    with pytest.raises(OptionError, match="10 features are no whole number of maps of size"):
        equivalent.linear_to_convolution(nn.Linear(10, 2), (2, 2))
    with pytest.raises(OptionError, match="takes a convolution without padding"):
        equivalent.convolution_to_linear(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)))
    with pytest.raises(OptionError, match="only the mean is linear"):
        equivalent.pool_to_depthwise(nn.MaxPool2d(2), 3)
    with pytest.raises(OptionError, match="is no mean; it must be depthwise"):
        equivalent.depthwise_to_pool(nn.Conv2d(2, 2, 2, groups=2))


def test_windows_beyond_every_transposed_one_are_refused():
    pair = equivalent.insert_zeros(nn.ConvTranspose1d(1, 1, 3, stride=2))
    pair[0] = equivalent.ZeroInsertion(type(pair[0].effective)((3,), (1,), (1,), ((4, 4),), (0,)))
    with pytest.raises(GeometryError, match="negative padding"):
        equivalent.remove_zeros(pair)
    pair[1] = nn.Conv1d(1, 1, 3, stride=2)
    with pytest.raises(OptionError, match="the convolution after the zeros must have stride 1"):
        equivalent.remove_zeros(pair)


def test_one_sided_means_have_no_torch_module():
    mean = torch.full((2, 1, 3), 1 / 3)
    conv = extended.Conv1d(2, 2, 3, padding=((0, 1),), groups=2, bias=False)
    conv.weight.data.copy_(mean)
    with pytest.raises(OptionError, match="torch's pooling pads both sides alike"):
        equivalent.depthwise_to_pool(conv)
