"""One box of an architecture diagram."""

from __future__ import annotations

from dataclasses import dataclass

INPUT = -1


@dataclass(frozen=True)
class Part:
    """Some nodes that follow each other, drawn as one box; `sources` are parts or INPUT."""

    first: str
    last: str
    what: str
    params: int
    macs: int
    shape: tuple[int, ...]
    sources: tuple[int, ...]
    times: int = 1
    kinds: tuple[tuple[str, int], ...] = ()  # of its layers, and how many there are

    @property
    def label(self) -> str:
        """The module's path, or from which to which."""
        return self.first if self.first == self.last else f"{self.first} … {self.last}"

    def alike(self, other: Part) -> bool:
        """Whether two parts do the same with the same cost and shape."""
        same = (self.what, self.params, self.macs, self.shape)
        return same == (other.what, other.params, other.macs, other.shape)
