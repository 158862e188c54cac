"""convariant compare: the same shapes with fewer parameters, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from convariant import OptionError
from convariant.cli._options import Json, read_size
from convariant.cli._output import line, out

if TYPE_CHECKING:
    from torch import Tensor, nn

Channels = Annotated[
    str, typer.Argument(metavar="CI:CO", help="Input and output channels, such as 64:128.")
]
Kernel = Annotated[int, typer.Option("--kernel", "-k", min=1, help="Side of the kernel.")]
Size = Annotated[str, typer.Option("--size", "-s", metavar="SIDE|HxW", help="Size of the maps.")]
Stride = Annotated[int, typer.Option("--stride", min=1)]
Groups = Annotated[
    list[int] | None,
    typer.Option("--groups", "-g", help="Groups to show; repeatable; 2 and 4 where these divide."),
]
Rank = Annotated[
    int | None, typer.Option("--rank", min=1, help="Channels inside the spatially separable one.")
]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads to time on.")]
Compiled = Annotated[
    bool, typer.Option("--compiled", help="Time what convariant compiles, not PyTorch.")
]


def compare(
    channels: Channels,
    kernel: Kernel = 3,
    size: Size = "56",
    stride: Stride = 1,
    groups: Groups = None,
    rank: Rank = None,
    threads: Threads = 1,
    compiled: Compiled = False,
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
        groups=groups,
        rank=rank,
        threads=threads,
        engine=("convariant", _compiled(threads)) if compiled else None,
    )
    if json:
        out.print(result.to_json(), markup=False, soft_wrap=True)
    else:
        line(str(result))


def _compiled(threads: int) -> Callable[[nn.Module, Tensor], Callable[[], object]]:
    """What compiles a module for the comparison."""
    from convariant import compile

    def prepare(module: nn.Module, x: Tensor) -> Callable[[], object]:
        program = compile(module.eval(), x, threads=threads)
        return lambda: program(x)

    return prepare
