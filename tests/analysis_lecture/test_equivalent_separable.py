"""Separable convolutions multiplied out and taken apart, exactly, over every window."""

import pytest
import torch
from torch import nn

from analysis_lecture.modules import module_of
from convariant import OptionError, ShapeError, equivalent
from convariant import nn as extended
from convariant.analysis._convolution import CONVOLUTIONS as KINDS
from convariant.analysis.equivalent import prove
from support.compare import assert_close, assert_equal
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each

LECTURE = torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]])


def check_exact(module: nn.Module, chain: nn.Sequential, config: Config) -> None:
    proof = prove(module, chain, config.input_shape)
    assert proof.error < 1e-13, proof
    assert proof.output_shape == config.output_shape


def separates(config: Config) -> bool:
    return sum(k > 1 for k in config.geometry.kernel_size) > 1


@each(tuple(filter(separates, CONVOLUTIONS + TRANSPOSED)))
def test_any_kernel_is_a_chain_along_its_axes_at_full_rank(config):
    module = module_of(config)
    chain = equivalent.separate_spatially(module)
    check_exact(module, chain, config)
    for axis, conv in enumerate(chain):
        others = [k for a, k in enumerate(conv.kernel_size) if a != axis]
        assert set(others) == {1}


@each(CONVOLUTIONS + TRANSPOSED)
def test_any_kernel_is_depthwise_and_pointwise_with_enough_filters(config):
    module = module_of(config)
    g = config.geometry
    if max(g.kernel_size) == 1 or config.out_channels == config.groups:
        with pytest.raises(OptionError, match="separate_depthwise: .* has nothing to separate"):
            equivalent.separate_depthwise(module)
        return
    chain = equivalent.separate_depthwise(module)
    check_exact(module, chain, config)
    assert chain[0].groups == config.in_channels
    assert set(chain[1].kernel_size) == {1}
    if config.batch and not (isinstance(config.padding, str) and max(g.stride) > 1):
        merged = equivalent.merge_separable(chain)
        check_exact(module, merged, config)
        again = equivalent.regroup(flushed(merged), config.groups)
        assert_close(again.weight, module.weight, reduction=4096)


def flushed(conv: nn.Module) -> nn.Module:
    """What rounding left in place of zero becomes zero."""
    small = conv.weight.abs() < 1e-13 * conv.weight.abs().max()
    conv.weight.data[small] = 0
    return conv


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_chains_keep_the_padding_mode(mode):
    config = Config("modes", (7, 6), 3, (2, 1), (2, 1), (2, 1), groups=2, in_channels=4,
                    out_channels=4)  # fmt: skip
    module = module_of(config, mode=mode)
    for separate in (equivalent.separate_spatially, equivalent.separate_depthwise):
        chain = separate(module)
        check_exact(module, chain, config)
        check_exact(module, equivalent.merge_separable(chain), config)


def test_the_kernel_of_the_lecture():
    conv = nn.Conv2d(1, 1, 3, bias=False)
    conv.weight.data[0, 0] = LECTURE
    chain = equivalent.separate_spatially(conv)
    assert [tuple(c.weight.shape) for c in chain] == [(1, 1, 3, 1), (1, 1, 1, 3)]
    column, row = (c.weight.detach().ravel() for c in chain)
    assert_close(column[1:] / column[:1], torch.tensor([4 / 3, 5 / 3]), reduction=16)
    assert_close(row[1:] / row[:1], torch.tensor([2.0, 3.0]), reduction=16)
    assert_close(equivalent.merge_separable(chain).weight.detach()[0, 0], LECTURE, reduction=16)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_our_separable_modules_multiply_out(axes):
    kind = getattr(extended, f"DepthwiseSeparableConv{axes}d")
    layer = kind(4, 6, 3, 1, 1, 2, depth_multiplier=2).double()
    dense = equivalent.merge_separable(layer)
    assert dense.weight.shape == (6, 4, *[3] * axes)
    assert set(dense.dilation) == {2}
    assert prove(layer, dense, (2, 4, *[7] * axes)).equal


def test_our_spatial_module_multiplies_out():
    layer = extended.SpatialSeparableConv2d(4, 6, (5, 3), (2, 1), (2, 1), rank=3).double()
    dense = equivalent.merge_separable(layer)
    assert prove(layer, dense, (2, 4, 9, 8)).equal
    back = equivalent.separate_spatially(dense)
    assert back[0].out_channels == 3
    check = prove(layer, back, (2, 4, 9, 8))
    assert check.error < 1e-12


