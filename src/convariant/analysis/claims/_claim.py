"""What a claim is: a statement, our verdict on it, and a function whose facts confirm it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from torch import Tensor

Verdict: TypeAlias = Literal["true", "true if", "wrong"]
Check: TypeAlias = Callable[[], Iterator["Fact"]]
Digits: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]  # images, labels, held out: both again
LearnedCheck: TypeAlias = Callable[[Digits], Iterator["Fact"]]

# a section of the docs that several topics lead to
FEWER = "operators.md#grouped-and-separable-convolutions-fewer-weights-for-the-same-shapes"


@dataclass(frozen=True)
class Fact:
    """One thing that was computed, and whether it is as the verdict needs it.

    `measured` facts (times, errors of something trained) differ a little from run to run.
    """

    what: str
    value: str
    holds: bool = True
    measured: bool = False


def fact(what: str, value: Any, expected: Any) -> Fact:
    """A computed value, which has to equal the expected one."""
    return Fact(what, shown(value), value == expected)


def checked(what: str, value: Any, holds: bool) -> Fact:
    """A computed value of which only a property is expected."""
    return Fact(what, shown(value), holds)


def measured(what: str, value: Any, *, holds: bool = True) -> Fact:
    """A value of this machine and this run."""
    return Fact(what, shown(value), holds, measured=True)


def shown(value: Any) -> str:
    """A value in words: sizes as 3x3, numbers with separators, floats with three digits."""
    if isinstance(value, (tuple, list)) and value and all(type(v) is int for v in value):
        return "x".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Claim:
    """A statement of the lecture, in our words.

    `remark` is the condition under which it holds, or what is right instead. `items` are the
    numbers of the lecture's statements that it covers. `picture` is a file of docs/pictures and
    `docs` a section of a page. One of `check` and `learned` is set: a claim that is `learned`
    needs real digits to train on.
    """

    name: str
    topic: str
    statement: str
    verdict: Verdict
    remark: str
    items: tuple[int, ...]
    picture: str | None
    docs: str
    check: Check | None = field(default=None, repr=False)
    learned: LearnedCheck | None = field(default=None, repr=False)


class Topic:
    """The claims of one topic; an instance decorates their functions.

    The function's name is the claim's, its docstring the statement.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.claims: list[Claim] = []

    def __call__(
        self,
        verdict: Verdict,
        *items: int,
        docs: str,
        remark: str = "",
        picture: str | None = None,
    ) -> Callable[[Check], Check]:
        """Enter a check that computes by itself."""

        def enter(check: Check) -> Check:
            self._enter(check, verdict, items, remark, picture, docs, check=check)
            return check

        return enter

    def on_digits(
        self, verdict: Verdict, *items: int, docs: str, remark: str = ""
    ) -> Callable[[LearnedCheck], LearnedCheck]:
        """Enter a check that trains on digits."""

        def enter(learned: LearnedCheck) -> LearnedCheck:
            self._enter(learned, verdict, items, remark, None, docs, learned=learned)
            return learned

        return enter

    def _enter(
        self,
        function: Callable[..., Any],
        verdict: Verdict,
        items: tuple[int, ...],
        remark: str,
        picture: str | None,
        docs: str,
        check: Check | None = None,
        learned: LearnedCheck | None = None,
    ) -> None:
        statement = " ".join((function.__doc__ or "").split())
        self.claims.append(
            Claim(
                name=function.__name__.replace("_", "-"),
                topic=self.name,
                statement=statement,
                verdict=verdict,
                remark=remark,
                items=items,
                picture=picture,
                docs=docs,
                check=check,
                learned=learned,
            )
        )
