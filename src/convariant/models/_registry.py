"""The table of networks. A builder's signature is its schema: names, types and defaults."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import numbers
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from convariant.errors import OptionError, UnknownNameError
from convariant.models._network import Network

Task = Literal["classification", "segmentation"]
P = ParamSpec("P")
N = TypeVar("N", bound=Network)


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a network before it is built; the counts are of its default options."""

    name: str
    builder: Callable[..., Network]
    task: Task
    input_size: tuple[int, int]
    params: int
    macs: int  # multiply-adds of convolutions and linear layers, one image of input_size
    paper: str
    options: Mapping[str, Any]  # every option with its default, num_classes and in_channels first


_TABLE: dict[str, ModelInfo] = {}


def register(
    *,
    input_size: tuple[int, int],
    params: int,
    macs: int,
    paper: str,
    task: Task = "classification",
) -> Callable[[Callable[P, N]], Callable[P, N]]:
    """Enter a builder in the table under its own name; its options are checked at every call."""

    def enter(builder: Callable[P, N]) -> Callable[P, N]:
        name = builder.__name__
        parameters = inspect.signature(builder, eval_str=True).parameters

        @functools.wraps(builder)
        def build(*args: P.args, **kwargs: P.kwargs) -> N:
            options = _checked(name, parameters, kwargs)
            network = builder(*args, **options)
            network.config = {"name": name} | {k: _plain(v) for k, v in options.items()}
            return network

        defaults = {option: parameter.default for option, parameter in parameters.items()}
        _TABLE[name] = ModelInfo(
            name, build, task, input_size, params, macs, paper, types.MappingProxyType(defaults)
        )
        return build

    return enter


def names() -> list[str]:
    """Every name that `create` knows, sorted.

    >>> "lenet5" in names()
    True
    """
    return sorted(_TABLE)


def info(name: str) -> ModelInfo:
    """What is known of the network `name`: task, input size, counts, paper, options.

    >>> info("lenet5").params, info("lenet5").macs
    (61706, 416520)

    Raises: UnknownNameError.
    """
    if name not in _TABLE:
        raise UnknownNameError("model", name, _TABLE)
    return _TABLE[name]


def create(
    name: str, *, num_classes: int | None = None, in_channels: int | None = None, **options: Any
) -> Network:
    """Build the network `name`, freshly initialised; `None` means the network's own default.

    Options are those of the builder, as `info(name).options` lists them. A network's `config`
    builds it again:

    >>> network = create("lenet5", num_classes=5, activation="tanh")
    >>> create(**network.config).config == network.config
    True

    Raises: UnknownNameError; OptionError for an option the network does not have, or a value
    that it does not take.
    """
    if num_classes is not None:
        options["num_classes"] = num_classes
    if in_channels is not None:
        options["in_channels"] = in_channels
    return info(name).builder(**options)


def _checked(
    name: str, parameters: Mapping[str, inspect.Parameter], given: Mapping[str, Any]
) -> dict[str, Any]:
    """All options, defaults filled in, each of its declared type."""
    for option in given:
        if option not in parameters:
            near = difflib.get_close_matches(option, parameters, n=1)
            raise OptionError(
                f"{name} has no option {option!r}{f', perhaps {near[0]!r}' if near else ''}; "
                f"its options are {', '.join(parameters)}"
            )
    checked = {}
    for option, parameter in parameters.items():
        value = given.get(option, parameter.default)
        try:
            checked[option] = _read(value, parameter.annotation)
        except TypeError as error:
            raise OptionError(f"{name} takes {option} as {error}, but got {value!r}") from None
    return checked


def _read(value: Any, kind: Any) -> Any:
    """`value` as the annotation `kind` has it; TypeError says in words what it should be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        for choice in arguments:
            if type(value) is type(choice) and value == choice:
                return value
        raise TypeError(" or ".join(repr(choice) for choice in arguments))
    if origin in (Union, types.UnionType):  # only `X | None` is used
        return None if value is None else _read(value, arguments[0])
    if origin is tuple:  # only `tuple[int, ...]` is used
        if not isinstance(value, (list, tuple)) or not value:
            raise TypeError("a list of whole numbers of at least 1")
        return tuple(_read(item, arguments[0]) for item in value)
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise TypeError("True or False")
    if kind is int:
        if isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 1:
            return int(value)
        raise TypeError("a whole number of at least 1")
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise TypeError("a number")


def _plain(value: Any) -> Any:
    """The value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
