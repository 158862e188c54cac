"""Reports and explanations of a program."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

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
    assert by_path["conv"].step == "Conv 3x3 p1 + relu"
    assert re.fullmatch(r"\d+x\d+x\d+", by_path["conv"].tile)
    assert by_path["head"].algorithm == "pointwise"
    assert all(row.milliseconds > 0 for row in report.rows)
    assert 0 < by_path["conv"].peak <= 1.2
    assert by_path["conv"].gflops == pytest.approx(
        2 * 32 * 27 * 1600 / by_path["conv"].milliseconds / 1e6
    )


def test_the_planner_says_why(report):
    conv, head = (next(r for r in report.rows if r.path == path) for path in ("conv", "head"))
    assert "input channels (3) read as the caller gives them" in conv.why
    assert "no winograd: its input channels (3) are too few" in conv.why
    # one pixel; narrow vectors make whole blocks of half the channels
    assert re.search("no strassen: (half of its channels|its pixels are odd)", head.why)
    assert [way.algorithm for way in conv.ways if way.declined] == ["winograd"]


def test_an_algorithm_beyond_the_tolerance_is_declined_with_both_numbers():
    torch.manual_seed(0)
    model = nn.Conv2d(64, 64, 3, padding=1).eval()
    report = cv.compile(model, torch.zeros(1, 64, 20, 20), threads=1, tolerance=1e-6).report
    (row,) = (row for row in report.rows if row.gflops)
    assert row.algorithm == "winograd F(2,3)"
    declined = {way.algorithm: way.declined for way in row.ways if way.declined}
    assert declined["winograd F(6,3)"].startswith("its error 1e-05 exceeds")
    estimates = [way.cycles for way in row.ways if not way.declined]
    assert estimates == sorted(estimates)
    assert row.why in " ".join(str(report).split()), "the same words in the terminal"
    assert "M cycles estimated" in report.step(row.path)


def test_the_error_is_measured_of_the_whole_and_of_each_step(report):
    assert 0 < report.error < 1e-5
    computed = [row for row in report.rows if row.step]
    assert all(0 <= row.error < 1e-5 for row in computed)
    assert any(row.error > 0 for row in computed)


def test_a_wrong_step_shows_in_its_own_error_only(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 32, 5), nn.MaxPool2d(2), nn.Conv2d(32, 16, 5)).eval()
    program = cv.compile(model, torch.zeros(1, 3, 24, 24), threads=1, cache_dir=tmp_path)
    plan = program.latest().plan
    last = plan.graph.nodes[-1]
    weight = last.inputs[1]
    wrong = {**plan.graph.constants, weight: 1.5 * plan.graph.constants[weight]}
    plan.graph = replace(plan.graph, constants=wrong)
    errors = {row.path: row.error for row in program.report.rows if row.step}
    assert errors["0"] < 1e-5
    assert errors["1"] == 0
    assert 0.2 < errors["2"] < 1


@pytest.mark.parametrize(("batch", "rounds"), [(1, 1), (16, 4)])
def test_steps_that_only_move_bytes_are_shown_against_a_copy(batch, rounds, tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.MaxPool2d(2)).eval()
    x = torch.zeros(batch, 3, 224, 224)
    program = cv.compile(model, x, threads=1, cache_dir=tmp_path)
    assert program.latest().plan.rounds == rounds
    (pool,) = (row for row in program.report.rows if row.path == "1")
    assert pool.limit == "bandwidth"
    assert 0 < pool.share < 2


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "least", "most"), [(torch.relu, 1, 2), (torch.exp, 8, 40), (torch.sin, 30, 150)]
)
def test_functions_are_shown_against_arithmetic_too(function, least, most):
    """As many vector instructions for each vector as the function takes, on any target."""
    x = torch.rand(1, 64, 28, 28)
    report = cv.compile(Function(function).eval(), x, threads=1).report
    (row,) = (row for row in report.rows if row.step)
    possible = row.milliseconds * 1e6 * report.peak_gflops / 2
    instructions = row.peak * possible / x.numel()
    assert least - 1e-6 <= instructions <= most + 1e-6
    assert row.gflops is None
    assert row.limit == ("peak" if row.peak >= row.bandwidth else "bandwidth")
    assert "vector instructions at " in " ".join(report.step(row.path).split())


def test_a_report_of_a_step_names_unknown_layers(report):
    with pytest.raises(UnknownNameError, match="did you mean 'conv'"):
        report.step("konv")


def test_what_pytorch_runs_is_listed_with_the_reason(report):
    (row,) = report.fallbacks
    assert row.algorithm == "PyTorch"
    assert row.fallback
    assert "by PyTorch: 1 steps" in str(report)


def test_the_table_the_json_and_the_page_agree(report):
    figures = json.loads(report.to_json())
    assert figures["rows"][0]["algorithm"] == report.rows[0].algorithm
    assert figures["peak_gflops"] == report.peak_gflops
    assert figures["rows"][0]["limit"] == report.rows[0].limit
    text = str(report)
    assert max(map(len, text.splitlines())) <= 80
    page = report.to_html()
    shown = [row for row in report.rows if row not in report.halos]
    assert page.count("<details>") == len(shown)
    for row in shown:
        assert row.path in text
        assert html.escape(row.algorithm) in page
        assert html.escape(row.why) in page
    assert "http:" not in page
    assert "<script" not in page


def test_arena_is_near_the_liveness_bound(report):
    assert report.arena_bound_bytes <= report.arena_bytes <= 1.1 * report.arena_bound_bytes


def test_explain_prints_ir_and_assembly_of_a_layer(program):
    text = program.explain("conv")
    heading = text.partition("; LLVM IR")[0].splitlines()
    assert max(map(len, heading)) <= 80
    assert heading[1] == "; layer    conv, kernel 1 of 1: direct"
    assert any("Conv 3x3 p1 + relu: f32[1,3,40,40] ->" in line for line in heading)
    assert re.search(r"; code     \d+ instructions\n", text)
    assert re.search(r"; loop     \d+ instructions: \d+ (multiply-add|product)s, \d+ vector", text)
    assert "llvm.fm" in text, "fma, or fmuladd where the target has none"
    assert max(len(line.expandtabs()) for line in text.splitlines()) <= 80
    whole = program.explain("conv", whole=True)
    assert "define void" in whole
    assert "\tret" in whole
    listing = text.partition("; assembly of the inner loop")[2].partition("\n")[2]
    fences = re.sub(r"\n\s*(#|//)(NO_)?APP(?=\n)", "", whole)
    assert listing in fences, "the loop is a part of the whole"


def test_explain_names_an_unknown_layer(program):
    with pytest.raises(UnknownNameError, match="did you mean 'conv'"):
        program.explain("convv")


def test_every_pass_is_listed_in_order_with_what_it_changed(program):
    text = program.explain_passes()
    names = []
    run_passes(program.graph, watch=lambda name, _: names.append(name))
    heads = [line.split(":")[0] for line in text.splitlines() if line[0] != " "]
    assert heads == [program.graph.name, *names, "after all passes"]
    left = text.partition("after all passes: ")[2].splitlines()
    assert int(left[0].split()[0]) == len(run_passes(program.graph).nodes)
    assert "  (a result still in registers takes bias, residual and activation" in text
    fused = text.partition("fuse_epilogues: ")[2]
    assert "- relu = Elementwise relu (conv2d)" in fused
    assert "+ relu = Fused Conv 3x3 p1 + relu" in fused
    assert max(map(len, text.splitlines())) <= 80


class Root(nn.Module):
    """Half of random numbers have no logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        return self.conv(torch.log(x)).sqrt()


