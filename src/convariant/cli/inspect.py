"""convariant inspect: what a network computes, layer by layer."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from convariant.cli._network import Network, Options, Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, out


class Convention(str, Enum):
    """Whose way of counting to follow."""

    paper = "paper"
    fvcore = "fvcore"
    torchinfo = "torchinfo"
    ptflops = "ptflops"


Counting = Annotated[Convention, typer.Option("--convention", help="Count as this tool does.")]
Tree = Annotated[bool, typer.Option("--tree", help="Modules as a tree instead of a table.")]
Depth = Annotated[int | None, typer.Option("--depth", min=0, help="Levels of the tree.")]
TableOne = Annotated[bool, typer.Option("--table1", help="MobileNet's Table 1, row by row.")]
Sizes = Annotated[bool, typer.Option("--sizes", help="Which input sizes fit the network.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write one page with a chart.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write a row for each layer.")]


def inspect(
    model: Network,
    size: Size = None,
    option: Options = None,
    convention: Counting = Convention.paper,
    tree: Tree = False,
    depth: Depth = None,
    table1: TableOne = False,
    sizes: Sizes = False,
    html: Html = None,
    csv: Csv = None,
    json: Json = False,
) -> None:
    """Shapes, parameters, operations, memory and receptive field of a network.

    Example: convariant inspect mobilenet_v1 --size 160 --option width=0.5

    Example: convariant inspect detector.onnx --size 640x640 --tree --depth 2
    """
    from convariant.analysis import inspection

    network, shape = open_network(model, size, option)
    if sizes:
        line(str(inspection.valid_input_sizes(network)))
        return
    result = inspection.inspect(network, shape, convention=convention.value)
    for path, text in ((html, result.to_html), (csv, result.to_csv)):
        if path is not None:
            path.write_text(text(), encoding="utf-8")
            line(f"wrote {path}")
    if json:
        out.print(result.to_json(), markup=False, soft_wrap=True)
    elif table1:
        line(result.table1())
    elif tree or depth is not None:
        line(result.tree(depth))
    elif html is None and csv is None:
        line(str(result))
