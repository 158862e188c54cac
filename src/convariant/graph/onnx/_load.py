"""ONNX files as data that can be trusted: parsed, complete, and of a version we know."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from torch import Tensor

from convariant.errors import ModelFileError
from convariant.graph.onnx._tensors import constant_value, to_dense, to_tensor

Source: TypeAlias = str | os.PathLike[str] | bytes | onnx.ModelProto

LARGEST_FILE = 2**31 - 1  # what protobuf can parse


@dataclass(frozen=True)
class Model:
    """A parsed file: its graph, its weights as tensors, its own functions, its opset."""

    graph: onnx.GraphProto
    weights: dict[str, Tensor]
    functions: dict[tuple[str, str], onnx.FunctionProto]
    opset: int
    name: str
    folder: Path | None


def load(source: Source) -> Model:
    """Read and check a model; raises ModelFileError in one sentence for whatever is no ONNX."""
    proto, folder, name = _parse(source)
    _check_model(proto, name)
    weights = _weights(proto.graph, folder, name)
    graph = proto.graph
    if not isinstance(source, onnx.ModelProto):  # the caller's own model stays whole
        graph.ClearField("initializer")
    functions = {(f.domain, f.name): f for f in proto.functions}
    opset = max(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx"))
    return Model(graph, weights, functions, opset, graph.name or name, folder)


def _parse(source: Source) -> tuple[onnx.ModelProto, Path | None, str]:
    """The protobuf, the folder for external data, and a name for messages."""
    if isinstance(source, onnx.ModelProto):
        return source, None, "the ONNX model"
    if isinstance(source, bytes):
        return _decode(source, "the ONNX bytes"), None, "the ONNX bytes"
    path = Path(source)
    name = path.name
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise ModelFileError(f"{path} is not a file; give the path of an .onnx file")
        if info.st_size > LARGEST_FILE:
            raise ModelFileError(
                f"{name} has {info.st_size:,} bytes, but an ONNX file has at most "
                f"{LARGEST_FILE:,}; save its weights as external data"
            )
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"cannot read the ONNX file {path}: {reason}") from error
    return _decode(raw, name), path.parent, name


def _decode(raw: bytes, name: str) -> onnx.ModelProto:
    try:
        model = onnx.ModelProto.FromString(raw)
    except DecodeError as error:
        raise ModelFileError(
            f"{name} is not an ONNX model, or was cut off ({len(raw)} bytes do not parse); export "
            "or copy it again"
        ) from error
    _check_text(model, name)
    return model


def _check_text(message: Message, name: str) -> None:
    """Refuse names that are no text: protobuf hands them over as bytes, which nothing expects."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            for text in (value,) if isinstance(value, (str, bytes)) else value:
                if isinstance(text, bytes):
                    raise ModelFileError(
                        f"{name} has a {field.name} that is no text, {text[:20]!r}; the file is "
                        "damaged: export or copy it again"
                    )
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in (value,) if isinstance(value, Message) else value:
                _check_text(part, name)


def _weights(graph: onnx.GraphProto, folder: Path | None, name: str) -> dict[str, Tensor]:
    """Every constant that the file holds, whether as an initialiser or as a Constant node."""
    weights = {}
    for tensor in graph.initializer:
        weights[tensor.name] = to_tensor(tensor, folder, f"{name}: weight {tensor.name!r}")
    for sparse in graph.sparse_initializer:
        who = f"{name}: sparse weight {sparse.values.name!r}"
        weights[sparse.values.name] = to_dense(sparse, folder, who)
    for node in graph.node:
        if node.op_type == "Constant" and len(node.output) == 1:
            who = f"{name}: constant {node.output[0]!r}"
            weights[node.output[0]] = constant_value(node, folder, who)
    return weights


def _check_model(proto: onnx.ModelProto, name: str) -> None:
    domains = sorted({o.domain for o in proto.opset_import})
    if domains and not {"", "ai.onnx"} & set(domains):
        raise ModelFileError(
            f"{name} imports only {', '.join(domains)}, no operators of ONNX itself; it is no "
            "neural network"
        )
    versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
    if not proto.ir_version or len(versions) != 1 or not proto.graph.output:
        raise ModelFileError(
            f"{name} parses, but has no graph with outputs and one opset version, so it is no "
            "complete ONNX model; export or copy it again"
        )
    newest = onnx.defs.onnx_opset_version()
    if versions[0] > newest:
        raise ModelFileError(
            f"{name} uses opset {versions[0]}, but the installed onnx package knows {newest}; "
            "update it with: pip install --upgrade onnx"
        )
