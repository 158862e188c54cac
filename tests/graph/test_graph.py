"""The graph itself: building, printing, checking, rewriting, running."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.compare import assert_close, assert_equal
from torch import nn

from convariant.errors import GraphError, ShapeError
from convariant.graph import (
    Dim,
    Graph,
    GraphBuilder,
    Node,
    TensorType,
    flatten_arguments,
    from_torch,
    interpret,
    interpret_all,
    nest_results,
    prune,
    rewrite,
    substitute,
    verify,
)
from convariant.graph.ops import Concat, Elementwise, Linear, Pool


def chain(*functions: str) -> Graph:
    """x -> f -> g ..., named a, b, c..."""
    b = GraphBuilder("chain")
    value = b.input("x", TensorType((2, 3)))
    for name, function in zip("abcdef", functions, strict=False):
        value = b.add(Elementwise(function), value, path="body", name=name)
    return b.build([value])


def test_dim_arithmetic() -> None:
    assert str(Dim() * 6 // 2 + Dim()) == "4N"
    assert 2 * Dim(3) == Dim(6)
    assert Dim(3).at(5) == 15
    for sizes in ((Dim(), 1), (1, Dim())):
        with pytest.raises(ShapeError, match="do not add up to a multiple of the batch"):
            Concat(0).infer(*(TensorType((size,)) for size in sizes))


def test_types() -> None:
    t = TensorType((2, 3, 4, 5), torch.float16)
    assert (str(t), t.rank, t.numel, t.nbytes, t.spatial) == ("f16[2,3,4,5]", 4, 120, 240, (4, 5))
    assert str(TensorType((Dim(2), 3)).at(4)) == "f32[8,3]"
    assert str(TensorType((), torch.complex32)) == "complex32[]"


def test_builder_makes_names_unique_and_shares_constants() -> None:
    b = GraphBuilder()
    x = b.input("x", TensorType((2,)))
    one = torch.ones(2)
    assert b.constant(one, "w") == b.constant(one, "other") == "w"
    y = b.add(Elementwise("add"), x, "w")
    assert b.add(Elementwise("add"), y, "w") == "add_1"
    graph = b.build(["add_1"])
    assert graph.constants["w"] is one
    with pytest.raises(GraphError, match="do not broadcast"):
        b.add(Elementwise("add"), x, b.constant(torch.ones(3)))
    assert b.add(Elementwise("relu"), x) == "relu"


def test_build_drops_what_nobody_reads() -> None:
    b = GraphBuilder()
    x = b.input("x", TensorType((2,)))
    b.add(Elementwise("add"), x, b.constant(torch.ones(2), "dead"))
    graph = b.build([b.add(Elementwise("relu"), x)])
    assert [n.name for n in graph.nodes] == ["relu"]
    assert not graph.constants
    assert set(graph.types) == {"x", "relu"}


def test_printed_form_fits_100_columns() -> None:
    net = nn.Sequential(nn.Conv3d(3, 64, 7, 2, 3), nn.BatchNorm3d(64), nn.LeakyReLU(0.1))
    long = nn.Sequential()
    long.add_module("a_module_with_a_very_long_name_that_goes_on_and_on_for_ever", net)
    text = str(from_torch(long, torch.empty(1, 3, 100, 100, 100)))
    assert max(map(len, text.splitlines())) <= 100
    assert "Conv 7x7x7 s2 p3 (input, a_module_with" in text
    assert "Elementwise leaky_relu slope=0.1" in text


def test_graph_is_immutable() -> None:
    graph = chain("relu")
    with pytest.raises(AttributeError):
        graph.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        graph.constants["w"] = torch.ones(1)  # type: ignore[index]


def test_users_and_producers() -> None:
    graph = chain("relu", "exp", "neg")
    assert [n.name for n in graph.users()["a"]] == ["b"]
    assert graph.users()["c"] == []
    assert graph.producers()["b"].inputs == ("a",)


def test_substitute_drops_a_node_in_the_middle() -> None:
    graph = substitute(chain("relu", "exp", "neg"), {"b": "a"})
    assert [(n.name, n.inputs) for n in graph.nodes] == [("a", ("x",)), ("c", ("a",))]
    assert substitute(chain("relu", "exp"), {"b": "a", "a": "x"}).outputs == ("x",)


def test_substitute_keeps_the_structure_of_results() -> None:
    graph = from_torch(nn.Sequential(nn.ReLU(), nn.Sigmoid()), torch.empty(2))
    shorter = substitute(graph, {"sigmoid": "relu"})
    verify(shorter)
    assert nest_results(shorter, interpret(shorter, -torch.ones(2))).tolist() == [0, 0]


def test_rewrite_replaces_by_rule() -> None:
    def split_silu(node: Node) -> list[Node] | None:
        if node.op != Elementwise("silu"):
            return None
        gate = Node(Elementwise("sigmoid"), node.inputs, (f"{node.name}_gate",), node.path)
        product = (*node.inputs, gate.name)
        return [gate, Node(Elementwise("mul"), product, node.outputs, node.path)]

    graph = chain("relu", "silu", "neg")
    after = rewrite(graph, split_silu)
    verify(after)
    assert [n.op.text() for n in after.nodes] == ["relu", "sigmoid", "mul", "neg"]
    x = torch.randn(2, 3)
    assert_close(interpret(after, x)[0], interpret(graph, x)[0])


def test_prune_keeps_inputs() -> None:
    graph = chain("relu", "exp")
    assert prune(replace(graph, outputs=("x",))).nodes == ()


def test_with_inputs_infers_anew() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    graph = from_torch(net, torch.empty(1, 3, 9, 9)).with_inputs((5, 3, 30, 20))
    verify(graph)
    assert str(graph.types["conv2d"]) == "f32[5,4,14,9]"
    assert str(graph.output_types[0]) == "f32[5,4]"
    with pytest.raises(GraphError, match=r"^cannot capture 0: .*Kernel size can't be greater"):
        graph.with_inputs((1, 3, 2, 2))
    changed = graph.with_nodes(graph.nodes)
    assert str(changed.with_inputs((2, 3, 8, 8)).output_types[0]) == "f32[2,4]"
    with pytest.raises(GraphError, match=r"^0 \(Conv conv2d\): .*Kernel size can't be greater"):
        changed.with_inputs((1, 3, 2, 2))
    with pytest.raises(GraphError, match="has 1 inputs, but got 2 shapes"):
        graph.with_inputs((1,), (2,))


def test_nodes_behind_one_whose_type_stays_are_not_asked_again(monkeypatch) -> None:
    graph = chain("relu", "exp", "tanh")
    a, b, c = graph.nodes
    asked: list[str] = []
    infer = Elementwise.infer

    def counting(self: Elementwise, *types: TensorType) -> tuple[TensorType, ...]:
        asked.append(self.function)
        return infer(self, *types)

    monkeypatch.setattr(Elementwise, "infer", counting)
    changed = graph.with_nodes((replace(a, op=Elementwise("neg")), b, c))
    verify(changed, graph)
    assert asked == ["neg", "neg"]
    wider = changed.with_inputs((4, 3))
    assert asked[2:] == ["neg", "exp", "tanh"]
    assert [str(wider.types[name]) for name in "abc"] == ["f32[4,3]"] * 3


def test_verify_finds_each_fault() -> None:
    graph = chain("relu", "exp")
    a, b = graph.nodes
    faults = {
        r"body \(Elementwise a\) reads 'b', which nothing before": {
            "nodes": (replace(a, inputs=("b",)), b)
        },
        "computes 'a' a second time": {"nodes": (a, replace(b, outputs=("a",)))},
        "returns 'z', which nothing computes": {"outputs": ("z",)},
        "lists 'w' as a parameter": {"parameters": frozenset({"w"})},
        "the name 'x' stands for two values": {"constants": {"x": torch.ones(2, 3)}},
        r"is recorded as f32\[9\], but computes f32\[2,3\]": {
            "types": {**graph.types, "b": TensorType((9,))}
        },
        "names 2 outputs, but the operation has 1": {"nodes": (replace(a, outputs=("a", "c")), b)},
    }  # fmt: skip
    for message, change in faults.items():
        with pytest.raises(GraphError, match=message):
            verify(replace(graph, **change))
        with pytest.raises(GraphError, match=message):
            verify(replace(graph, **change), before=graph)
    verify(graph)
    verify(graph, before=graph)


def test_verify_checks_the_structure() -> None:
    graph = from_torch(nn.ReLU(), torch.empty(2))
    with pytest.raises(GraphError, match="in its structure, which is none of its outputs"):
        verify(replace(graph, outputs=("input",)))


def test_interpret_all_gives_every_value() -> None:
    graph = chain("relu", "neg")
    values = interpret_all(graph, torch.ones(2, 3))
    assert list(values) == ["x", "a", "b"]
    assert_equal(values["b"], -torch.ones(2, 3))


def test_interpret_returns_inputs_and_constants_that_are_outputs() -> None:
    b = GraphBuilder()
    x = b.input("x", TensorType((2,)))
    w = b.constant(torch.arange(2.0), "w")
    y, z = interpret(b.build([x, w]), torch.ones(2), dtype=torch.float64)
    assert y.dtype == z.dtype == torch.float64
    assert z.tolist() == [0, 1]


def test_interpret_refuses_other_inputs() -> None:
    graph = chain("relu")
    with pytest.raises(ShapeError, match=r"input 'x' has shape \(3, 3\), but .* f32\[2,3\]"):
        interpret(graph, torch.ones(3, 3))
    with pytest.raises(ShapeError, match=r"takes 1 inputs \(x\), but got 2"):
        interpret(graph, torch.ones(2, 3), torch.ones(2, 3))
    b = GraphBuilder("open")
    x = b.input("x", TensorType((Dim(), 2)))
    y = b.input("y", TensorType((Dim(2), 2)))
    graph = b.build([b.add(Pool1 := Elementwise("relu"), x), b.add(Pool1, y)])
    assert interpret(graph, torch.ones(3, 2), torch.ones(6, 2))[1].shape == (6, 2)
    with pytest.raises(ShapeError, match="have different batches; give all the same"):
        interpret(graph, torch.ones(3, 2), torch.ones(4, 2))
    with pytest.raises(ShapeError, match="have different batches; give all the same"):
        interpret(graph, torch.ones(3, 2), torch.ones(5, 2))


def test_interpret_names_the_node_that_fails() -> None:
    b = GraphBuilder()
    x = b.input("x", TensorType((1, 2), torch.int64))
    w = b.constant(torch.ones(3, 2, dtype=torch.int64))
    graph = b.build([b.add(Linear(), x, w, path="head", name="y")])
    half = replace(graph, constants={"const": torch.ones(3, 2)})
    with pytest.raises(GraphError, match=r"head \(Linear y\) failed on \(i64\[1,2\], f32\[3,2\]\)"):
        interpret(half, torch.ones(1, 2, dtype=torch.int64))


def difference() -> Graph:
    b = GraphBuilder("difference")
    a, c = b.input("a", TensorType((2, 3))), b.input("c", TensorType((2, 3)))
    return b.build([b.add(Elementwise("sub"), a, c)])


def test_keywords_without_a_structure_are_the_names_of_inputs() -> None:
    graph = difference()
    assert flatten_arguments(graph, (1, 2), {}) == [1, 2]
    assert flatten_arguments(graph, (1,), {"c": 2}) == [1, 2]
    assert flatten_arguments(graph, (), {"c": 2, "a": 1}) == [1, 2]


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {"a": 1, "b": 2}, r"got difference\(a=1, b=2\): 'b' is none of its inputs"),
        ((1,), {"a": 2}, r"got difference\(1, a=2\): 'a' is given twice; give each input once"),
        ((), {"c": torch.ones(2, 3)}, r"got difference\(c=f32\[2,3\]\): 'a' is missing"),
        ((1,), {}, r"got difference\(1\): 'c' is missing"),
        ((1, 2, 3), {}, r"got difference\(1, 2, 3\): 3 are given by position"),
    ],
)
def test_other_inputs_than_the_named_ones_are_refused(args, kwargs, message) -> None:
    expected = r"^difference is called as difference\(a: f32\[2,3\], c: f32\[2,3\]\), but "
    with pytest.raises(ShapeError, match=expected + message):
        flatten_arguments(difference(), args, kwargs)


def test_results_without_a_structure() -> None:
    graph = chain("relu")
    assert nest_results(graph, (1,)) == 1
    assert nest_results(graph, (1, 2)) == (1, 2)


class Flagged(nn.Module):
    def forward(self, pair: tuple[torch.Tensor, torch.Tensor], flag: bool = True) -> torch.Tensor:
        return pair[0] - pair[1] if flag else pair[0]


def test_arguments_in_the_structure_of_the_model() -> None:
    graph = from_torch(Flagged(), ((torch.empty(2), torch.empty(2)), True))
    pair = (torch.ones(2), torch.zeros(2))
    assert flatten_arguments(graph, (pair, True), {}) == list(pair)
    with pytest.raises(ShapeError, match="captured with the argument True, but got False"):
        flatten_arguments(graph, (pair, False), {})
    with pytest.raises(ShapeError, match="captured with the argument True, but got f32"):
        flatten_arguments(graph, (pair, torch.ones(2)), {})
    with pytest.raises(ShapeError, match="captured with the argument True, but got bool.2.;"):
        flatten_arguments(graph, (pair, np.ones(2, bool)), {})
    expected = r"expected Flagged\(\(f32\[2\], f32\[2\]\), True\), got Flagged"
    with pytest.raises(ShapeError, match=expected + r"\(f32\[2\], f32\[2\], True\); call it as"):
        flatten_arguments(graph, (*pair, True), {})
    with pytest.raises(ShapeError, match=expected + r"\(\(f32\[2\], \(\)\), True\)"):
        flatten_arguments(graph, ((pair[0], ()), True), {})
    with pytest.raises(ShapeError, match=expected + r"\(\(f32\[2\], object\), 'abc.*…, 1\)"):
        flatten_arguments(graph, ((pair[0], object()), "abc" * 20, 1), {})


class Subtracted(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return (a - b) * scale


def test_keywords_come_in_any_order() -> None:
    a, b = torch.ones(2), torch.zeros(2)
    graph = from_torch(Subtracted(), {"a": a, "b": b, "scale": 2.0})
    assert flatten_arguments(graph, (), {"scale": 2.0, "b": b, "a": a}) == [a, b]
    expected = r"expected Subtracted\(a=f32\[2\], b=f32\[2\], scale=2.0\), got Subtracted"
    with pytest.raises(ShapeError, match=expected + r"\(f32\[2\], f32\[2\]\); give a, b, scale by"):
        flatten_arguments(graph, (a, b), {})
    with pytest.raises(ShapeError, match=expected + r"\(a=f32\[2\]\); call it as it was captured"):
        flatten_arguments(graph, (), {"a": a})


def test_a_keyword_for_what_was_captured_by_position_is_named() -> None:
    a, b = torch.ones(2), torch.zeros(2)
    graph = from_torch(Subtracted(), (a, b))
    expected = r"expected Subtracted\(a: f32\[2\], b: f32\[2\]\), got Subtracted"
    advice = "'b' was captured by position: give it without its name, or capture Subtracted with"
    with pytest.raises(ShapeError, match=expected + rf"\(f32\[2\], b=f32\[2\]\); {advice}"):
        flatten_arguments(graph, (a,), {"b": b})


def test_multiple_outputs_of_one_node() -> None:
    from convariant.geometry import Geometry

    b = GraphBuilder()
    x = b.input("x", TensorType((1, 1, 4)))
    op = Pool("max", Geometry(2, 2), indices=True)
    y, where = b.add_many(op, x, names=("y", "where"))
    graph = b.build([where])
    verify(graph)
    assert graph.producers()[y] is graph.producers()[where]
    assert interpret(graph, torch.tensor([[[1.0, 2, 4, 3]]]))[0].tolist() == [[[1, 2]]]
