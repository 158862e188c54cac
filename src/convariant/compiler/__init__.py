"""From a graph to native code, in the order that data passes through:

`passes` (named rewrites of the graph) -> `plan` (layouts, algorithms, memory) -> `kernels`
(emitters of loop nests) -> `llvm` (builder, targets, object code) -> `program` (what runs) ->
`saving` (the program as a file).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convariant.compiler.program import Program, compile

__all__ = ["Program", "compile"]


def __getattr__(name: str) -> Any:
    """On first use: a process that only compiles kernels (`llvm.crew`) imports no torch."""
    if name not in __all__:
        raise AttributeError(f"module 'convariant.compiler' has no attribute {name!r}")
    return getattr(importlib.import_module("convariant.compiler.program"), name)
