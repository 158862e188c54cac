"""Files that are no models, or hostile ones: one sentence each, and nothing outside the folder."""

from __future__ import annotations

import os
import random
import resource
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from convariant.errors import ConvariantError, GraphError, ModelFileError
from convariant.graph import from_onnx, interpret
from convariant.graph.onnx._tensors import ONNX_TYPES, to_tensor
from support.compare import assert_equal
from support.onnx_models import model, normal, one_node, parsed


def small() -> onnx.ModelProto:
    return one_node("Conv", {"x": normal(1, 2, 5, 5)}, weights={"w": normal(3, 2, 3, 3, seed=1)})


def external(location: str, **more: str) -> onnx.ModelProto:
    """The small model with its weight said to lie in another file."""
    proto = small()
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        weight.external_data.add(key=key, value=value)
    return proto


def test_path_bytes_and_proto_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    onnx.save(small(), str(path))
    x = torch.from_numpy(normal(1, 2, 5, 5, seed=2))
    (truth,) = interpret(from_onnx(small()), x)
    for source in (path, str(path), path.read_bytes()):
        assert_equal(interpret(from_onnx(source), x)[0], truth)


def test_a_parsed_model_is_left_as_it_was() -> None:
    proto = small()
    before = proto.SerializeToString()
    from_onnx(proto)
    assert proto.SerializeToString() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no complete ONNX model"),
        (b"this is a text file, not a model\n" * 9, "not an ONNX model, or was cut off"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not an ONNX model, or was cut off"),
        (small().SerializeToString()[:-40], "not an ONNX model, or was cut off"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "no complete ONNX model"),
    ],
    ids=["empty", "text", "picture", "truncated", "no graph"],
)
def test_what_is_no_model(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"bad.onnx .*{message}"):
        from_onnx(path)
    with pytest.raises(ModelFileError, match=message):
        from_onnx(content)


@pytest.mark.parametrize("word", [b"Relu", b"ai.mine", b"first"])
def test_names_that_are_no_text(word: bytes) -> None:
    """Protobuf hands them over as bytes, and joining or sorting them with text would fail."""
    proto = one_node("Relu", {"first": normal(4)})
    proto.opset_import.append(helper.make_opsetid("ai.mine", 1))
    content = proto.SerializeToString()
    assert word in content
    with pytest.raises(ModelFileError, match=r"the ONNX bytes has a \w+ that is no text, b'.*xe9"):
        from_onnx(content.replace(word, word[:-1] + b"\xe9"))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot read the ONNX file .*none.onnx: No such file"):
        from_onnx(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="cannot read the ONNX file .*embedded null byte"):
        from_onnx("a\0b.onnx")
    with pytest.raises(ModelFileError, match="is not a file; give the path of an .onnx file"):
        from_onnx(tmp_path)


def test_files_larger_than_protobuf_parses(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(2**31)  # takes no room on the disk
    with pytest.raises(ModelFileError, match=r"2,147,483,648 bytes.*external data"):
        from_onnx(path)


def test_a_version_newer_than_the_package() -> None:
    proto = small()
    proto.opset_import[0].version = 99
    with pytest.raises(ModelFileError, match="uses opset 99, but the installed onnx package knows"):
        from_onnx(proto)


def test_operators_older_than_opset_6() -> None:
    """What has meant the same ever since is read; what was different is not."""
    proto = one_node("Not", {"x": np.array([True, False])}, opset=1)
    assert interpret(from_onnx(proto), torch.tensor([True, False]))[0].tolist() == [False, True]
    proto = one_node("Relu", {"x": normal(2)}, opset=4, consumed_inputs=[0])
    with pytest.raises(GraphError, match="that of opset 4, and 6 is the oldest"):
        from_onnx(proto)


def weight_of(dims: list[int], **fields: object) -> onnx.ModelProto:
    proto = small()
    proto.graph.initializer[0].CopyFrom(
        TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, **fields)
    )
    return proto


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (weight_of([3, 2, 3, 3], raw_data=bytes(8)), "216 bytes, but holds 8; the file is damaged"),
        (weight_of([3, 2, 3, 3], float_data=[1.0]), "54 numbers, but holds 1"),
        (weight_of([-3, 2], raw_data=bytes(8)), "no axis can be negative"),
        (weight_of([2**40, 2**40], raw_data=bytes(8)), "so the file is broken"),
        (weight_of([2**20, 2**10], raw_data=bytes(8)), "so the file is broken"),
    ],
    ids=["raw data", "numbers", "negative", "beyond memory", "beyond the limit"],
)
def test_sizes_are_checked_before_memory_is_asked_for(proto: onnx.ModelProto, message: str) -> None:
    with pytest.raises(ModelFileError, match=f"weight 'w'.*{message}"):
        from_onnx(proto)


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand", "Tile", "Range", "Pad"])
def test_computed_constants_are_checked_too(operator: str) -> None:
    """A file of some bytes cannot ask for terabytes while it is read."""
    large = np.array([2**20, 2**20])
    inputs = {
        "ConstantOfShape": {"a": large},
        "Expand": {"a": np.ones((1, 1)), "b": large},
        "Tile": {"a": np.ones((1, 1)), "b": large},
        "Range": {"a": np.int64(0), "b": np.int64(2**60), "c": np.int64(1)},
        "Pad": {"a": np.ones((1, 1)), "b": np.concatenate([large, large])},
    }[operator]
    weights = {name: np.array(value) for name, value in inputs.items()}
    proto = one_node(operator, {}, weights=weights)
    with pytest.raises(ConvariantError, match="so the file is broken"):
        from_onnx(proto)


