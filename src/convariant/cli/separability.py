"""convariant separability: ranks and hidden groups of every convolution."""

from __future__ import annotations

from typing import Annotated

import typer

from convariant.cli._network import Network, Options, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, out

Error = Annotated[
    float, typer.Option("--error", "-e", min=0, max=1, help="Part of a weight that may be lost.")
]
Zero = Annotated[
    float, typer.Option("--zero", min=0, help="Kernels below this part of the largest are none.")
]


def separability(
    model: Network,
    error: Error = 0.1,
    zero: Zero = 1e-6,
    option: Options = None,
    json: Json = False,
) -> None:
    """How separable a network's convolutions are: in space, in depth, in channels, in groups.

    Example: convariant separability runs/lenet5-digits --error 0.2
    """
    from convariant.analysis import separable

    network, _ = open_network(model, None, option)
    result = separable.separability(network, error=error, zero=zero)
    if json:
        out.print(result.to_json(), markup=False, soft_wrap=True)
    else:
        line(str(result))
