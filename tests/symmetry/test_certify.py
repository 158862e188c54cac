"""Certificates: exact ones proven with tolerance zero, broken ones shown by an image."""

from __future__ import annotations

import json
import re
import warnings

import pytest
import torch
from torch import nn

import convariant as cv
from convariant import GraphError, ShapeError, UnknownNameError
from convariant.analysis.symmetry import certify, make_shift_invariant
from convariant.graph import from_torch
from support.compare import assert_close, assert_equal


def conv(ci: int, co: int, k: int = 3, s: int = 1, mode: str = "circular", **options) -> nn.Module:
    return nn.Conv2d(ci, co, k, s, k // 2, padding_mode=mode, **options)


def head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)]


class Residual(nn.Module):
    def __init__(self, stride: int, shortcut: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(2, 2, s=stride), nn.ReLU(), conv(2, 2))
        self.shortcut = conv(2, 2, k=1, s=shortcut)

    def forward(self, x):
        y, z = self.body(x), self.shortcut(x)
        return y + z[..., : y.shape[-2], : y.shape[-1]]


class Positional(nn.Module):
    def __init__(self, varies: bool) -> None:
        super().__init__()
        offset = torch.arange(8.0) if varies else torch.ones(8)
        self.offset = nn.Parameter(offset)

    def forward(self, x):
        return x + self.offset


class Diagonal(nn.Module):
    def forward(self, x):
        return x + 2 * x.transpose(2, 3)


