"""Writing one network in every form that the engines read."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from convariant.compiler.peers._engines import Engine
from convariant.graph import from_torch as capture
from convariant.graph import interpret


@dataclass(frozen=True)
class Files:
    """A network on disk, an input for it, and the float64 truth of its output."""

    folder: Path
    example: Tensor
    truth: Tensor
    failed: dict[str, str] = field(default_factory=dict)  # file -> why it could not be written


def prepare(model: nn.Module, example: Tensor, folder: Path, engines: Iterable[Engine]) -> Files:
    """Write the files that these engines need; what a converter refuses is noted, not raised."""
    wanted = {engine.file for engine in engines}
    graph = capture(model, example)
    files = Files(folder, example, interpret(graph, example, dtype=torch.float64)[0])
    torch.export.save(torch.export.export(model, (example,), strict=False), folder / "model.pt2")
    if wanted & {"model.onnx", "model.mnn"}:
        from convariant.graph import to_onnx

        to_onnx(graph, folder / "model.onnx")
    if "model.mnn" in wanted:
        _to_mnn(files)
    if "model.ncnn.param" in wanted:
        _to_ncnn(model, files)
    return files


def _to_mnn(files: Files) -> None:
    """By what the script `mnnconvert` calls: the script itself would first install a package for
    reporting its use, with whatever that needs, and so take onnx the protobuf that it needs.
    """
    command = [
        *(sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)"),
        *("-f", "ONNX", "--modelFile"),
        *(str(files.folder / "model.onnx"), "--MNNModel", str(files.folder / "model.mnn")),
        *("--bizCode", "convariant", "--keepInputFormat=1"),
    ]
    _convert(command, files, "model.mnn")


def _to_ncnn(model: nn.Module, files: Files) -> None:
    """Trace and convert; ncnn has no batch, so that it gets one image."""
    traced, image = files.folder / "model.pt", files.example[:1]
    with warnings.catch_warnings():
        # checks of shapes in Python become constants of the trace, as they should
        warnings.filterwarnings("ignore", category=torch.jit._trace.TracerWarning)
        torch.jit.trace(model, image).save(str(traced))
    shape = ",".join(map(str, image.shape))
    command = [
        *(sys.executable, "-c", "import pnnx; pnnx.pnnx()", str(traced), f"inputshape=[{shape}]"),
        f"ncnnparam={files.folder / 'model.ncnn.param'}",
        *(f"ncnnbin={files.folder / 'model.ncnn.bin'}", "fp16=0"),
    ]
    _convert(command, files, "model.ncnn.param")


def _convert(command: list[str], files: Files, result: str) -> None:
    """Run a converter, whose chatter nobody sees unless it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (files.folder / result).exists():
        said = (done.stdout + done.stderr).strip().rpartition("\n")[2]
        files.failed[result] = said or f"the converter ended with code {done.returncode}"
