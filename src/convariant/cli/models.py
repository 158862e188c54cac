"""convariant models: the networks there are."""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from convariant.cli._options import Json
from convariant.cli._output import line, print_json, print_table, table

if TYPE_CHECKING:
    from convariant.models import ModelInfo

_NUMBERS = ("input", "parameters", "multiply-adds")

Name = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="One network, with its options.")
]


def models(name: Name = None, json: Json = False) -> None:
    """List the networks, or tell about one of them.

    Example: convariant models mobilenet_v1
    """
    from convariant import models as networks

    if json:
        names = [name] if name else networks.names()
        values = [_values(networks.info(one)) for one in names]
        print_json(values[0] if name else values)
    elif name:
        _show(networks.info(name))
    else:
        made = table("name", "task", "input", "parameters", "multiply-adds", right=_NUMBERS)
        for one in map(networks.info, networks.names()):
            h, w = one.input_size
            made.add_row(one.name, one.task, f"{h}x{w}", f"{one.params:,}", f"{one.macs:,}")
        print_table(made)


def _show(info: ModelInfo) -> None:
    h, w = info.input_size
    line(f"{info.name}: {_first_sentence(info)}")
    line(info.paper)
    line(f"{info.task}, {h}x{w}, {info.params:,} parameters, {info.macs:,} multiply-adds")
    line()
    made = table("option", "default", "values")
    for name, (default, kind) in _options(info).items():
        made.add_row(name, str(default), kind)
    print_table(made)


def _values(info: ModelInfo) -> dict[str, Any]:
    options = {
        name: {"default": list(default) if isinstance(default, tuple) else default, "values": kind}
        for name, (default, kind) in _options(info).items()
    }
    return {
        "name": info.name,
        "task": info.task,
        "input_size": list(info.input_size),
        "parameters": info.params,
        "multiply_adds": info.macs,
        "paper": info.paper,
        "options": options,
    }


def _options(info: ModelInfo) -> dict[str, tuple[Any, str]]:
    """Default and kind of value of every option: `{'mode': ('paper', 'paper, same')}`."""
    parameters = inspect.signature(info.builder, eval_str=True).parameters
    return {
        name: (default, _kind(parameters[name].annotation))
        for name, default in info.options.items()
    }


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(str(choice) for choice in get_args(annotation))
    if isinstance(annotation, types.UnionType):
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is tuple:
        return "whole numbers, as 8,16,32"
    return {bool: "true, false", int: "a whole number", float: "a number"}[annotation]


def _first_sentence(info: ModelInfo) -> str:
    return (inspect.getdoc(info.builder) or "").partition("\n")[0]
