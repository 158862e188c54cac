"""Networks from ONNX files and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from convariant.errors import MissingDependencyError

if TYPE_CHECKING:
    from convariant.graph._graph import Graph
    from convariant.graph.onnx._load import Source
    from convariant.graph.onnx._read import InputShapes

__all__ = ["from_onnx"]


def from_onnx(
    source: Source,
    input_shapes: InputShapes | None = None,
    *,
    fixed: Mapping[str, Tensor] | None = None,
) -> Graph:
    """The network in an ONNX model: the path of a file, its bytes, or a parsed `ModelProto`.

    Opset 6 to the newest of the installed onnx package. `input_shapes` is one shape, one for each
    input, or a dict by name; what is left out is taken as the file declares it. Given shapes win
    over declared ones, which are wrong in many files. Where only the first size is open, the graph
    is for any batch. Shape arithmetic is worked out for these sizes, and again for others by
    `graph.with_inputs`. Inputs in `fixed` become constants.

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
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("onnx", "reading ONNX files", extra="onnx") from error
    from convariant.graph.onnx._read import read

    return read(source, input_shapes, fixed or {})
