"""Checks of the arguments: integers, one or one per axis, and one number of axes for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from convariant.errors import GeometryError

Ints: TypeAlias = int | Sequence[int]
LARGEST = 2**31 - 1


def is_int(value: object) -> bool:
    """Whether a value counts as an integer: NumPy's do, its arrays, True and 1.0 do not."""
    # an int is asked for first: torch.compile traces no hasattr of a symbolic size
    if isinstance(value, int):
        return not isinstance(value, bool)
    return hasattr(value, "__index__") and not getattr(value, "shape", ())


def integers(name: str, value: Ints, least: int) -> tuple[int, ...]:
    entries = (
        tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    )
    if not entries or not all(is_int(e) for e in entries):
        raise GeometryError(
            f"{name}={value!r} is not an int or one int per axis; write {name}=3 or (3, 3)"
        )
    numbers = tuple(int(e) for e in entries)
    if min(numbers) < least:
        kind = "non-positive" if least == 1 else "negative"
        raise GeometryError(
            f"{kind} {name} is not supported: {name}={value!r}; the least is {least}"
        )
    check_32_bits(name, value, numbers)
    return numbers


def check_32_bits(name: str, value: object, numbers: Sequence[int]) -> None:
    """Torch keeps the numbers of a window in 32 bits, and cuts or refuses longer ones."""
    if max(numbers) > LARGEST:
        raise GeometryError(f"{name}={value!r} is not supported; the largest is {LARGEST}")


def common_axes(values: Mapping[str, tuple[object, ...] | str]) -> int:
    counts = {name: len(v) for name, v in values.items() if not isinstance(v, str)}
    axes = max(counts.values())
    wrong = {name: n for name, n in counts.items() if n not in (1, axes)}
    if wrong:
        given = ", ".join(f"{name}={values[name]!r}" for name in counts if counts[name] > 1)
        raise GeometryError(
            f"the arguments disagree on the number of axes: {given}; give one value for all axes "
            f"or {axes} values each"
        )
    if axes > 3:
        raise GeometryError(f"a window has 1 to 3 axes, not {axes}; loop over the further axes")
    return axes
