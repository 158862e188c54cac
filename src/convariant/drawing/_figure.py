"""What a gallery is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convariant.drawing._picture import Picture


@dataclass(frozen=True)
class Figure:
    """One picture of the gallery: one line about it, and how to draw it.

    `name` is given where drawing takes seconds, so that the picture is drawn only when wanted.
    """

    line: str
    draw: Callable[[], Picture]
    animated: bool = False
    name: str | None = None
