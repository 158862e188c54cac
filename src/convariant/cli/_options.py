"""Options that several subcommands share, and how their text is read."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from convariant import OptionError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Pass over damaged images, and count them.")
]


def read_size(text: str, name: str = "--image-size") -> tuple[int, int]:
    """`'32'` or `'48x64'` (height x width) as two numbers.

    Raises: OptionError.
    """
    parts = text.lower().split("x")
    try:
        sides = [int(part) for part in parts]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise OptionError(f"{name} is {text!r}; write one side as 32, or height x width as 48x64")
    return sides[0], sides[-1]


def read_pairs(texts: list[str]) -> dict[str, Any]:
    """`['width=0.25', 'widths=8,16', 'mode=same']` as names and values.

    Raises: OptionError.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise OptionError(f"--option is {text!r}; write NAME=VALUE, such as width=0.25")
        values[name.strip().replace("-", "_")] = _read_value(value.strip())
    return values


def _read_value(text: str) -> Any:
    """A number, true or false, a list where there are commas, else the text itself."""
    if "," in text:
        return [_read_value(part) for part in text.strip("[]()").split(",") if part.strip()]
    if text.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text
