"""convariant export: a network as an ONNX file that engines agree on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convariant.cli._network import Network, Options, Size, open_network
from convariant.cli._options import Json
from convariant.cli._output import line, out, print_json

if TYPE_CHECKING:
    from convariant.graph import Graph

Output = Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")]
AnyBatch = Annotated[bool, typer.Option("--any-batch", help="Leave the batch size open.")]
Check = Annotated[
    bool, typer.Option("--check", help="Compare every node in ONNX Runtime and OpenVINO.")
]
Outputs = Annotated[
    str | None,
    typer.Option("--outputs", help="Cut an ONNX file behind these values: boxes,scores."),
]
Tolerance = Annotated[
    float, typer.Option("--tolerance", min=0.0, help="Allowed part of a value's largest element.")
]


def export(
    model: Network,
    output: Output,
    size: Size = None,
    option: Options = None,
    outputs: Outputs = None,
    any_batch: AnyBatch = False,
    check: Check = False,
    tolerance: Tolerance = 1e-4,
    json: Json = False,
) -> None:
    """Write a network as an ONNX file, all padding in numbers; an ONNX file is tidied, or cut.

    With --check the exit code is 1 where an engine diverges, and the first such node is named.

    Example: convariant export resnet18 resnet18.onnx --any-batch --check

    Example: convariant export detector.onnx fixed.onnx --size 1x3x480x640 --check

    Example: convariant export detector.onnx body.onnx --outputs boxes,scores
    """
    from convariant.analysis._source import as_graph
    from convariant.graph import Dim, to_onnx

    network, shape = open_network(model, size, option)
    names = None if outputs is None else [name.strip() for name in outputs.split(",")]
    graph = as_graph(network, shape, outputs=names)
    if any_batch:
        graph = graph.with_inputs(*((Dim(), *type_.shape[1:]) for type_ in graph.input_types))
    to_onnx(graph, output)
    if check:
        _check(graph, output, tolerance, json)
    elif json:
        print_json({"file": str(output), "nodes": len(graph.nodes), "bytes": _bytes(output)})
    else:
        inputs = ", ".join(f"{name}: {graph.types[name]}" for name in graph.inputs)
        line(f"wrote {output}: {len(graph.nodes)} operations, {_bytes(output):,} bytes ({inputs})")


def _check(graph: Graph, output: Path, tolerance: float, json: bool) -> None:
    import torch

    from convariant.graph import check_onnx
    from convariant.graph._types import at_batch

    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.rand(at_batch(t.shape, 2), generator=generator).to(t.dtype) for t in graph.input_types
    ]
    result = check_onnx(graph, output, inputs, tolerance=tolerance)
    if json:
        out.print(result.to_json(), soft_wrap=True)
    else:
        line(f"wrote {output}: {len(graph.nodes)} operations, {_bytes(output):,} bytes")
        line(str(result))
    if not result.agrees:
        raise typer.Exit(1)


def _bytes(path: Path) -> int:
    return path.stat().st_size
