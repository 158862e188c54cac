"""One table of engines: what each needs, and how it loads a network. Runs inside the workers."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Infer: TypeAlias = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """An engine: its name in tables, its package, the file it reads, how it loads it."""

    name: str
    package: str
    file: str
    load: Callable[[Path, int], Infer]

    @property
    def version(self) -> str | None:
        """The installed version; None where the package is missing."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install {self.package}"


def _first(result: Any) -> Any:
    """The first of several outputs, which stands for all when errors are measured."""
    return result[0] if isinstance(result, (tuple, list)) else result


def _shape(path: Path) -> tuple[int, ...]:
    """The shape of the example that lies beside a network."""
    return tuple(np.load(path.with_name("example.npy"), mmap_mode="r").shape)


def _torch_module(path: Path, threads: int):  # type: ignore[no-untyped-def]
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return torch.export.load(str(path)).module()


def _load_eager(path: Path, threads: int) -> Infer:
    import torch

    module = _torch_module(path, threads)
    return lambda x: _first(module(torch.from_numpy(x))).numpy()


def _load_channels_last(path: Path, threads: int) -> Infer:
    import torch

    module = _torch_module(path, threads)
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def infer(x: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(x)
        if image.dim() == 4:
            image = image.contiguous(memory_format=torch.channels_last)
        return _first(module(image)).numpy()

    return infer


def _load_inductor(path: Path, threads: int) -> Infer:
    import torch
    from torch._inductor import config

    module = _torch_module(path, threads)
    config.freezing = True  # constants folded and weights laid out once
    compiled = torch.compile(module)
    return lambda x: _first(compiled(torch.from_numpy(x))).numpy()


def _load_onnxruntime(path: Path, threads: int) -> Infer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def _load_openvino(path: Path, threads: int) -> Infer:
    import openvino

    core = openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": 1,
    }
    model = core.read_model(str(path))
    if model.is_dynamic():  # sizes that an ONNX file leaves open: known, they take less time
        model.reshape(list(_shape(path)))
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda x: request.infer([x])[0]


def _load_ncnn(path: Path, threads: int) -> Infer:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.load_param(str(path))
    net.load_model(str(path.with_suffix(".bin")))

    def infer(x: np.ndarray) -> np.ndarray:
        rows = []
        for image in x:  # ncnn has no batch
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(image))
            rows.append(np.array(extractor.extract("out0")[1]))
        return np.stack(rows)

    return infer


def _load_mnn(path: Path, threads: int) -> Infer:
    import MNN

    manager = MNN.nn.create_runtime_manager(
        ({"backend": 0, "precision": "high", "numThread": threads},)
    )
    # without names it takes the file's own inputs and outputs
    net = MNN.nn.load_module_from_file(str(path), [], [], runtime_manager=manager)

    def infer(x: np.ndarray) -> np.ndarray:
        given = MNN.expr.convert(MNN.expr.const(x, list(x.shape), MNN.expr.NCHW), MNN.expr.NC4HW4)
        y = MNN.expr.convert(net.onForward([given])[0], MNN.expr.NCHW)
        return np.array(y.read())

    return infer


def _load_convariant(path: Path, threads: int) -> Infer:
    import torch

    from convariant.compiler import compile as compile_graph
    from convariant.graph import from_exported, from_onnx

    torch.set_num_threads(threads)
    if path.suffix == ".onnx":
        graph = from_onnx(path, [_shape(path)])
    else:
        graph = from_exported(torch.export.load(str(path)))
    program = compile_graph(graph, threads=threads)
    return lambda x: _first(program(x))


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("convariant", "convariant", "model.pt2", _load_convariant),
        Engine("pytorch", "torch", "model.pt2", _load_eager),
        Engine("pytorch channels_last", "torch", "model.pt2", _load_channels_last),
        Engine("torch.compile", "torch", "model.pt2", _load_inductor),
        Engine("onnxruntime", "onnxruntime", "model.onnx", _load_onnxruntime),
        Engine("openvino", "openvino", "model.onnx", _load_openvino),
        Engine("ncnn", "ncnn", "model.ncnn.param", _load_ncnn),
        Engine("mnn", "MNN", "model.mnn", _load_mnn),
    )
}


def installed() -> dict[str, Engine]:
    """The engines whose packages are there."""
    return {name: engine for name, engine in ENGINES.items() if engine.version is not None}
