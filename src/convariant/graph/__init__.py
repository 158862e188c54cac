"""A network as data: nodes, tensors, shapes, constants; printed, verified, run by PyTorch.

Every analysis and the compiler read this one graph. `from_torch` makes it from a module,
`from_onnx` from a file, `GraphBuilder` from anything else; `interpret` is the truth for every
rewrite of it.
"""

from convariant.graph import ops
from convariant.graph._arguments import flatten_arguments, nest_results
from convariant.graph._builder import GraphBuilder
from convariant.graph._field import Field, ReceptiveFields, receptive_fields
from convariant.graph._graph import Graph, Name, Node, Structure, where
from convariant.graph._interpret import at_inputs, interpret, interpret_all
from convariant.graph._rewrite import prune, rewrite, substitute
from convariant.graph._types import Dim, TensorType
from convariant.graph._verify import verify
from convariant.graph.from_torch import from_exported, from_torch
from convariant.graph.onnx import check_onnx, from_onnx, to_onnx

__all__ = [
    "Dim",
    "Field",
    "Graph",
    "GraphBuilder",
    "Name",
    "Node",
    "ReceptiveFields",
    "Structure",
    "TensorType",
    "at_inputs",
    "check_onnx",
    "flatten_arguments",
    "from_exported",
    "from_onnx",
    "from_torch",
    "interpret",
    "interpret_all",
    "nest_results",
    "ops",
    "prune",
    "receptive_fields",
    "rewrite",
    "substitute",
    "to_onnx",
    "verify",
    "where",
]
