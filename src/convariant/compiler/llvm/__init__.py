"""Code generation: the builder, the targets, object code and its cache."""

from convariant.compiler.llvm.builder import Builder
from convariant.compiler.llvm.jit import Kernel, assembly, compile_object, load_object, load_objects
from convariant.compiler.llvm.target import TARGETS, Target, get_target, host_target, runs_here
from convariant.compiler.llvm.values import Cell, Index, Pointer, Vector, settle

__all__ = [
    "TARGETS",
    "Builder",
    "Cell",
    "Index",
    "Kernel",
    "Pointer",
    "Target",
    "Vector",
    "assembly",
    "compile_object",
    "get_target",
    "host_target",
    "load_object",
    "load_objects",
    "runs_here",
    "settle",
]