class Squeeze(nn.Module):
    """A gate of global means times the map, then a mean over flattened places."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2, 2, 1)

    def forward(self, x):
        y = x * self.gate(x.mean((2, 3), keepdim=True))
        return y.flatten(2).sum(-1)


# the network, its input (c, h, w), the verdict, and for exact ones the least shift
CIRCULAR = [
    pytest.param(nn.Sequential(conv(1, 2), nn.ReLU(), conv(2, 2)), (1, 6, 7), 1, id="dense"),
    pytest.param(nn.Sequential(conv(1, 2, s=2), *head(2)), (1, 8, 8), 2, id="stride, mean"),
    pytest.param(
        nn.Sequential(conv(1, 2, s=2), nn.ReLU(), nn.MaxPool2d(2), conv(2, 2)),
        (1, 16, 8),
        4,
        id="stride, pool",
    ),
    pytest.param(nn.Sequential(conv(1, 4), conv(4, 4, groups=4)), (1, 6, 6), 1, id="depthwise"),
    pytest.param(
        nn.Sequential(conv(1, 2, k=5, s=3), nn.ConvTranspose2d(2, 1, 3, 3)),
        (1, 9, 9),
        3,
        id="down and up",
    ),
    pytest.param(nn.Sequential(conv(1, 2), nn.AvgPool2d(8), nn.Flatten()), (1, 8, 8), 1, id="pool"),
    pytest.param(nn.Sequential(conv(1, 2), Residual(2, 2)), (1, 8, 8), 2, id="residual"),
    pytest.param(nn.Sequential(conv(1, 2), Squeeze()), (1, 4, 4), 1, id="gate"),
    pytest.param(Positional(False), (1, 8, 8), 1, id="equal offset"),
]


def whole(model: nn.Module) -> nn.Module:
    """The network in float64 with small whole numbers for weights."""
    generator = torch.Generator().manual_seed(7)
    model = model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() > 1 and p.dim() > 1:
                p.copy_(torch.randint(-2, 3, p.shape, generator=generator).double())
            else:
                p.copy_(p.round())
    return model


def picture(*size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-3, 4, (1, *size), generator=generator).double()


@pytest.mark.parametrize(("model", "size", "modulus"), CIRCULAR)
def test_exact_under_circular_shifts_with_tolerance_zero(model, size, modulus):
    certificate = certify(model, (1, *size))
    assert certificate.verdict == ("exact" if modulus == 1 else "exact modulo")
    assert certificate.output.modulus == (modulus, modulus)
    assert (certificate.check.precision, certificate.check.error) == ("integer", 0.0)
    model, x = whole(model), picture(*size)
    with torch.no_grad():
        y = model(x)
        for axis in (2, 3):
            for times in (1, 2):
                moved = model(x.roll(modulus * times, axis))
                still = y.dim() < 4 or y.shape[-2:] == (1, 1)
                steps = 0 if still else modulus * times * y.shape[axis] // x.shape[axis]
                assert_equal(moved, y if still else y.roll(steps, axis))


BROKEN = [
    (nn.Sequential(conv(1, 2, mode="zeros"), *head(2)), (1, 8, 8), "0", "zero padding"),
    (nn.Sequential(conv(1, 2, mode="reflect"), *head(2)), (1, 8, 8), "0", "reflect padding"),
    (nn.Sequential(nn.Conv2d(1, 2, 3), *head(2)), (1, 8, 8), "0", "window without circular"),
    (nn.Sequential(conv(1, 2, s=2), *head(2)), (1, 9, 9), "0", "stride 2 does not divide .* 9"),
    (nn.Sequential(conv(1, 2), nn.Flatten(), nn.Linear(32, 3)), (1, 4, 4), "2", "flatten . Linear"),
    (Positional(True), (1, 8, 8), "", "constant that differs from place to place"),
    (
        nn.Sequential(nn.MaxPool2d(3, 2, 1), *head(1)),
        (1, 8, 8),
        "0",
        "padding of the pooling",
    ),
    (
        nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), *head(1)),
        (1, 7, 7),
        "0",
        "ceil_mode",
    ),
    (nn.Sequential(conv(1, 2), Residual(2, 1)), (1, 8, 8), "1", "cuts out a part of the circle"),
    (Diagonal(), (1, 8, 8), "", "branches that move by different steps"),
    (
        nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(1, 1, 2, 2)),
        (1, 6, 6),
        "0",
        "interpolation repeats the border",
    ),
    (nn.ConvTranspose2d(1, 1, 3, 2, 1, 1), (1, 6, 6), "", "transposed windows"),
]


@pytest.mark.parametrize(("model", "size", "cause", "reason"), BROKEN)
def test_broken_under_circular_shifts_carries_an_image(model, size, cause, reason):
    torch.manual_seed(0)
    for part in model.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    certificate = certify(model, (1, *size))
    output = certificate.output
    assert output.verdict == "broken"
    assert cause in output.cause
    assert re.search(reason, output.reason)
    example = certificate.counterexample
    assert example.pixels >= 1
    with torch.no_grad():
        before, after = (model.double()(x) for x in (example.image, example.moved))
    shifts = [(0, 0)] if before.dim() < 4 else [(i, j) for i in range(12) for j in range(12)]
    assert not any(torch.allclose(before.roll(s, (-2, -1)), after, 1e-9, 0) for s in shifts)
    model.float()


def test_between_the_multiples_a_counterexample_shows_the_modulus():
    torch.manual_seed(0)
    model = nn.Sequential(conv(1, 2, s=2), nn.ReLU(), *head(2))
    certificate = certify(model, (1, 1, 8, 8))
    example = certificate.counterexample
    assert example.transformation == "shifted circularly by 1 along the rows"
    assert_equal(example.moved, example.image.roll(-1, 2))
    with torch.no_grad():
        before, after = (model.double()(x) for x in (example.image, example.moved))
    assert not torch.allclose(before, after, 1e-9, 0)


def test_open_shifts_hold_where_the_receptive_field_stays_inside():
    model = nn.Sequential(conv(1, 2, s=2, mode="zeros"), nn.ReLU(), conv(2, 1, mode="zeros"))
    certificate = certify(model, (1, 1, 16, 17), "shift")
    assert certificate.verdict == "exact modulo"
    assert certificate.output.modulus == (2, 2)
    assert certificate.output.stride == (2.0, 2.0)
    rows, columns = certificate.output.where
    assert (rows, columns) == (range(2, 7), range(2, 7))
    assert certificate.check.precision == "integer"
    assert certificate.check.error == 0
    model, scene = whole(model), picture(1, 18, 17)
    with torch.no_grad():
        first, second = model(scene[:, :, :16]), model(scene[:, :, 2:])
    assert_equal(second[:, :, 2:6, 2:7], first[:, :, 3:7, 2:7])
    assert not torch.equal(second[:, :, :7], first[:, :, 1:8])
    text = str(certificate)
    assert "exact modulo 2 in rows 2..6, columns 2..6" in text


@pytest.mark.parametrize(
    ("model", "size", "reason"),
    [
        (nn.Sequential(conv(1, 2), *head(2)), 8, "reads the whole image"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)), 8, "flatten . Linear"),
        (nn.Sequential(*[conv(1, 1, mode="zeros") for _ in range(4)]), 7, "receptive field"),
        (nn.Sequential(conv(1, 2), nn.InstanceNorm2d(2)), 8, "statistics of the whole image"),
    ],
)
def test_what_open_shifts_break(model, size, reason):
    torch.manual_seed(0)
    certificate = certify(model, (1, 1, size, size), "shift")
    assert certificate.verdict == "broken"
    assert re.search(reason, certificate.output.reason)
    assert certificate.counterexample.difference > 1e-6


TURNS = [
    pytest.param("p4_lenet", {}, (1, 28, 28), "p4", id="p4"),
    pytest.param("p4_lenet", {"group": "p4m"}, (1, 28, 28), "p4m", id="p4m"),
    pytest.param("p4m_resnet", {"depths": (1, 1), "width": 3}, (3, 8, 8), "p4m", id="resnet"),
]


@pytest.mark.parametrize(("name", "options", "size", "group"), TURNS)
def test_group_networks_are_exact(name, options, size, group):
    model = cv.models.create(name, **options)
    certificate = certify(model, size, group)
    assert {layer.verdict for layer in certificate.layers} == {"exact"}
    assert (certificate.check.precision, certificate.check.error) == ("integer", 0.0)
    assert certificate.counterexample is None
    x = picture(*size)
    with torch.no_grad():
        model = whole(model)
        # the normalisation's own statistics are no whole numbers
        compare = assert_close if name == "p4m_resnet" else assert_equal
        compare(model(torch.rot90(x, 1, (2, 3))), model(x))


def test_symmetric_kernels_of_a_plain_network_are_found():
    model = nn.Sequential(conv(1, 2, mode="zeros"), nn.ReLU(), conv(2, 2, mode="zeros"), *head(2))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.add_(layer.weight.flip(-1))
    assert certify(model, (1, 1, 8, 9), "flip").verdict == "exact"
    assert certify(model, (1, 1, 8, 8), "p4").verdict == "broken"
    x = picture(1, 8, 9)
    assert_equal(whole_flip(model)(x.flip(-1)), whole_flip(model)(x))


def whole_flip(model: nn.Module) -> nn.Module:
    model = whole(model)
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.copy_(layer.weight + layer.weight.flip(-1))
    return model


@pytest.mark.parametrize(
    ("layers", "side", "reason"),
    [
        ([nn.MaxPool2d(2)], 7, "stride 2 leaves 1 of 7 rows unread"),
        ([nn.ZeroPad2d((0, 1, 0, 0))], 8, r"uneven padding \(0, 1\)"),
        ([nn.Conv2d(1, 1, 2, padding="same")], 8, r"uneven padding \(0, 1\)"),
        ([nn.Conv2d(1, 1, 3)], 8, "no mirror images of one another"),
        ([nn.Flatten(), nn.Linear(64, 2)], 8, "flatten . Linear"),
        ([Positional(True)], 8, "constant that does not turn into itself"),
        ([nn.Upsample(size=(11, 11))], 8, "broken factor prefers one side"),
        ([nn.ConvTranspose2d(1, 1, 3, 2, 1, 1)], 8, "uneven padding"),
    ],
)
def test_what_breaks_a_mirror(layers, side, reason):
    torch.manual_seed(0)
    for layer in layers:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    certificate = certify(nn.Sequential(*layers), (1, 1, side, side), "flip")
    assert certificate.verdict == "broken"
    assert re.search(reason, certificate.output.reason)
    assert certificate.counterexample.difference > 1e-6


def test_rewritten_networks_are_certified():
    model = nn.Sequential(conv(1, 2, s=2), nn.ReLU(), nn.MaxPool2d(2), *head(2))
    assert certify(model, (1, 1, 16, 16)).output.modulus == (4, 4)
    exact = certify(make_shift_invariant(model), (1, 1, 16, 16))
    assert exact.verdict == "exact"
    assert exact.check.error < 1e-12
    unet = cv.models.create("unet", mode="same", widths=(2, 4))
    assert certify(unet, (1, 1, 8, 8)).verdict == "broken"
    dense = certify(make_shift_invariant(unet), (1, 1, 8, 8))
    assert dense.verdict == "exact"
    assert dense.output.modulus == (1, 1)


class Transposed(nn.Module):
    def forward(self, x):
        return x.transpose(2, 3)


def test_a_map_may_move_along_the_other_axis():
    torch.manual_seed(0)
    model = nn.Sequential(conv(1, 2), Transposed())
    assert certify(model, (1, 1, 6, 9)).check.error == 0
    assert certify(model, (1, 1, 6, 9)).verdict == "exact"
    assert certify(model, (1, 1, 6, 9), "shift").verdict == "exact"
    model.append(conv(2, 1, mode="zeros", bias=False))
    model[0].bias = None
    example = certify(model, (1, 1, 6, 9)).counterexample
    with torch.no_grad():
        before, after = (model.double()(x) for x in (example.image, example.moved))
    rolls = (before.roll((i, j), (2, 3)) for i in range(9) for j in range(6))
    assert not any(torch.allclose(rolled, after, 1e-9, 0) for rolled in rolls)


@pytest.mark.parametrize(
    ("layers", "group"),
    [
        ([nn.ZeroPad2d(1), nn.AdaptiveAvgPool2d(1)], "circular_shift"),  # counts the same places
        ([nn.MaxPool2d(3, 1, 1), nn.AdaptiveMaxPool2d(1)], "circular_shift"),
        ([nn.Softmax(1), nn.AdaptiveAvgPool2d(1)], "shift"),  # of one channel: 1 everywhere
        ([nn.Softmax(1), nn.MaxPool2d(2)], "flip"),
    ],
)
def test_broken_is_not_said_without_an_image(layers, group):
    certificate = certify(nn.Sequential(*layers), (1, 1, 7, 7), group)
    assert certificate.verdict == "unknown"
    assert certificate.counterexample is None
    assert certificate.output.reason.endswith("but no image was found that shows it")


def test_a_flattened_map_is_neither_called_exact_nor_broken():
    for group in ("circular_shift", "shift"):
        certificate = certify(nn.Sequential(conv(1, 1), nn.Flatten()), (1, 1, 6, 6), group)
        assert certificate.verdict == "unknown"
        assert "certify the network without the flatten" in certificate.output.reason


def test_places_become_channels_and_back():
    model = nn.Sequential(nn.PixelUnshuffle(2), conv(4, 4), nn.PixelShuffle(2))
    certificate = certify(model, (1, 1, 6, 8))
    assert (certificate.verdict, certificate.output.modulus) == ("exact modulo", (2, 2))
    assert certificate.check.error == 0


class Sorting(nn.Module):
    def forward(self, x):
        return x.sort(-1).values.cumsum(1)


def test_what_the_algebra_does_not_know_is_said():
    certificate = certify(Sorting(), (1, 1, 6, 6))
    assert certificate.verdict == "unknown"
    assert "does not know Torch" in str(certificate.output)
    turned = certify(nn.Softmax(-1), (1, 1, 6, 6), "flip")
    assert turned.verdict in ("exact", "unknown")


def test_graphs_and_onnx_files_are_certified(tmp_path):
    model = nn.Sequential(conv(1, 2, mode="zeros"), *head(2))
    graph = from_torch(model, torch.empty(1, 1, 8, 8), dynamic_batch=True)
    assert certify(graph, (1, 1, 8, 8)).output.reason == "zero padding"
    strided = nn.Sequential(conv(1, 2, k=1, s=2), *head(2))
    path = tmp_path / "model.onnx"
    warnings.simplefilter("ignore")  # the exporter warns of its own imports
    torch.onnx.export(strided, (torch.empty(1, 1, 8, 8),), path, dynamo=False)
    assert certify(path, (1, 1, 8, 8)).output.modulus == (2, 2)


def test_the_certificate_prints_and_gives_json():
    certificate = certify(cv.models.create("lenet5"), 28)
    text = str(certificate)
    assert text.startswith("LeNet5 on 1x1x28x28 under circular_shift: broken: zero padding")
    assert "counterexample: an image with 1 pixel" in text
    saved = json.loads(json.dumps(certificate.to_json()))
    assert saved["verdict"] == "broken"
    assert saved["layers"][0]["name"] == "c1"
    assert saved["counterexample"]["pixels"] == 1
    assert certify(cv.models.create("lenet5"), 28, search=False).counterexample is None


def test_bad_input_is_answered():
    lenet = cv.models.create("lenet5")
    with pytest.raises(UnknownNameError, match="no group is named 'rotation'"):
        certify(lenet, 28, "rotation")
    with pytest.raises(ShapeError, match="28x20; certify at 28x28, or use group='flip'"):
        certify(conv(1, 1), (1, 1, 28, 20), "p4")
    with pytest.raises(ShapeError, match=r"takes a network of images .* takes \[1, 4\]"):
        certify(nn.Linear(4, 2), (1, 4))
    with pytest.raises(ShapeError, match="one input and one output"):
        certify(nn.MaxPool2d(2, return_indices=True), (1, 1, 8, 8))
    with pytest.raises(GraphError, match="does not depend on its input"):
        certify(Constant(), (1, 1, 8, 8))


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.ones(1, 3))

    def forward(self, x):
        return self.value * 2
