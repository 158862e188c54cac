"""The products behind one output value: all of them, and nothing else."""

import itertools
import json
import math

import pytest
import torch
from torch import nn

from analysis_lecture.modules import module_of
from convariant import OptionError, ShapeError, UnknownNameError, models
from convariant import nn as extended
from convariant.analysis.tracing import trace
from support.configs import CONVOLUTIONS, POOLS, TRANSPOSED, each

SAMPLED = CONVOLUTIONS[1::3] + TRANSPOSED[1::3]


@each(tuple(c for c in SAMPLED if c.batch))
def test_the_products_of_any_window_add_up(config):
    x, _, _ = config.arrays()
    module = module_of(config)
    for parameter in module.parameters():
        parameter.data.round_()  # whole numbers: sums are exact in any order
    x = torch.from_numpy(x)
    y = module(x)
    per_image = [range(n) for n in y.shape[1:]]
    for at in list(itertools.product(*per_image))[:: max(y[0].numel() // 5, 1)]:
        index = (config.batch - 1, *at)
        found = trace(module, x, index)
        assert found.value == y[index].item()
        assert found.total == found.value
        assert found.linear
        while not found.operation.startswith("Conv"):  # one-sided crops are layers of their own
            found = found.back(found.terms[0])
        for term in found.terms:
            assert term.value == x[term.index].item()
            assert term.weight == module.weight[term.weight_index].item()
        taps = math.prod(config.geometry.kernel_size)
        channels = config.in_channels // config.groups
        assert len(found.terms) == channels * (taps - len(found.outside))
        assert len({term.weight_index for term in found.terms}) == len(found.terms)


def test_groups_and_dilation_are_spelled_out():
    conv = nn.Conv2d(4, 4, 3, dilation=2, padding=2, groups=2)
    found = trace(conv, torch.ones(1, 4, 5, 5), (0, 2, 0, 2))
    assert {term.index[1] for term in found.terms} == {2, 3}
    assert {term.weight_index[0] for term in found.terms} == {2}
    assert sorted({term.index[2:] for term in found.terms}) == [
        (0, 0), (0, 2), (0, 4), (2, 0), (2, 2), (2, 4),
    ]  # fmt: skip
    assert found.outside == ((0, 0), (0, 1), (0, 2))
    assert "no input meets 3 kernel elements: [0, 0], [0, 1], [0, 2]" in str(found)
    assert found.operation == "Conv 3x3 d2 p2 g2"


def test_a_transposed_convolution_skips_what_lies_between_inputs():
    up = nn.ConvTranspose2d(1, 1, 3, 2, 1, bias=False)
    up.weight.data.fill_(1.0)
    even = trace(up, torch.ones(1, 1, 3, 3), (0, 0, 0, 0))
    odd = trace(up, torch.ones(1, 1, 3, 3), (0, 0, 1, 1))
    assert [term.weight_index[2:] for term in even.terms] == [(1, 1)]
    assert len(odd.terms) == 4
    assert odd.total == 4.0


@each(POOLS[:3] + POOLS[6:8] + POOLS[-2:])
def test_pooling_is_a_weighted_sum_too(config):
    x = config.tensor()
    for reducer in ("max", "mean"):
        kind = getattr(extended, f"Pool{config.axes}d")
        pool = kind(
            reducer,
            config.kernel_size,
            config.stride,
            config.padding,
            config.dilation,
            ceil_mode=config.ceil_mode,
        )
        y = pool(x)
        index = (0, 1, *(n - 1 for n in y.shape[2:]))
        found = trace(pool, x, index)
        assert found.total == pytest.approx(y[index].item(), rel=1e-6)
        if found.linear and reducer == "max" and found.operation.startswith("Pool"):
            assert [term.weight for term in found.terms] == [1.0]


def test_a_network_can_be_followed_back_to_its_image():
    torch.manual_seed(0)
    network = models.create("lenet5").eval()
    x = torch.rand(1, 1, 32, 32)
    found = trace(network, x, (0, 3))
    layers = [found.layer]
    while found.terms[0].source in found._run.graph.producers():
        largest = max(found.terms, key=lambda term: abs(term.product))
        found = found.back(largest)
        assert found.total == pytest.approx(found.value, rel=1e-5, abs=1e-6)
        layers.append(found.layer)
    assert [name for name in layers if name[0] in "cfo"] == ["output", "f6", "c5", "c3", "c1"]
    with pytest.raises(OptionError, match="is an input of the network; there is no layer before"):
        found.back(found.terms[0])


def test_a_layer_inside_a_network_is_found_by_its_path():
    network = models.create("resnet18", num_classes=10, small_input=True).eval()
    x = torch.rand(1, 3, 32, 32)
    found = trace(network, x, (0, 5, 3, 3), layer="layer2.0.conv1")
    assert found.operation == "Conv 3x3 s2 p1"
    assert len(found.terms) == 64 * 9
    block = trace(network, x, (0, 5, 3, 3), layer="layer2.0")
    assert block.operation == "Elementwise relu"
    added = block.back(block.terms[0])
    assert added.operation == "Elementwise add"
    assert len(added.terms) == 2
    assert added.total == pytest.approx(added.value)


def test_batch_norm_is_a_product_and_a_constant():
    norm = nn.BatchNorm2d(2).eval()
    norm.running_mean.fill_(3.0)
    norm.weight.data.fill_(2.0)
    found = trace(norm, torch.full((1, 2, 2, 2), 5.0), (0, 1, 0, 0))
    assert len(found.terms) == 1
    assert found.terms[0].weight == pytest.approx(2.0, rel=1e-4)
    assert found.constant == pytest.approx(-6.0, rel=1e-4)
    assert found.linear


def test_what_is_no_weighted_sum_says_so():
    found = trace(nn.Sigmoid(), torch.zeros(1, 2), (0, 1))
    assert not found.linear
    assert found.terms[0].weight == 0.25
    assert found.constant == 0.5
    assert "first-order part 0.5" in str(found)
    scaled = trace(nn.Softmax(1), torch.zeros(1, 2), (0, 1))
    assert len(scaled.terms) == 2


def test_long_sums_show_their_largest_products():
    conv = nn.Conv2d(8, 1, 3)
    found = trace(conv, torch.rand(1, 8, 3, 3), (0, 0, 0, 0))
    lines = found.text(most=5).splitlines()
    assert "... and 67 smaller products" in lines
    assert len(lines) == 9
    read = json.loads(found.to_json())
    assert len(read["terms"]) == 72
    assert read["total"] == pytest.approx(found.value, rel=1e-5)


def test_what_is_not_there_cannot_be_traced():
    network, x = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()), torch.zeros(1, 1, 5, 5)
    with pytest.raises(ShapeError, match=r"index \[0, 0, 3, 0\] is not in the output of 1"):
        trace(network, x, (0, 0, 3, 0))
    with pytest.raises(ShapeError, match="give one position on each axis"):
        trace(network, x, (0, 0))
    with pytest.raises(UnknownNameError, match="no layer is named 'conv'"):
        trace(network, x, (0, 0, 0, 0), layer="conv")
    with pytest.raises(OptionError, match="is one of its inputs"):
        trace(nn.Identity(), x, (0, 0, 0, 0))
    assert trace(network, x, (0, 0, -1, -1)).output_index == (0, 0, 2, 2)
