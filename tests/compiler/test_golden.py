"""The text of a few small kernels, to be read beside the Python that emits it; and what the
docstring of every kernel has to say.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convariant.compiler import kernels
from convariant.compiler.kernels import (
    ClearHalo,
    DirectConv,
    Elementwise,
    GroupedConv,
    Pool,
    Softmax,
    Step,
    Tile,
)
from convariant.compiler.layout import Axis, Layout
from convariant.compiler.llvm import TARGETS, compile_object

GOLDEN = Path(__file__).parent / "golden"
TARGET = TARGETS["avx2"]
PLAIN = Layout.dense((1, 8, 4, 4), 8)
PADDED = Layout.dense((1, 8, 4, 4), 8, (1, 1, 1, 1))
THREE = Axis(4, taps=3, offset=-1)
KERNELS = {
    "halo": ClearHalo(PADDED),
    "relu": Elementwise(PLAIN, PLAIN, (Step("relu", (), ()),)),
    "pointwise": DirectConv(PLAIN, PLAIN, Axis(4), Axis(4), Tile(1, 4, 1), 4),
    "depthwise": GroupedConv(PADDED, PLAIN, THREE, THREE, (1, 1), 1, 1, 4, 4),
    "max_pool": Pool("max", PLAIN, Layout.dense((1, 8, 2, 2), 8), *[Axis(2, 2, 2)] * 2),
    "softmax": Softmax(PLAIN, PLAIN),
}
EMITTERS = [k for k in vars(kernels).values() if isinstance(k, type) and hasattr(k, "emit")]


@pytest.mark.parametrize("name", KERNELS)
def test_golden_text(name, request):
    golden = GOLDEN / f"{name}.ll"
    text = KERNELS[name].emit(TARGET, name)
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text(), "see the difference, then run pytest with --update-golden"


@pytest.mark.parametrize("name", KERNELS)
def test_golden_text_is_code(name):
    assert len(compile_object((GOLDEN / f"{name}.ll").read_text(), TARGET)) > 200


@pytest.mark.parametrize("kernel", EMITTERS, ids=lambda kernel: kernel.__name__)
def test_a_kernel_states_formula_arguments_and_registers(kernel):
    words = " ".join(kernel.__doc__.split())
    assert re.match(r"`[^`]+=[^`]+`", words), "the formula comes first"
    assert "Argument" in words
    assert "egister" in words
