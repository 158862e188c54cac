"""Small ONNX models for tests, and what onnxruntime computes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from onnx import helper, numpy_helper, parser

from convariant.graph import Graph

Arrays = Mapping[str, np.ndarray]


def one_node(
    operator: str,
    inputs: Arrays,
    *,
    weights: Arrays | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one node; its inputs are `inputs`, then `weights`, in their order."""
    node = helper.make_node(operator, [*inputs, *(weights or {})], outputs, "node", **attributes)
    return model([node], inputs, outputs, weights=weights, opset=opset)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Arrays,
    outputs: Sequence[str],
    *,
    weights: Arrays | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of these nodes; outputs are declared without a shape."""
    graph = helper.make_graph(
        nodes,
        "model",
        [_declared(name, value) for name, value in inputs.items()],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def parsed(body: str, opset: int = 17) -> onnx.ModelProto:
    """A model from ONNX's text form, without its header."""
    return parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]>' + body)


def kinds(graph: Graph) -> list[str]:
    """What the nodes are, functions of numbers by their own name."""
    return [getattr(node.op, "function", node.op.kind) for node in graph.nodes]


def _declared(name: str, value: np.ndarray) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
    )


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normally distributed float32 numbers, the same ones each time."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def onnxruntime_session(source: onnx.ModelProto | str | Path) -> onnxruntime.InferenceSession:
    """A session of one thread that prints nothing."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    content = source.SerializeToString() if isinstance(source, onnx.ModelProto) else str(source)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_onnxruntime(source: onnx.ModelProto | str | Path, inputs: Arrays) -> list[torch.Tensor]:
    """The outputs that onnxruntime computes."""
    results = onnxruntime_session(source).run(None, dict(inputs))
    return [torch.from_numpy(np.array(r)) for r in results]


def run_openvino(proto: onnx.ModelProto, inputs: Arrays) -> list[torch.Tensor]:
    """The outputs that OpenVINO computes in float32 on one thread."""
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(proto.SerializeToString()), "CPU", settings)
    results = compiled(dict(inputs))
    return [torch.from_numpy(np.array(results[port])) for port in compiled.outputs]
