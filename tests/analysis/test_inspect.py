"""Counts, memory and fields of whole networks, against published figures and other tools."""

from __future__ import annotations

import csv
import io
import itertools
import json
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import convariant as cv
from convariant.analysis.inspection import Inspection, inspect, valid_input_sizes
from convariant.analysis.inspection._units import short, size_text
from convariant.errors import GraphError, UnknownNameError
from convariant.graph import Dim, GraphBuilder, TensorType, from_torch
from convariant.graph.ops import Elementwise
from convariant.models import create
from convariant.nn import DepthwiseSeparableConv2d

# network, options, input size, parameters, multiply-adds: facts of the papers
COUNTS = [
    ("mobilenet_v1", {}, 224, 4_231_976, 568_740_352),
    ("mobilenet_v1", {"width": 0.75}, 224, 2_585_560, 325_400_448),
    ("mobilenet_v1", {"width": 0.5}, 224, 1_331_592, 149_497_088),
    ("mobilenet_v1", {"width": 0.25}, 224, 470_072, 41_030_272),
    ("mobilenet_v1", {}, 192, 4_231_976, 418_121_728),
    ("mobilenet_v1", {}, 160, 4_231_976, 290_675_200),
    ("mobilenet_v1", {}, 128, 4_231_976, 186_400_768),
    ("resnet18", {}, 224, 11_689_512, 1_814_073_344),
    ("resnet34", {}, 224, 21_797_672, 3_663_761_408),
    ("resnet50", {}, 224, 25_557_032, 4_089_184_256),
    ("resnet50", {"v": 1}, 224, 25_557_032, 3_857_973_248),
    ("resnet152", {}, 224, 60_192_808, 11_513_626_624),
    ("resnext50_32x4d", {}, 224, 25_028_904, 4_230_479_872),
    ("alexnet", {}, 227, 60_965_224, 724_406_816),
    ("lenet5", {}, 32, 61_706, 416_520),
    ("unet", {"in_channels": 1, "num_classes": 2}, 572, 31_030_658, 150_428_424_448),
]
DEEP = [
    ("resnet101", {}, 224, 44_549_160, 7_801_405_440),
    ("resnet101", {"v": 1}, 224, 44_549_160, 7_570_194_432),
    ("resnet152", {"v": 1}, 224, 60_192_808, 11_282_415_616),
    ("resnext101_32x4d", {}, 224, 44_177_704, 7_969_996_800),
    ("resnext101_64x4d", {}, 224, 83_455_272, 15_460_270_080),
    ("resnext101_32x8d", {}, 224, 88_791_336, 16_414_015_488),
]


@pytest.fixture(scope="module")
def mobilenet() -> Inspection:
    return inspect(create("mobilenet_v1"), 224, convention="fvcore")


@pytest.mark.parametrize(
    ("name", "options", "size", "params", "macs"),
    [*COUNTS, *(pytest.param(*row, marks=pytest.mark.slow) for row in DEEP)],
)
def test_published_counts(
    name: str, options: dict[str, float], size: int, params: int, macs: int
) -> None:
    with torch.device("meta"):
        result = inspect(create(name, **options), size)
    assert (result.params, result.macs) == (params, macs)
    assert sum(layer.params for layer in result.layers) == params
    assert set(result.status.values()) == {"complete"}


def test_one_group_alexnet_and_its_layers() -> None:
    result = inspect(create("alexnet", groups=1), 227)
    assert (result.params, result.macs) == (62_378_344, 1_135_256_096)
    result = inspect(create("alexnet"), 227)
    convs = [x for x in result.layers if "conv" in x.kind]
    assert [(x.params, x.macs) for x in convs] == [
        (34_944, 105_415_200),
        (307_456, 223_948_800),
        (885_120, 149_520_384),
        (663_936, 112_140_288),
        (442_624, 74_760_192),
    ]


