"""convariant lint: windows that read too little, shift, or compute for nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from convariant.cli._network import Network, Options, Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, out

Object = Annotated[
    int | None, typer.Option("--object", min=1, help="Size in pixels of what it should see.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 where there is a warning.")]


def lint(
    model: Network,
    size: Size = None,
    option: Options = None,
    object: Object = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Find rows never read, uneven padding, checkerboards, and more; each with a fix.

    Example: convariant lint resnet50 --size 225 --object 128
    """
    from convariant.analysis import linting

    network, shape = open_network(model, size, option)
    report = linting.lint(network, shape, object_size=object)
    if json:
        out.print(report.to_json(), markup=False, soft_wrap=True)
    else:
        line(str(report))
    if strict and any(finding.severity == "warning" for finding in report.findings):
        raise typer.Exit(1)
