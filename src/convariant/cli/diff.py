"""convariant diff: two networks side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from convariant.cli._network import Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, out

_HELP = "A network's name, a model folder, or an .onnx file."
Before = Annotated[str, typer.Argument(metavar="BEFORE", help=_HELP)]
After = Annotated[str, typer.Argument(metavar="AFTER", help=_HELP)]


def diff(before: Before, after: After, size: Size = None, json: Json = False) -> None:
    """What changed in cost from one network to another, layer by layer.

    Example: convariant diff resnet50 resnext50_32x4d --size 224
    """
    from convariant.analysis import inspection

    first, shape = open_network(before, size)
    second, other = open_network(after, size)
    comparison = inspection.diff(
        inspection.inspect(first, shape), inspection.inspect(second, other)
    )
    if json:
        out.print(comparison.to_json(), markup=False, soft_wrap=True)
    else:
        line(str(comparison))
