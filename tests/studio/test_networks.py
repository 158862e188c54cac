"""The Networks tab without a browser."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
import torch

from convariant import models
from convariant.errors import GraphError, ModelFileError, OptionError
from convariant.studio import _networks
from convariant.studio._networks import Choice
from convariant.studio._photos import photo

LENET = Choice("lenet5", "28")
NETWORKS = Path(sys.prefix) / "networks"  # `make networks` unpacks two packages there


def write_onnx(path, channels):
    """One convolution of stride 2 and a ReLU on 16 x 16 images."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]>'
        f"net (float[1, {channels}, 16, 16] x) => (float[1, 4, 7, 7] y) {{"
        "  a = Conv <strides = [2, 2]> (x, w)"
        "  y = Relu(a)"
        "}"
    )
    weight = np.ones((4, channels, 3, 3), np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    onnx.save(model, path)
    return str(path)


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    return write_onnx(tmp_path_factory.mktemp("onnx") / "net.onnx", 3)


def test_summary_of_lenet():
    facts = _networks.summary(LENET)
    assert facts["Shape"] == "1×1×28×28 → 1×10"
    assert facts["Parameters"] == "61,706"
    assert facts["Multiply-adds"] == "416,520"


def test_rows_add_up():
    rows = _networks.rows(LENET)
    column = _networks.COLUMNS.index("parameters")
    assert sum(int(row[column].replace(",", "") or 0) for row in rows) == 61_706


@pytest.mark.parametrize("name", models.names())
def test_every_network_has_a_side_to_begin_with(name):
    assert 1 <= _networks.first_side(name) <= _networks.LARGEST_SIDE


def test_pictures_and_the_certificate():
    assert "61,706 parameters" in _networks.diagram(LENET).subtitle
    assert "416,520 multiply-adds" in _networks.cost(LENET).subtitle
    steps = _networks.field(LENET, photo("Cat"), 0.5, 0.5).tracks[0].steps
    assert "5 × 5 of 28 × 28" in steps[0].note
    assert _networks.certificate(Choice("p4_lenet", "28"), "p4").verdict == "exact"


def test_speed_tells_the_error_of_the_compiled_network():
    found = _networks.speed(LENET)
    assert 0 < found.compiled < 1000
    assert found.pytorch > 0
    assert found.report.error < 1e-4


def test_an_onnx_file(onnx_file):
    choice = Choice(path=onnx_file)
    assert choice.title == "net.onnx"
    assert _networks.summary(choice)["Shape"] == "1×3×16×16 → 1×4×7×7"
    assert _networks.speed(choice).report.error < 1e-4


def test_a_file_that_leaves_its_size_open_takes_the_side(tmp_path):
    path = tmp_path / "open.onnx"
    model = onnx.load(write_onnx(path, 3))
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in ((2, "h"), (3, "w")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, path)
    choice = Choice(size="33", path=str(path))
    assert _networks.summary(choice)["Shape"] == "1×3×33×33 → 1×4×16×16"
    wide = Choice(size="17x33", path=str(path))
    assert _networks.summary(wide)["Shape"] == "1×3×17×33 → 1×4×8×16"
    with pytest.raises(OptionError, match="from 1 to 1024, but got 0"):
        _networks.network(Choice(size="0", path=str(path)))
    with pytest.raises(GraphError, match=r"open\.onnx leaves its size open, and 2x2 may not fit"):
        _networks.network(Choice(size="2x2", path=str(path)))


def write_open(path, declared):
    """Inputs of these types, all summed up after a ReLU."""
    names = [f"x{i}" for i in range(len(declared))]
    inputs = ", ".join(f"{kind} {name}" for kind, name in zip(declared, names, strict=True))
    nodes = " ".join(f"{name}y = Relu({name})" for name in names)
    summed = "s = Sum(" + ", ".join(f"{name}y" for name in names) + ")"
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> net ({inputs}) => (float s)'
        f"{{ {nodes} {summed} }}"
    )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    return str(path)


def test_two_images_of_open_sizes_take_the_same_side(tmp_path):
    two = write_open(tmp_path / "two.onnx", ["float[N, 3, H, W]", "float[1, 3, h, w]"])
    shown = "1×3×20×30 and 1×3×20×30 → 1×3×20×30"
    assert _networks.summary(Choice(size="20x30", path=two))["Shape"] == shown
    with pytest.raises(GraphError, match="reads 1×3×20×30 and 1×3×20×30; only networks for"):
        _networks.field(Choice(size="20x30", path=two), photo("Cat"), 0.5, 0.5)


def test_an_only_input_without_a_shape_is_taken_for_an_image(tmp_path):
    path = write_open(tmp_path / "bare.onnx", ["float[1, 1, 1, 1]"])
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    assert _networks.summary(Choice(size="8", path=path))["Shape"] == "1×3×8×8 → 1×3×8×8"


def test_open_sizes_that_are_no_image_are_named_and_no_argument_of_python(tmp_path):
    path = write_open(tmp_path / "text.onnx", ["float[1, 3, h, w]", "float[1, T, 80]"])
    with pytest.raises(GraphError, match=r"text\.onnx has an input .* \(1, \?, 80\)") as caught:
        _networks.summary(Choice(size="20", path=path))
    assert "input_shapes" not in str(caught.value)