def test_alexnet_as_torchvision_has_it() -> None:
    """Krizhevsky 2014: one tower, other widths, no normalisation, an average pool at the end."""
    widths, sizes, pads = (3, 64, 192, 384, 256, 256), (11, 5, 3, 3, 3), (2, 2, 1, 1, 1)
    layers: list[nn.Module] = []
    for i, (ci, co) in enumerate(itertools.pairwise(widths)):
        layers += [nn.Conv2d(ci, co, sizes[i], 4 if i == 0 else 1, pads[i]), nn.ReLU()]
        layers += [nn.MaxPool2d(3, 2)] if i in (0, 1, 4) else []
    layers += [nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(256 * 36, 4096), nn.ReLU()]
    layers += [nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
    with torch.device("meta"):
        result = inspect(nn.Sequential(*layers), 224)
    assert (result.params, result.macs) == (61_100_840, 714_188_480)


def test_dense_mobilenet_and_a_narrow_layer_of_it() -> None:
    with torch.device("meta"):
        dense = inspect(create("mobilenet_v1", dense=True), 224)
    assert dense.macs - next(x.macs for x in dense.layers if x.kind == "linear") == 4_866_269_184
    narrow = inspect(DepthwiseSeparableConv2d(384, 384, 3, padding=1, bias=False), 14)
    assert (narrow.params, narrow.macs) == (150_912, 29_578_752)
    coarse = inspect(DepthwiseSeparableConv2d(384, 384, 3, padding=1, bias=False), 10)
    assert coarse.macs == 15_091_200


def test_mobilenet_by_kind(mobilenet: Inspection) -> None:
    assert mobilenet.by_kind() == {
        "pointwise conv": (3_139_584, 539_492_352),
        "depthwise conv": (44_640, 17_385_984),
        "conv": (864, 10_838_016),
        "linear": (1_025_000, 1_024_000),
        "batch norm": (21_888, 0),
        "relu": (0, 0),
        "global average pool": (0, 0),
        "reshape": (0, 0),
    }


# what fvcore 0.1.5, torchinfo 1.8.0 and ptflops 0.7.5 print for these networks
OTHER_TOOLS = [
    ("resnet18", {}, 224, 1_819_065_856, 1_814_083_944, 1_825_313_768),
    ("resnet50", {}, 224, 4_111_512_576, 4_089_238_376, 4_132_436_968),
    ("resnext50_32x4d", {}, 224, 4_259_381_248, 4_230_549_096, 4_286_878_696),
    ("mobilenet_v1", {}, 224, 578_875_904, 568_763_240, 589_012_456),
    ("alexnet", {}, 227, 724_406_816, 725_066_088, 729_346_320),
    ("lenet5", {}, 32, 416_520, 423_038, 448_662),
    (
        "unet", {"in_channels": 1, "num_classes": 2}, 188,
        6_098_393_344, 6_239_818_528, 6_128_863_008,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "size", "fvcore", "torchinfo", "ptflops"), OTHER_TOOLS)
def test_presets_print_what_the_tools_print(
    name: str, options: dict[str, int], size: int, fvcore: int, torchinfo: int, ptflops: int
) -> None:
    graph = from_torch(create(name, **options), _images(options.get("in_channels"), name, size))
    totals = [
        inspect(graph, convention=c).count.total
        for c in ("paper", "fvcore", "torchinfo", "ptflops")
    ]
    assert totals[1:] == [fvcore, torchinfo, ptflops]
    assert totals[0] == inspect(graph).macs


def _images(channels: int | None, name: str, size: int) -> Tensor:
    return torch.empty(1, channels or (1 if name == "lenet5" else 3), size, size)


def test_the_difference_is_explained(mobilenet: Inspection) -> None:
    assert dict(mobilenet.count.extra) == {"batch norm": 10_085_376, "global average pool": 50_176}
    assert mobilenet.count.line.startswith("fvcore: 578,875,904 (one 'flop' for a multiply-add")
    assert mobilenet.count.line.endswith(
        "against plain MACs +10,085,376 batch norm, +50,176 global average pool"
    )
    with pytest.raises(UnknownNameError, match="no convention is named 'thop'"):
        inspect(create("lenet5"), 32, convention="thop")  # type: ignore[arg-type]


class Rest(nn.Module):
    """Everything that the networks above do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, 4)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.elu = nn.ELU()
        self.line = nn.Linear(8, 5)
        self.prelu = nn.PReLU(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.elu(self.up(self.norm(x))))
        y = torch.softmax(self.line(y[..., :8]), -1)
        return y @ y.transpose(2, 3)


def test_presets_on_further_layers() -> None:
    graph = from_torch(Rest(), torch.empty(2, 4, 3, 4))
    norm, up, line = 96, 2 * 4 * 6 * 8, 2 * 4 * 6 * 5 * 8
    product = 2 * 4 * 6 * 6 * 5
    total = {
        c: inspect(graph, convention=c).count.total for c in ("fvcore", "torchinfo", "ptflops")
    }
    assert total["fvcore"] == 5 * norm + 4 * up + line + product
    assert total["torchinfo"] == 2 * (8 + 45 + 4)
    softmax = 2 * 4 * 6 * 5
    bias = softmax
    assert total["ptflops"] == 2 * norm + 4 * up + 2 * up + line + bias + product + softmax


# what ptflops 0.7.5 prints for one such layer on (1, 4, 6, 8)
PTFLOPS = {
    "GroupNorm": (nn.GroupNorm(2, 4), 384),
    "GroupNorm without weights": (nn.GroupNorm(2, 4, affine=False), 192),
    "InstanceNorm": (nn.InstanceNorm2d(4, affine=True), 384),
    "InstanceNorm without weights": (nn.InstanceNorm2d(4), 192),
    "BatchNorm": (nn.BatchNorm2d(4), 384),
    "Upsample": (nn.Upsample(scale_factor=2), 1536),
    "ELU": (nn.ELU(), 384),
    "LeakyReLU": (nn.LeakyReLU(), 192),
    "SiLU": (nn.SiLU(), 192),
    "ConvTranspose": (nn.ConvTranspose2d(4, 4, 2), 3324),
    "LPPool of stride 2": (nn.LPPool2d(2, 2), 288),
    "LPPool of stride 1": (nn.LPPool2d(2, 2, 1), 472),
    "LPPool with p = 1": (nn.LPPool2d(1, 3, 2), 240),
    "SELU": (nn.SELU(), 0),
    "Softmin": (nn.Softmin(1), 0),
}


@pytest.mark.parametrize("name", PTFLOPS)
def test_ptflops_preset_on_one_layer(name: str) -> None:
    layer, printed = PTFLOPS[name]
    net = nn.Sequential(layer)
    assert inspect(net, (1, 4, 6, 8), convention="ptflops").count.total == printed


def test_fvcore_knows_no_rms_norm() -> None:
    assert inspect(nn.RMSNorm(8), (1, 4, 6, 8), convention="fvcore").count.total == 0
    assert inspect(nn.LayerNorm(8), (1, 4, 6, 8), convention="fvcore").count.total == 5 * 192


def test_layer_figures() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    conv, relu, pool = inspect(net, (2, 3, 9, 9)).layers
    assert (conv.name, conv.kind, conv.attributes) == ("0", "conv", "3x3 s2 p1")
    assert conv.input_sizes == ((2, 3, 9, 9),)
    assert conv.output_size == (2, 8, 5, 5)
    assert (conv.params, conv.macs, conv.bias, conv.other) == (224, 10_800, 400, 0)
    assert conv.flops == 2 * 10_800 + 400
    assert (conv.weight_bytes, conv.input_bytes, conv.output_bytes) == (896, 1944, 1600)
    assert conv.intensity == pytest.approx(22_000 / 4440)
    assert (relu.other, relu.flops) == (400, 400)
    assert (pool.kind, pool.other) == ("max pool", 2 * 8 * 4 * 4)
    field = pool.receptive_field
    assert field is not None
    assert (field.size, field.jump, field.offset) == ((5, 5), (4, 4), (-1, -1))


def test_transposed_and_grouped_transposed() -> None:
    net = nn.Sequential(nn.ConvTranspose2d(8, 12, 3, 2, 1, 1, groups=4, bias=False))
    result = inspect(net, (1, 8, 5, 5))
    assert result.layers[0].kind == "transposed conv"
    # each of 25 inputs per channel meets 3x3 numbers for each of its group's 3 outputs
    assert (result.params, result.macs) == (8 * 3 * 9, 25 * 8 * 3 * 9)


def test_peak_memory_by_liveness() -> None:
    class Skip(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = torch.cat([x, x], 1).relu()  # x stays alive beside 2x and 2x
            return y.flatten(1)[:, :4] + x.flatten(1)[:, :4]

    memory = inspect(Skip(), example_inputs=torch.empty(1, 2, 10, 10)).memory
    unit = 2 * 10 * 10 * 4
    assert memory.peak == unit + 2 * unit + 2 * unit
    assert memory.where == "relu"
    assert memory.total == 4 * unit + 16
    assert memory.weights == 0


def test_nothing_is_allocated_for_activations() -> None:
    wide = nn.Sequential(nn.Conv2d(1, 64, 3), nn.ReLU())
    result = inspect(wide, (1, 1, 60_000, 60_000))  # 0.9 TB of activations
    assert result.memory.peak == 2 * 64 * 59_998**2 * 4


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.idle = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.i0(self.conv(x))


def test_uncounted_operators_make_figures_partial() -> None:
    result = inspect(Foreign(), (1, 1, 6, 6))
    assert result.status["macs"] == result.status["memory"] == "partial"
    assert result.status["receptive_field"] == "partial"
    assert result.layers[1].status == "unavailable"
    assert result.layers[1].receptive_field is None
    assert (result.params, result.unused_params) == (20 + 12, 12)
    assert "not counted (no node kind)" in result.notes[0]
    assert result.notes[1] == "12 parameters are never used by this forward pass: idle"
    assert "?" in str(result)


def test_unavailable_where_nothing_is_counted() -> None:
    class Bessel(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.i0(x)

    result = inspect(Bessel(), (1, 4))
    assert result.status["macs"] == "unavailable"
    assert result.status["receptive_field"] == "unavailable"
    assert result.receptive_field is None


def test_shared_module_counts_parameters_once_and_work_twice() -> None:
    shared = nn.Conv2d(2, 2, 3, padding=1)
    result = inspect(nn.Sequential(shared, shared), (1, 2, 4, 4))
    assert [x.params for x in result.layers] == [38, 0]
    assert result.macs == 2 * 16 * 36
    assert [x.name for x in result.layers] == ["0", "1"]


def test_parameters_reached_through_slices_belong_to_their_layer() -> None:
    result = inspect(nn.MultiheadAttention(8, 2), example_inputs=(torch.empty(3, 1, 8),) * 3)
    assert result.params == sum(x.params for x in result.layers) == 4 * 64 + 4 * 8


@pytest.mark.parametrize("size", [20, (20, 20), (3, 20, 20), (1, 3, 20, 20), [(1, 3, 20, 20)]])
def test_short_forms_of_the_input_size(size: object) -> None:
    result = inspect(nn.Conv2d(3, 4, 3), size)  # type: ignore[arg-type]
    assert result.input_sizes == ((1, 3, 20, 20),)


def test_graphs_and_open_batches() -> None:
    graph = from_torch(nn.Conv1d(2, 2, 3), torch.empty(1, 2, 9), dynamic_batch=True)
    assert inspect(graph).output_sizes == ((1, 2, 7),)
    assert inspect(graph, 11).output_sizes == ((1, 2, 9),)
    b = GraphBuilder()
    x = b.input("x", TensorType((Dim(), 3)))
    assert inspect(b.build([b.add(Elementwise("relu"), x)])).input_sizes == ((1, 3),)


def test_half_precision_networks() -> None:
    result = inspect(nn.Conv2d(1, 1, 3).half(), 5)
    assert result.memory.peak == 2 * (25 + 9)


def test_bad_arguments() -> None:
    with pytest.raises(GraphError, match="does not say what size its input has"):
        inspect(nn.Conv2d(1, 1, 3))
    with pytest.raises(GraphError, match="expected a torch module, a graph or the path"):
        inspect(3, 5)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="no layer is named 'x'; the first are"):
        inspect(nn.Conv2d(1, 1, 3), 5).layer("x")


def test_table_fits_80_columns_and_ends_with_totals(mobilenet: Inspection) -> None:
    lines = str(mobilenet).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "MobileNetV1  1x3x224x224 -> 1x1000"
    assert (
        lines[3]
        == "features.0.conv        conv 3x3 s2 p1       32x112x112       864  10.8M        3"
    )
    assert "parameters            4,231,976  16.2 MiB  [complete]" in lines
    text = "\n".join(lines)
    assert "pointwise conv 94.86%, depthwise conv 3.06%, conv 1.91%, linear" in text
    assert "fvcore: 578,875,904" in text


def test_field_without_padding_is_marked_where_all_outputs_read_the_same() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 5, padding=2), nn.AdaptiveAvgPool2d(1))
    lines = str(inspect(net, (1, 1, 3, 4))).splitlines()
    assert [line.split()[-1] for line in lines[3:5]] == ["5", "3x4*"]
    words = "field 5 input positions, jump 1, from -2, with padding, at 0; "
    assert words + "*: inside the input, the same for every output [complete]" in " ".join(
        " ".join(lines).split()
    )
    page = inspect(net, (1, 1, 3, 4)).to_html()
    assert '<td class="number">3x4*</td>' in page
    assert "with padding, at 0; *: inside the input" in page
    assert "*" not in str(inspect(nn.Conv2d(1, 1, 3), 5))


def test_unet_field_is_shown_as_a_range() -> None:
    result = inspect(create("unet", in_channels=1, num_classes=2), 572)
    assert str(result.receptive_field) == "188-204"


def test_tree_sums_what_is_inside() -> None:
    result = inspect(create("resnet18"), 224)
    lines = result.tree(1).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == ["ResNet", "1000", "11.7M", "1.81G"]
    assert (
        "├─ layer1 Sequential                                    64x56x56    148k    462M" in lines
    )
    deep = result.tree()
    assert "│  ├─ 0 BasicBlock" in deep
    assert "│  │  ├─ conv1 conv 3x3 p1" in deep


def test_json_has_every_figure(mobilenet: Inspection) -> None:
    data = json.loads(mobilenet.to_json())
    assert data["macs"] == 568_740_352
    assert data["count"]["total"] == 578_875_904
    assert data["receptive_field"] == {
        "size": [315, 315], "smallest": [315, 315], "jump": ["32", "32"], "offset": [-157, -157],
    }  # fmt: skip
    assert sum(layer["params"] for layer in data["layers"]) == data["params"]
    assert data["status"]["macs"] == "complete"
    assert data["memory"]["weight_bytes"] == 17_015_456


def test_csv_has_a_row_for_each_layer(mobilenet: Inspection) -> None:
    rows = list(csv.DictReader(io.StringIO(mobilenet.to_csv())))
    assert len(rows) == len(mobilenet.layers)
    assert sum(int(row["macs"]) for row in rows) == 568_740_352
    assert rows[0]["output_size"] == "1x32x112x112"


class Page(HTMLParser):
    """Checks that tags close, and collects text and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.rectangles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v for k, v in attrs if k in ("src", "href") and v]
        self.rectangles += tag == "rect"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.rectangles += tag == "rect"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_one_well_formed_page(mobilenet: Inspection) -> None:
    page = Page()
    text = mobilenet.to_html()
    page.feed(text)
    assert not page.open
    assert not page.links
    assert page.rectangles == 2 * 28 + 4  # two bars for each layer with MACs, four kinds
    assert "568,740,352" in text
    assert "$" not in text


