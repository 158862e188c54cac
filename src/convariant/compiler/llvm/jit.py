"""LLVM IR to object code to a function in memory."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterable
from typing import Any

import llvmlite.binding as llvm

from convariant.compiler.llvm.target import Target
from convariant.errors import CompileError

__all__ = ["Kernel", "assembly", "compile_object", "load_object", "load_objects"]

_WORD = ctypes.c_int64
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, _WORD, _WORD, ctypes.c_void_p)


class Kernel:
    """A kernel in memory: `kernel(table, thread, threads, taken)`, the GIL released while it runs.

    `address` is where it starts; the kernel keeps its code alive.
    """

    def __init__(self, name: str, address: int, owner: Any) -> None:
        self.name, self.address, self._owner = name, address, owner
        self._call = _SIGNATURE(address)

    def __call__(self, table: int, thread: int = 0, threads: int = 1, taken: int = 0) -> None:
        """Do this thread's part of the work on the pointers of a table.

        `taken` is the address of the counters of a kernel that deals out its work (`deal`).
        """
        self._call(table, thread, threads, taken)


def compile_object(source: str, target: Target) -> bytes:
    """LLVM IR as a relocatable object file for the target.

    Raises:
        CompileError: LLVM refuses the IR.
    """
    module = _optimised(source, target)
    return bytes(_machine(target).emit_object(module))


def assembly(source: str, target: Target) -> str:
    """The assembly that `compile_object` would emit, for reading and for tests."""
    return str(_machine(target).emit_assembly(_optimised(source, target)))


def load_object(code: bytes, name: str, target: Target) -> Kernel:
    """Bring an object file into memory and find the kernel `name` in it.

    Raises:
        CompileError: the file is damaged or has no such kernel.
    """
    return load_objects([code], name, target)[0]


def load_objects(codes: Iterable[bytes], name: str, target: Target) -> list[Kernel]:
    """The same for the object files of one program, which all call their kernel `name`."""
    # JITLink lays code and constants side by side. LLVM's older linker takes any hole of the
    # address space for each: further apart than code can reach, it aborts the process.
    linker = llvm.create_lljit_compiler(
        _new_machine(target), use_jit_link=True, suppress_errors=True
    )
    return [_link(linker, f"{name}-{number}", code, name) for number, code in enumerate(codes)]


def _link(linker: Any, library: str, code: bytes, name: str) -> Kernel:
    try:
        builder = llvm.JITLibraryBuilder().add_object_img(code).export_symbol(name)
        linked = builder.link(linker, library)
    except RuntimeError as error:
        raise CompileError(
            f"kernel {name!r} does not load from its object file, {error}; clear the cache folder"
        ) from error
    return Kernel(name, linked[name], linked)


def _optimised(source: str, target: Target) -> Any:
    """Parse the IR and run the few passes kernels need: cells to registers, then tidying up.

    No loop pass runs: the loops are written the way they should be.
    """
    _initialise()
    try:
        module = llvm.parse_assembly(source)
    except RuntimeError as error:
        raise CompileError(
            f"LLVM refuses a kernel's IR, which is a bug in convariant: {error}"
        ) from error
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(_machine(target), tuning)
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return module


@functools.cache
def _initialise() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


@functools.cache
def _machine(target: Target) -> Any:
    return _new_machine(target)


def _new_machine(target: Target) -> Any:
    _initialise()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=2, reloc="pic", codemodel="default"
    )


# LLVM takes one call at a time. A fork waits for the one under way: its child would have the lock
# held by a thread that it does not have. (llvmlite shows its lock to nobody.)
_lock = getattr(llvm.ffi.lib, "_lock", None)
if _lock is not None and hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.__enter__, after_in_parent=_lock.__exit__, after_in_child=_lock.__exit__
    )
