"""Trained networks from other people's packages: the same outputs as onnxruntime, and sensible."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
import torch
from skimage import data

from convariant.graph import Graph, from_onnx, interpret
from convariant.graph.ops import Conv
from support.onnx_models import run_onnxruntime

EXAMPLE = Path(__file__).parents[2] / "examples" / "faces_and_text.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The example program, whose decoding of faces and text is what users see."""
    spec = importlib.util.spec_from_file_location("faces_and_text", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["faces_and_text"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    for path in (module.CENTERFACE, module.TEXT_DETECTOR):
        assert path.exists(), f"{path} is missing; unpack it with: make networks"
    return module


def page() -> np.ndarray:
    return np.stack([data.page()] * 3, axis=-1)


# network -> the example's function that prepares an image, input sizes
NETWORKS = {
    "CENTERFACE": ("face_input", [(1, 3, 192, 256), (2, 3, 128, 96), (1, 3, 512, 512)]),
    "TEXT_DETECTOR": ("text_input", [(1, 3, 96, 256), (2, 3, 160, 64), (1, 3, 192, 384)]),
    "TEXT_READER": ("line_input", [(1, 3, 48, 320), (3, 3, 48, 97), (1, 3, 48, 640)]),
    "TEXT_DIRECTION": ("line_input", [(1, 3, 48, 192), (4, 3, 48, 192), (2, 3, 48, 100)]),
}


def picture(example: ModuleType, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Part of a photograph or page as this network takes it, at a size, upright and mirrored."""
    image = data.astronaut() if name == "CENTERFACE" else page()
    image = image[:40, :320] if "line" in NETWORKS[name][0] else image
    x = getattr(example, NETWORKS[name][0])(image)
    x = torch.nn.functional.interpolate(x, shape[2:], mode="bilinear")
    return torch.cat([x, x.flip(3), x.roll(9, 3), -x])[: shape[0]]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_outputs_of_onnxruntime(example: ModuleType, name: str) -> None:
    """To 1e-4 of the largest value, at sizes derived from each other."""
    path = getattr(example, name)
    graph = None
    for shape in NETWORKS[name][1]:
        graph = from_onnx(path, shape) if graph is None else graph.with_inputs(shape)
        x = picture(example, name, shape)
        truth = run_onnxruntime(undeclared(path), {graph.inputs[0]: x.numpy()})
        for actual, expected in zip(interpret(graph, x), truth, strict=True):
            assert actual.shape == expected.shape
            error = (actual - expected).abs().max() / expected.abs().max()
            assert float(error) < 1e-4, f"{name} at {shape}"


def undeclared(path: Path) -> onnx.ModelProto:
    """The file without the sizes it declares, which CenterFace has wrong."""
    proto = onnx.load(str(path))
    weights = {w.name for w in proto.graph.initializer}
    for value in (*proto.graph.input, *proto.graph.output):
        if value.name not in weights:
            for axis, dim in enumerate(value.type.tensor_type.shape.dim):
                dim.dim_param = f"{value.name}_{axis}"
    return proto


def count(graph: Graph, function: str) -> int:
    return sum(getattr(node.op, "function", "") == function for node in graph.nodes)


def test_what_is_recognised(example: ModuleType) -> None:
    """Every hard-swish and swish is one node; what Constant nodes hold are parameters."""
    detector = from_onnx(example.TEXT_DETECTOR, (1, 3, 96, 96))
    assert count(detector, "hard_swish") == 24
    assert count(detector, "hard_sigmoid") == 10
    assert count(detector, "clip") == 0
    assert sum(isinstance(n.op, Conv) and n.op.geometry.transposed for n in detector.nodes) == 2
    reader = from_onnx(example.TEXT_READER, (1, 3, 48, 320))
    assert (count(reader, "hard_swish"), count(reader, "silu")) == (28, 7)
    # most convolutions and activations are scaled and shifted by one learned number each
    learned = [p for p in detector.parameters if detector.constants[p].numel() == 1]
    assert len(learned) > 100
    assert all(detector.constants[p].dtype == torch.float32 for p in detector.parameters)


def test_any_batch(example: ModuleType) -> None:
    """A file that leaves only the batch open gives a graph for all batches."""
    proto = onnx.load(str(example.TEXT_DIRECTION))
    for axis, size in ((2, 48), (3, 192)):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    x = picture(example, "TEXT_DIRECTION", (4, 3, 48, 192))
    graph = from_onnx(proto)
    whole = interpret(graph.at_batch(4), x)[0]
    single = torch.cat([interpret(graph.at_batch(1), part)[0] for part in x.split(1)])
    assert torch.allclose(whole, single, atol=1e-5)


def test_a_face_is_found_in_a_photograph(example: ModuleType) -> None:
    (face,) = example.find_faces(data.astronaut())
    assert face.score > 0.8
    assert face.overlap(example.Box(178, 62, 270, 175, 1.0)) > 0.8  # drawn by hand


def test_a_picture_without_a_face(example: ModuleType) -> None:
    assert example.find_faces(np.stack([data.brick()[:256, :256]] * 3, axis=-1)) == []


def test_lines_of_a_page_are_found_and_read(example: ModuleType) -> None:
    top = page()[:66]
    lines = example.find_text(top)
    assert len(lines) == 2
    texts = [example.read_line(line.cut(top)) for line in lines]
    assert texts[0][0] == "Region-based segmentation"
    assert texts[1][0] == "Let us first determine markers of the coins and the"
    assert all(score > 0.9 for _, score in texts)


def rendered(text: str) -> np.ndarray:
    """A line of text in DejaVu Sans, black on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 0.5), dpi=100)
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=18)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@pytest.mark.parametrize("text", ["Convolution 3x3", "stride = 2, pad 1", "hello, world!"])
def test_a_rendered_line_is_read(example: ModuleType, text: str) -> None:
    line = rendered(text)
    (box,) = example.find_text(line)
    found, score = example.read_line(box.cut(line))
    assert found.replace(" ", "") == text.replace(" ", "")
    assert score > 0.9


def test_a_line_on_its_head_is_noticed(example: ModuleType) -> None:
    whole = rendered("Convolution 3x3")
    (box,) = example.find_text(whole)
    line = box.cut(whole)
    assert example.upside_down(line) < 0.01
    assert example.upside_down(line[::-1, ::-1].copy()) > 0.99