@pytest.mark.parametrize(
    ("field", "numbers", "expected"),
    [
        ("float_data", [0.5, -1.0], torch.tensor([0.5, -1.0])),
        ("double_data", [0.5, -1.0], torch.tensor([0.5, -1.0], dtype=torch.float64)),
        ("int32_data", [1, -2], torch.tensor([1, -2], dtype=torch.int8)),
        ("int32_data", [1, 0], torch.tensor([True, False])),
        ("int64_data", [1, -(2**40)], torch.tensor([1, -(2**40)])),
        ("uint64_data", [1, 2**32 - 1], torch.tensor([1, 2**32 - 1], dtype=torch.uint32)),
        # half floats as their bits
        ("int32_data", [0x3C00, 0xC000], torch.tensor([1.0, -2.0], dtype=torch.float16)),
        ("int32_data", [0x3F80, 0xC000], torch.tensor([1.0, -2.0], dtype=torch.bfloat16)),
        ("float_data", [1.0, 2.0, 3.0, -4.0], torch.tensor([1 + 2j, 3 - 4j])),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_numbers_spelled_as_lists(field: str, numbers: list[float], expected: torch.Tensor) -> None:
    code = ONNX_TYPES[expected.dtype]
    proto = TensorProto(data_type=code, dims=[2], **{field: numbers})
    found = to_tensor(proto, None, "t")
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_sparse_weights() -> None:
    proto = small()
    dense = np.zeros((3, 2, 3, 3), np.float32)
    dense[2, 1, 0, 2], dense[0, 0, 1, 1] = 5.0, -2.0
    for flat in (True, False):
        place = np.flatnonzero(dense) if flat else np.argwhere(dense)
        values = numpy_helper.from_array(dense[dense != 0], "w")
        proto.graph.ClearField("initializer")
        proto.graph.ClearField("sparse_initializer")
        proto.graph.sparse_initializer.append(
            helper.make_sparse_tensor(values, numpy_helper.from_array(place), dense.shape)
        )
        assert_equal(from_onnx(proto).constants["w"], torch.from_numpy(dense))
    proto.graph.sparse_initializer[0].indices.CopyFrom(numpy_helper.from_array(np.array([0, 99])))
    with pytest.raises(ModelFileError, match="or indices outside it"):
        from_onnx(proto)


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    onnx.save(
        small(), str(tmp_path / "m.onnx"), save_as_external_data=True, location="w.bin",
        size_threshold=0,
    )  # fmt: skip
    assert (tmp_path / "w.bin").exists()
    x = torch.from_numpy(normal(1, 2, 5, 5, seed=2))
    assert_equal(
        interpret(from_onnx(tmp_path / "m.onnx"), x)[0], interpret(from_onnx(small()), x)[0]
    )
    with pytest.raises(ModelFileError, match="pass the path of the model instead of its bytes"):
        from_onnx((tmp_path / "m.onnx").read_bytes())


def test_external_data_elsewhere_is_refused(tmp_path: Path) -> None:
    """Neither ../, nor an absolute path, nor a link leads out of the model's folder."""
    folder = tmp_path / "model"
    folder.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(216))
    (folder / "link").symlink_to(secret)
    (folder / "door").symlink_to(tmp_path)
    (folder / "circle").symlink_to(folder / "circle")
    for location in (
        "circle",
        "n" * 5000,
        "../secret",
        str(secret),
        "link",
        "door/secret",
        "",
        ".",
        "none",
        "a\0b",
    ):
        (folder / "m.onnx").write_bytes(external(location).SerializeToString())
        with pytest.raises(ModelFileError, match="no file inside the model's folder"):
            from_onnx(folder / "m.onnx")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"offset": "8"}, "needs 216 bytes at 8"),
        ({"offset": "-4"}, "needs 216 bytes at -4"),
        ({"length": "4"}, "names 4 of 216"),
        ({"offset": "x"}, "names a place in 'w.bin' by no number"),
    ],
)
def test_external_data_that_does_not_fit(
    tmp_path: Path, more: dict[str, str], message: str
) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(216))
    (tmp_path / "m.onnx").write_bytes(external("w.bin", **more).SerializeToString())
    with pytest.raises(ModelFileError, match=message):
        from_onnx(tmp_path / "m.onnx")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelFileError, match="is not a file"):
        from_onnx(tmp_path / "pipe.onnx")


