"""Batch normalisation folded, on both sides of any convolution, exact at every border."""

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from analysis_lecture.modules import module_of, shaken
from convariant import DataError, OptionError, ShapeError, equivalent
from convariant.analysis.equivalent import prove
from convariant.models.resnet import Bottleneck
from support.compare import assert_close
from support.configs import CONVOLUTIONS, TRANSPOSED, Config, each

NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def norm_of(channels: int, config: Config) -> nn.Module:
    return shaken(NORMS[config.axes](channels).double())


@each(CONVOLUTIONS + TRANSPOSED)
def test_a_norm_behind_is_folded(config):
    pair = nn.Sequential(module_of(config), norm_of(config.out_channels, config))
    proof = prove(pair, lambda p: equivalent.fold_batch_norm(*p), config.input_shape)
    assert proof.equal, proof


@each(CONVOLUTIONS + TRANSPOSED)
def test_a_norm_before_is_folded_border_included(config):
    pair = nn.Sequential(norm_of(config.in_channels, config), module_of(config))
    proof = prove(pair, lambda p: equivalent.fold_batch_norm_before(*p), config.input_shape)
    assert proof.equal, proof


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_a_border_that_shows_the_image_needs_no_bias_map(mode):
    config = Config("modes", (5, 6), 3, 1, 1, groups=2, in_channels=4, out_channels=2)
    pair = nn.Sequential(norm_of(4, config), module_of(config, mode=mode))
    folded = equivalent.fold_batch_norm_before(*pair)
    assert isinstance(folded, nn.Conv2d)
    proof = prove(pair, lambda p: equivalent.fold_batch_norm_before(*p), config.input_shape)
    assert proof.equal, proof


def test_a_scale_of_zero_is_no_obstacle():
    norm, conv = shaken(nn.BatchNorm2d(2)), nn.Conv2d(2, 3, 3, padding=1)
    norm.weight.data[0] = 0
    pair = nn.Sequential(norm, conv)
    assert prove(pair, lambda p: equivalent.fold_batch_norm_before(*p), (1, 2, 5, 5)).equal


def test_a_norm_without_parameters_is_folded():
    norm = shaken(nn.BatchNorm1d(3, affine=False))
    pair = nn.Sequential(nn.Conv1d(2, 3, 3, bias=False), norm)
    assert prove(pair, lambda p: equivalent.fold_batch_norm(*p), (2, 2, 9)).equal


def test_the_naive_bias_is_wrong_at_the_border_only():
    """Why the border needs its own part: a plain bias is right inside and wrong around."""
    norm, conv = shaken(nn.BatchNorm2d(2)).double(), nn.Conv2d(2, 3, 3, padding=1).double()
    exact = equivalent.fold_batch_norm_before(norm, conv)
    unpadded = nn.Conv2d(2, 3, 3).double()
    unpadded.load_state_dict(conv.state_dict())
    naive = nn.Conv2d(2, 3, 3, padding=1).double()
    naive.load_state_dict(equivalent.fold_batch_norm_before(norm, unpadded).state_dict())
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    difference = (naive(x) - exact(x)).abs()[0].sum(0)
    assert difference[1:-1, 1:-1].max() < 1e-12
    assert difference[0].min() > 1e-3


def test_torch_does_not_fuse_a_grouped_transposed_convolution():
    """The reason for ours: torch's fusion scales the wrong axis and fails."""
    conv = nn.ConvTranspose2d(6, 6, 3, 2, 1, groups=3).eval()
    norm = shaken(nn.BatchNorm2d(6))
    with pytest.raises(RuntimeError, match="must match the size"):
        fuse_conv_bn_eval(conv, norm, transpose=True)
    x = torch.randn(1, 6, 5, 5)
    assert_close(equivalent.fold_batch_norm(conv, norm)(x), norm(conv(x)), reduction=64)


def test_what_cannot_be_folded_is_refused():
    conv = nn.Conv2d(2, 3, 3)
    with pytest.raises(OptionError, match="fold_batch_norm takes a BatchNorm1d"):
        equivalent.fold_batch_norm(conv, nn.GroupNorm(1, 3))
    with pytest.raises(OptionError, match="keeps no running statistics"):
        equivalent.fold_batch_norm(conv, nn.BatchNorm2d(3, track_running_stats=False))
    with pytest.raises(ShapeError, match="has 2 channels but the convolution has 3"):
        equivalent.fold_batch_norm(conv, nn.BatchNorm2d(2))
    broken = nn.BatchNorm2d(3)
    broken.running_mean[0] = torch.nan
    with pytest.raises(DataError, match="NaN or infinite"):
        equivalent.fold_batch_norm(conv, broken)


def test_the_three_forms_of_the_aggregated_block_are_equal():
    for stride, v in ((1, 1.5), (2, 1.5), (2, 1)):
        block = Bottleneck(32, 16, stride, inner=16, groups=4, v=v)
        for module in block.modules():
            if isinstance(module, nn.BatchNorm2d):
                shaken(module)
        for there in (equivalent.sum_paths, equivalent.concatenate_paths):
            assert prove(block, there, (2, 32, 6, 6)).equal
            assert prove(
                block, lambda b, t=there: equivalent.group_paths(t(b)), (2, 32, 6, 6)
            ).equal
