"""convariant factorize: cheaper chains in place of a network's convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from convariant.cli._network import Size, open_module
from convariant.cli._options import Json
from convariant.cli._surgery import Out, Trained, check_out, show

if TYPE_CHECKING:
    from convariant.analysis.separable import Form

Budget = Annotated[
    float | None,
    typer.Option("--budget", "-b", help="Share of the convolutions' multiply-adds to spend."),
]
Error = Annotated[
    float | None, typer.Option("--error", "-e", help="Part that each layer may lose.")
]
Images = Annotated[
    int,
    typer.Option("--images", min=0, help="Refine on so many images that the model learned from."),
]
Forms = Annotated[
    list[str] | None,
    typer.Option("--form", "-f", help="spatial, depthwise or tucker; repeatable; all by default."),
]


def factorize(
    model: Trained,
    budget: Budget = None,
    error: Error = None,
    images: Images = 0,
    form: Forms = None,
    size: Size = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Replace convolutions by low-rank chains; a table shows error, cost and measured time.

    Give either --budget or --error.

    Example: convariant factorize runs/lenet5-digits --budget 0.5 --images 64 --out runs/small
    """
    from convariant.analysis import separable

    check_out(model, out)
    network, shape = open_module(model, size)
    pictures = None
    if images:
        from convariant.training import training_images

        pictures = training_images(model, images)
    result = separable.factorize(
        network,
        budget=budget,
        error=error,
        images=pictures,
        input_size=shape,
        forms=separable.FORMS if form is None else cast("list[Form]", form),
        timed=True,
    )
    show(result, model, out, json)
