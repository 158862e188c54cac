"""Reading the assembly of kernels: what their loops do, on any target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from convariant.compiler.llvm import Target, assembly

# the product of each target, which on SSE is no multiply-add
_PRODUCT = {
    "avx512": r"\tvfn?m(add|sub)\w+ps\t",
    "avx2": r"\tvfn?m(add|sub)\w+ps\t",
    "sse4.2": r"\tmulps\t",
    "neon": r"\tfml[as]\t",
}
# a vector register stored to the stack or read from it, also as an operand
_STACK = {
    "avx512": r"(?=.*%[xyz]mm)(?=.*\(%rsp)",
    "avx2": r"(?=.*%[xyz]mm)(?=.*\(%rsp)",
    "sse4.2": r"(?=.*%xmm)(?=.*\(%rsp)",
    "neon": r"\t(st|ld)[rp]\tq\d+.*\[sp",
}
# where a run of code ends: at a label, or behind a jump
_END = re.compile(r"^\.?L\w+:.*$|^\t(?:j[a-z]+|b|b\.[a-z]+|cbn?z|tbn?z)\t.*$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A straight run of code that multiplies: products, and accesses of vectors on the stack."""

    products: int
    stack: int


def runs(kernel: Any, target: Target) -> list[Run]:
    """The straight runs of a kernel's code that multiply, inner loops among them."""
    text = assembly(kernel.emit(target, "kernel"), target)
    found = (
        Run(_count(_PRODUCT[target.name], part), _count(_STACK[target.name], part))
        for part in _END.split(text)
    )
    return [run for run in found if run.products]


def _count(pattern: str, text: str) -> int:
    return sum(bool(re.search(pattern, line)) for line in text.splitlines())
