"""Weights in the order in which a kernel reads them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from convariant.compiler.layout import Floats

__all__ = ["Packs", "filled_up"]


class Packs(Protocol):
    """A kernel with weights of its own."""

    @property
    def weights(self) -> int:
        """How many floats they are, packed."""
        ...

    def pack(self, weight: Floats, room: Floats) -> None:
        """Write a layer's weight to `room`, flat, in the order of reading."""
        ...


def filled_up(weight: Floats, outputs: int) -> Floats:
    """The weight itself, or with weights of zero for the outputs that it lacks."""
    if len(weight) == outputs:
        return weight
    padded = np.zeros((outputs, *weight.shape[1:]), np.float32)
    padded[: len(weight)] = weight
    return padded
