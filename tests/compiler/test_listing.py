"""What an explanation says of the code of a kernel, against another reading of the same code."""

from __future__ import annotations

import pytest
from tests.compiler.listing import runs
from tests.compiler.test_assembly import each_target, kernels, products

from convariant.compiler._listing import inner_block, inner_loop
from convariant.compiler.kernels import GroupedConv
from convariant.compiler.llvm import TARGETS, assembly
from convariant.compiler.plan import make_plan
from convariant.graph import GraphBuilder, TensorType
from convariant.graph.ops import Elementwise

SHOWN = ["pointwise", "5x5", "depthwise 3x3", "winograd 3x3", "strassen"]


@each_target
@pytest.mark.parametrize("name", SHOWN)
def test_the_inner_loop_is_that_of_a_whole_tile(name, target):
    for kernel in kernels(name, target):
        loop = inner_loop(assembly(kernel.emit(target, "kernel"), target))
        assert loop.products in products(kernel)
        assert any(
            (r.products, r.stack) == (loop.products, loop.spills) for r in runs(kernel, target)
        )


def test_loads_and_stores_are_counted_by_hand():
    """Each of eight channels loads 2 vectors of weights and 5 pixels."""
    target = TARGETS["avx2"]
    (kernel,) = kernels("pointwise", target)
    assert (kernel.tile.columns, kernel.tile.vectors) == (5, 2)
    loop = inner_loop(assembly(kernel.emit(target, "kernel"), target))
    assert (loop.products, loop.loads, loop.stores, loop.spills) == (80, 56, 0, 0)
    assert loop.cycles == (40, "arithmetic")
    assert (
        "80 multiply-adds, 56 vector loads, 0 stores, 0 spills; at least 40 cycles" in loop.summary
    )


@each_target
def test_a_copy_loads_and_stores_every_vector_once(target):
    builder = GraphBuilder()
    value = builder.add(Elementwise("neg"), builder.input("x", TensorType((1, 4096))))
    (step,) = make_plan(builder.build([value]), target, 1, 0.0).steps
    loop = inner_loop(assembly(step.kernel.emit(target, "kernel"), target))
    assert loop.products == 0
    assert loop.loads == loop.stores > 0
    assert loop.cycles == (loop.stores, "stores")


def test_vectors_on_the_stack_are_spills():
    target = TARGETS["avx2"]
    (kernel,) = (k for k in kernels("depthwise 3x3", target) if isinstance(k, GroupedConv))
    wide = type(kernel)(**{**vars(kernel), "tile_columns": 16})
    assert inner_loop(assembly(wide.emit(target, "kernel"), target)).spills > 8


def test_code_without_a_loop_has_no_inner_one():
    assert inner_loop("kernel:\n\tvmovaps\t%zmm1, %zmm2\n\tretq\n") is None


@each_target
def test_the_block_of_ir_is_a_part_of_the_whole(target):
    (kernel,) = kernels("pointwise", target)
    source = kernel.emit(target, "kernel")
    loop = inner_loop(assembly(source, target))
    block = inner_block(source, loop.products)
    assert max(map(len, block.splitlines())) <= 80
    assert block.startswith("loop")
    assert "llvm.fm" in block
    assert "lines more" in block
    assert block.rstrip().splitlines()[-1].lstrip().startswith(("br", "label"))
