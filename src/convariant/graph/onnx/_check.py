"""Does an ONNX file compute what the graph computes? Every value, in every engine installed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from textwrap import TextWrapper

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor

from convariant.errors import GraphError, MissingDependencyError
from convariant.graph._graph import Graph, Node, where
from convariant.graph._interpret import interpret_all
from convariant.graph.onnx._tensors import ONNX_TYPES
from convariant.graph.ops import Elementwise

Arrays = Mapping[str, np.ndarray]
Engine = Callable[[onnx.ModelProto, Arrays], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class NodeError:
    """How far a value of the file is from ours, as a part of our largest value."""

    value: str
    node: str
    error: float


@dataclass(frozen=True)
class EngineCheck:
    """One engine's values against ours, in the order they are computed."""

    engine: str
    version: str
    errors: tuple[NodeError, ...]
    tolerance: float

    @property
    def first(self) -> NodeError | None:
        """The first node that diverges; what follows it inherits the difference."""
        return next((e for e in self.errors if not e.error <= self.tolerance), None)

    @property
    def worst(self) -> NodeError:
        """The node that is furthest off."""
        return max(self.errors, key=lambda e: e.error if e.error == e.error else np.inf)

    def __str__(self) -> str:
        who = f"{self.engine} {self.version}"
        if self.first is None:
            return (
                f"{who}: {len(self.errors)} values agree, the worst {self.worst.error:.1e} "
                f"({self.worst.node})"
            )
        return (
            f"{who}: the first of {len(self.errors)} values to diverge is {self.first.node}, by "
            f"{self.first.error:.1e} of its largest value"
        )


@dataclass(frozen=True)
class OnnxCheck:
    """What every installed engine made of the file."""

    engines: tuple[EngineCheck, ...]

    @property
    def agrees(self) -> bool:
        """Does no engine diverge anywhere?"""
        return all(engine.first is None for engine in self.engines)

    def __str__(self) -> str:
        # names stay in one piece
        text = TextWrapper(
            80, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
        return "\n".join(text.fill(str(engine)) for engine in self.engines)

    def to_json(self) -> str:
        """The errors of every value, by engine."""
        return json.dumps([asdict(engine) for engine in self.engines], indent=2)


def check(
    graph: Graph,
    path: str | os.PathLike[str],
    inputs: Sequence[Tensor],
    tolerance: float,
) -> OnnxCheck:
    """Compare every value that both the graph and the file name."""
    proto = onnx.load(os.fspath(path))
    truth = interpret_all(graph, *(_wide(x) for x in inputs), dtype=torch.float64)
    nodes = graph.producers()
    named = {value: where(node) for value, node in nodes.items()}
    computed = {output for node in proto.graph.node for output in node.output}
    shown = [name for name in named if name in computed]
    if not shown:
        raise GraphError(
            f"{os.fspath(path)} shares no value with {graph.name}; check the file that was written "
            "from this graph"
        )
    exposed = _exposed(proto, graph, shown)
    feeds = {name: x.detach().numpy() for name, x in zip(graph.inputs, inputs, strict=True)}
    engines = []
    for name, (version, run) in _engines().items():
        values = run(exposed, feeds)
        errors = tuple(
            NodeError(
                value, named[value], _error(values[value], truth[value], _scale(nodes[value]))
            )
            for value in shown
        )
        engines.append(EngineCheck(name, version, errors, tolerance))
    return OnnxCheck(tuple(engines))


def _wide(x: Tensor) -> Tensor:
    return x.double() if x.is_floating_point() else x


def _exposed(proto: onnx.ModelProto, graph: Graph, names: Sequence[str]) -> onnx.ModelProto:
    """The model with all these values as outputs, each computed as it is inside."""
    model = onnx.ModelProto()
    model.CopyFrom(proto)
    del model.graph.output[:]
    for name in names:
        code = ONNX_TYPES[graph.types[name].dtype]
        model.graph.output.append(helper.make_tensor_value_info(name, code, None))
    return model


def _scale(node: Node) -> float:
    """What an error is measured against at least: a sigmoid may be near 0 everywhere, and is not
    meant to be exact there.
    """
    sigmoid = isinstance(node.op, Elementwise) and node.op.function == "sigmoid"
    return 1.0 if sigmoid else 0.0


def _error(actual: np.ndarray, expected: Tensor, scale: float) -> float:
    """The largest difference as a part of the largest value; infinite for another shape."""
    truth = expected.double().numpy() if expected.dtype != torch.bool else expected.numpy()
    if actual.shape != truth.shape:
        return float("inf")
    if not truth.size:
        return 0.0
    a, t = actual.astype(np.float64), truth.astype(np.float64)
    same = (a == t) | (np.isnan(a) & np.isnan(t))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(a - t)).max()
    finite = np.abs(t[np.isfinite(t)])
    largest = max(finite.max() if finite.size else 0.0, scale)
    if np.isnan(difference):
        return float("inf")
    return float(difference / largest) if largest else float(difference)


def _engines() -> dict[str, tuple[str, Engine]]:
    """The engines that are installed; at least one must be."""
    engines: dict[str, tuple[str, Engine]] = {}
    try:
        import onnxruntime

        engines["onnxruntime"] = (onnxruntime.__version__, _run_onnxruntime)
    except ImportError:
        pass
    try:
        import openvino

        engines["openvino"] = (openvino.__version__.split("-")[0], _run_openvino)
    except ImportError:
        pass
    if not engines:
        raise MissingDependencyError("onnxruntime", "checking an ONNX file", extra="bench")
    return engines


def _run_onnxruntime(proto: onnx.ModelProto, feeds: Arrays) -> Mapping[str, np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def _run_openvino(proto: onnx.ModelProto, feeds: Arrays) -> Mapping[str, np.ndarray]:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(proto.SerializeToString()), "CPU", settings)
    results = compiled(dict(feeds))
    names = [output.name for output in proto.graph.output]
    return {
        name: np.array(results[port]) for name, port in zip(names, compiled.outputs, strict=True)
    }
