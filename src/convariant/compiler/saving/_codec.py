"""Frozen dataclasses as JSON and back, by a table of the kinds that may appear and nothing else."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch

from convariant.errors import CompileError, ModelFileError
from convariant.graph._types import DTYPE_NAMES

__all__ = ["Codec"]

_DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}


class Codec:
    """Values made of numbers, text, tuples, number formats and the dataclasses of one table,
    which are the given ones and those that their fields are annotated with.

    A dataclass becomes an object with its kind and all its fields. Reading checks every field
    against its annotation, so that what comes out is what the class promises.

    >>> from convariant.geometry import Geometry
    >>> from convariant.graph.ops import Conv
    >>> codec = Codec([Conv])
    >>> codec.decode(codec.encode(Conv(Geometry((3, 3), padding=1)))).text()
    '3x3 p1'
    """

    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds: dict[str, Any] = {}
        for kind in kinds:
            self._add(kind)

    def _add(self, kind: type) -> None:
        """A kind, and those that its fields are annotated with."""
        if self._kinds.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"two kinds of one table are named {kind.__name__}")
        for hint in _hints(kind).values():
            for part in _parts(hint):
                known = getattr(part, "__name__", "") in self._kinds
                if isinstance(part, type) and dataclasses.is_dataclass(part) and not known:
                    self._add(part)

    def encode(self, value: Any) -> Any:
        """What json.dumps takes.

        Raises:
            CompileError: a value of a kind that is not in the table.
        """
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, (tuple, list)):
            return [self.encode(entry) for entry in value]
        if isinstance(value, torch.dtype) and value in DTYPE_NAMES:
            return {"dtype": DTYPE_NAMES[value]}
        kind = type(value).__name__
        if self._kinds.get(kind) is not type(value):
            raise CompileError(f"a file has no form for {kind} {value!r}")
        fields = _hints(self._kinds[kind])
        return {"kind": kind, **{name: self.encode(getattr(value, name)) for name in fields}}

    def decode(self, data: Any) -> Any:
        """The value that `encode` was given; lists come back as tuples.

        Raises:
            ModelFileError: data that `encode` does not make.
        """
        if isinstance(data, list):
            return tuple(self.decode(entry) for entry in data)
        if not isinstance(data, dict):
            return data
        if data.keys() == {"float"} and data["float"] in ("inf", "-inf", "nan"):
            return float(data["float"])
        if data.keys() == {"dtype"} and data["dtype"] in _DTYPES:
            return _DTYPES[data["dtype"]]
        kind = self._kinds.get(str(data.get("kind")))
        if kind is None:
            raise ModelFileError(f"it has something of an unknown kind, {str(data)[:80]}")
        return self._object(kind, data)

    def _object(self, kind: type, data: dict[str, Any]) -> Any:
        hints = _hints(kind)
        if data.keys() - {"kind"} != hints.keys():
            raise ModelFileError(f"its {kind.__name__} has other fields than {', '.join(hints)}")
        fields = {name: self.decode(data[name]) for name in hints}
        for name, value in fields.items():
            if not _fits(value, hints[name]):
                raise ModelFileError(f"its {kind.__name__} has {name}={value!r}")
        return kind(**fields)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """The annotation of each field."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _parts(hint: Any) -> Iterator[Any]:
    """The types that an annotation is made of."""
    yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a decoded value is of an annotated type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is None:
        if hint is float:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        if hint is int:
            return isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, type(None) if hint is None else hint)
    if not isinstance(value, tuple):
        return False
    if arguments and arguments[-1] is not ...:
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    return all(_fits(entry, arguments[0]) for entry in value)
