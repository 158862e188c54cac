"""Writing one network in every form that the engines read."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from convariant.compiler.peers._engines import Engine
from convariant.compiler.peers._onnx import as_module, write_in_one_piece
from convariant.graph import Graph, from_onnx, interpret
from convariant.graph import from_torch as capture
from convariant.graph._export import FAILURES


@dataclass(frozen=True)
class Files:
    """A network on disk, an input for it, and the float64 truth of its output."""

    folder: Path
    example: Tensor
    truth: Tensor
    failed: dict[str, str] = field(default_factory=dict)  # file -> why it could not be written
    source: str = "model.pt2"  # the form in which the network came, which our own engine reads

    def read_by(self, engine: Engine) -> str:
        """The file that an engine reads."""
        return self.source if engine.name == "convariant" else engine.file


def prepare(
    network: nn.Module | Path, example: Tensor, folder: Path, engines: Iterable[Engine]
) -> Files:
    """Write the files that these engines need, of a module or of the ONNX file of that path.

    What a converter refuses is noted, not raised.
    """
    if isinstance(network, Path):
        return _from_file(network, example, folder, engines)
    wanted = {engine.file for engine in engines}
    graph = capture(network, example)
    files = Files(folder, example, _truth(graph, example))
    _to_exported(network, files)
    if wanted & {"model.onnx", "model.mnn"}:
        from convariant.graph import to_onnx

        to_onnx(graph, folder / "model.onnx")
    if "model.mnn" in wanted:
        _to_mnn(files)
    if "model.ncnn.param" in wanted:
        _to_ncnn(network, files)
    return files


def _from_file(source: Path, example: Tensor, folder: Path, engines: Iterable[Engine]) -> Files:
    """Engines that read ONNX read this file, and so do we; PyTorch runs its nodes."""
    wanted = {engine.file for engine in engines if engine.name != "convariant"}
    graph = from_onnx(source, [tuple(example.shape)])
    files = Files(folder, example, _truth(graph, example), source="model.onnx")
    write_in_one_piece(source, example, folder / "model.onnx")
    if "model.pt2" in wanted:
        _noted(files, "model.pt2", lambda: _to_exported(as_module(source, example), files))
    if "model.mnn" in wanted:
        _to_mnn(files)
    if "model.ncnn.param" in wanted:
        one = example[:1]
        _noted(files, "model.ncnn.param", lambda: _to_ncnn(as_module(source, one), files))
    return files


def _truth(graph: Graph, example: Tensor) -> Tensor:
    return interpret(graph, example, dtype=torch.float64)[0]


def _to_exported(model: nn.Module, files: Files) -> None:
    program = torch.export.export(model, (files.example,), strict=False)
    torch.export.save(program, files.folder / "model.pt2")


def _noted(files: Files, result: str, write: Callable[[], None]) -> None:
    """Write a file; where the module that stands for an ONNX file is refused, note why."""
    try:
        write()
    except (*FAILURES, torch.jit._trace.TracingCheckError) as error:
        said = str(error).strip().partition("\n")[0]
        files.failed[result] = said or type(error).__name__


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
