"""Why a node is computed as it is: the ways there are, and what was thought of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Choice", "Way", "in_millions"]


@dataclass(frozen=True)
class Way:
    """One way to compute a node; `tile` is what it keeps in registers.

    `cycles` are an estimate for all threads together, None where there is none to compare with.
    `declined` says why the way is out of the question.
    """

    algorithm: str
    tile: str = ""
    cycles: float | None = None
    declined: str = ""


def in_millions(cycles: float) -> str:
    """Three digits or more.

    >>> in_millions(12345678), in_millions(1234.5)
    ('12.35', '0.00123')
    """
    return f"{cycles / 1e6:.2f}" if cycles >= 1e6 else f"{cycles / 1e6:.3g}"


@dataclass(frozen=True)
class Choice:
    """The ways that would do, the least estimate first, and which of them was `taken`: another
    than the first only where measuring found it faster. `note` is what is known without estimates.
    """

    ways: tuple[Way, ...]
    taken: int = 0
    declined: tuple[Way, ...] = ()
    note: str = ""

    @property
    def why(self) -> str:
        """The reasons in one line.

        >>> ways = Way("direct", "1x6x32", 1.5e6), Way("strassen", "1x6x32", 2e6)
        >>> Choice(ways).why
        'estimated 1.50 M cycles; strassen 2.00'
        """
        return "; ".join(self._reasons())

    def _reasons(self) -> Iterator[str]:
        if self.note:
            yield self.note
        taken = self.ways[self.taken]
        if taken.cycles is not None:
            measured = "measured as the fastest, " if self.taken else ""
            yield f"{measured}estimated {in_millions(taken.cycles)} M cycles"
            others = {way.algorithm: way.cycles or 0.0 for way in reversed(self.ways)}
            del others[taken.algorithm]
            if others:
                texts = (f"{name} {in_millions(others[name])}" for name in reversed(others))
                yield ", ".join(texts)
        for way in self.declined:
            yield f"no {way.algorithm}: {way.declined}"
