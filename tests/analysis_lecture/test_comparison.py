"""The variants of one convolution side by side: counts from the papers, shapes that agree."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from convariant import OptionError, ShapeError
from convariant.analysis._timing import (
    milliseconds,
    milliseconds_in_turn,
    module_milliseconds,
    modules_in_turn,
)
from convariant.analysis.comparison import compare


def test_the_layer_of_the_paper():
    result = compare(512, 512, 3, size=(14, 14), groups=[2, 512], rank=64, timed=False)
    counts = {row.name: (row.params, row.macs) for row in result.rows}
    assert counts["dense"] == (2_359_296, 462_422_016)
    assert counts["2 groups"] == (1_179_648, 231_211_008)
    assert counts["512 groups"] == (4_608, 903_168)
    assert counts["depthwise separable"] == (266_752, 52_283_392)
    assert counts["spatially separable, rank 64"] == (196_608, 38_535_168)
    assert {row.output_size for row in result.rows} == {(14, 14)}


def test_strides_are_counted_where_they_act():
    result = compare(8, 16, 3, size=(8, 8), stride=2, groups=[], rank=4, timed=False)
    spatial = result.rows[1]
    assert spatial.output_size == (4, 4)
    assert spatial.macs == 8 * 4 * 3 * (4 * 8) + 4 * 16 * 3 * (4 * 4)


def test_the_table_has_times_and_shares():
    result = compare(8, 8, size=(6, 6))
    assert all(row.ms is not None and row.ms > 0 for row in result.rows)
    lines = str(result).splitlines()
    title = "3x3, from 8x6x6 to 8x6x6; ms for one image, PyTorch, 1 thread"
    assert lines[0] == title
    assert lines[1].split() == ["variant", "params", "share", "MACs", "share", "ms", "share"]
    assert lines[2].split()[:4] == ["dense", "576", "100", "%"]
    assert lines[3].split()[2:5] == ["288", "50.0", "%"]
    assert json.loads(result.to_json())["rows"][0]["params"] == 576
    untimed = str(compare(8, 8, size=(6, 6), timed=False)).splitlines()
    assert untimed[0] == "3x3, from 8x6x6 to 8x6x6"
    assert untimed[1].endswith("MACs   share")


def test_the_table_fits_80_columns_at_any_size():
    result = compare(2048, 2048, size=(224, 224), groups=[2048], timed=False)
    timed = [replace(row, ms=1234.5) for row in result.rows]
    lines = str(replace(result, rows=tuple(timed))).splitlines()
    assert max(map(len, lines)) <= 80
    assert "1,234" in lines[2]


def test_groups_are_by_default_those_that_divide():
    names = [row.name for row in compare(6, 9, timed=False).rows]
    assert names == ["dense", "spatially separable, rank 2", "depthwise separable"]
    assert compare(6, 10, timed=False).rows[1].name == "2 groups"


def test_what_is_timed_can_be_chosen():
    asked = []

    def engine(module, x):
        asked.append((type(module).__name__, tuple(x.shape)))
        return lambda: None

    threads = torch.get_num_threads()
    result = compare(4, 4, size=(5, 5), groups=[], threads=2, engine=("ours", engine))
    assert [name for name, _ in asked] == [
        "Conv2d", "SpatialSeparableConv2d", "DepthwiseSeparableConv2d",
    ]  # fmt: skip
    assert {shape for _, shape in asked} == {(1, 4, 5, 5)}
    assert "ms for one image, ours, 2 threads" in str(result)
    assert torch.get_num_threads() == threads


def test_what_does_not_divide_or_fit_is_refused():
    with pytest.raises(OptionError, match="6 and 9 channels do not divide into 2 groups"):
        compare(6, 9, groups=[2])
    with pytest.raises(OptionError, match="in_channels=0 is not at least 1"):
        compare(0, 4)
    with pytest.raises(OptionError, match="rank=0 is not at least 1; give rank=2"):
        compare(8, 8, rank=0)
    with pytest.raises(ShapeError, match="at least one element on every axis"):
        compare(4, 4, size=(0, 4))


def test_times_are_medians_of_several_runs():
    calls = []
    assert milliseconds(lambda: calls.append(1), seconds=0) >= 0
    assert len(calls) == 5  # two to warm up, three to measure
    ticks = iter([0.0, 0.0, 3.0, 10.0, 14.0, 20.0, 25.0, 30.0])  # calls of 3, 4 and 5 seconds
    assert milliseconds(lambda: None, seconds=0, clock=lambda: next(ticks)) == 4000
    layer = nn.BatchNorm2d(2)
    before = layer.running_mean.clone()
    assert module_milliseconds(layer, torch.randn(1, 2, 4, 4), seconds=0) > 0
    assert layer.training
    assert torch.equal(layer.running_mean, before)


def test_what_is_timed_in_turn_is_left_in_its_mode():
    frozen = nn.Sequential(nn.BatchNorm2d(2).eval(), nn.Dropout()).train()
    frozen[0].eval()
    calls = []
    assert len(milliseconds_in_turn([lambda: calls.append("a"), lambda: calls.append("b")])) == 2
    assert calls.index("b") < len(calls) - 1 - calls[::-1].index("a")  # in turn, not one by one
    modules_in_turn([frozen], torch.randn(1, 2, 4, 4), seconds=0)
    assert [frozen.training, frozen[0].training, frozen[1].training] == [True, False, True]
