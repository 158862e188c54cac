"""Blocks of published networks run without PyTorch, and give what float64 gives."""

from __future__ import annotations

import pytest
import torch
from tests.support.blocks import BLOCKS

from convariant.compiler.plan import Call
from convariant.compiler.program import Program
from convariant.graph import from_torch, interpret

# What PyTorch still runs.
BY_PYTORCH = {
    "angles": {"atan2.default"},
    "arg max": {"argmax.default"},
    "colours": {"einsum.default", "remainder"},
    "siamese tracker": {"7x7 g32"},
}


@pytest.mark.parametrize("name", BLOCKS)
def test_block_is_native(name):
    torch.manual_seed(0)
    make, shapes = BLOCKS[name]
    model, inputs = make().eval(), [torch.randn(shape) for shape in shapes]
    program = Program(from_torch(model, tuple(inputs)), threads=2)
    found = program(*inputs)
    truth = interpret(program.graph, *inputs, dtype=torch.float64)[0]
    single = interpret(program.graph, *inputs)[0]
    # what PyTorch's own float32 loses, and as much again as Winograd's algorithm may
    own = float((single - truth).abs().max())
    assert float((found - truth).abs().max()) <= 8 * own + 2e-5 * float(truth.abs().max())
    steps = program.latest().plan.steps
    assert {s.node.op.text() for s in steps if isinstance(s, Call)} == BY_PYTORCH.get(name, set())
