"""The variants of one convolution side by side: counts from the papers, shapes that agree."""

import json

import pytest
import torch
from torch import nn

from convariant import OptionError, ShapeError
from convariant.analysis._timing import milliseconds, module_milliseconds
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
    assert lines[0] == "3x3, 8 -> 8 channels on 6x6"
    assert lines[1].endswith("ms  of dense")
    assert lines[2].startswith("dense")
    assert "100.0 %" in lines[2]
    assert json.loads(result.to_json())["rows"][0]["params"] == 576
    untimed = str(compare(8, 8, size=(6, 6), timed=False)).splitlines()
    assert untimed[1].endswith("MACs  of dense")


def test_what_does_not_divide_or_fit_is_refused():
    with pytest.raises(OptionError, match="6 and 9 channels do not divide into 2 groups"):
        compare(6, 9)
    with pytest.raises(ShapeError, match="at least one element on every axis"):
        compare(4, 4, size=(0, 4))


def test_times_are_medians_of_several_runs():
    calls = []
    assert milliseconds(lambda: calls.append(1), seconds=0) >= 0
    assert len(calls) == 5  # two to warm up, three to measure
    layer = nn.BatchNorm2d(2)
    before = layer.running_mean.clone()
    assert module_milliseconds(layer, torch.randn(1, 2, 4, 4), seconds=0) > 0
    assert layer.training
    assert torch.equal(layer.running_mean, before)
