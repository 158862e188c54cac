"""Writing one network in every form that the engines read."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
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
    command = [
        *(str(Path(sys.executable).parent / "mnnconvert"), "-f", "ONNX", "--modelFile"),
        *(str(files.folder / "model.onnx"), "--MNNModel", str(files.folder / "model.mnn")),
        *("--bizCode", "convariant", "--keepInputFormat=1"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (files.folder / "model.mnn").exists():
        files.failed["model.mnn"] = (result.stdout + result.stderr).strip().rpartition("\n")[2]


def _to_ncnn(model: nn.Module, files: Files) -> None:
    import pnnx

    path = files.folder / "model"
    with contextlib.redirect_stdout(io.StringIO()):
        pnnx.export(
            model,
            str(path.with_suffix(".pt")),
            (files.example[:1],),
            fp16=False,
            ncnnparam=str(path.with_suffix(".ncnn.param")),
            ncnnbin=str(path.with_suffix(".ncnn.bin")),
        )
    if not path.with_suffix(".ncnn.param").exists():
        files.failed["model.ncnn.param"] = "pnnx could not convert the network"
