"""Reports and explanations of a program."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import convariant as cv
from convariant.compiler.passes import run_passes
from convariant.errors import UnknownNameError


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 32, 3, padding=1)
            self.head = nn.Linear(32, 5)

        def forward(self, x):
            y = torch.relu(self.conv(x)).cumsum(3)
            return self.head(y.mean((2, 3)))

    folder = tmp_path_factory.mktemp("kernels")
    return cv.compile(Net().eval(), torch.zeros(1, 3, 40, 40), threads=1, cache_dir=folder)


@pytest.fixture(scope="module")
def report(program):
    return program.report


def test_every_step_has_its_layer_algorithm_and_time(report):
    by_path = {row.path: row for row in report.rows if row.gflops}
    assert by_path["conv"].algorithm == "direct"
    assert by_path["head"].algorithm == "pointwise"
    assert all(row.milliseconds > 0 for row in report.rows)
    assert 0 < by_path["conv"].peak <= 1.2
    assert by_path["conv"].gflops == pytest.approx(
        2 * 32 * 27 * 1600 / by_path["conv"].milliseconds / 1e6
    )


def test_the_error_is_measured(report):
    assert 0 < report.error < 1e-5


def test_what_pytorch_runs_is_listed_with_the_reason(report):
    (row,) = report.fallbacks
    assert row.algorithm == "PyTorch"
    assert row.fallback
    assert "by PyTorch: 1 steps" in str(report)


def test_the_table_the_json_and_the_page_agree(report):
    figures = json.loads(report.to_json())
    assert figures["rows"][0]["algorithm"] == report.rows[0].algorithm
    assert figures["peak_gflops"] == report.peak_gflops
    assert "direct" in str(report)
    page = report.to_html()
    assert page.count("<tr>") == len(report.rows) + 1
    assert "http" not in page


def test_arena_is_near_the_liveness_bound(report):
    assert report.arena_bound_bytes <= report.arena_bytes <= 1.1 * report.arena_bound_bytes


def test_explain_prints_ir_and_assembly_of_a_layer(program):
    text = program.explain("conv")
    assert "define void" in text
    assert "llvm.fm" in text, "fma, or fmuladd where the target has none"
    assert "ret" in text


def test_explain_names_an_unknown_layer(program):
    with pytest.raises(UnknownNameError, match="did you mean 'conv'"):
        program.explain("convv")


def test_every_pass_is_listed_in_order_with_what_it_changed(program):
    text = program.explain_passes()
    names = []
    run_passes(program.graph, watch=lambda name, _: names.append(name))
    heads = [line.split(":")[0] for line in text.splitlines() if line[0] != " "]
    assert heads == [program.graph.name, *names]
    fused = text.partition("fuse_epilogues: ")[2]
    assert "- relu = Elementwise relu (conv2d)" in fused
    assert "+ relu = Fused Conv 3x3 p1 + relu" in fused
    assert max(map(len, text.splitlines())) <= 80
