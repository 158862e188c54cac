"""Receptive fields over whole graphs: published figures, and what derivatives show."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convariant.graph import Graph, from_torch, receptive_fields
from convariant.graph.ops import Conv, Pool
from convariant.models import create

# network, options, input size, (size, jump, padding) behind the last window
PUBLISHED = [
    ("resnet18", {}, 224, (435, 32, 217)),
    ("resnet34", {}, 224, (899, 32, 449)),
    ("resnet50", {}, 224, (427, 32, 213)),
    ("resnet50", {"v": 1}, 224, (483, 32, 241)),
    ("mobilenet_v1", {}, 224, (315, 32, 157)),
    ("alexnet", {}, 227, (195, 32, 64)),
]
DEEP = [
    ("resnet101", {}, 224, (971, 32, 485)),
    ("resnet101", {"v": 1}, 224, (1027, 32, 513)),
    ("resnet152", {}, 224, (1451, 32, 725)),
    ("resnet152", {"v": 1}, 224, (1507, 32, 753)),
]


def last_window(graph: Graph) -> str:
    return [n.name for n in graph.nodes if isinstance(n.op, (Conv, Pool))][-1]


@pytest.mark.parametrize(
    ("name", "options", "size", "expected"),
    [*PUBLISHED, *(pytest.param(*row, marks=pytest.mark.slow) for row in DEEP)],
)
def test_published_figures(
    name: str, options: dict[str, int], size: int, expected: tuple[int, int, int]
) -> None:
    with torch.device("meta"):
        graph = from_torch(create(name, **options), torch.empty(1, 3, size, size))
    for field in receptive_fields(graph).of(last_window(graph)):
        assert field is not None
        assert (field.size, field.jump, -field.offset) == expected
        assert field.smallest == field.size


def test_unet_depends_on_the_position() -> None:
    graph = from_torch(create("unet", in_channels=1, num_classes=2), torch.empty(1, 1, 572, 572))
    fields = receptive_fields(graph)
    bottom = [n.name for n in graph.nodes if isinstance(n.op, Conv)][9]
    assert (fields.of(bottom)[0].size, fields.of(bottom)[0].jump) == (140, 16)
    field = fields.of(graph.outputs[0])[0]
    assert (field.smallest, field.size, field.jump) == (188, 204, 1)
    assert {len(field.region(o)) for o in range(388)} == {188, 204}


def test_global_layers_read_everything() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 1, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 1)
    )
    graph = from_torch(net, torch.empty(1, 1, 10, 11))
    field, width = receptive_fields(graph).of(graph.outputs[0])
    assert field.region(0) == range(9)  # row 9 is never read: 3 + 2 * 3
    assert width.region(0) == range(11)
    assert field.jump == 0


def test_value_without_spatial_axes_and_constants() -> None:
    graph = from_torch(nn.Linear(3, 2), torch.empty(1, 3))
    fields = receptive_fields(graph)
    assert fields.of("linear") == ()
    graph = from_torch(nn.Conv1d(1, 1, 3), torch.empty(1, 1, 5))
    assert receptive_fields(graph).of("weight") == (None,)


class Net(nn.Module):
    """A random network over one axis: windows, both kinds of resizing, branches, crops."""

    def __init__(self, steps: list[tuple[str, int, int, int]]) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        ones = x.new_ones(1, 1, 7)
        for kind, k, s, d in self.steps:
            if kind == "conv":
                x = F.conv1d(x, ones[..., :k], stride=s, dilation=d, padding=d * (k - 1))
            elif kind == "transposed":
                x = F.conv_transpose1d(x, ones[..., :k], stride=s, dilation=d)
            elif kind == "pool":
                x = F.avg_pool1d(x, k, s, padding=k // 2, ceil_mode=True)
            elif kind == "branch":
                x = x + F.conv1d(x, ones[..., : 2 * s + 1], padding=s)
            elif kind == "up":
                x = F.interpolate(x, scale_factor=float(s), mode="linear")
            elif kind == "nearest":
                x = F.interpolate(x, scale_factor=float(s))
            elif kind == "shift":
                x = x + F.pad(x, (d, 0))[..., : x.shape[-1]]
            elif kind == "skip":
                x = torch.cat([x, F.interpolate(F.avg_pool1d(x, 2), size=x.shape[-1])]).sum(0, True)
            elif kind == "gate":
                x = x * x.mean(-1, keepdim=True)
        return x


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["conv", "transposed", "pool", "branch", "up", "nearest", "shift", "skip", "gate"]
        ),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(9, 24))
def test_field_is_what_the_derivative_shows(
    steps: list[tuple[str, int, int, int]], size: int
) -> None:
    net = Net(steps)
    x = torch.rand(1, 1, size, dtype=torch.float64) + 0.5
    y = net(x)
    if y.numel() > 150:
        return
    graph = from_torch(net, x)
    field = receptive_fields(graph).of(graph.outputs[0])[0]
    jacobian = torch.autograd.functional.jacobian(net, x).reshape(y.numel(), size)
    for o, row in enumerate(jacobian):
        read = row.nonzero().flatten().tolist()
        region = field.region(o)
        inside = range(max(region.start, 0), min(region.stop, size))
        if read:
            assert inside.start <= read[0], (o, region, read)
            assert read[-1] < inside.stop, (o, region, read)
    exact = {"conv", "transposed", "branch", "shift", "nearest"}
    # where taps have gaps, the border reads less than the interval that spans them
    if all(kind in exact and d == 1 for kind, _, _, d in steps):
        spans = [r.nonzero().flatten().tolist() for r in jacobian]
        for o, read in enumerate(spans):
            region = field.region(o)
            inside = range(max(region.start, 0), min(region.stop, size))
            assert (not read and not inside) or (inside == range(read[0], read[-1] + 1))


def test_jump_is_a_fraction_where_the_network_enlarges() -> None:
    graph = from_torch(nn.ConvTranspose1d(1, 1, 3, 2), torch.empty(1, 1, 5))
    field = receptive_fields(graph).of(graph.outputs[0])[0]
    assert (field.jump, field.size, field.smallest) == (Fraction(1, 2), 2, 1)


def test_unknown_operator_reads_everything_and_says_so() -> None:
    class Roll(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.roll(x, 1)

    graph = from_torch(Roll(), torch.empty(1, 1, 5))
    field = receptive_fields(graph).of(graph.outputs[0])[0]
    assert not field.known
    assert field.region(0) == range(5)
