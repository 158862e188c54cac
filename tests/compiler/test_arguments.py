"""What a network is compiled for and called with: by position, by name, nested, with constants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.compare import assert_close, assert_equal
from torch import nn

import convariant as cv
from convariant.errors import CompileError, ShapeError
from convariant.graph import GraphBuilder, TensorType, from_torch, ops, to_onnx


class Masked(nn.Module):
    """The signature of many models: one tensor, and what may be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x, mask=None, scale=1.0, flag=True):
        y = self.conv(x) * scale
        y = y if mask is None else y * mask
        return torch.relu(y) if flag else {"plain": y}


class Named(nn.Module):
    """Inputs in a dict, where a swap would go unseen by shapes."""

    def forward(self, images):
        return images["left"] - 2 * images["right"]


class Joined(nn.Module):
    def forward(self, parts, axis):
        return torch.cat([torch.relu(part) for part in parts], axis)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Masked().eval()


@pytest.fixture(scope="module")
def x():
    return torch.randn(1, 3, 8, 8)


def test_what_may_be_left_out_is_left_out(model, x):
    fast = cv.compile(model, (x,))
    for _ in range(2):
        assert_close(fast(x), model(x).detach(), reduction=27)


def test_constants_and_none_among_arguments_by_position(model, x):
    fast = cv.compile(model, (x, None, 0.5, False))
    found, truth = fast(x, None, 0.5, False), model(x, None, 0.5, False)
    assert_close(found["plain"], truth["plain"].detach(), reduction=27)
    with pytest.raises(ShapeError, match="captured with the argument None, but got f32.1,1,8,8.;"):
        fast(x, torch.ones(1, 1, 8, 8), 0.5, False)
    with pytest.raises(ShapeError, match="captured with the argument 0.5, but got 1.0; capture it"):
        fast(x, None, 1.0, False)


def test_arguments_by_name_in_any_order(model, x):
    mask = torch.rand(1, 1, 8, 8)
    fast = cv.compile(model, {"x": x, "scale": np.float64(2.0), "mask": mask.numpy()})
    truth = model(x, mask, 2.0).detach()
    assert_close(fast(x=x, mask=mask, scale=2.0), truth, reduction=27)
    assert_close(fast(mask=mask.numpy(), scale=2.0, x=x.numpy()), truth.numpy(), reduction=27)
    other, smaller = torch.randn(2, 3, 5, 6), torch.rand(2, 1, 5, 6)
    found = fast(scale=2.0, mask=smaller, x=other)
    assert_close(found, model(other, smaller, 2.0).detach(), reduction=27)


def test_another_call_is_told_as_it_is_written(model, x):
    fast = cv.compile(model, (x, None, 0.5))
    expected = r"expected Masked\(x: f32\[1,3,8,8\], None, 0.5\), got Masked"
    with pytest.raises(ShapeError, match=expected + r"\(f32\[1,3,8,8\]\); call it as it was"):
        fast(x)
    by_position = "'x' was captured by position: give it without its name"
    with pytest.raises(ShapeError, match=expected + rf"\(x=f32\[1,3,8,8\]\); {by_position}"):
        fast(x=x)
    with pytest.raises(ShapeError, match=expected + r"\(f64\[1,3,8,8\], None, scale=0.5\)"):
        fast(x.double().numpy(), None, scale=0.5)
    named = cv.compile(model, {"x": x})
    with pytest.raises(ShapeError, match=r"expected Masked\(x=f32\[1,3,8,8\]\).*give x by name"):
        named(x)


def test_a_dict_of_inputs():
    left, right = torch.randn(2, 3), torch.randn(2, 3)
    fast = cv.compile(Named(), ({"right": right, "left": left},))
    truth = left - 2 * right
    assert_close(fast({"right": right, "left": left}), truth, reduction=2)
    assert_close(fast({"left": left, "right": right}), truth, reduction=2)
    keyword = cv.compile(Named(), {"images": {"left": left.numpy(), "right": right}})
    assert_close(keyword(images={"right": right, "left": left}), truth, reduction=2)
    with pytest.raises(ShapeError, match=r"expected Named\(\{'right': f32\[2,3\], 'left': f32"):
        fast(left)


