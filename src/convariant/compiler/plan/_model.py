"""What a plan is made of: addresses, kernel calls, calls of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol, TypeAlias

from convariant.compiler.kernels import Packs
from convariant.compiler.layout import LINE, Floats, Halo, Layout
from convariant.compiler.llvm import Target
from convariant.compiler.plan._choice import Choice
from convariant.graph import Graph, Node

__all__ = [
    "Address",
    "Aside",
    "Buffer",
    "Call",
    "Constants",
    "Emitter",
    "External",
    "Form",
    "KernelCall",
    "Located",
    "Lowering",
    "Need",
    "Plan",
    "Step",
    "nothing",
]

# How a value lies in memory: as PyTorch has it, planar with a halo, or in blocks of channels.
Form: TypeAlias = Literal["torch", "planar", "blocked"]
# What a call moves before or behind a node's own work; a report has the reason for each.
Aside: TypeAlias = Literal["", "regroup", "subsample", "element-wise"]


class Emitter(Protocol):
    """A kernel: a frozen description that writes its own code."""

    def emit(self, target: Target, name: str) -> str:
        """The kernel's LLVM IR."""
        ...


@dataclass(eq=False)
class Buffer:
    """Floats in the arena, needed from step `first` to step `last`; placed by the memory plan."""

    name: str
    size: int
    first: int = -1
    last: int = -1
    offset: int = -1


@dataclass(frozen=True)
class External:
    """A tensor that exists only when the program runs: an input, an output, a result of PyTorch."""

    value: str


class Constants:
    """Packed weights and tables, one after the other, each aligned to a cache line."""

    def __init__(self) -> None:
        self._writers: list[tuple[int, int, Callable[[Floats], None]]] = []
        self._known: dict[bytes, Address] = {}
        self.size = 0

    def add(self, array: Floats) -> Address:
        """The address of an array; equal small ones (biases of zero) are kept once."""
        key = array.tobytes() if array.size <= 4096 else b""
        if key and key in self._known:
            return self._known[key]
        address = self._reserve(array.size, partial(_copy, array))
        if key:
            self._known[key] = address
        return address

    def add_packed(self, kernel: Packs, weight: Floats) -> Address:
        """The address of a kernel's weights, which are packed once they have their place."""
        return self._reserve(kernel.weights, partial(kernel.pack, weight))

    def _reserve(self, size: int, write: Callable[[Floats], None]) -> Address:
        address = Address(self, self.size)
        self._writers.append((self.size, size, write))
        self.size += -(-size // LINE) * LINE
        return address

    def write(self, room: Floats) -> None:
        """Put all of them where they belong in memory of that size, which is zero."""
        for start, size, write in self._writers:
            write(room[start : start + size])


def _copy(array: Floats, room: Floats) -> None:
    room[:] = array


@dataclass(frozen=True)
class Address:
    """So many floats into a buffer, a tensor or the constants."""

    home: Buffer | External | Constants
    offset: int = 0

    def __add__(self, floats: int) -> Address:
        return Address(self.home, self.offset + floats)


@dataclass(frozen=True)
class Located:
    """A value in memory: its layout and where its element (0, 0, 0, 0) is."""

    layout: Layout
    address: Address


@dataclass(frozen=True)
class Need:
    """A value that a lowering reads, in what form, with how much halo."""

    value: str
    form: Form = "blocked"
    halo: Halo = (0, 0, 0, 0)


@dataclass(frozen=True)
class KernelCall:
    """A kernel and its arguments; None stands for scratch, of `scratch` floats a thread.

    `aside` names what a call moves before or behind the node's own work, which waits for it.
    """

    kernel: Emitter
    arguments: tuple[Address | None, ...]
    scratch: int = 0
    aside: Aside = ""


@dataclass(frozen=True)
class Lowering:
    """How one node becomes kernels: what it reads, and the calls once everything has its place.

    `build` takes the needs, the operands of the epilogue, and then the `rooms`: values that only
    the calls of this node know. `alias` names an input whose memory the result shares from channel
    block `start` on, without any call; `parts` are the inputs of a concatenation, which are
    computed in place where they can be. `why` is the reason for the algorithm, as far as it is not
    an estimate.
    """

    needs: tuple[Need, ...]
    build: Callable[[tuple[Located, ...], Located], list[KernelCall]]
    algorithm: str
    form: Form = "blocked"
    operands: tuple[str, ...] = ()
    alias: str | None = None
    start: int = 0
    parts: tuple[str, ...] = ()
    rooms: tuple[Layout, ...] = ()
    why: str = ""


def nothing(inputs: tuple[Located, ...], out: Located) -> list[KernelCall]:  # noqa: ARG001
    """No call: the result is there already."""
    return []


@dataclass(frozen=True)
class Step:
    """One kernel run by all threads; `wait` says that all must have finished before the next.

    A step that computes nothing of a layer's own, but moves a value or clears what is around it,
    names that `value`; `node` is then the node that asks for it before or behind, if one does.
    """

    kernel: Emitter
    arguments: tuple[Address, ...]
    node: Node | None
    algorithm: str
    wait: bool = True
    value: str = ""


@dataclass(frozen=True)
class Call:
    """A node that PyTorch runs, and why no kernel does."""

    node: Node
    reason: str
    inputs: dict[str, Located] = field(default_factory=dict)


@dataclass
class Plan:
    """Everything that a program needs: the steps in order, the memory, the constants."""

    graph: Graph
    target: Target
    threads: int
    steps: list[Step | Call] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    constants: Constants = field(default_factory=Constants)
    outputs: dict[str, str] = field(default_factory=dict)
    arena: int = 0
    # why each node with kernels is computed as it is, and where its result lies
    choices: dict[str, Choice] = field(default_factory=dict)
    results: dict[str, Located] = field(default_factory=dict)
    # how many times all steps run, each time on the next part of a batch
    rounds: int = 1

    @property
    def most_ways(self) -> int:
        """The largest number of ways to compute a node."""
        return max((len(choice.ways) for choice in self.choices.values()), default=1)

    def whole(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes, over all rounds, of a tensor that comes in or goes out."""
        return sizes if self.rounds == 1 else (self.rounds * sizes[0], *sizes[1:])
