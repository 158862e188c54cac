"""What real files do: odd spellings, wrong declarations, old opsets, sizes left open."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, parser

from convariant.errors import GraphError, ModelFileError
from convariant.graph import Dim, from_onnx, interpret
from convariant.graph.ops import Axis, Elementwise, Reshape
from support.compare import assert_close, assert_equal
from support.onnx_models import kinds, model, normal, one_node, parsed, run_onnxruntime

FLATTENING = """
flat (float[N, 2, H, W] x) => (float[N, M] y) {
  zero = Constant <value = int64 {0}> ()
  axes = Constant <value = int64[1] {0}> ()
  rest = Constant <value = int64[1] {-1}> ()
  shape = Shape (x)
  n = Gather (shape, zero)
  n1 = Unsqueeze (n, axes)
  target = Concat <axis = 0> (n1, rest)
  y = Reshape (x, target)
}
"""


def test_shape_arithmetic_vanishes() -> None:
    graph = from_onnx(parsed(FLATTENING), (3, 2, 4, 5))
    assert [type(node.op) for node in graph.nodes] == [Reshape]
    x = torch.randn(3, 2, 4, 5)
    assert_equal(interpret(graph, x)[0], x.flatten(1))


def test_shape_arithmetic_is_done_again_for_other_sizes() -> None:
    graph = from_onnx(parsed(FLATTENING), (3, 2, 4, 5)).with_inputs((7, 2, 6, 6))
    assert graph.output_types[0].shape == (7, 72)
    again = graph.with_inputs((1, 2, 3, 3)).with_inputs((2, 2, 4, 4))
    x = torch.randn(2, 2, 4, 4)
    assert_equal(interpret(again, x)[0], x.flatten(1))


def test_weights_are_shared_between_sizes() -> None:
    proto = one_node("Conv", {"x": normal(1, 2, 5, 5)}, weights={"w": normal(3, 2, 3, 3)})
    small = from_onnx(proto.SerializeToString())
    large = small.with_inputs((2, 2, 9, 9))
    assert large.constants["w"] is small.constants["w"]
    assert large.output_types[0].shape == (2, 3, 7, 7)


OPEN_BATCH = """
net (float[N, 2, 6, 6] x, float[N, 2, 6, 6] z) => (float[N, M] y) {
  sum = Add (x, z)
  shape = Shape <end = 1> (sum)
  rest = Constant <value = int64[2] {2, -1}> ()
  target = Concat <axis = 0> (shape, rest)
  r = Reshape (sum, target)
  y = Flatten (r)
}
"""


def test_an_open_batch_stays_open() -> None:
    graph = from_onnx(parsed(OPEN_BATCH))
    assert graph.output_types[0].shape == (Dim(), 72)
    for n in (1, 4):
        x, z = torch.randn(2, n, 2, 6, 6)
        assert_equal(interpret(graph.at_batch(n), x, z)[0], (x + z).flatten(1))
    assert graph.with_inputs((3, 2, 6, 6), (3, 2, 6, 6)).output_types[0].shape == (3, 72)


def test_what_the_batch_decides_beyond_sizes_is_refused() -> None:
    body = """
    net (float[N, 2] x) => (float[M, 2] y) {
      shape = Shape <end = 1> (x)
      cells = CastLike (shape, x)
      y = Add (x, cells)
    }
    """
    with pytest.raises(GraphError, match="depends on the batch; give input_shapes with a batch"):
        from_onnx(parsed(body))
    assert from_onnx(parsed(body), (2, 2)).output_types[0].shape == (2, 2)


def test_open_sizes_are_asked_for() -> None:
    with pytest.raises(GraphError, match=r"open, \(N, 2, H, W\); give them: input_shapes="):
        from_onnx(parsed(FLATTENING))
    unshaped = parsed(FLATTENING)
    unshaped.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(GraphError, match="does not declare the shape of its input 'x'"):
        from_onnx(unshaped)


def test_named_sizes_are_known_once_one_input_has_them() -> None:
    body = "net (float[N, C] x, float[N, C] z) => (float[N, C] y) { y = Mul (x, z) }"
    assert from_onnx(parsed(body), {"x": (2, 5)}).input_types[1].shape == (2, 5)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(1, 2), (1, 2), (1, 2)], "has 2 inputs .*but 3 shapes are given"),
        ((1, 2), "has 2 inputs .*but 1 shapes are given"),
        ({"u": (1, 2)}, "no input 'u' to give a shape; its inputs are x, z"),
        ({"x": (1, -2)}, "is not made of sizes"),
    ],
)
def test_shapes_that_do_not_fit_the_inputs(shapes: object, message: str) -> None:
    body = "net (float[N, C] x, float[N, C] z) => (float[N, C] y) { y = Mul (x, z) }"
    with pytest.raises(GraphError, match=message):
        from_onnx(parsed(body), shapes)  # type: ignore[arg-type]


def test_fixed_inputs_become_constants() -> None:
    body = "net (float[1, 4] x, int64[2] shape) => (float[2, 2] y) { y = Reshape (x, shape) }"
    with pytest.raises(GraphError, match=r"the shape \(input 1, 'shape'\) is computed from"):
        from_onnx(parsed(body))
    graph = from_onnx(parsed(body), fixed={"shape": torch.tensor([2, 2])})
    assert graph.inputs == ("x",)
    assert graph.output_types[0].shape == (2, 2)
    with pytest.raises(GraphError, match="no input 'u' to fix"):
        from_onnx(parsed(body), fixed={"u": torch.zeros(1)})


def test_wrong_declared_shapes_give_way() -> None:
    proto = one_node("Conv", {"x": normal(10, 2, 32, 32)}, weights={"w": normal(3, 2, 3, 3)})
    proto.graph.output[0].type.tensor_type.shape.dim.add().dim_value = 99
    assert from_onnx(proto, (1, 2, 7, 9)).output_types[0].shape == (1, 3, 5, 7)


def test_initialisers_listed_as_inputs_are_weights() -> None:
    proto = one_node("Conv", {"x": normal(1, 2, 5, 5)}, weights={"w": normal(3, 2, 3, 3)})
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (3, 2, 3, 3)))
    graph = from_onnx(proto)
    assert graph.inputs == ("x",)
    assert graph.parameters == {"w"}


def test_statistics_and_indices_are_no_parameters() -> None:
    vectors = {name: np.abs(normal(2, seed=i)) for i, name in enumerate("sbmv")}
    graph = from_onnx(one_node("BatchNormalization", {"x": normal(1, 2, 3, 3)}, weights=vectors))
    assert graph.parameters == {"s", "b"}
    assert set(graph.constants) == {"s", "b", "m", "v"}


def test_outputs_keep_the_names_of_the_file() -> None:
    body = """
    net (float[1, 4] x) => (float[1, 4] probabilities, float[1, 4] logits) {
      a = Relu (x)
      logits = Identity (a)
      d = Dropout (logits)
      p = Softmax <axis = 1> (d)
      probabilities = Identity (p)
    }
    """
    graph = from_onnx(parsed(body))
    assert graph.outputs == ("probabilities", "logits")
    assert kinds(graph) == ["relu", "Softmax"]


def test_paths_are_the_names_of_nodes() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], "/layer1/relu")]
    assert from_onnx(model(nodes, {"x": normal(2)}, ["y"])).nodes[0].path == "/layer1/relu"


def test_branches_with_a_known_condition() -> None:
    body = """
    net (float[N, 3] x) => (float[N, 3] y) {
      shape = Shape <start = 1> (x)
      three = Constant <value = int64[1] {3}> ()
      is_three = Equal (shape, three)
      y = If (is_three) <
        then_branch = yes () => (float[N, 3] a) { a = Relu (x) },
        else_branch = no () => (float[N, 3] b) { b = Neg (x) }
      >
    }
    """
    assert kinds(from_onnx(parsed(body), (2, 3))) == ["relu"]
    assert kinds(from_onnx(parsed(body), (2, 4))) == ["neg"]


def test_functions_of_the_file_are_read_in_place() -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
    net (float[4] x) => (float[4] y) { y = mine.twice (x) }
    <domain: "mine", opset_import: ["" : 17]>
    twice (a) => (b) { b = Add (a, a) }
    """
    graph = from_onnx(parser.parse_model(text))
    assert kinds(graph) == ["add"]
    assert graph.outputs == ("y",)


