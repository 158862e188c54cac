"""What docs/compiler.md shows of the output is what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import convariant as cv
from convariant.compiler.llvm import get_target, host_target
from convariant.compiler.passes import run_passes
from convariant.compiler.plan import Step, make_plan
from convariant.graph import from_torch

PAGE = (Path(__file__).parents[2] / "docs" / "compiler.md").read_text()


def shown(beginning: str) -> str:
    """The block of text that begins so."""
    (block,) = (b for b in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if beginning in b)
    return block


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    model = cv.models.create("lenet5").eval()
    return cv.compile(model, torch.zeros(1, 1, 28, 28), threads=1, cache_dir=folder)


def test_the_change_of_a_pass(lenet):
    assert shown("fuse_epilogues: ") in f"{lenet.explain_passes()}\n"


@pytest.mark.skipif(host_target().name != "avx512", reason="the page shows a tile of AVX-512")
def test_the_heading_of_an_explanation_and_the_step_of_a_report(lenet):
    assert lenet.explain("c3").startswith(shown("; layer    c3"))

    def without_figures(text: str) -> str:
        return re.sub(r"[\d.]+ ms.*?error [\de.-]+\n", "", text, flags=re.DOTALL)

    step = without_figures(lenet.report.step("c3"))
    assert step.strip() == without_figures(shown("c3: Conv 5x5 + relu")).strip()


def test_how_many_kernels_are_alike():
    model = cv.models.create("resnet50").eval()
    graph = run_passes(from_torch(model, (torch.zeros(1, 3, 224, 224),), frozen=True))
    steps = make_plan(graph, get_target("avx512"), 2, 1e-4).steps
    kernels = {step.kernel for step in steps if isinstance(step, Step)}
    assert f"({len(kernels)} for the {len(steps)} steps of ResNet-50)" in PAGE
