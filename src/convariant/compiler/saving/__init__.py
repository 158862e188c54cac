"""Programs as files: the network as data, and beside it what was compiled for this machine.

The network (operations as JSON, weights as tensors) is always enough to build the program again.
The native part only saves that time. It is code, so it is used only if the file was signed here by
this user, or is declared trusted, and if machine and versions are those it was compiled for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from convariant.compiler._inputs import check_threads, is_thread_count
from convariant.compiler._instance import Memory
from convariant.compiler.llvm import host_target
from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.program import Program
from convariant.compiler.saving._document import graph_document, read_graph
from convariant.compiler.saving._file import Part, ProgramFile, widest_first, write_program_file
from convariant.compiler.saving._native import machine, native_document, native_part, read_native
from convariant.compiler.saving._shapes import bound_to, free_sizes, graph_at, read_free
from convariant.errors import CompileError, ConvariantError, ModelFileError

__all__ = ["load", "save_program"]

_WEIGHT = "weight/"

# what reading a document that was written by somebody else may raise
_FAILURES = (
    *(ConvariantError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(RuntimeError, MemoryError),
)


def save_program(program: Program, path: str | os.PathLike[str]) -> None:
    """Write a program as one file; see `Program.save`."""
    instance = program.latest()
    graph = graph_at(program.graph, instance.shapes)
    weights = Part(widest_first({f"{_WEIGHT}{n}": t for n, t in graph.constants.items()}))
    document: dict[str, Any] = {
        "graph": graph_document(graph),
        "free": free_sizes(graph, instance.shapes),
        "weights": {"names": list(weights.tensors), "digest": weights.digest()},
        "threads": program.threads,
        "tolerance": program.tolerance,
        "native": None,
    }
    native = native_part(instance)
    document["native"] = {
        "names": list(native.tensors),
        "digest": native.digest(),
        "shapes": [list(shape) for shape in instance.shapes],
        **native_document(instance),
    }
    write_program_file(Path(path), document, [weights, native], program.cache.sign)


def load(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    trusted: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Program:
    """A program that `Program.save` wrote; no Python code of the model is needed.

    Nothing in the file can run unless this user wrote it with this cache folder: without its
    signature, on another machine or with another version, the network is compiled again.

    Args:
        path: the file.
        threads: how many to run on; by default as many as the program was compiled for.
        trusted: use the code in the file although it was not compiled here. Say so only of files
            from people who may run programs on this machine: nothing else protects it then.
        cache_dir: where compiled kernels are kept; by default the user's cache folder.

    Raises:
        ModelFileError: not such a file, cut short, or changed since it was written.

    >>> import tempfile, torch, convariant as cv
    >>> fast = cv.compile(cv.models.create("lenet5").eval(), torch.zeros(1, 1, 28, 28), threads=1)
    >>> x = torch.randn(1, 1, 28, 28)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fast.save(f"{folder}/lenet5.convariant")
    ...     same = cv.load(f"{folder}/lenet5.convariant")
    >>> torch.equal(same(x), fast(x))
    True
    """
    check_threads(threads)
    target = host_target()
    cache = ObjectCache.at(cache_dir, target)
    with _opened(Path(path)) as file, ThreadPoolExecutor() as readers:
        document, native = file.document, file.document["native"]
        threads = threads or _threads(document)
        weights = readers.submit(_read, file, document["weights"], huge=False)
        ours = trusted or cache.signed(file.digest, file.signature)
        fits = native["machine"] == machine(target) and native["threads"] == threads
        ready = readers.submit(_read, file, native, huge=True) if ours and fits else None
        constants = {n.removeprefix(_WEIGHT): tensor for n, tensor in weights.result()[1].items()}
        shapes = tuple(tuple(shape) for shape in native["shapes"])
        graph = read_graph(document["graph"], constants)
        program = Program(
            bound_to(graph, shapes, read_free(document["free"])),
            threads=threads,
            tolerance=_tolerance(document),
            cache=cache,
        )
        if ready is not None:
            program.adopt(shapes, read_native(native, target, *ready.result()))
        program.prepare(*shapes)
    return program


def _threads(document: Any) -> int:
    threads = document["threads"]
    if not is_thread_count(threads):
        raise ModelFileError(f"it is for {threads!r} threads")
    return int(threads)


def _tolerance(document: Any) -> float:
    tolerance = document["tolerance"]
    if type(tolerance) not in (int, float) or not tolerance >= 0:
        raise ModelFileError(f"its tolerance is {tolerance!r}")
    return float(tolerance)


def _read(file: ProgramFile, part: Any, *, huge: bool) -> tuple[Memory, dict[str, Tensor]]:
    return file.read(part["names"], part["digest"], huge=huge)


@contextmanager
def _opened(path: Path) -> Iterator[ProgramFile]:
    """The file, every fault in it told in one sentence."""
    try:
        with path.open("rb") as file:
            yield ProgramFile(file)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except _FAILURES as error:
        if isinstance(error, CompileError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path} is no program that this convariant can load: {reason}; save it again"
        ) from error