def test_functions_take_attributes() -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
    net (float[4] x) => (float[4] y) { y = mine.leak <slope = 0.25> (x) }
    <domain: "mine", opset_import: ["" : 17]>
    leak <slope> (a) => (b) { b = LeakyRelu <alpha : float = @slope> (a) }
    """
    assert from_onnx(parser.parse_model(text)).nodes[0].op == Elementwise("leaky_relu", (0.25,))


def test_functions_that_never_end_are_refused() -> None:
    header = '<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>'
    call = "net (float[4] x) => (float[4] y) { y = mine.f0 (x) }"
    one = '<domain: "mine", opset_import: ["" : 17, "mine" : 1]> '
    endless = one + "f0 (a) => (b) { b = mine.f0 (a) }"
    with pytest.raises(GraphError, match="nested more than 16 deep"):
        from_onnx(parser.parse_model(header + call + endless))
    # each function calls the next twelve times: 12^8 nodes from a file of a few kilobytes
    calls = [
        " ".join(f"v{i + 1} = mine.f{level + 1} (v{i})" for i in range(12)) for level in range(8)
    ]
    many = "".join(f"{one} f{level} (v0) => (v12) {{ {body} }}" for level, body in enumerate(calls))
    last = one + "f8 (v0) => (b) { b = Relu (v0) }"
    with pytest.raises(GraphError, match="unfold to more than 100000 nodes"):
        from_onnx(parser.parse_model(header + call + many + last))


def test_nodes_are_counted_as_they_unfold(monkeypatch: pytest.MonkeyPatch) -> None:
    branch = "y = If (c) <then_branch = a () => (float[4] u) { %s u = Relu (x) }, %s>"
    other = "else_branch = b () => (float[4] v) { v = Neg (x) }"
    net = f"net (float[4] x, bool c) => (float[4] y) {{ {branch % ('t = Neg (x) ' * 3, other)} }}"
    fixed = {"c": torch.tensor(True)}
    monkeypatch.setattr("convariant.graph.onnx._reader.MOST_NODES", 5)
    assert kinds(from_onnx(parsed(net), fixed=fixed)) == ["relu"]
    monkeypatch.setattr("convariant.graph.onnx._reader.MOST_NODES", 4)
    with pytest.raises(GraphError, match="unfold to more than"):
        from_onnx(parsed(net), fixed=fixed)


def test_reading_takes_time_in_proportion_to_the_nodes() -> None:
    chain = [helper.make_node("Add", [f"v{i}", "one"], [f"v{i + 1}"]) for i in range(4000)]
    weights = {"one": np.ones(4, np.float32)}
    start = time.process_time()
    graph = from_onnx(model(chain, {"v0": normal(4)}, ["v4000"], weights=weights))
    assert time.process_time() - start < 5  # a minute and more where each node looks at the rest
    assert len(graph.nodes) == 4000


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


SCALES = np.array([1, 1, 2, 3], np.float32)
RESIZE = {
    "mode": "nearest",
    "nearest_mode": "floor",
    "coordinate_transformation_mode": "asymmetric",
}
# operator, opset, attributes, weights: the same thing as it was and as it is
OLD_AND_NEW = {
    "clip": (
        ("Clip", 6, {"min": -0.5, "max": 0.5}, []),
        ("Clip", 13, {}, [number(-0.5), number(0.5)]),
    ),
    "pad": (
        ("Pad", 9, {"pads": [0, 0, 1, 0, 0, 0, 0, 2], "value": 3.0}, []),
        ("Pad", 13, {}, [ints(0, 0, 1, 0, 0, 0, 0, 2), number(3)]),
    ),
    "slice": (
        ("Slice", 9, {"starts": [0, 0, 1, 0], "ends": [1, 9, 9, -1]}, []),
        ("Slice", 13, {}, [ints(0, 0, 1, 0), ints(1, 9, 9, -1)]),
    ),
    "unsqueeze": (
        ("Unsqueeze", 11, {"axes": [0, 3]}, []),
        ("Unsqueeze", 13, {}, [ints(0, 3)]),
    ),
    "squeeze": (("Squeeze", 11, {"axes": [0]}, []), ("Squeeze", 13, {}, [ints(0)])),
    "split": (
        ("Split", 11, {"axis": 3, "split": [3]}, []),
        ("Split", 13, {"axis": 3}, [ints(3)]),
    ),
    "reduce": (
        ("ReduceMean", 13, {"axes": [1], "keepdims": 0}, []),
        ("ReduceMean", 18, {"keepdims": 0}, [ints(1)]),
    ),
    "upsample": (
        ("Upsample", 9, {"mode": "nearest"}, [SCALES]),
        ("Resize", 13, RESIZE, [np.zeros(0, np.float32), SCALES]),
    ),
}


@pytest.mark.parametrize("name", OLD_AND_NEW)
def test_old_and_new_spellings_are_one_graph(name: str) -> None:
    old, new = (
        from_onnx(
            one_node(
                operator,
                {"x": normal(1, 2, 2, 3)},
                opset=opset,
                weights={f"w{i}": weight for i, weight in enumerate(weights)},
                **attributes,
            )
        )
        for operator, opset, attributes, weights in OLD_AND_NEW[name]
    )
    assert [node.op for node in old.nodes] == [node.op for node in new.nodes]
    assert old.output_types == new.output_types


def test_softmax_before_opset_13_is_over_all_axes_that_follow() -> None:
    proto = one_node("Softmax", {"x": normal(2, 3, 4)}, opset=11, axis=1)
    x = normal(2, 3, 4, seed=1)
    (truth,) = run_onnxruntime(proto, {"x": x})
    assert_close(interpret(from_onnx(proto), torch.from_numpy(x))[0], truth, reduction=12)
    assert float(truth[0].sum()) == pytest.approx(1)


def test_batch_norm_of_each_position_in_opset_7() -> None:
    vectors = {name: np.abs(normal(2, 3, 3, seed=i)) for i, name in enumerate("sbmv")}
    proto = one_node(
        "BatchNormalization", {"x": normal(4, 2, 3, 3)}, weights=vectors, opset=7, spatial=0
    )
    x = torch.from_numpy(normal(4, 2, 3, 3, seed=9))
    s, b, m, v = (torch.from_numpy(vectors[n]).double() for n in "sbmv")
    truth = (x.double() - m) / (v + 1e-5).sqrt() * s + b
    assert_close(interpret(from_onnx(proto), x)[0], truth, dtype="float32", reduction=4)


def test_addition_before_opset_7_names_the_axis() -> None:
    proto = one_node(
        "Add", {"x": normal(2, 3, 4, 5)}, weights={"b": normal(3, 4)}, opset=6, axis=1, broadcast=1
    )
    x, b = normal(2, 3, 4, 5, seed=1), normal(3, 4)
    truth = torch.from_numpy(x + b[:, :, None])
    assert_equal(interpret(from_onnx(proto), torch.from_numpy(x))[0], truth)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("y = Conv (x, missing)", "Conv 'y': reads 'missing', which no node before it computes"),
        ("y = StringNormalizer (x)", "StringNormalizer 'y': the operator has no kind of node"),
        ("y = com.microsoft.FusedConv (x, x)", "the operator is of the domain 'com.microsoft'"),
        ("y = Reshape (x, x)", r"the shape \(input 1, 'x'\) is computed from the network's input"),
        ("y = Conv (x)", "Conv 'y': input 1 is missing"),
        ("y = Conv <auto_pad = \"SOME\"> (x, x)", "auto_pad='SOME' is none of 'NOTSET'"),
        ("y = Elu <alpha = \"a\"> (x)", "attribute alpha is b'a', of the wrong type"),
        ("y = MaxPool (x)", "kernel_shape is missing"),
        ("y = Transpose <perm = [0, 0, 1, 2]> (x)", "does not name each axis"),
        ("y = Softmax <axis = 7> (x)", "Dimension out of range: softmax has axis 7"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_expressed(body: str, message: str) -> None:
    text = f'<ir_version: 8, opset_import: ["" : 13, "com.microsoft" : 1]>'  # noqa: F541
    text += f"net (float[1, 2, 5, 5] x) => (float[N] y) {{ {body} }}"
    with pytest.raises(GraphError, match=f"^net: .*{message}"):
        from_onnx(parser.parse_model(text))


def test_an_unknown_index() -> None:
    weights = {"i": np.array(7)}
    with pytest.raises(GraphError, match="index 7 is out of bounds for axis 0 of 2"):
        from_onnx(one_node("Gather", {"x": normal(2, 3)}, weights=weights))


def test_constants_that_are_no_numbers() -> None:
    node = helper.make_node("Constant", [], ["y"], value_string="text")
    with pytest.raises(GraphError, match="holds value_string; only numbers can be computed with"):
        from_onnx(model([node], {"x": normal(1)}, ["y"]))


def test_models_of_other_domains() -> None:
    proto = one_node("Relu", {"x": normal(1)})
    proto.opset_import[0].domain = "ai.onnx.ml"
    with pytest.raises(ModelFileError, match="imports only ai.onnx.ml"):
        from_onnx(proto)


def test_random_training_mode_is_refused() -> None:
    weights = {"ratio": np.array(0.5, np.float32), "mode": np.array(True)}
    with pytest.raises(GraphError, match="export the network in eval mode"):
        from_onnx(one_node("Dropout", {"x": normal(2)}, weights=weights))


def test_axis_zero_of_reshape_follows_the_input() -> None:
    weights = {"shape": np.array([0, -1])}
    graph = from_onnx(one_node("Reshape", {"x": normal(2, 3, 4)}, weights=weights))
    assert graph.nodes[0].op == Reshape((Axis(0), -1))


def test_scalars_are_kept_apart_from_vectors() -> None:
    """A constant of shape (1, 1, 1, 1, 1) would widen its operand, so it keeps its axes."""
    graph = from_onnx(one_node("Add", {"x": normal(2)}, weights={"c": normal(1, 1, 1)}))
    assert graph.output_types[0].shape == (1, 1, 2)
    x = torch.tensor([1.0, 2.0])
    assert_equal(interpret(graph, x)[0], x + torch.from_numpy(normal(1, 1, 1)))


@pytest.mark.parametrize("kind", ["int32", "int64", "float", "float16"])
@pytest.mark.parametrize("other", ["int32", "int64", "float", "double"])
@pytest.mark.parametrize("known", [True, False])
def test_a_power_has_the_format_of_its_base_and_loses_nothing(kind, other, known) -> None:
    names = {"float": "float32", "double": "float64"}
    bases, exponents = [9, -3, 7, 10, -1], [3, 5, 0, 1, 2049]
    x, e = np.array(bases, names.get(kind, kind)), np.array(exponents, names.get(other, other))
    inputs, weights = (f"{kind}[5] x", f"<{other}[5] e = {{9, 9, 9, 9, 9}}>")
    if not known:
        inputs, weights = f"{inputs}, {other}[5] e", ""
    proto = parsed(f"net ({inputs}) => ({kind}[5] y) {weights} {{ y = Pow (x, e) }}", opset=15)
    given = {"x": x} if known else {"x": x, "e": e}
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(e, "e"))
    (y,) = interpret(from_onnx(proto), *(torch.from_numpy(v) for v in given.values()))
    (truth,) = run_onnxruntime(proto, given)
    assert y.dtype == truth.dtype
    assert y.tolist() == truth.tolist() == [b**e for b, e in zip(bases, exponents, strict=True)]