def test_html_escapes_names_and_survives_without_macs() -> None:
    net = nn.Sequential()
    net.add_module("a<b>", nn.ReLU())
    text = inspect(net, example_inputs=torch.empty(1, 2)).to_html()
    assert "a&lt;b&gt;" in text
    assert "<svg" not in text


def test_table_1_of_mobilenet(mobilenet: Inspection) -> None:
    lines = mobilenet.table1().splitlines()
    assert lines[3] == "Conv / s2             3 x 3 x 3 x 32          224 x 224 x 3"
    assert lines[16] == "5 x Conv dw / s1      3 x 3 x 512 dw          14 x 14 x 512"
    assert lines[20] == "Conv dw / s1 *        3 x 3 x 1024 dw         7 x 7 x 1024"
    assert lines[24] == "Softmax / s1          Classifier              1 x 1 x 1000"
    assert "print 'Conv dw / s2' in this row" in lines[26]
    assert " ".join(" ".join(lines[-2:]).split()).endswith("it has 1.91%")
    assert max(map(len, lines)) <= 80
    with pytest.raises(GraphError, match="Table 1 is about MobileNet v1"):
        inspect(create("lenet5"), 32).table1()


def test_units() -> None:
    assert [short(n) for n in (0, 7, 999, 1000, 999_499, 999_500, 1.5e15)] == [
        "-", "7", "999", "1.00 k", "999 k", "1.00 M", "1.50 P",
    ]  # fmt: skip
    assert [size_text(n) for n in (0, 999, 1000, 1024**2, 1500 * 1024**3)] == [
        "0 B", "999 B", "0.98 KiB", "1.00 MiB", "1500 GiB",
    ]  # fmt: skip


