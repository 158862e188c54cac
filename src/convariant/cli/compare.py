"""convariant compare: the same shapes with fewer parameters, side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from convariant import OptionError
from convariant.cli._options import Json, read_size
from convariant.cli._output import line, out

Channels = Annotated[
    str, typer.Argument(metavar="CI:CO", help="Input and output channels, such as 64:128.")
]
Kernel = Annotated[int, typer.Option("--kernel", "-k", min=1, help="Side of the kernel.")]
Size = Annotated[str, typer.Option("--size", "-s", metavar="SIDE|HxW", help="Size of the maps.")]
Stride = Annotated[int, typer.Option("--stride", min=1)]
Groups = Annotated[
    list[int] | None,
    typer.Option("--groups", "-g", help="Groups to show; repeatable; 2 and 4 by default."),
]
Rank = Annotated[
    int | None, typer.Option("--rank", min=1, help="Channels inside the spatially separable one.")
]


def compare(
    channels: Channels,
    kernel: Kernel = 3,
    size: Size = "56",
    stride: Stride = 1,
    groups: Groups = None,
    rank: Rank = None,
    json: Json = False,
) -> None:
    """Dense, grouped, spatially and depthwise separable convolution: cost and measured time.

    Example: convariant compare 512:512 --size 14 --groups 2 --groups 32
    """
    from convariant.analysis import comparison

    ci, colon, co = channels.partition(":")
    if not colon or not ci.isdigit() or not co.isdigit() or 0 in (int(ci), int(co)):
        raise OptionError(f"channels are {channels!r}; write input:output, such as 64:128")
    result = comparison.compare(
        int(ci),
        int(co),
        kernel,
        size=read_size(size, "--size"),
        stride=stride,
        groups=groups or (2, 4),
        rank=rank,
    )
    if json:
        out.print(result.to_json(), markup=False, soft_wrap=True)
    else:
        line(str(result))
