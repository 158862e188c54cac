"""Nodes that make no sense, or that have no form: one sentence that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from convariant.errors import GraphError
from convariant.geometry import Geometry
from convariant.graph import Dim, GraphBuilder, Node, TensorType, from_onnx, interpret
from convariant.graph.onnx import _write
from convariant.graph.onnx._write import to_proto
from convariant.graph.ops import Expand, Op, Permute, Pool, Reshape, Resize
from support.compare import assert_equal
from support.onnx_models import normal, one_node, parsed, run_onnxruntime

IMAGE = normal(1, 2, 6, 6)
KERNEL = normal(4, 2, 3, 3)


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers)


# operator, input, weights, attributes, what the message says
NODES: list[tuple[str, np.ndarray, list[np.ndarray], dict[str, Any], str]] = [
    ("Conv", IMAGE, [KERNEL], {"strides": [1]}, "strides=.1. must have one number for each of 2"),
    ("Conv", IMAGE, [KERNEL], {"pads": [1, 1]}, "must have a begin and an end for each of 2 axes"),
    ("Conv", IMAGE, [KERNEL], {"kernel_shape": [5, 5]}, "they must agree on 1 to 3 spatial axes"),
    ("Conv", IMAGE, [KERNEL], {"strides": [2**40, 1]}, "stride, dilation or padding is 1,099,511"),
    ("ConvTranspose", IMAGE, [normal(2, 4, 3, 3)], {"strides": [1, 2**31]}, "is 2,147,483,648; "),
    ("Conv", IMAGE, [normal(4, 2)], {}, "they must agree on 1 to 3 spatial axes"),
    ("Conv", IMAGE, [normal(4, 3, 3, 3)], {}, "to have 3 channels, but got 2 channels instead"),
    ("DeformConv", normal(1, 2, 6), [normal(4, 2, 3), normal(1, 6, 4)], {}, "is read on two"),
    ("Unique", IMAGE, [], {}, "depends on the input's values, .* up to here: outputs"),
    ("LpNormalization", IMAGE, [], {"p": 3}, "p=3; ONNX allows 1 and 2"),
    ("Resize", IMAGE, [normal(0), np.ones(3, np.float32)], {}, "3 sizes or scales are given"),
    ("Reshape", IMAGE, [np.ones(20_000, np.int64)], {}, "the shape has 20,000 numbers, as no list"),
    ("Pad", IMAGE, [ints(1, 1)], {}, "must have a begin and an end for each of"),
    ("Squeeze", IMAGE, [ints(1)], {}, "not all of size 1; only those can be dropped"),
    ("Unsqueeze", IMAGE, [ints(0, 0)], {}, "do not name different axes of the 6 that result"),
    ("Tile", IMAGE, [ints(2, 2)], {}, "must have one count per axis"),
    ("Slice", IMAGE, [ints(0), ints(1, 2)], {}, "must be lists of equal length"),
    ("Slice", IMAGE, [ints(0), ints(1), ints(0), ints(0)], {}, "a step of 0 never ends"),
    ("Split", IMAGE, [ints(5, 5)], {"axis": 2}, "cannot split axis 2 of size 6"),
    ("Clip", IMAGE, [normal(2)], {}, "min has the shape .2.; it must be one number"),
    ("CumProd", IMAGE, [], {}, "has no kind of node here, nor does ONNX define it by simpler"),
]


@pytest.mark.parametrize("case", range(len(NODES)), ids=lambda i: f"{i} {NODES[i][0]}")
def test_reading(case: int) -> None:
    operator, x, weights, attributes, message = NODES[case]
    named = {f"w{i}": weight for i, weight in enumerate(weights)}
    outputs = ("y", "z") if operator == "Split" else ("y",)
    proto = one_node(operator, {"x": x}, weights=named, outputs=outputs, opset=22, **attributes)
    with pytest.raises(GraphError, match=f"^model: {operator} 'node': .*({message})"):
        from_onnx(proto)


def test_sums_that_never_end() -> None:
    weights = {name: np.array(n) for name, n in (("a", 0), ("b", 5), ("c", 0))}
    with pytest.raises(GraphError, match="the step of the range is 0"):
        from_onnx(one_node("Range", {}, weights=weights))


def test_a_reshape_without_shape() -> None:
    with pytest.raises(GraphError, match="the shape is missing; the file is damaged"):
        from_onnx(one_node("Reshape", {"x": IMAGE}))


def test_unsigned_numbers_of_64_bits() -> None:
    x = np.ones(3, np.uint64)
    with pytest.raises(GraphError, match="the input is uint64, in which PyTorch does not"):
        from_onnx(one_node("Add", {"x": x, "z": x}))


def test_a_quantised_product_of_the_wrong_format() -> None:
    one, number = np.ones((2, 2), np.uint8), np.float32(1)
    values = [one, number, np.uint8(0), one, number, np.uint8(0), number, np.int32(0)]
    inputs = {f"x{i}": np.array(v) for i, v in enumerate(values)}
    with pytest.raises(GraphError, match="neither int8 nor uint8"):
        from_onnx(one_node("QLinearMatMul", inputs))


@pytest.mark.parametrize(
    ("lengths", "attributes", "message"),
    [
        ([3, 2], {}, "sequences of different lengths"),
        (None, {"activations": ["Relu"]}, "activations other than"),
        (None, {"clip": 1.0}, "peepholes, clip and input_forget are not read"),
    ],
)
def test_recurrent_layers(
    lengths: list[int] | None, attributes: dict[str, Any], message: str
) -> None:
    weights = {"w": normal(1, 4, 5), "r": normal(1, 4, 4)}
    if lengths is not None:
        weights |= {"b": normal(1, 8), "lengths": np.array(lengths, np.int32)}
    proto = one_node("RNN", {"x": normal(3, 2, 5)}, weights=weights, hidden_size=4, **attributes)
    with pytest.raises(GraphError, match=message):
        from_onnx(proto)


OPEN = {
    "a branch": (
        "six = Constant <value = int64[1] {6}> () same = Equal (n, six) "
        "y = If (same) <then_branch = a () => (float[N] u) { u = Relu (x) }, "
        "else_branch = b () => (float[N] v) { v = Neg (x) }>",
        "what equal gives here depends on the batch; give input_shapes with a batch size",
    ),
    "a remainder": (
        "two = Constant <value = int64[1] {2}> () r = Mod (n, two) k = Cast <to = 1> (r) "
        "y = Mul (x, k)",
        "what remainder gives here depends on the batch",
    ),
    "a maximum": (
        "eight = Constant <value = int64[1] {8}> () m = Max (n, eight) z = CastLike (m, x) "
        "y = Mul (x, z)",
        "what maximum gives here depends on the batch",
    ),
    "a constant": (
        "k = Cast <to = 1> (n) y = Mul (x, k)",
        "the constant .* depends on the batch; give input_shapes with a batch size",
    ),
    "a size that is no multiple": (
        "one = Constant <value = int64[1] {1}> () m = Add (n, one) "
        "z = Constant <value = int64[3] {0, 0, 0}> () p = Concat <axis = 0> (z, m) y = Pad (x, p)",
        "102 at batch 101 is 104 at batch 103; give input_shapes",
    ),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_an_open_batch_cannot_decide(name: str) -> None:
    body, message = OPEN[name]
    text = f"net (float[N, 3] x) => (float[N, 3] y) {{ n = Shape <end = 1> (x) {body} }}"
    with pytest.raises(GraphError, match=message):
        from_onnx(parsed(text))
    assert from_onnx(parsed(text), (2, 3)).inputs == ("x",)


def test_comparisons_that_no_batch_decides() -> None:
    """`expand` of PyTorch's exporter compares the batch with -1; that is never equal."""
    body = """
    net (float[N, 1] x) => (float[N, 4] y) {
      n = Shape <end = 1> (x)
      wide = Constant <value = int64[1] {4}> ()
      wanted = Concat <axis = 0> (n, wide)
      free = Constant <value = int64[1] {-1}> ()
      one = Constant <value = int64[2] {1, 1}> ()
      same = Equal (wanted, free)
      target = Where (same, one, wanted)
      y = Expand (x, target)
    }
    """
    graph = from_onnx(parsed(body))
    assert graph.output_types[0].shape == (Dim(), 4)
    x = torch.tensor([[1.0], [2.0]])
    assert interpret(graph.at_batch(2), x)[0].tolist() == [[1.0] * 4, [2.0] * 4]


