"""The forms in which people write padding, and the one form we keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from convariant.errors import GeometryError
from convariant.geometry._arguments import check_32_bits, is_int

Pair: TypeAlias = tuple[int, int]
SameRule: TypeAlias = Literal["same", "same_lower"]
PaddingLike: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]

_RULES: dict[str, SameRule | int] = {
    "valid": 0,
    "same": "same",
    "same_upper": "same",
    "same_lower": "same_lower",
}


def normalise_padding(padding: PaddingLike) -> tuple[Pair, ...] | SameRule:
    """`1 -> ((1, 1),)`, `(1, 2) -> ((1, 1), (2, 2))`, `'valid' -> ((0, 0),)`; pairs stay."""
    if isinstance(padding, str):
        rule = _RULES.get(padding.lower())
        if rule is None:
            raise GeometryError(
                f"Invalid padding string {padding!r}, should be one of 'valid', 'same', "
                "'same_upper' (TensorFlow, ONNX SAME_UPPER) or 'same_lower' (ONNX SAME_LOWER)"
            )
        return ((0, 0),) if rule == 0 else rule  # type: ignore[return-value]
    if is_int(padding):
        return (_pair(padding, padding),)  # type: ignore[arg-type]
    if not isinstance(padding, Sequence):
        raise _not_understood(padding)
    return tuple(_pair(entry, padding) for entry in padding)  # type: ignore[arg-type]


def _pair(entry: int | Sequence[int], whole: PaddingLike) -> Pair:
    begin, end = _begin_end(entry, whole)
    if begin < 0 or end < 0:
        raise GeometryError(
            f"negative padding is not supported: padding={whole!r}; crop the input instead, "
            "for example x[..., 1:-1]"
        )
    check_32_bits("padding", whole, (begin, end))
    return begin, end


def _begin_end(entry: int | Sequence[int], whole: PaddingLike) -> Pair:
    if is_int(entry):
        return int(entry), int(entry)  # type: ignore[arg-type]
    if isinstance(entry, Sequence) and len(entry) == 2 and all(is_int(e) for e in entry):
        return int(entry[0]), int(entry[1])
    raise _not_understood(whole)


def _not_understood(padding: object) -> GeometryError:
    return GeometryError(
        f"padding={padding!r} is not understood; write one int, one int per axis, or one "
        "(begin, end) pair per axis such as ((0, 1), (0, 1))"
    )


def same_pads(total: int, rule: SameRule) -> Pair:
    """Split a total padding in two; the odd element goes to the end, or to the beginning."""
    small, large = total // 2, total - total // 2
    return (small, large) if rule == "same" else (large, small)