PAIRS = {
    "valid then valid": (nn.Conv2d(2, 3, 3, 2, 1), nn.Conv2d(3, 2, 3, 2)),
    "dilated": (nn.Conv1d(2, 3, 2, dilation=3), nn.Conv1d(3, 2, 3, dilation=2)),
    "stride then dilation": (nn.Conv1d(2, 3, 3, 2), nn.Conv1d(3, 2, 2, 3, dilation=2)),
    "pointwise then window": (nn.Conv2d(2, 3, 1, bias=False), nn.Conv2d(3, 2, 3, 1, 1)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), nn.Conv2d(6, 3, 3, groups=3)),
    "3d axes": (
        nn.Conv3d(1, 2, (3, 1, 1), padding=(1, 0, 0), bias=False),
        nn.Conv3d(2, 2, (1, 2, 3), padding=(0, 1, 1), stride=(1, 1, 2)),
    ),
    "circular": (
        nn.Conv1d(2, 3, 1),
        nn.Conv1d(3, 2, 3, padding=1, padding_mode="circular"),
    ),
    "same": (nn.Conv1d(2, 3, 1, bias=False), nn.Conv1d(3, 2, 3, padding="same")),
    "transposed": (nn.ConvTranspose1d(2, 3, 3, 2, bias=False), nn.ConvTranspose1d(3, 2, 2, 3, 1)),
    "transposed extra": (
        nn.ConvTranspose2d(2, 3, 3, 2, output_padding=1, bias=False),
        nn.ConvTranspose2d(3, 2, 1),
    ),
    "transposed bias": (nn.ConvTranspose1d(2, 3, 3, 2), nn.ConvTranspose1d(3, 2, 1)),
    "zero bias": (nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 3, padding=1)),
}
PAIRS["zero bias"][0].bias.data.zero_()


@pytest.mark.parametrize("name", PAIRS)
def test_two_convolutions_are_one(name):
    pair = nn.Sequential(*PAIRS[name])
    size = [9] * (pair[0].weight.dim() - 2)
    proof = prove(
        pair, lambda p: equivalent.merge_convolutions(*p), (2, pair[0].in_channels, *size)
    )
    assert proof.equal, proof


@pytest.mark.parametrize(
    ("first", "second", "error", "message"),
    [
        (nn.Conv1d(1, 1, 3), nn.Conv1d(1, 1, 3, padding=1), OptionError, "on axis 0 both"),
        (nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 3, padding=1), OptionError, "less of the bias"),
        (nn.ConvTranspose1d(1, 1, 1), nn.ConvTranspose1d(1, 1, 3), OptionError, "less of the bias"),
        (nn.Conv1d(1, 1, 1), nn.ConvTranspose1d(1, 1, 1, 2), OptionError, "less of the bias"),
        (nn.Conv1d(1, 2, 1), nn.Conv1d(1, 1, 3), ShapeError, "gives 2 channels on 1 axes"),
        (nn.Conv1d(1, 1, 2), nn.ConvTranspose1d(1, 1, 3), ShapeError, "both must be plain or both"),
        (
            nn.Conv2d(1, 1, (3, 1), padding=(1, 0), padding_mode="circular", bias=False),
            nn.Conv2d(1, 1, (1, 3), padding=(0, 1)),
            OptionError,
            r"the two pad differently \(circular and zeros\)",
        ),
        (
            extended.Conv1d(1, 1, 1, 2, "same"),
            nn.Conv1d(1, 1, 1),
            OptionError,
            "depends on the size of the input",
        ),
    ],
)
def test_chains_that_are_no_single_convolution_are_refused(first, second, error, message):
    with pytest.raises(error, match=message):
        equivalent.merge_convolutions(first, second)


def test_only_convolutions_multiply_out():
    layer = extended.DepthwiseSeparableConv2d(2, 2, 3, norm=nn.BatchNorm2d, activation=nn.ReLU)
    with pytest.raises(OptionError, match="a norm or an activation in between"):
        equivalent.merge_separable(layer)
    with pytest.raises(OptionError, match="merge_separable takes convolutions"):
        equivalent.merge_separable(nn.Linear(2, 2))
    with pytest.raises(OptionError, match="there must be two axes longer than 1"):
        equivalent.separate_spatially(nn.Conv2d(1, 1, (3, 1)))


def test_every_rewrite_of_the_catalogue_says_what_it_does():
    names = [rewrite.name for rewrite in equivalent.CATALOGUE]
    assert len(set(names)) == len(names) == 15
    public = set(equivalent.__all__)
    for rewrite in equivalent.CATALOGUE:
        assert rewrite.there.__name__ in public
        assert rewrite.back is None or rewrite.back.__name__ in public
        assert str(rewrite).startswith(rewrite.name)
        assert rewrite.there.__doc__


def test_the_chain_of_one_is_itself():
    conv = nn.Conv2d(2, 3, 3)
    merged = equivalent.merge_separable(nn.Sequential(conv))
    assert isinstance(merged, KINDS)
    assert_equal(merged.weight, conv.weight)


def test_the_kernel_of_the_slide_is_proved_equal_to_its_column_and_row():
    """Its weights come from a singular value decomposition, which rounds once more."""
    conv = nn.Conv2d(1, 1, 3, bias=False)
    conv.weight.data[0, 0] = torch.tensor([[3.0, 6, 9], [4, 8, 12], [5, 10, 15]])
    proof = prove(conv, equivalent.separate_spatially, (1, 1, 9, 9))
    assert proof.equal, proof
    assert not prove(conv, lambda c: nn.Conv2d(1, 1, 3).double(), (1, 1, 9, 9)).equal
