"""Every buffer of a program between two pages that nobody may touch.

`guarded` makes programs keep each buffer of the arena, the constants and the results in memory of
its own whose end (or start) lies against such a page: a kernel that reads or writes one number too
far ends the process, which the test then sees. So this runs in processes of its own only.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from convariant.compiler import _instance, program
from convariant.compiler.plan import Plan

Side = Literal["start", "end"]

_PAGE = mmap.PAGESIZE
_NOBODY = 0
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Rooms:
    """Memory with a forbidden page before, between and behind rooms of so many floats."""

    def __init__(self, sizes: list[int], side: Side) -> None:
        self.offsets, place, forbidden = [], 0, [0]
        for size in sizes:
            pages = -(-4 * size // _PAGE) * _PAGE
            place += _PAGE
            self.offsets.append((place + (pages - 4 * size if side == "end" else 0)) // 4)
            place += pages
            forbidden.append(place)
        self._map = mmap.mmap(-1, place + _PAGE)
        self.floats = np.frombuffer(self._map, np.float32)
        self.address = self.floats.ctypes.data
        for start in forbidden:
            assert _libc.mprotect(self.address + start, _PAGE, _NOBODY) == 0


def tensor(values: Tensor, side: Side) -> Tensor:
    """A copy of a float32 tensor that lies against a forbidden page."""
    rooms = Rooms([values.numel()], side)
    first = rooms.offsets[0]
    own = torch.from_numpy(rooms.floats[first : first + values.numel()]).view(values.shape)
    _kept.append(rooms)
    return own.copy_(values)


# memory is given back with the process
_kept: list[Any] = []


@contextmanager
def guarded(side: Side) -> Iterator[None]:
    """Programs made inside keep their buffers, constants and results against forbidden pages."""

    def arena(plan: Plan) -> Rooms:
        rooms = Rooms([buffer.size for buffer in plan.buffers], side)
        for buffer, offset in zip(plan.buffers, rooms.offsets, strict=True):
            buffer.offset = offset
        return rooms

    class Guarded(_instance.Instance):
        def __init__(self, plan: Plan, source: Any) -> None:
            mine = arena(plan)
            _kept.append(mine)
            memories = iter((mine, Constants(plan.constants.size)))
            _instance.Memory = lambda *_, **__: next(memories)
            super().__init__(plan, source)

    class Constants(Rooms):
        def __init__(self, floats: int) -> None:
            super().__init__([floats], side)
            self.address += 4 * self.offsets[0]
            self.floats = self.floats[self.offsets[0] :][:floats]

    before = program.Instance, _instance.Memory, _instance._empty
    program.Instance = Guarded
    _instance._empty = lambda sizes: tensor(torch.zeros(sizes), side)
    try:
        yield
    finally:
        program.Instance, _instance.Memory, _instance._empty = before