def test_an_error_that_is_no_number_is_none_in_json_and_said_in_words():
    report = cv.compile(Root().eval(), torch.ones(1, 1, 8, 8), threads=1).report
    known = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert known == json.loads(report.to_json())
    assert known["error"] is None
    assert {row["error"] for row in known["rows"]} == {None}
    words = "not a number (NaN came of random inputs)"
    assert f"relative error {words}" in " ".join(str(report).split())
    assert words in " ".join(report.step("log").split())
    assert words in report.to_html()


class Embedded(nn.Module):
    """Indices, a mask and complex numbers: random ones are only of the last any use."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.linear = nn.Embedding(3, 4), nn.Linear(4, 5)

    def forward(self, index, keep, z):
        return self.linear(self.table(index)) * keep[..., None], z.abs()


def test_whole_numbers_are_measured_as_zeros(tmp_path):
    index, keep = torch.tensor([[2, 1]]), torch.tensor([[True, False]])
    z = torch.randn(3, dtype=torch.complex64)
    model = Embedded().eval()
    fast = cv.compile(model, (index, keep, z), threads=1, tune=True, cache_dir=tmp_path)
    inputs = fast.latest().random_inputs()
    assert [str(t.dtype) for t in inputs.values()] == ["torch.int64", "torch.bool", str(z.dtype)]
    assert not inputs["index"].any()
    assert not inputs["keep"].any()
    assert (inputs["z"].real != 0).all()
    assert (inputs["z"].imag != 0).all()
    assert fast.report.error < 1e-6
    for result, truth in zip(fast(index, keep, z), model(index, keep, z), strict=True):
        torch.testing.assert_close(result, truth.detach())