def graph_of(op: Op, *types: TensorType, outputs: int = 1) -> Any:
    b = GraphBuilder("one")
    names = [b.input(f"x{i}", t) for i, t in enumerate(types)]
    return b.build(b.add_many(op, *names, names=[f"y{i}" for i in range(outputs)]))


G = Geometry
WRITTEN: list[tuple[Op, Sequence[TensorType], int, str]] = [
    (Pool("lp", G((2, 2)), p=1.5), [TensorType((1, 1, 4, 4))], 1, "pooling with p=1.5; use an"),
    (
        Pool("avg", G((2, 2), 1, 2), False), [TensorType((1, 1, 4, 4))], 1,
        "a window that may lie in the padding alone; pad less",
    ),
    (
        Pool("max", G((2, 2), 1, ((0, 2), (0, 0))), indices=True), [TensorType((1, 1, 4, 4))], 2,
        "indices of maxima with padding as wide as the kernel; pad less",
    ),
    (
        Resize("linear", (4,), coordinates="tf_crop_and_resize", region=((0.0, 0.5),)),
        [TensorType((1, 1, 4))], 1, "cutting out a region while resizing",
    ),
    (Expand((Dim(), 3)), [TensorType((1, 3))], 1, "a batch that no input has; fix the batch"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRITTEN)))
