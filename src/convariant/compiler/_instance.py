"""A plan made ready to run: code loaded, memory taken, every pointer in its table."""

from __future__ import annotations

import atexit
import ctypes
import mmap
import os
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from convariant._garbage import no_collection
from convariant.compiler._capture import own_precision
from convariant.compiler._workers import meeting_address, pool
from convariant.compiler.layout import Floats, read_back
from convariant.compiler.llvm import load_objects
from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.llvm.driver import load_driver
from convariant.compiler.plan import Address, Buffer, Call, Emitter, External, Plan, Step

__all__ = ["Instance", "Memory", "Prepared"]

# Words of a step for the driver: kernel, table, whether to meet; and of the driver's own table.
_STEP_WORDS = 3
_WORD = 8


class Memory:
    """Page-aligned floats, zero at first; in huge pages, if the system has them, unless they are
    seldom read: the system takes longer to find those.
    """

    def __init__(self, floats: int, *, huge: bool = True) -> None:
        # a vector's width beyond the end, so that an empty memory has an address too
        # (memory that is shared between processes, mmap's default, gets no huge pages)
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._map = mmap.mmap(-1, 4 * floats + 64, flags=private)
        if huge and hasattr(mmap, "MADV_HUGEPAGE"):
            self._map.madvise(mmap.MADV_HUGEPAGE)
        self.floats: Floats = np.frombuffer(self._map, np.float32)
        self.address = self.floats.ctypes.data

    def use_small_pages(self, start: int) -> None:
        """From that byte on: at times the system takes long to find huge pages."""
        start -= start % mmap.PAGESIZE
        if hasattr(mmap, "MADV_NOHUGEPAGE") and start < len(self._map):
            self._map.madvise(mmap.MADV_NOHUGEPAGE, start)


@dataclass(frozen=True)
class Prepared:
    """What takes long to make from a plan: packed constants, object code of each kernel."""

    constants: Memory
    code: Mapping[Emitter, bytes]


def _prepare(plan: Plan, cache: ObjectCache) -> Prepared:
    """Each different kernel is compiled once, unless the cache has it."""
    constants = Memory(plan.constants.size)
    plan.constants.write(constants.floats)
    emitters = dict.fromkeys(s.kernel for s in plan.steps if isinstance(s, Step))
    # emitters are frozen dataclasses of numbers and names: what they print is all that they are
    kernels = {repr(emitter): partial(emitter.emit, plan.target, "kernel") for emitter in emitters}
    with no_collection():
        codes = dict(zip(kernels, cache.get_all(kernels), strict=True))
    return Prepared(constants, {emitter: codes[repr(emitter)] for emitter in emitters})


@dataclass(frozen=True)
class _Patch:
    """A word of the tables that is the address of a tensor known only when the program runs.

    From one round to the next the address moves on by `apart` bytes.
    """

    word: int
    value: str
    offset: int
    apart: int


@dataclass(frozen=True)
class _Shortcut:
    """One tensor in, one out, and no step of PyTorch's: all that a run has to know.

    Small networks run for a few microseconds, as long as the bookkeeping of `run` takes. `reads`
    and `writes` are the words of the tables that point at input and output.
    """

    sizes: tuple[int, ...]
    result: tuple[int, ...]
    reads: list[_Patch]
    writes: list[_Patch]
    table: ctypes.Array[ctypes.c_int64]


_instances: weakref.WeakSet[Instance] = weakref.WeakSet()