def test_a_giant_image_that_a_file_declares_is_never_made(tmp_path):
    giant = Choice(path=write_open(tmp_path / "giant.onnx", ["float[1, 3, 100000, 100000]"]))
    assert _networks.summary(giant)["Shape"] == "1×3×100000×100000 → 1×3×100000×100000"
    with pytest.raises(OptionError, match=r"100,000 × 100,000 pixels; .* on 4,000,000 at most"):
        _networks.field(giant, photo("Cat"), 0.5, 0.5)
    assert _networks.certificate(giant, "p4").check is None
    with pytest.raises(OptionError, match="GiB of activations"):
        _networks.speed(giant)


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"not onnx at all"])
def test_what_is_no_onnx_file_gives_a_sentence(tmp_path, content):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises((ModelFileError, GraphError), match="onnx"):
        _networks.summary(Choice(path=str(path)))


def test_an_onnx_file_that_is_too_large(onnx_file, monkeypatch):
    monkeypatch.setattr(_networks, "MOST_BYTES", 10)
    _networks.network.cache_clear()
    with pytest.raises(ModelFileError, match="the most for an ONNX file"):
        _networks.network(Choice(path=onnx_file))


@pytest.mark.parametrize(
    ("text", "sides"), [("224", (224, 224)), ("48x320", (48, 320)), (" 48 × 320 ", (48, 320))]
)
def test_sizes_as_one_types_them(text, sides):
    assert _networks.read_size(text) == sides


@pytest.mark.parametrize("text", ["", "0", "-1", "100000", "1e3", "48x", "1x2x3", "²", "<b>" * 99])
def test_what_is_no_size(text):
    with pytest.raises(OptionError, match="height x width, such as 48x320") as caught:
        _networks.inspection(Choice("lenet5", text))
    assert len(str(caught.value)) < 200


def test_a_trained_reader_of_text_wider_than_tall():
    """PP-OCR's recogniser takes lines of text 48 pixels tall and of any width."""
    path = NETWORKS / "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
    if not path.exists():
        pytest.skip("run make networks")
    choice = Choice(size="48x320", path=str(path))
    assert _networks.summary(choice)["Shape"] == "1×3×48×320 → 1×40×6625"
    assert "702,469,440 multiply-adds" in _networks.diagram(choice).subtitle
    assert "of 48 × 320" in _networks.field(choice, photo("Cat"), 0.5, 0.5).tracks[0].steps[0].note
    with pytest.raises(GraphError, match="type another, such as 48x320"):
        _networks.summary(Choice(path=str(path)))


def test_a_network_too_large_to_run(monkeypatch):
    monkeypatch.setattr(_networks, "MOST_MEMORY", 10)
    _networks.compiled.cache_clear()
    with pytest.raises(OptionError, match="choose a smaller input"):
        _networks.compiled(LENET)


def test_a_field_needs_an_image(tmp_path):
    five = write_onnx(tmp_path / "five.onnx", 5)
    with pytest.raises(GraphError, match="only networks for images"):
        _networks.field(Choice(path=five), photo("Cat"), 0.5, 0.5)


def test_weights_outside_the_file_are_refused_without_naming_folders(tmp_path):
    path = write_onnx(tmp_path / "outside.onnx", 3)
    model = onnx.load(path)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match="outside.onnx: weight 'w' is kept in") as caught:
        _networks.network(Choice(path=path))
    assert str(tmp_path) not in str(caught.value)


def written(path, text):
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> net {text}'), path)
    return Choice(path=str(path))


def test_two_inputs_have_no_symmetry_and_the_page_says_what_to_do(tmp_path):
    image = "float[1, 3, 8, 8]"
    two = written(
        tmp_path / "two.onnx", f"({image} a, {image} b) => ({image} y) {{ y = Add(a, b) }}"
    )
    with pytest.raises(GraphError, match="two.onnx has 2 inputs.*choose another network"):
        _networks.certificate(two, "flip")


def test_whole_numbers_are_timed_on_whole_numbers(tmp_path):
    chosen = written(
        tmp_path / "whole.onnx",
        "(int64[1, 4] x) => (float[1, 4] y) { a = Cast <to = 1> (x) y = Relu(a) }",
    )
    assert [x.dtype for x in _networks._example(chosen)] == [torch.int64]
    assert _networks.speed(chosen).compiled > 0


def test_a_giant_padding_is_certified_without_trying_numbers(tmp_path):
    """Where 16 x 16 pixels become 100,014 x 100,014, one try would take minutes."""
    path = write_onnx(tmp_path / "pads.onnx", 3)
    model = onnx.load(path)
    model.graph.output[0].type.ClearField("value")
    node = model.graph.node[0]
    del node.attribute[:]
    node.attribute.append(onnx.helper.make_attribute("pads", [50_000] * 4))
    onnx.save(model, path)
    found = _networks.certificate(Choice(path=path), "shift")
    assert (found.check, found.verdict) == (None, "exact")
