"""Activations and biases that files spell in parts are found again, and nothing else is."""

from __future__ import annotations

import math

import onnx
import pytest
import torch
from onnx import helper

from convariant.graph import from_onnx, interpret
from convariant.graph.ops import Conv, Elementwise, Linear
from support.compare import assert_close
from support.onnx_models import kinds, model, normal, one_node, parsed, run_onnxruntime


@pytest.mark.parametrize(
    "spelling",
    [
        "c = Clip (x3, zero, six) m = Mul (x, c) y = Div (m, six)",
        "c = Clip (x3, zero, six) d = Div (c, six) y = Mul (x, d)",
        "c = Clip (x3, zero, six) d = Div (c, six) y = Mul (d, x)",
        "h = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x) y = Mul (x, h)",
        "s = Div (x, six) t = Add (s, half) c = Clip (t, zero, one) y = Mul (x, c)",
        "y = HardSwish (x)",
    ],
)
def test_hard_swish_in_parts(spelling: str) -> None:
    graph = from_onnx(parsed(_activation(spelling)))
    assert kinds(graph) == ["hard_swish"]
    x = torch.linspace(-6, 6, 24)
    assert_close(interpret(graph, x)[0], torch.nn.functional.hardswish(x.double()), dtype="float32")


def _activation(spelling: str) -> str:
    return f"""
    net (float[24] x) => (float[24] y) {{
      zero = Constant <value = float {{0.0}}> ()
      half = Constant <value = float {{0.5}}> ()
      one = Constant <value = float[1] {{1.0}}> ()
      six = Constant <value = float {{6.0}}> ()
      three = Constant <value = float[1] {{3.0}}> ()
      root = Constant <value = float {{{math.sqrt(2)}}}> ()
      x3 = Add (x, three)
      {spelling}
    }}
    """


@pytest.mark.parametrize(
    ("spelling", "kind", "truth"),
    [
        ("s = Sigmoid (x) y = Mul (x, s)", "silu", torch.nn.functional.silu),
        ("p = Softplus (x) t = Tanh (p) y = Mul (t, x)", "mish", torch.nn.functional.mish),
        (
            "d = Div (x, root) e = Erf (d) f = Add (e, one) m = Mul (x, f) y = Mul (m, half)",
            "gelu",
            torch.nn.functional.gelu,
        ),
        (
            "h = Mul (x, half) d = Div (x, root) e = Erf (d) f = Add (one, e) y = Mul (h, f)",
            "gelu",
            torch.nn.functional.gelu,
        ),
        (
            "c = Clip (x3, zero, six) y = Div (c, six)",
            "hard_sigmoid",
            torch.nn.functional.hardsigmoid,
        ),
    ],
)
def test_other_activations_in_parts(spelling: str, kind: str, truth: object) -> None:
    graph = from_onnx(parsed(_activation(spelling)))
    assert kinds(graph) == [kind]
    x = torch.linspace(-6, 6, 24)
    assert_close(interpret(graph, x)[0], truth(x.double()), dtype="float32", reduction=4)


@pytest.mark.parametrize(
    "spelling",
    [
        "c = Clip (x3, zero, six) m = Mul (x, c) y = Div (m, three)",
        "s = Sigmoid (x3) y = Mul (x, s)",
        "c = Clip (x, zero, six) d = Div (c, six) y = Mul (x, d)",
        "y = Clip (x, zero, one)",
        "s = Sigmoid (x) t = Mul (s, half) y = Mul (x, t)",
        "d = Div (x, half) e = Erf (d) f = Add (e, one) m = Mul (x, f) y = Mul (m, half)",
    ],
)
def test_near_misses_stay_as_they_are(spelling: str) -> None:
    """What differs from an activation by one number is not that activation."""
    proto = parsed(_activation(spelling))
    graph = from_onnx(proto)
    assert not {"hard_swish", "silu", "gelu", "mish"} & set(kinds(graph))
    x = torch.linspace(-6, 6, 24)
    (truth,) = run_onnxruntime(proto, {"x": x.numpy()})
    assert_close(interpret(graph, x)[0], truth, reduction=16)


def test_an_activation_of_a_scaled_value() -> None:
    """The scaling before it (learned, in PP-OCR) is not taken for a part of it."""
    spelling = "u = Mul (x, half) v = Add (u, three) w = Add (v, three) c = Clip (w, zero, six) "
    graph = from_onnx(parsed(_activation(spelling + "m = Mul (v, c) y = Div (m, six)")))
    assert kinds(graph) == ["mul", "add", "hard_swish"]


def test_a_value_that_others_read_stays() -> None:
    body = _activation("s = Sigmoid (x) y = Mul (x, s)").replace(
        "=> (float[24] y)", "=> (float[24] y, float[24] s)"
    )
    assert kinds(from_onnx(parsed(body))) == ["sigmoid", "silu"]


def conv_and_add() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Add", ["c", "b"], ["y"]),
    ]


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 3, 1, 1)])
def test_a_bias_added_behind_a_convolution(shape: tuple[int, ...]) -> None:
    weights = {"w": normal(3, 2, 3, 3), "b": normal(*shape, seed=1)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Add", ["c", "b"], ["y"]),
    ]
    proto = model(nodes, {"x": normal(2, 2, 5, 5)}, ["y"], weights=weights)
    graph = from_onnx(proto)
    assert [type(node.op) for node in graph.nodes] == [Conv]
    assert len(graph.nodes[0].inputs) == 3
    assert len(graph.parameters) == 2
    x = normal(2, 2, 5, 5, seed=2)
    (truth,) = run_onnxruntime(proto, {"x": x})
    assert_close(interpret(graph, torch.from_numpy(x))[0], truth, reduction=18)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3, 3, 3), (3, 3)])
def test_an_addend_that_is_no_bias(shape: tuple[int, ...]) -> None:
    weights = {"w": normal(3, 2, 3, 3), "b": normal(*shape, seed=1)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Add", ["c", "b"], ["y"]),
    ]
    graph = from_onnx(model(nodes, {"x": normal(2, 2, 5, 5)}, ["y"], weights=weights))
    assert [type(node.op) for node in graph.nodes] == [Conv, Elementwise]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_product_with_a_constant_is_a_layer(transposed: bool) -> None:
    weights = {"w": normal(5, 4).T if transposed else normal(4, 5), "b": normal(5, seed=1)}
    operator = "Gemm"
    proto = one_node(operator, {"x": normal(2, 4)}, weights=weights)
    graph = from_onnx(proto)
    assert [type(node.op) for node in graph.nodes] == [Linear]
    x = normal(2, 4, seed=2)
    assert_close(
        interpret(graph, torch.from_numpy(x))[0], run_onnxruntime(proto, {"x": x})[0], reduction=4
    )