class Instance:
    """One network for inputs of one shape. Calls from several threads take turns."""

    def __init__(self, plan: Plan, source: ObjectCache | Prepared) -> None:
        self.plan = plan
        self._lock = threading.RLock()
        _instances.add(self)
        self._arena = Memory(plan.arena)
        cache = source if isinstance(source, ObjectCache) else None
        prepared = source if isinstance(source, Prepared) else _prepare(plan, source)
        self.constants, self.code = prepared.constants, prepared.code
        loaded = load_objects(self.code.values(), "kernel", plan.target)
        self.kernels = dict(zip(self.code, loaded, strict=True))
        self._driver = load_driver(plan.target, cache)
        self._write_tables()
        self._fresh = [v for v in dict.fromkeys(plan.outputs.values()) if self._is_fresh(v)]
        self.shortcut = self._make_shortcut()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the inputs."""
        return tuple(self.plan.whole(t.sizes) for t in self.plan.graph.input_types)

    def close(self) -> None:
        """Let no other thread run it any more; a run that is under way comes to its end."""
        self._lock.acquire()

    def renew(self) -> None:
        """In a forked child nobody else is running; a run that was under way there is not here."""
        self._lock = threading.RLock()

    def _write_tables(self) -> None:
        steps = [step for step in self.plan.steps if isinstance(step, Step)]
        words = sum(len(step.arguments) for step in steps)
        self._arguments = (ctypes.c_int64 * max(words, 1))()
        self._steps = (ctypes.c_int64 * (_STEP_WORDS * max(len(steps), 1)))()
        self._patches: list[_Patch] = []
        word = 0
        for number, step in enumerate(steps):
            table = ctypes.addressof(self._arguments) + word * _WORD
            row = (self.kernels[step.kernel].address, table, int(step.wait))
            for place, value in enumerate(row):
                self._steps[_STEP_WORDS * number + place] = value
            for address in step.arguments:
                if isinstance(address.home, External):
                    self._patches.append(self._patch(word, address.home.value, address.offset))
                else:
                    self._arguments[word] = self._resolve(address)
                word += 1
        self._segments = self._cut()

    def _patch(self, word: int, value: str, offset: int) -> _Patch:
        # what PyTorch computes is known when it is there, and then there is one round only
        apart = self.plan.graph.types[value].numel if self.plan.rounds > 1 else 0
        return _Patch(word, value, 4 * offset, 4 * apart)

    def _cut(self) -> list[tuple[int, int] | Call]:
        """Runs of steps as (first, count), and the calls of PyTorch between them."""
        segments: list[tuple[int, int] | Call] = []
        number = 0
        for step in self.plan.steps:
            if isinstance(step, Call):
                segments.append(step)
                continue
            if segments and isinstance(segments[-1], tuple):
                first, count = segments[-1]
                segments[-1] = (first, count + 1)
            else:
                segments.append((number, 1))
            number += 1
        return segments

    def _resolve(self, address: Address) -> int:
        if isinstance(address.home, Buffer):
            return self._arena.address + 4 * (address.home.offset + address.offset)
        return self.constants.address + 4 * address.offset

    def _is_fresh(self, value: str) -> bool:
        """Whether a result is written by a kernel, rather than given by PyTorch or the caller."""
        graph = self.plan.graph
        by_torch = {o for s in self.plan.steps if isinstance(s, Call) for o in s.node.outputs}
        return value not in by_torch and value not in graph.inputs and value not in graph.constants

    def run(self, inputs: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The outputs for contiguous float32 inputs (others where only PyTorch reads them)."""
        with self._lock:
            tensors = self._begin(inputs)
            for turn in range(self.plan.rounds):
                self._point_at(tensors, turn)
                for segment in self._segments:
                    if isinstance(segment, Call):
                        tensors.update(self._call(segment, tensors))
                        self._point_at(tensors)
                    else:
                        self._execute(*segment)
            return tuple(self._result(o, v, tensors) for o, v in self.plan.outputs.items())

    def measure(self, inputs: Mapping[str, torch.Tensor], turns: int) -> list[float]:
        """Seconds of each step in one round: the least of `turns` runs of all in order."""
        runs = [[seconds for seconds, _ in self.walk(inputs)] for _ in range(turns)]
        return [min(times) for times in zip(*runs, strict=True)]

    def walk(
        self, inputs: Mapping[str, torch.Tensor]
    ) -> Iterator[tuple[float, dict[str, torch.Tensor]]]:
        """Run one round step by step: the seconds of each, and the tensors that there are then."""
        with self._lock:
            tensors = self._begin(inputs)
            self._point_at(tensors)
            number = 0
            for step in self.plan.steps:
                start = time.perf_counter()
                if isinstance(step, Call):
                    tensors.update(self._call(step, tensors))
                    self._point_at(tensors)
                else:
                    self._execute(number, 1)
                    number += 1
                yield time.perf_counter() - start, tensors

    def read(self, value: str, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A copy of an input, or of what the steps of a node have just computed, in this round."""
        type_, place = self.plan.graph.types[value], self.plan.results.get(value)
        home = External(value) if place is None else place.address.home
        if isinstance(home, External):
            return tensors[home.value].flatten()[: type_.numel].view(type_.sizes).clone()
        assert place is not None
        assert isinstance(home, Buffer)
        first = home.offset + place.address.offset - place.layout.origin
        numbers = read_back(self._arena.floats[first:], place.layout)
        return torch.from_numpy(numbers).view(type_.sizes)

    def _begin(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The inputs and memory for what kernels write of the results."""
        types, whole = self.plan.graph.types, self.plan.whole
        return {**inputs, **{value: _empty(whole(types[value].sizes)) for value in self._fresh}}

    def _result(self, output: str, value: str, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        known = tensors.get(value)
        if known is None:
            known = self.plan.graph.constants[value].detach().clone()
        return known.view(self.plan.whole(self.plan.graph.types[output].sizes))

    def random_inputs(self) -> dict[str, torch.Tensor]:
        """Inputs to measure with, the same every time; whole numbers are 0, which is an index
        wherever any number is one.
        """
        graph, generator = self.plan.graph, torch.Generator().manual_seed(0)
        inputs = {}
        for name, shape in zip(graph.inputs, self.shapes, strict=True):
            dtype = graph.types[name].dtype
            random = dtype.is_floating_point or dtype.is_complex
            wide = torch.complex64 if dtype.is_complex else torch.float32
            x = torch.randn(shape, generator=generator, dtype=wide) if random else None
            inputs[name] = torch.zeros(shape, dtype=dtype) if x is None else x.to(dtype)
        return inputs

    def _make_shortcut(self) -> _Shortcut | None:
        graph, outputs = self.plan.graph, list(self.plan.outputs.items())
        if len(graph.inputs) != 1 or len(outputs) != 1 or outputs[0][1] not in self._fresh:
            return None
        if len(self._segments) != 1 or isinstance(self._segments[0], Call):
            return None
        (output, value), (source,) = outputs[0], graph.inputs
        if 0 in graph.types[source].sizes:
            return None
        return _Shortcut(
            self.plan.whole(graph.types[value].sizes),
            self.plan.whole(graph.types[output].sizes),
            [patch for patch in self._patches if patch.value == source],
            [patch for patch in self._patches if patch.value == value],
            self._table(*self._segments[0]),
        )

    def run_shortcut(self, x: torch.Tensor) -> torch.Tensor:
        """What `run` does where there is a shortcut, for a contiguous input of the right type."""
        way = self.shortcut
        assert way is not None
        with self._lock:
            x = x.resolve_neg()
            y = _empty(way.sizes)
            for turn in range(self.plan.rounds):
                for patch in way.reads:
                    self._arguments[patch.word] = x.data_ptr() + patch.offset + turn * patch.apart
                for patch in way.writes:
                    self._arguments[patch.word] = y.data_ptr() + patch.offset + turn * patch.apart
                pool().run(self._driver, ctypes.addressof(way.table), self.plan.threads)
            return y if way.sizes == way.result else y.view(way.result)

    def _table(self, first: int, count: int) -> ctypes.Array[ctypes.c_int64]:
        """What the driver is told: which steps, how many, where to meet."""
        return (ctypes.c_int64 * 3)(
            ctypes.addressof(self._steps) + first * _STEP_WORDS * _WORD,
            count,
            meeting_address(self.plan.threads),
        )

    def _execute(self, first: int, count: int) -> None:
        table = self._table(first, count)
        pool().run(self._driver, ctypes.addressof(table), self.plan.threads)

    def _point_at(self, tensors: Mapping[str, torch.Tensor], turn: int = 0) -> None:
        for patch in self._patches:
            tensor = tensors.get(patch.value)
            if tensor is not None:
                place = tensor.data_ptr() + patch.offset + turn * patch.apart
                self._arguments[patch.word] = place

    def _call(self, call: Call, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Run a node with PyTorch on what is there."""
        arguments = []
        for name in call.node.inputs:
            if name in tensors:
                arguments.append(tensors[name])
            elif name in call.inputs:
                arguments.append(self._view(call, name, tensors))
            else:
                arguments.append(self.plan.graph.constants[name].detach())
        with torch.no_grad(), own_precision(self.plan.graph):
            results = call.node.op.run(*arguments)
        named = zip(call.node.outputs, results, strict=True)
        return {name: self._own(self._typed(name, r).contiguous()) for name, r in named}

    def _typed(self, name: str, result: torch.Tensor) -> torch.Tensor:
        """Kernels read float32 where the graph says so, also where autocast gave something else."""
        return result.float() if self.plan.graph.types[name].dtype == torch.float32 else result

    def _own(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of what lies in the arena (a slice, a view), where later steps write."""
        start, end = self._arena.address, self._arena.address + self._arena.floats.nbytes
        return tensor.clone() if start <= tensor.data_ptr() < end else tensor

    def _view(self, call: Call, name: str, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A value that a kernel computed, as a tensor."""
        sizes = self.plan.graph.types[name].sizes
        address = call.inputs[name].address
        if isinstance(address.home, External):
            return tensors[address.home.value].view(sizes)
        assert isinstance(address.home, Buffer)
        first = address.home.offset + address.offset
        count = self.plan.graph.types[name].numel
        return torch.from_numpy(self._arena.floats[first : first + count]).view(sizes)


def _empty(sizes: tuple[int, ...]) -> torch.Tensor:
    """Memory for a result, whatever the caller's default type and device."""
    return torch.empty(sizes, dtype=torch.float32, device="cpu")


def _renew() -> None:
    for instance in _instances:
        instance.renew()


@atexit.register
def _close() -> None:
    """A daemon thread that Python ends within a call of PyTorch takes the process down with it:
    at exit, such threads wait at the doors of their programs instead.
    """
    for instance in _instances.copy():
        instance.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
