"""Folding a graph keeps its cost, its shapes and its paths."""

import pytest
import torch
from torch import nn

import convariant as cv
from convariant.analysis.inspection import inspect
from convariant.drawing._folding import INPUT, fold
from convariant.errors import OptionError
from convariant.graph import from_torch
from convariant.models import create

NETWORKS = {
    "resnet18": ({}, (1, 3, 64, 64)),
    "resnext50_32x4d": ({}, (1, 3, 64, 64)),
    "mobilenet_v1": ({"width": 0.25}, (1, 3, 64, 64)),
    "unet": ({"widths": (4, 8, 16), "mode": "same"}, (1, 1, 32, 32)),
    "lenet5": ({}, (1, 1, 28, 28)),
    "p4_lenet": ({}, (1, 1, 28, 28)),  # its kernels are turned copies of its weights
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("depth", [None, 1, 3])
def test_folding_keeps_parameters_and_cost(name, depth):
    options, shape = NETWORKS[name]
    model = create(name, **options)
    parts = fold(from_torch(model, torch.zeros(shape)), most=24, depth=depth)
    result = inspect(model, shape)
    assert sum(p.params for p in parts) == result.params
    assert sum(p.macs for p in parts) == result.macs
    assert parts[-1].shape == result.output_sizes[0][1:]
    assert all(INPUT <= s < i for i, p in enumerate(parts) for s in p.sources)
    reached = {s for p in parts for s in p.sources}
    assert set(range(len(parts) - 1)) <= reached, "a part that nothing reads"
    assert INPUT in reached


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(2, 2, 3, padding=1) for _ in range(4))

    def forward(self, x):
        y = self.a(x)
        z = self.c(self.b(y).relu())
        return self.d(torch.cat([y, z], dim=1)[:, :2] + x)


def test_skips_go_where_the_values_go():
    parts = fold(from_torch(Skipping(), torch.zeros(1, 2, 5, 5)), most=24)
    assert [p.label for p in parts] == ["a", "b", "c", "concat", "add", "d"]
    assert [p.sources for p in parts] == [(-1,), (0,), (1,), (0, 2), (-1, 3), (4,)]
    assert parts[1].what == "conv 3x3 p1, relu"
    svg = cv.draw.architecture(Skipping(), (1, 2, 5, 5)).svg()
    # a line and an arrow's head for each of the two skips
    assert svg.count('class="skip"') == 4


def test_repetitions_become_one_box():
    def pair():
        return nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 4, 1)

    net = nn.Sequential(nn.Conv2d(3, 4, 3), *pair(), *pair(), *pair(), nn.MaxPool2d(2))
    parts = fold(from_torch(net, torch.zeros(1, 3, 9, 9)), most=24)
    assert [(p.label, p.times) for p in parts] == [("0", 1), ("1 … 6", 3), ("7", 1)]
    assert parts[1].macs == 3 * (4 * 9 + 16) * 49
    alone = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(5)))
    parts = fold(from_torch(alone, torch.zeros(1, 4, 9, 9)), most=24)
    assert [(p.label, p.times, p.params) for p in parts] == [("0 … 4", 5, 5 * 148)]


def test_what_is_read_from_outside_is_not_folded_away():
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in range(4))

        def forward(self, x):
            kept = [x := conv(x) for conv in self.convs]
            return kept[1] + kept[3]

    parts = fold(from_torch(Dense(), torch.zeros(1, 2, 5, 5)), most=24, depth=2)
    assert [p.times for p in parts] == [2, 2, 1]
    assert parts[-1].sources == (0, 1)


def test_the_page_tells_names_figures_and_shapes():
    picture = cv.draw.architecture(create("resnet50"), (1, 3, 224, 224))
    svg = picture.svg()
    assert picture.subtitle == "25,557,032 parameters, 4,089,184,256 multiply-adds"
    for text in ("layer3.1 … layer3.5 (5 ×)", "Bottleneck", "2048 × 7 × 7", "output 1000"):
        assert f">{text}<" in svg


def test_a_depth_without_parts_is_answered():
    with pytest.raises(OptionError, match="depth=0 has no parts; the least is 1"):
        cv.draw.architecture(create("lenet5"), (1, 1, 28, 28), depth=0)


class Nameless(nn.Module):
    """Down, up, and across, with gates: all in one forward, so that no node has a module."""

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(4, 4, 3, 3) for _ in range(42))

    def forward(self, x):
        weights = iter(self.weights)

        def conv(x, stride=1):
            return nn.functional.conv2d(x, next(weights), stride=stride, padding=1).relu()

        maps = []
        for _ in range(4):
            x = conv(x, 2)
            for _ in range(4):
                y = conv(conv(x))
                x = x + y * y.mean((2, 3), keepdim=True).sigmoid()
            maps.append(x)
        for across in reversed(maps[:-1]):
            x = conv(nn.functional.interpolate(x, scale_factor=2.0)) + across
        return conv(x, 2) + conv(conv(x), 2)


def test_without_names_the_shape_of_a_network_folds_it():
    network = Nameless()
    graph = from_torch(network, torch.zeros(1, 4, 64, 64))
    assert len(graph.nodes) > 150
    parts = fold(graph, most=24)
    result = inspect(network, (1, 4, 64, 64))
    assert sum(p.macs for p in parts) == result.macs
    assert sum(p.params for p in parts) == result.params
    assert [p.shape[1] for p in parts] == [32, 16, 8, 4, 8, 16, 32, 16, 32, 16]
    # each way up reads the way down at its own size
    assert [p.sources for p in parts] == [
        *((INPUT,), (0,), (1,), (2,), (2, 3), (1, 4), (0, 5)),
        *((6,), (6,), (7, 8)),
    ]
    assert parts[1].what.startswith("9 conv, ")
    assert dict(parts[1].kinds)["conv"] == 9


def test_branches_that_meet_are_one_block():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.ParameterList(torch.randn(4, 4, 1, 1) for _ in range(40))

        def forward(self, x):
            for i, (left, right) in enumerate(
                zip(self.weights[::2], self.weights[1::2], strict=True)
            ):
                a = nn.functional.conv2d(x, left)
                x = a + nn.functional.conv2d(x, right) * float(i + 1)
            return x

    parts = fold(from_torch(Branches(), torch.zeros(1, 4, 8, 8)), most=24)
    assert [(p.times, p.sources) for p in parts] == [(20, (INPUT,))]
    assert parts[0].label == "block 1 … block 20"