def test_it_is_the_public_name() -> None:
    assert cv.inspect is inspect


@pytest.mark.parametrize(
    "network",
    [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.LSTM(8, 4, batch_first=True)],
    ids=lambda n: type(n).__name__,
)
def test_networks_that_are_not_convolutional(network: nn.Module) -> None:
    result = inspect(network, (2, 5, 8))
    assert result.params == sum(p.numel() for p in network.parameters())
    assert result.macs > 0
    assert max(map(len, str(result).splitlines())) <= 80


SMALL = """
<ir_version: 8, opset_import: ["" : 17]>
small (float[N, 3, H, W] x) => (float[N, 4] y)
<float[4, 3, 3, 3] w>
{
  a = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w)
  b = Relu(a)
  c = GlobalAveragePool(b)
  y = Flatten(c)
}
"""


@pytest.mark.parametrize("size", [12, (12, 12), (3, 12, 12), (1, 3, 12, 12)])
def test_onnx_files_with_open_sizes(size: object, tmp_path: Path) -> None:
    parser = pytest.importorskip("onnx.parser")
    onnx = pytest.importorskip("onnx")
    model = parser.parse_model(SMALL)
    weight = onnx.numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    model.graph.initializer.append(weight)
    path = tmp_path / "small.onnx"
    onnx.save(model, path)
    result = inspect(path, size)  # type: ignore[arg-type]
    assert result.input_sizes == ((1, 3, 12, 12),)
    assert (result.params, result.macs) == (108, 108 * 36)
    assert [x.kind for x in result.layers] == ["conv", "relu", "global average pool", "reshape"]
    assert str(result.receptive_field) == "3"
    assert str(valid_input_sizes(path)) == "n >= 1"
    with pytest.raises(GraphError, match="leaves sizes of its input 'x' open"):
        inspect(path)


@pytest.mark.slow
def test_resnet152_takes_under_two_seconds_beyond_its_capture() -> None:
    network, images = create("resnet152").eval(), torch.empty(1, 3, 224, 224)
    inspect(nn.Conv2d(1, 1, 3), 5)
    started = time.process_time()  # of this process, whatever else the machine does
    with torch.no_grad():
        torch.export.export(network, (images,), strict=False)
    exported = time.process_time()
    assert str(inspect(network, 224))
    assert time.process_time() - exported < exported - started + 2