def test_writing(case: int) -> None:
    op, types, outputs, message = WRITTEN[case]
    with pytest.raises(Exception, match=message) as caught:
        to_proto(graph_of(op, *types, outputs=outputs))
    assert type(caught.value).__module__ == "convariant.errors"


def test_two_open_sizes_in_a_shape() -> None:
    """Numbers cannot say it, so the file reads the batch from its input when it runs."""
    graph = graph_of(Permute((1, 0)), TensorType((Dim(), Dim(2))))
    doubled = Node(Reshape((Dim(2), 1, Dim())), ("x0",), ("y0",))
    graph = replace(
        graph, nodes=(doubled,), types={**graph.types, "y0": TensorType((Dim(2), 1, Dim()))}
    )
    x = normal(3, 6)
    (found,) = run_onnxruntime(to_proto(graph), {"x0": x})
    assert_equal(found, torch.from_numpy(x.reshape(6, 1, 3)))


@dataclass(frozen=True)
class Unknown(Op):
    """A kind that nobody has taught the writer."""

    def infer(self, *inputs: Any, **_: Any) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run(self, *inputs: Any, **_: Any) -> tuple[torch.Tensor, ...]:
        return (inputs[0],)


def test_a_kind_without_a_writer() -> None:
    with pytest.raises(GraphError, match="no form for the operation Unknown; write one with"):
        to_proto(graph_of(Unknown(), TensorType((2,))))


def test_more_weights_than_a_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    b = GraphBuilder("large")
    x = b.input("x", TensorType((4, 4)))
    w = b.constant(torch.ones(4, 4), "w")
    graph = b.build([b.add(Permute((1, 0)), x), w])
    monkeypatch.setattr(_write, "LARGEST_CONSTANT", 64)
    with pytest.raises(GraphError, match="has 64 bytes of weights, but an ONNX file holds 64"):
        to_proto(graph)


def test_a_node_without_a_name_or_output() -> None:
    proto = one_node("Relu", {"x": IMAGE})
    proto.graph.node.append(helper.make_node("Conv", ["x"], []))
    with pytest.raises(GraphError, match="Conv 'without a name': input 1 is missing"):
        from_onnx(proto)
    assert isinstance(proto, onnx.ModelProto)
