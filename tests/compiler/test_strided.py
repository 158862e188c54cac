"""Strided pointwise convolutions, whose pixels are moved side by side where lines are wide."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from tests.compiler.harness import HERE, check_native
from torch import nn

from convariant.compiler.kernels import Copy
from convariant.compiler.llvm import TARGETS
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import make_plan
from convariant.compiler.plan._model import Aside
from convariant.compiler.report._measure import MOVES
from convariant.graph import from_torch

CASES = {
    "lines": (nn.Conv1d(300, 24, 1, stride=4), (3, 300, 31)),
    "unequal": (nn.Conv2d(256, 40, 1, stride=(2, 3)), (2, 256, 13, 9)),
    "one axis": (nn.Conv2d(256, 33, 1, stride=(1, 2)), (1, 256, 7, 8)),
    "volumes": (nn.Conv3d(264, 16, 1, stride=(2, 1, 3)), (1, 264, 5, 6, 7)),
}


@pytest.mark.parametrize("target", HERE, ids=lambda target: target.name)
@pytest.mark.parametrize("case", CASES)
def test_equals_the_float64_truth(case, target):
    torch.manual_seed(0)
    conv, shape = CASES[case]
    model = nn.Sequential(conv, nn.Hardswish())
    program = check_native(model, torch.randn(shape), target=target, reduction=shape[1])
    assert any(isinstance(s.kernel, Copy) for s in program.latest().plan.steps) == (
        target.lanes < 16
    )


UNMOVED = {
    "a pixel is a whole line": ("avx512", nn.Conv2d(256, 16, 1, stride=2)),
    "few channels": ("avx2", nn.Conv2d(248, 16, 1, stride=2)),
    "no stride": ("avx2", nn.Conv2d(256, 16, 1)),
    "padding": ("avx2", nn.Conv2d(256, 16, 1, stride=2, padding=1)),
    "taps": ("avx2", nn.Conv2d(256, 16, 3, stride=2)),
}


@pytest.mark.parametrize("case", UNMOVED)
def test_read_where_they_are(case):
    target, conv = UNMOVED[case]
    graph = run_passes(from_torch(conv.eval(), torch.randn(1, conv.in_channels, 9, 9)))
    plan = make_plan(graph, TARGETS[target], threads=1, tolerance=1e-3)
    assert not any(isinstance(step.kernel, Copy) for step in plan.steps)


def test_the_report_says_why_they_are_moved():
    narrow = next(target for target in HERE if target.lanes < 16)
    model = nn.Conv2d(256, 16, 1, stride=2)
    program = check_native(model, torch.randn(1, 256, 9, 9), target=narrow, reduction=256)
    moved = next(row for row in program.report.rows if row.algorithm == "subsample")
    assert moved.why == "the pixels that a strided layer reads, side by side"


def test_every_move_has_a_reason():
    assert set(get_args(Aside)) - {""} <= MOVES.keys()
