"""From a graph to native code, in the order that data passes through:

`passes` (named rewrites of the graph) -> `plan` (layouts, algorithms, memory) -> `kernels`
(emitters of loop nests) -> `llvm` (builder, targets, object code) -> `program` (what runs) ->
`saving` (the program as a file).
"""

from convariant.compiler.program import Program, compile

__all__ = ["Program", "compile"]
