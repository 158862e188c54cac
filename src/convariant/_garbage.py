"""Work that leaves no garbage worth looking for among all that torch holds."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["no_collection"]


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Without Python's collector of cycles, which looks through every object there is: 0.15 s of an
    import, 1.8 of the 6.5 that the kernels of ResNet-50 take.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