BIG = """
  shape = Constant <value = int64[2] {12000, 12000}> ()
  c = ConstantOfShape <value = float[1] {1}> (shape)
"""
LONG = """
  begin = Constant <value = int64 {0}> ()
  end = Constant <value = int64 {70000000}> ()
  step = Constant <value = int64 {1}> ()
  a = Range (begin, end, step)
  b = Range (begin, end, step)
"""
IMAGES = """
  big = Constant <value = int64[4] {1, 256, 512, 512}> ()
  filters = Constant <value = int64[4] {8, 256, 9, 9}> ()
  c = ConstantOfShape (big)
  w = ConstantOfShape (filters)
"""


@pytest.mark.parametrize(
    ("body", "beyond"),
    [
        (BIG + "a = Exp (c) b = Exp (a) y = Add (b, x)", "memory"),
        (LONG + "k = Cast <to = 1> (b) y = Add (k, x)", "memory"),
        (IMAGES + "d = Conv (c, w) y = Add (d, x)", "arithmetic"),
    ],
)
def test_small_files_that_ask_for_much(body: str, beyond: str) -> None:
    """Each constant is possible; together they would fill memory, or take minutes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(GraphError, match=f"alone, up to here, takes too much {beyond}"):
        from_onnx(parsed(f"net (float[4] x) => (float[N] y) {{ {body} }}"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1_000_000  # KiB


def test_a_line_of_text_that_claims_to_be_endless() -> None:
    body = """
    net (float[1000000, 1, 1] x, float[1, 1, 1] w) => (float[N, M, K, L] y) {
      y = RNN <hidden_size = 1> (x, w, w)
    }
    """
    start = time.process_time()
    assert from_onnx(parsed(body)).output_types[0].shape == (1000000, 1, 1, 1)
    assert time.process_time() - start < 2
    constant = body.replace("x, float", "q, float").replace("y = RNN", "x = Identity (w) y = RNN")
    with pytest.raises(GraphError, match="RNN 'y': reads constants alone"):
        from_onnx(parsed(constant), fixed={"w": torch.ones(1, 1, 1)})


def test_damaged_files_give_one_error() -> None:
    """Bytes changed at random: read all the same, or refused; never another exception."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["target"], axis=0),
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("MaxPool", ["c"], ["p"], kernel_shape=[2, 2]),
        helper.make_node("Reshape", ["p", "target"], ["y"]),
    ]
    weights = {"w": normal(3, 2, 3, 3), "zero": np.array([0]), "rest": np.array([-1])}
    content = model(nodes, {"x": normal(1, 2, 9, 9)}, ["y"], weights=weights).SerializeToString()
    chance = random.Random(0)
    refusals = []
    for _ in range(600):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            from_onnx(bytes(damaged))
        except ConvariantError as error:
            refusals.append(str(error))
    assert 200 < len(refusals) < 600
    assert all(refusals)


def test_types_that_pytorch_cannot_compute_with() -> None:
    proto = small()
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    with pytest.raises(GraphError, match="input 'x' has the ONNX data type STRING"):
        from_onnx(proto)
