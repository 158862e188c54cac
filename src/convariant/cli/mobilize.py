"""convariant mobilize: depthwise separable blocks in place of dense convolutions."""

from __future__ import annotations

from typing import Annotated

import typer

from convariant.cli._network import Options, Size, open_module
from convariant.cli._options import Json
from convariant.cli._surgery import Out, Trained, check_out, show

Linear = Annotated[
    bool, typer.Option("--linear", help="Without norm and ReLU inside the new blocks.")
]
First = Annotated[bool, typer.Option("--first", help="Replace the first convolution too.")]


def mobilize(
    model: Trained,
    linear: Linear = False,
    first: First = False,
    option: Options = None,
    size: Size = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """MobileNet's move in any network; what comes out is to be trained again.

    Example: convariant mobilize runs/resnet18-digits --out runs/mobile
    """
    from convariant.analysis import separable

    check_out(model, out)
    network, shape = open_module(model, size, option)
    result = separable.mobilize(
        network, input_size=shape, activation=not linear, keep_first=not first, timed=True
    )
    show(result, model, out, json)
