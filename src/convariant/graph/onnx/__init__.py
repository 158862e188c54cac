"""Networks from ONNX files and back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from convariant.errors import GraphError, MissingDependencyError
from convariant.graph._export import Examples
from convariant.graph._graph import Graph
from convariant.graph.from_torch import from_torch

if TYPE_CHECKING:
    from convariant.graph.onnx._check import OnnxCheck
    from convariant.graph.onnx._load import Source
    from convariant.graph.onnx._read import InputShapes

__all__ = ["check_onnx", "from_onnx", "to_onnx"]


def from_onnx(
    source: Source,
    input_shapes: InputShapes | None = None,
    *,
    fixed: Mapping[str, Tensor] | None = None,
    outputs: Sequence[str] | None = None,
) -> Graph:
    """The network in an ONNX model: the path of a file, its bytes, or a parsed `ModelProto`.

    Opset 6 to the newest of the installed onnx package. `input_shapes` is one shape, one for each
    input, or a dict by name; what is left out is taken as the file declares it. Given shapes win
    over declared ones, which are wrong in many files. Where only the first size is open, the graph
    is for any batch. Shape arithmetic is worked out for these sizes, and again for others by
    `graph.with_inputs`. Inputs in `fixed` become constants. With `outputs` the network is read up
    to these values: what a detector does behind them, such as picking boxes, does not matter.

    Weights may lie in other files inside the model's folder, nowhere else. Raises ModelFileError
    for what is no complete ONNX model, and GraphError, naming the node, for a network that cannot
    be expressed.

    >>> import onnx.parser
    >>> model = onnx.parser.parse_model(
    ...     '<ir_version: 8, opset_import: ["" : 17]>'
    ...     "small (float[N, 3, 8, 8] x, float[4, 3, 3, 3] w) => (float[N, 4] y) {"
    ...     "  a = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w)"
    ...     "  b = GlobalAveragePool(a)"
    ...     "  y = Flatten(b)"
    ...     "}"
    ... )
    >>> print(from_onnx(model))
    small(x: f32[N,3,8,8], w: f32[4,3,3,3])
      a                   = Conv 3x3 s2 p1 (x, w)                                      f32[N,4,4,4]
      b                   = AdaptivePool avg to 1x1 (a)                                f32[N,4,1,1]
      y                   = Reshape [@0,4] (b)                                         f32[N,4]
      return y
      3 nodes, 0 constants of 0 B
    """
    _need_onnx("reading ONNX files")
    from convariant.graph.onnx._read import read

    return read(source, input_shapes, fixed or {}, outputs)


def to_onnx(
    network: Graph | nn.Module,
    path: str | os.PathLike[str],
    example_inputs: Examples | None = None,
    *,
    dynamic_batch: bool = False,
) -> None:
    """Write a graph, or a module captured with `example_inputs`, as an ONNX file of opset 20.

    All padding is in numbers (no `auto_pad`, no `ceil_mode`), and what engines read in different
    ways is spelled in operators that they agree on, so that ONNX Runtime and OpenVINO compute what
    `interpret` computes; `check_onnx` compares them node by node. The file is written whole or not
    at all.

    Raises GraphError, naming the module, for what ONNX cannot express, and StorageError where the
    file cannot be written.

    >>> import tempfile, torch
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding="same"), torch.nn.SiLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(net, f"{folder}/net.onnx", torch.empty(1, 3, 8, 8), dynamic_batch=True)
    ...     print(from_onnx(f"{folder}/net.onnx"))
    Sequential(input: f32[N,3,8,8])
      conv2d              = Conv 3x3 p1 (input, 0.weight, 0.bias)                      f32[N,8,8,8]
      silu                = Elementwise silu (conv2d)                                  f32[N,8,8,8]
      return silu
      2 nodes, 2 constants of 896 B
    """
    _need_onnx("writing ONNX files")
    from convariant.graph.onnx._write import save, to_proto

    save(to_proto(_as_graph(network, example_inputs, dynamic_batch)), path)


def check_onnx(
    graph: Graph,
    path: str | os.PathLike[str],
    inputs: Sequence[Tensor],
    *,
    tolerance: float = 1e-4,
) -> OnnxCheck:
    """Run a written file in ONNX Runtime and OpenVINO and compare every value with the graph's.

    The truth is `interpret` in float64; an error is the largest difference as a part of the largest
    value. The result names the first node that diverges by more than `tolerance`, where one does.

    Raises MissingDependencyError where neither engine is installed.

    >>> import tempfile, torch
    >>> graph = from_torch(torch.nn.Conv2d(3, 8, 3), torch.empty(1, 3, 8, 8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(graph, f"{folder}/net.onnx")
    ...     check_onnx(graph, f"{folder}/net.onnx", [torch.randn(1, 3, 8, 8)]).agrees
    True
    """
    _need_onnx("checking ONNX files")
    from convariant.graph.onnx._check import check

    return check(graph, path, inputs, tolerance)


def _as_graph(network: Graph | nn.Module, examples: Examples | None, dynamic_batch: bool) -> Graph:
    if isinstance(network, Graph):
        return network
    if examples is None:
        raise GraphError(
            f"{type(network).__name__} does not say what its input looks like; "
            "give example_inputs=torch.empty(1, 3, 224, 224)"
        )
    return from_torch(network, examples, dynamic_batch=dynamic_batch)


def _need_onnx(purpose: str) -> None:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("onnx", purpose, extra="onnx") from error
