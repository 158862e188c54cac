"""Each rule on a network that breaks it, and on one that does not."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from convariant import Geometry, lint
from convariant.analysis._windows import windows_of_padding
from convariant.analysis.linting import Finding
from convariant.analysis.linting._rules import RULES
from convariant.models import create

CONV, POOL, UP = nn.Conv2d, nn.MaxPool2d, nn.ConvTranspose2d

X = (1, 1, 8, 8)
# rule, network that breaks it, input, module named, part of the message, part of the fix
BROKEN = [
    (
        "rows-never-read", POOL(2), (1, 1, 5, 4), "max_pool",
        "the last row of 5 on axis 0 is never read", "4 rows, or 1 more",
    ),
    (
        "rows-never-read", CONV(1, 1, 3, stride=3), (1, 1, 11, 9), "conv",
        "the last 2 rows of 11", "9 rows, or 1 more",
    ),
    (
        "stride-exceeds-kernel", CONV(1, 1, 2, stride=3), X, "conv",
        "stride 3 exceeds the window of 2 on axis 0: it reads only 2 of 3 rows", "at least 3",
    ),
    (
        "stride-exceeds-kernel", CONV(1, 1, 1, stride=2), X, "pointwise_conv",
        "reads only 1 of 2 rows", "average over 2",
    ),
    (
        "even-same-shift", CONV(1, 1, (4, 3), padding="same"), X, "conv",
        "even extent 4", "3 or 5",
    ),
    (
        "even-same-shift", nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), CONV(1, 1, 2)), X, "1",
        "even extent 2 with 'same' padding (0, 1)", "1 or 3",
    ),
    (
        "bias-before-batch-norm", nn.Sequential(CONV(1, 4, 3), nn.BatchNorm2d(4)), X, "0",
        "bias of 4 numbers", "bias=False",
    ),
    (
        "checkerboard", UP(1, 1, 3, stride=2), X, "transposed_conv",
        "collect 1 or 2 terms", "kernel of 4",
    ),
    (
        "checkerboard", UP(1, 1, (4, 3), stride=3), X, "transposed_conv",
        "kernel 4 at stride 3 on axis 0", "kernel of 6",
    ),
    (
        "dead-padding", CONV(1, 1, 3, stride=2, padding=1), X, "conv",
        "the last row of its padding (1, 1)", "pad (1, 0)",
    ),
    (
        "dead-padding", CONV(1, 1, 2, padding=3), (1, 1, 6, 6), "conv",
        "4 of 11 windows on axis 0 read only padding (3, 3) and give its bias alone",
        "less than the extent 2",
    ),
    (
        "ceil-mode-trap", nn.AvgPool2d(2, ceil_mode=True), (1, 1, 5, 4), "average_pool",
        "hangs 1 over the end of 5 on axis 0: an average over fewer", "pad 1 at the end",
    ),
    (
        "ceil-mode-trap", POOL(3, 2, ceil_mode=True), (1, 1, 6, 7), "max_pool",
        "hangs 1 over the end of 6", "give it 7 rows",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "network", "size", "module", "message", "fix"),
    BROKEN,
    ids=[f"{i} {row[0]}" for i, row in enumerate(BROKEN)],
)
def test_rule_finds(
    rule: str, network: nn.Module, size: tuple[int, ...], module: str, message: str, fix: str
) -> None:
    found = lint(network, size).of(rule)
    assert found, lint(network, size)
    assert found[0].module == module
    assert message in found[0].message
    assert fix in found[0].fix


CLEAN = [
    (POOL(2), (1, 1, 6, 4)),
    (CONV(1, 1, 3, stride=3), (1, 1, 9, 12)),
    (CONV(1, 1, 5, padding="same"), (1, 1, 8, 8)),
    (CONV(1, 1, 4, stride=2, padding=1), (1, 1, 8, 8)),
    (nn.Sequential(CONV(1, 4, 3, bias=False), nn.BatchNorm2d(4)), (1, 1, 8, 8)),
    (nn.Sequential(CONV(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), (1, 1, 8, 8)),
    (UP(1, 1, 4, stride=2), (1, 1, 4, 4)),
    (UP(1, 1, 3), (1, 1, 4, 4)),
    (nn.AvgPool2d(2, ceil_mode=True), (1, 1, 6, 4)),
    (CONV(1, 1, 3, stride=2, padding=1), (1, 1, 7, 7)),
]


@pytest.mark.parametrize(("network", "size"), CLEAN, ids=[str(i) for i in range(len(CLEAN))])
def test_clean_networks_give_nothing(network: nn.Module, size: tuple[int, ...]) -> None:
    report = lint(network, size, object_size=1)
    assert not report, report
    assert str(report).endswith("nothing found")


def test_a_causal_layer_looks_back_on_purpose() -> None:
    causal = nn.Sequential(nn.ConstantPad1d((1, 0), 0.0), nn.Conv1d(1, 1, 2))
    assert not lint(causal, (1, 1, 8)).of("even-same-shift")
    ahead = nn.Sequential(nn.ConstantPad1d((0, 1), 0.0), nn.Conv1d(1, 1, 2))
    assert lint(ahead, (1, 1, 8)).of("even-same-shift")


def test_a_row_that_ceil_mode_saves_is_not_reported() -> None:
    assert not lint(POOL(2, ceil_mode=True), (1, 1, 5, 5)).of("rows-never-read")


def test_receptive_field_and_objects() -> None:
    with torch.device("meta"):
        unet = create("unet", in_channels=1, num_classes=2)
        (found,) = lint(unet, 572, object_size=300).of("small-receptive-field")
        assert found.module == "output"
        assert "204 is smaller than objects of 300: 96 positions are missing" in found.message
        assert not lint(unet, 572, object_size=204)
        classifier = create("resnet18")
        assert lint(classifier, 224, object_size=436).of("small-receptive-field")
        assert not lint(classifier, 224, object_size=435).of("small-receptive-field")


def test_findings_name_modules_of_real_networks() -> None:
    with torch.device("meta"):
        report = lint(create("resnet18"), 224)
    shortcuts = [f.module for f in report.of("stride-exceeds-kernel")]
    assert shortcuts == [f"layer{i}.0.downsample.0" for i in (2, 3, 4)]
    assert {f.severity for f in report.findings} == {"note"}
    assert [f.module for f in report.of("dead-padding")][:2] == ["conv1", "maxpool"]


def test_an_axis_like_another_is_reported_once() -> None:
    assert len(lint(POOL(2), (1, 1, 5, 5)).findings) == 1
    assert len(lint(POOL(2), (1, 1, 5, 7)).findings) == 2


def test_windows_of_padding_are_those_that_listing_every_tap_finds() -> None:
    numbers = itertools.product((1, 2, 3), (1, 2, 3), (1, 2, 4), (0, 1, 5), (0, 3), (1, 2, 3))
    for kernel, stride, dilation, begin, end, size in numbers:
        if begin + size + end < dilation * (kernel - 1) + 1:
            continue
        g = Geometry(kernel, stride=stride, dilation=dilation, padding=((begin, end),))
        (output,) = g.output_size((size,))
        starts = (o * stride - begin for o in range(output))
        taps = ([s + dilation * k for k in range(kernel)] for s in starts)
        empty = sum(not any(0 <= t < size for t in row) for row in taps)
        assert windows_of_padding(g, 0, size, output) == empty, g


def test_padding_without_end_is_counted_at_once() -> None:
    g = Geometry(2, padding=((2**30, 2**30),))
    assert windows_of_padding(g, 0, 6, 2**31 + 5) == 2**31 - 2


def test_text_and_json() -> None:
    report = lint(POOL(2), (1, 1, 5, 4))
    assert len(report) == 1
    lines = str(report).splitlines()
    assert lines[0] == "MaxPool2d at 1x1x5x4: 1 warnings, 0 notes"
    assert lines[-1] == "  see docs/inspect.md#rows-never-read"
    assert max(map(len, lines)) <= 80
    data = json.loads(report.to_json())
    assert data["findings"][0]["rule"] == "rows-never-read"
    assert data["findings"][0]["link"] == "docs/inspect.md#rows-never-read"


def test_every_rule_has_its_section_in_the_documentation() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "inspect.md").read_text()
    names = {row[0] for row in BROKEN} | {"small-receptive-field"}
    assert len(names) == len(RULES)
    for name in names:
        assert f"\n### {name}\n" in docs


def test_rules_may_be_read_from_their_docstrings() -> None:
    assert all(rule.__doc__ for rule in RULES)
    assert isinstance(lint(POOL(2), (1, 1, 5, 5)).findings[0], Finding)