def test_a_list_of_inputs_at_other_sizes():
    parts = [torch.randn(2, size) for size in (3, 4, 5)]
    fast = cv.compile(Joined(), (parts, 1))
    assert_equal(fast(parts, 1), Joined()(parts, 1))
    assert fast.latest().shapes == ((2, 3), (2, 4), (2, 5))
    other = [torch.randn(1, size) for size in (7, 2, 5)]
    assert_equal(fast(other, 1), Joined()(other, 1))
    with pytest.raises(ShapeError, match=r"got Joined\(\[f32\[1,7\], f32\[1,2\]\], 1\)"):
        fast(other[:2], 1)


def test_nested_arguments_are_saved_with_the_program(tmp_path, model, x):
    mask = torch.rand(1, 1, 8, 8)
    fast = cv.compile(model, {"scale": 2.0, "x": x, "mask": mask})
    fast.save(tmp_path / "masked")
    loaded = cv.load(tmp_path / "masked")
    assert_equal(loaded(x=x, mask=mask, scale=2.0), fast(mask=mask, x=x, scale=2.0))


def difference():
    b = GraphBuilder("difference")
    first, second = b.input("a", TensorType((2, 3))), b.input("b", TensorType((2, 3)))
    return b.build([b.add(ops.Elementwise("sub"), first, second)])


def test_inputs_of_a_graph_are_bound_by_name():
    a, b = torch.randn(2, 3), torch.randn(2, 3)
    for fast in (cv.compile(difference()), cv.compile(difference(), {"b": b, "a": a})):
        assert_equal(fast(b=b, a=a), a - b)
        assert_equal(fast(a, b=b), a - b)
    with pytest.raises(ShapeError, match=r"got difference\(f32\[2,3\]\): 'b' is missing"):
        fast(a)
    with pytest.raises(CompileError, match="'b' is a float, but difference takes f32.2,3."):
        cv.compile(difference(), (a, 1.0))


class Difference(nn.Module):
    def forward(self, a, b):
        return a - 2 * b


@pytest.fixture
def file(tmp_path):
    to_onnx(
        Difference(),
        tmp_path / "difference.onnx",
        (torch.zeros(2, 3), torch.zeros(2, 3)),
        dynamic_batch=True,
    )
    return tmp_path / "difference.onnx"


def test_inputs_of_an_onnx_file_are_bound_by_name(file):
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    for examples in ((a, b), {"b": b, "a": a}):
        assert_close(cv.compile(file, examples)(b=b, a=a), a - 2 * b, reduction=2)


def test_a_file_with_an_open_batch_asks_for_an_example(file):
    message = (
        r"^Difference leaves the batch N of its inputs open \(a: f32\[N,3\], b: f32\[N,3\]\).*"
        r"example_inputs=\(torch.zeros\(1, 3\), torch.zeros\(1, 3\)\)$"
    )
    with pytest.raises(CompileError, match=message):
        cv.compile(file)
    graph = from_torch(nn.ReLU(), torch.zeros(2, 3), dynamic_batch=True)
    with pytest.raises(CompileError, match=r"example_inputs=torch.zeros\(1, 3\)$"):
        cv.compile(graph)


def test_a_file_with_open_sizes_is_read_at_those_of_the_example(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    sizes = ["n", 3, "h", "w"]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "open", [x], [y])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "open.onnx")
    message = r"input 'x' open, \(n, 3, h, w\).*example_inputs=torch.zeros\(1, 3, 224, 224\)"
    with pytest.raises(CompileError, match=message):
        cv.compile(tmp_path / "open.onnx")
    images = torch.randn(2, 3, 5, 6)
    for examples in (images, {"x": images.numpy()}):
        fast = cv.compile(tmp_path / "open.onnx", examples)
        assert_equal(fast(x=images), images.relu())
    assert_equal(fast(images[:, :, 1:]), images[:, :, 1:].relu())
