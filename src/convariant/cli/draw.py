"""convariant draw: pictures of convolution, transposed convolution and pooling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from convariant import Geometry, OptionError
from convariant.cli._output import line
from convariant.cli.geometry import (
    Ceil,
    Dilation,
    Extra,
    Input,
    Kernel,
    Padding,
    Stride,
    Transposed,
    read_numbers,
    read_padding,
)

if TYPE_CHECKING:
    from convariant.reference import PaddingMode

_CHANNELS, _SHOW = "Channels", "What is shown"

Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="File ending in .svg, .png, .gif or .html, or a folder."),
]
PoolBy = Annotated[
    str | None, typer.Option("--pool", help="Pooling instead: max, mean, min, sum, median, lp.")
]
Mode = Annotated[str, typer.Option("--padding-mode", help="zeros, reflect, replicate or circular.")]
InChannels = Annotated[int | None, typer.Option("--in-channels", rich_help_panel=_CHANNELS)]
OutChannels = Annotated[int | None, typer.Option("--out-channels", rich_help_panel=_CHANNELS)]
Groups = Annotated[int, typer.Option("--groups", "-g", rich_help_panel=_CHANNELS)]
Cell = Annotated[
    str | None,
    typer.Option("--cell", help="Output element of a still picture: 0x1.", rich_help_panel=_SHOW),
]
Matrix = Annotated[
    bool, typer.Option("--matrix", help="The Toeplitz matrix.", rich_help_panel=_SHOW)
]
ViewName = Annotated[
    str,
    typer.Option(
        "--view",
        help="Of a transposed convolution: both, gradient or 'zero insertion'.",
        rich_help_panel=_SHOW,
    ),
]
Values = Annotated[bool, typer.Option("--values/--no-values", rich_help_panel=_SHOW)]
Animated = Annotated[
    bool, typer.Option("--animated", help="All steps in one SVG.", rich_help_panel=_SHOW)
]
Seconds = Annotated[
    float, typer.Option("--seconds", min=0.05, help="For each step.", rich_help_panel=_SHOW)
]
Scale = Annotated[
    float | None,
    typer.Option("--scale", min=0.25, max=8, help="Of PNG and GIF.", rich_help_panel=_SHOW),
]
Dark = Annotated[bool, typer.Option("--dark", help="For PNG and GIF.", rich_help_panel=_SHOW)]


def draw(
    input: Input = None,
    kernel: Kernel = None,
    stride: Stride = None,
    padding: Padding = None,
    dilation: Dilation = "1",
    output_padding: Extra = None,
    transposed: Transposed = False,
    ceil_mode: Ceil = False,
    pool: PoolBy = None,
    padding_mode: Mode = "zeros",
    in_channels: InChannels = None,
    out_channels: OutChannels = None,
    groups: Groups = 1,
    out: Out = Path(),
    cell: Cell = None,
    matrix: Matrix = False,
    view: ViewName = "both",
    values: Values = True,
    animated: Animated = False,
    seconds: Seconds = 0.8,
    scale: Scale = None,
    dark: Dark = False,
) -> None:
    """Draw what meets what in a convolution, a transposed convolution or a pooling.

    Without --out the picture goes to this folder, under a name made of its parameters. An HTML
    page plays, steps, and shows the sum of products of every output.

    Example: convariant draw --input 5x5 --kernel 3 --stride 2 --padding 1

    Example: convariant draw --input 3x3 --kernel 3 --stride 2 --padding 1 -t --out example.html
    """
    size = read_numbers("--input", input)
    numbers = read_numbers("--kernel", kernel)
    if size is None or numbers is None:
        raise OptionError("draw needs --input and --kernel, such as --input 5x5 --kernel 3")
    window = Geometry(
        numbers,
        read_numbers("--stride", stride) or (numbers if pool else 1),
        read_padding(padding),
        read_numbers("--dilation", dilation) or 1,
        read_numbers("--output-padding", output_padding) or 0,
        transposed,
        ceil_mode,
    )
    if matrix and pool:
        raise OptionError("--matrix is for convolution; pooling has no matrix of weights")
    from convariant import draw as pictures

    figure = pictures.toeplitz if matrix else pictures.arithmetic
    special = {} if matrix else {"reducer": pool, "view": view}
    picture = figure(
        window,
        size,
        in_channels=in_channels,
        out_channels=out_channels,
        groups=groups,
        padding_mode=cast("PaddingMode", padding_mode),
        values=values,
        output=read_numbers("--cell", cell),
        **special,
    )
    line(str(picture.save(out, animated=animated, seconds=seconds, scale=scale, dark=dark)))
