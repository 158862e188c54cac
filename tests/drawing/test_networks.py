"""Diagrams, charts and maps of networks: their numbers are those of the network drawn."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import convariant as cv
from convariant.analysis.inspection import inspect
from convariant.drawing._fields import regions
from convariant.drawing._pixels import as_bytes, mosaic, one_sign, two_signs
from convariant.errors import DataError, OptionError, ShapeError
from convariant.graph import from_torch
from convariant.models import create
from convariant.models.resnet import BasicBlock, Bottleneck
from convariant.models.resnext import ConcatenatedPaths, SummedPaths
from convariant.reference import toeplitz as matrix_of
from support.compare import assert_close


def texts(picture):
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture.svg())


def test_toeplitz_rows_and_blocks():
    picture = cv.draw.toeplitz(
        cv.Geometry(3, padding=1), (3, 4), in_channels=2, out_channels=2, groups=2
    )
    truth = matrix_of(np.ones((2, 1, 3, 3)), cv.Geometry(3, padding=1), (3, 4), groups=2).toarray()
    steps = picture.tracks[0].steps
    assert len(steps) == 24
    for row, step in zip(truth, steps, strict=True):
        lit = {tuple(int(i) for i in np.unravel_index(j, (2, 3, 4))) for j in np.flatnonzero(row)}
        assert set(step.marked) == lit
    cells = picture.svg().count('class="kernel"')
    assert cells == np.count_nonzero(truth)
    # heavy lines part two channels on both axes: 3 across, 3 down
    assert picture.svg().count('class="block"') == 6


def test_toeplitz_states_what_it_shows():
    picture = cv.draw.toeplitz(cv.Geometry(3, stride=2, padding=1, transposed=True), (3, 3))
    assert picture.title == "Toeplitz matrix 25 × 9: transposed convolution 3 × 3 → 5 × 5"
    assert picture.subtitle.startswith("y = W x; 49 of 225 entries (21.8 %) hold 9 weights")
    assert picture.name == "toeplitz_conv_transpose_i3x3_k3x3_s2_p1"


def test_toeplitz_refuses_pooling_and_what_is_too_large():
    with pytest.raises(OptionError, match="pooling has no Toeplitz matrix"):
        cv.draw.toeplitz(nn.MaxPool2d(2), (4, 4))
    with pytest.raises(OptionError, match=r"has [\d,]+ entries, more than the 20,000"):
        cv.draw.toeplitz(cv.Geometry(7, padding=3), (28, 28))
    with pytest.raises(OptionError, match=r"output=\(9, 9\) is not an element"):
        cv.draw.toeplitz(cv.Geometry(3), (5, 5), output=(9, 9))


def test_chain_hands_on_what_the_first_stage_made():
    first, second = nn.Conv2d(1, 1, (3, 1), bias=False), nn.Conv2d(1, 1, (1, 3), bias=False)
    x = torch.arange(25.0).reshape(1, 1, 5, 5)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([3.0, 4, 5]).reshape(1, 1, 3, 1))
        second.weight.copy_(torch.tensor([1.0, 2, 3]).reshape(1, 1, 1, 3))
        y = second(first(x))
    picture = cv.draw.chain([first, second], (5, 5), x=x[0, 0].numpy(), output=(1, 1))
    stated = [float(step.note.rpartition(" = ")[2]) for step in picture.tracks[1].steps]
    assert_close(np.array(stated, np.float32).reshape(y.shape), y)
    # the still picture of the first stage is one of the elements that the second one reads
    earlier, later = picture.tracks
    still = np.unravel_index(earlier.still, (1, 3, 5))
    assert tuple(int(i) for i in still) in later.steps[later.still].marked


def test_chain_on_one_axis_and_its_errors():
    layers = [nn.Conv1d(1, 2, 3), nn.MaxPool1d(2)]
    assert cv.draw.chain(layers, (8,)).subtitle == "1 × 8 → 2 × 6 → 2 × 3"
    with pytest.raises(OptionError, match="at least one convolution"):
        cv.draw.chain([], (5, 5))
    far = [nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1, padding=2)]
    with pytest.raises(OptionError, match="comes from padding alone"):
        cv.draw.chain(far, (3, 3), output=(0, 0))


BOTTLENECK = Bottleneck(256, 64, 1, inner=128, groups=32)
BLOCKS = {
    "basic": (BasicBlock(64, 64, 1), 64),
    "strided": (BasicBlock(64, 128, 2), 64),
    "bottleneck": (Bottleneck(64, 64, 1, inner=64), 64),
    "grouped": (BOTTLENECK, 256),
    "paths": (SummedPaths(BOTTLENECK), 256),
    "concatenated": (ConcatenatedPaths(BOTTLENECK), 256),
    "row": (nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), nn.Conv2d(8, 16, 1)), 8),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_block_tells_shapes_and_weights(name):
    module, channels = BLOCKS[name]
    picture = cv.draw.block(module, (14, 14))
    with torch.no_grad():
        out = tuple(module.eval()(torch.zeros(1, channels, 14, 14)).shape[1:])
    weights = sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Conv2d))
    shapes = f"{channels} × 14 × 14 → {' × '.join(map(str, out))}"
    assert picture.subtitle == f"{shapes}, {weights:,} weights in convolutions"
    assert f"output {' × '.join(map(str, out))}" in texts(picture)


def test_block_shows_shortcut_paths_and_what_follows():
    strided = texts(cv.draw.block(BLOCKS["strided"][0], (14, 14)))
    assert "1 × 1, 64 → 128, stride 2" in strided
    assert "identity" not in strided
    assert "identity" in texts(cv.draw.block(BLOCKS["basic"][0], (14, 14)))
    paths = texts(cv.draw.block(BLOCKS["paths"][0], (14, 14)))
    assert {"32 paths", "1 × 1, 256 → 4", "3 × 3, 4 → 4", "BN", "ReLU"} <= set(paths)
    joined = texts(cv.draw.block(BLOCKS["concatenated"][0], (14, 14)))
    assert "1 × 1, 128 → 256, BN" in joined
    assert "3 × 3, 128 → 128, 32 groups" in texts(cv.draw.block(BOTTLENECK, (14, 14)))


def test_drawing_a_block_leaves_it_alone():
    module = BasicBlock(4, 4, 1).train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    cv.draw.block(module, (6, 6))
    assert module.training
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert not any(m._forward_hooks for m in module.modules())


def test_groups_halve_the_weights():
    conv = nn.Conv2d(96, 256, 5, padding=2, groups=2)
    picture = cv.draw.groups(conv, (27, 27))
    assert "307,200 weights: 1/2 of the 614,400" in picture.subtitle
    assert {"channels 48–95", "channels 128–255", "128 filters 48 × 5 × 5"} <= set(texts(picture))
    with pytest.raises(OptionError, match="at most 6 groups"):
        cv.draw.groups(nn.Conv2d(8, 8, 3, groups=8), (9, 9))


def test_unet_shows_the_sizes_of_the_paper():
    shown = texts(cv.draw.unet(create("unet")))
    sizes = [int(t) for t in shown if t.isdigit() and int(t) not in (1, 2, 64, 128, 256, 512, 1024)]
    paper = "572 570 568 284 282 280 140 138 136 68 66 32 30 28 56 54 52 104 102 100 200 198 196"
    assert sizes == [*map(int, paper.split()), 392, 390, 388, 388]


def test_unet_with_resize_and_its_errors():
    model = create("unet", widths=(4, 8, 16), mode="same", up="resize")
    shown = texts(cv.draw.unet(model, (32, 16)))
    assert {"1 × 1 convolution, resize", "copy, concatenate", "16×8", "8×4"} <= set(shown)
    with pytest.raises(OptionError, match="Linear is not a U-Net"):
        cv.draw.unet(nn.Linear(2, 2))
    with pytest.raises(ShapeError, match="mode='paper'"):
        cv.draw.unet(create("unet"), (100, 100))


def test_costs_are_those_of_the_inspection():
    result = inspect(create("mobilenet_v1", width=0.25), (1, 3, 128, 128))
    picture = cv.draw.costs(result)
    shown = [t for t in texts(picture) if t.endswith("%)")]
    values = [int(t.partition(" ")[0].replace(",", "")) for t in shown]
    assert values == [layer.macs for layer in result.layers if layer.macs]
    assert sum(values) == result.macs
    assert cv.draw.costs(result, measure="params").subtitle.startswith(f"{result.params:,} ")
    with pytest.raises(OptionError, match="neither 'macs' nor 'params'"):
        cv.draw.costs(result, measure="time")
    with pytest.raises(OptionError, match="has 0 layers with multiply-adds"):
        cv.draw.costs(inspect(nn.Sequential(nn.ReLU()), (1, 3, 8, 8)))


def test_receptive_field_is_where_the_gradient_is():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(2, 2, 3, padding=2, dilation=2),
        nn.MaxPool2d(2),
    )
    for seen, depth in zip(
        regions(from_torch(net, torch.zeros(1, 1, 32, 40)), (0.5, 0.25)), (1, 3, 4), strict=True
    ):
        x = torch.rand(1, 1, 32, 40, requires_grad=True)
        y = x
        for layer in net[:depth]:
            # a mean has a gradient wherever a maximum could have one
            y = nn.functional.avg_pool2d(y, 2) if isinstance(layer, nn.MaxPool2d) else y
            y = layer(y) if isinstance(layer, nn.Conv2d) else y
        y[(0, slice(None), *seen.unit)].sum().backward()
        rows, columns = (x.grad[0, 0].abs().sum(axis).nonzero().ravel() for axis in (1, 0))
        assert (int(rows[0]), int(rows[-1])) == (max(seen.rows[0], 0), min(seen.rows[1], 31))
        assert (int(columns[0]), int(columns[-1])) == (
            max(seen.columns[0], 0),
            min(seen.columns[1], 39),
        )


def test_receptive_field_lists_layers_and_answers_bad_input():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    image = np.zeros((20, 24, 3), np.uint8)
    picture = cv.draw.receptive_field(net, image, layer="0")
    assert picture.tracks[0].still == 0
    assert {"▸ 0: 3 × 3", "1: 5 × 5"} <= set(texts(picture))
    assert "data:image/png;base64," in picture.svg()
    with pytest.raises(OptionError, match="no layer is named '7'; known: 0, 1"):
        cv.draw.receptive_field(net, image, layer="7")
    with pytest.raises(DataError, match=r"an image of shape \(2, 2, 2, 2\) cannot be drawn"):
        cv.draw.receptive_field(net, np.zeros((2, 2, 2, 2)))
    with pytest.raises(OptionError, match="has 0 convolutions and poolings"):
        cv.draw.receptive_field(nn.Sequential(nn.ReLU()), image, layer="0")


def test_deep_networks_fit_on_the_page():
    picture = cv.draw.receptive_field(create("resnet50"), np.zeros((64, 64, 3)))
    listed = [t for t in texts(picture) if t.startswith(("layer", "▸", "conv"))]
    assert 5 < len(listed) <= 25


def test_feature_maps_are_what_the_layer_makes():
    net = nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True)).train()
    before = net[1].running_mean.clone()
    picture = cv.draw.feature_maps(net, np.eye(9), "2", most=4)
    assert picture.title == "2: 5 maps of 7 × 7"
    assert picture.subtitle.startswith("the first 4")
    assert net.training
    assert torch.equal(net[1].running_mean, before)
    with pytest.raises(OptionError, match="no layer is named 'conv9'; known: 0, 1, 2"):
        cv.draw.feature_maps(net, np.eye(9), "conv9")
    flat = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
    with pytest.raises(OptionError, match="1 makes no maps"):
        cv.draw.feature_maps(flat, np.zeros((9, 9, 3)), "1")


def test_filters_in_colour_and_apart():
    assert cv.draw.filters(nn.Conv2d(3, 8, 5)).subtitle == "8 filters in colour"
    assert cv.draw.filters(nn.Conv2d(64, 64, 3)).subtitle == "256 of 4096 kernels"
    assert cv.draw.filters(nn.Conv2d(1, 6, 5), name="c1").name == "filters_c1"
    with pytest.raises(OptionError, match="Linear has no filters on two axes"):
        cv.draw.filters(nn.Linear(2, 2))


def test_spectrum_tells_separable_from_not():
    layer = nn.Conv2d(1, 2, 3, bias=False)
    with torch.no_grad():
        layer.weight[0, 0] = torch.outer(torch.tensor([3.0, 4, 5]), torch.tensor([1.0, 2, 3]))
        layer.weight[1, 0] = torch.eye(3)
    picture = cv.draw.spectrum(layer)
    # energies 1, 0, 0 and 1/3 each: the mean of the first is 2/3
    assert "66.7 % of the energy: ranks 1 to 3" in picture.subtitle
    assert [t for t in texts(picture) if t.endswith("%")] == ["66.7 %", "16.7 %", "16.7 %"]


def test_colours_keep_order_and_sign():
    ramp = one_sign(np.linspace(0, 1, 9)[None])[0].astype(int)
    assert (np.diff(ramp @ np.array([299, 587, 114])) > 0).all()  # ever lighter
    low, zero, high = two_signs(np.array([[-1.0, 0.0, 1.0]]))[0].tolist()
    assert zero == [255, 255, 255]
    assert low[0] > low[2]
    assert high[2] > high[0]
    assert two_signs(np.array([[np.nan]]))[0, 0].tolist() == [150, 158, 167]


def test_images_of_every_form():
    grey = np.array([[0.0, 1.0]])
    expected = [[[0, 0, 0], [255, 255, 255]]]
    for image in (
        grey,
        grey.astype(bool),
        (grey * 255).astype(np.uint8),
        grey[None],
        grey[..., None],
    ):
        assert as_bytes(image).tolist() == expected
    assert as_bytes(np.ones((2, 2, 4))).shape == (2, 2, 3)
    assert as_bytes(np.zeros((3, 5, 7))).shape == (5, 7, 3)


def test_mosaic_leaves_gaps():
    tiles = mosaic(np.arange(12.0).reshape(3, 2, 2), 2)
    assert tiles.shape == (5, 5)
    assert tiles[0, :2].tolist() == [0, 1]
    assert np.isnan(tiles[:, 2]).all()
    assert np.isnan(tiles[3:, 3:]).all()
