"""Every kind of operation written as ONNX: two engines and reading it back agree with us."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx
import pytest
import torch

from convariant.geometry import Geometry
from convariant.graph import Graph, GraphBuilder, TensorType, from_onnx, interpret
from convariant.graph.onnx._write import to_proto
from convariant.graph.ops import (
    FUNCTIONS,
    REDUCTIONS,
    AdaptivePool,
    Axis,
    BatchNorm,
    Cast,
    Concat,
    Conv,
    DepthToSpace,
    Elementwise,
    Expand,
    Fold,
    GroupNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MatMul,
    MaxUnpool,
    Op,
    Pad,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Resize,
    Slice,
    Softmax,
    SpaceToDepth,
)
from support.compare import assert_close
from support.onnx_models import run_onnxruntime, run_openvino

G = Geometry
Shapes = tuple[tuple[int, ...], ...]

# name -> operation, shapes of its inputs; those after the first are weights
LAYERS: dict[str, tuple[Op, Shapes]] = {
    "conv 1d": (Conv(G((3,), 2, 1)), ((2, 3, 9), (4, 3, 3), (4,))),
    "conv asymmetric": (
        Conv(G((3, 2), (2, 1), ((1, 0), (0, 2)), (1, 2))), ((2, 3, 7, 6), (4, 3, 3, 2), (4,)),
    ),
    "conv same": (Conv(G((4, 3), 2, "same")), ((1, 2, 7, 6), (2, 2, 4, 3))),
    "conv same lower": (Conv(G((4, 3), 2, "same_lower")), ((1, 2, 7, 6), (2, 2, 4, 3))),
    "conv groups": (Conv(G((3, 3)), 2), ((1, 4, 6, 6), (6, 2, 3, 3))),
    "conv depthwise 3d": (Conv(G((3, 3, 3), 1, 1), 4), ((1, 4, 4, 5, 6), (4, 1, 3, 3, 3))),
    "transposed": (
        Conv(G((3, 2), (2, 3), ((1, 0), (0, 1)), (1, 2), (1, 2), transposed=True)),
        ((1, 3, 4, 3), (3, 4, 3, 2), (4,)),
    ),
    "transposed groups": (
        Conv(G((3, 3), 2, 1, 1, 1, transposed=True), 2), ((2, 4, 4, 3), (4, 3, 3, 3), (6,)),
    ),
    "transposed same": (Conv(G((3,), (2,), "same", transposed=True)), ((1, 1, 4), (1, 1, 3))),
    "transposed same, wide stride": (
        Conv(G((2, 2), (3, 3), "same", transposed=True)), ((1, 2, 4, 4), (2, 3, 2, 2), (3,)),
    ),
    "transposed, extra beyond the stride": (
        Conv(G((2,), (1,), 0, 3, 2, transposed=True)), ((1, 2, 4), (2, 2, 2), (2,)),
    ),
    "transposed, extra beyond the stride, cropped": (
        Conv(G((2,), (1,), 1, 3, 2, transposed=True)), ((1, 2, 4), (2, 2, 2), (2,)),
    ),
    "linear": (Linear(), ((5, 3), (4, 3), (4,))),
    "linear without bias": (Linear(), ((5, 3), (4, 3))),
    "linear of a cube": (Linear(), ((2, 5, 3), (4, 3), (4,))),
    "linear of a vector": (Linear(), ((3,), (4, 3))),
    "matmul": (MatMul(), ((2, 1, 3, 4), (5, 4, 2))),
    "max pool": (Pool("max", G((3, 2), 2, ((1, 0), (0, 1)))), ((1, 2, 6, 5),)),
    "max pool ceil": (Pool("max", G((3, 3), 2, ceil_mode=True)), ((1, 2, 6, 8),)),
    "max pool dilated": (Pool("max", G((2, 2), 1, 1, 2)), ((1, 2, 6, 5),)),
    "max pool same 3d": (Pool("max", G((2, 3, 3), 2, "same")), ((1, 2, 5, 6, 7),)),
    "max pool, wide padding": (Pool("max", G((2, 2), 2, ((0, 2), (1, 1)))), ((1, 2, 5, 6),)),
    "average pool": (Pool("avg", G((3, 2), 2, 1)), ((1, 2, 6, 5),)),
    "average pool ceil": (Pool("avg", G((3, 2), 2, 1, ceil_mode=True)), ((1, 2, 6, 6),)),
    "average pool bare": (Pool("avg", G((3, 3), 2, 1), False), ((1, 2, 6, 5),)),
    "average pool bare ceil": (
        Pool("avg", G((3, 3), 2, 1, ceil_mode=True), False), ((1, 2, 6, 6),),
    ),
    "average pool divisor": (Pool("avg", G((3, 2), 2, 1), divisor=4), ((1, 2, 6, 5),)),
    "lp pool": (Pool("lp", G((3,), 2, 1), p=3.0), ((1, 2, 6),)),
    "global average": (AdaptivePool("avg", (1, 1)), ((2, 3, 4, 5),)),
    "global maximum": (AdaptivePool("max", (1,)), ((2, 3, 4),)),
    "adaptive, even": (AdaptivePool("avg", (2, 3)), ((1, 2, 8, 9),)),
    "adaptive average": (AdaptivePool("avg", (4, 3)), ((1, 2, 7, 9),)),
    "adaptive maximum": (AdaptivePool("max", (3, 4)), ((1, 2, 7, 9),)),
    "fold": (Fold(G((3, 2), 2, 1), (6, 5)), ((2, 18, 9),)),
    "batch norm": (BatchNorm(), ((2, 3, 4), (3,), (3,), (3,), (3,))),
    "batch norm without affine": (BatchNorm(1e-3), ((2, 3, 4), (3,), (3,))),
    "instance norm": (GroupNorm(), ((2, 3, 4), (3,), (3,))),
    "instance norm without affine": (GroupNorm(), ((2, 3, 4),)),
    "group norm": (GroupNorm(2), ((2, 4, 3, 3), (4,), (4,))),
    "group norm without affine": (GroupNorm(2), ((2, 4, 3),)),
    "layer norm": (LayerNorm(2), ((2, 3, 4), (3, 4), (3, 4))),
    "layer norm without affine": (LayerNorm(1), ((2, 3, 4),)),
    "rms norm": (LayerNorm(1, rms=True), ((2, 3, 4), (4,))),
    "local response norm": (LocalResponseNorm(3, 0.5, 0.6, 2.0), ((2, 5, 4, 3),)),
    "local response norm, even": (LocalResponseNorm(4, 0.5, 0.6, 2.0), ((2, 5, 4, 3),)),
    "local response norm, ahead": (LocalResponseNorm(4, 0.5, 0.6, 2.0, True), ((2, 5, 4, 3),)),
    "concat": (Concat(2), ((1, 2, 3), (1, 2, 4), (1, 2, 1))),
    "expand": (Expand((4, -1, 3)), ((2, 1),)),
    "reshape": (Reshape((Axis(0), 2, -1, Axis(2))), ((3, 4, 5),)),
    "permute": (Permute((2, 0, 1)), ((3, 4, 5),)),
    "slice": (Slice(1, 1, 6, 2), ((2, 7),)),
    "slice backwards": (Slice(1, 5, None, -2), ((2, 7),)),
    "slice open": (Slice(-1, -4, None), ((2, 7),)),
    "pad": (Pad(((0, 0), (2, -1)), value=3.0), ((2, 5),)),
    "pad reflect": (Pad(((0, 0), (0, 0), (2, 1), (1, 3)), "reflect"), ((1, 2, 5, 6),)),
    "pad replicate": (Pad(((0, 0), (0, 0), (2, 1), (1, 3)), "replicate"), ((1, 2, 5, 6),)),
    "pad circular": (Pad(((0, 0), (0, 0), (2, 1), (0, 6)), "circular"), ((1, 2, 5, 6),)),
    "depth to space": (DepthToSpace(2), ((1, 8, 2, 3),)),
    "depth to space, depth last": (DepthToSpace(2, depth_last=True), ((1, 8, 2, 3),)),
    "space to depth": (SpaceToDepth(2), ((1, 2, 4, 6),)),
    "space to depth, depth last": (SpaceToDepth(2, depth_last=True), ((1, 2, 4, 6),)),
    "softmax": (Softmax(1), ((2, 3, 4),)),
    "log softmax": (Softmax(-1, log=True), ((2, 3, 4),)),
    "resize twice": (
        Resize("nearest", None, (2.0, 3.0), "asymmetric", "floor"), ((1, 2, 3, 4),),
    ),
    "resize nearest": (
        Resize("nearest", (7, 3), None, "asymmetric", "floor"), ((1, 2, 3, 6),),
    ),
    "resize nearest exact": (
        Resize("nearest", (7, 3), None, "half_pixel", "round_prefer_ceil"), ((1, 2, 3, 6),),
    ),
    "resize linear": (Resize("linear", (7, 8)), ((1, 2, 3, 4),)),
    "resize linear by scales": (Resize("linear", None, (1.7, 0.6)), ((1, 2, 5, 6),)),
    "resize corners": (Resize("linear", (7, 3), coordinates="align_corners"), ((1, 2, 4, 5),)),
    "resize corners by scales": (
        Resize("linear", None, (1.7, 0.6), "align_corners"), ((1, 2, 4, 5),),
    ),
    "resize cubic": (Resize("cubic", (6, 9)), ((1, 2, 5, 4),)),
    "resize antialias": (
        Resize("linear", (3, 4), antialias=True, exclude_outside=True), ((1, 2, 8, 9),),
    ),
    "resize cubic antialias": (
        Resize("cubic", (3, 4), cubic=-0.5, antialias=True, exclude_outside=True), ((1, 2, 8, 9),),
    ),
    **{f"reduce {f}": (Reduce(f, (1, -1)), ((2, 3, 4),)) for f in sorted(REDUCTIONS)},
    "reduce drop": (Reduce("sum", (0,), keepdim=False), ((2, 3, 4),)),
}  # fmt: skip


def tensors(shapes: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Positive numbers, so that logarithms and variances exist."""
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(tuple(s), generator=generator) + 0.1 for s in shapes]


def built(op: Op, inputs: Sequence[torch.Tensor], weights: Sequence[torch.Tensor] = ()) -> Graph:
    b = GraphBuilder("one")
    names = [b.input(f"x{i}", TensorType.of(x)) for i, x in enumerate(inputs)]
    names += [b.constant(w, f"w{i}", parameter=True) for i, w in enumerate(weights)]
    return b.build([b.add(op, *names, name="y")])


def check_engines(graph: Graph, inputs: Sequence[torch.Tensor], reduction: int = 64) -> None:
    """Both engines, and the graph read back, compute what `interpret` computes in float64."""
    proto = to_proto(graph)
    onnx.checker.check_model(proto, full_check=True)
    assert not any(
        a.name in ("auto_pad", "ceil_mode") for n in proto.graph.node for a in n.attribute
    )
    truth = interpret(graph, *inputs)
    wide = interpret(graph, *(_wide(x) for x in inputs), dtype=torch.float64)
    feeds = {name: x.numpy() for name, x in zip(graph.inputs, inputs, strict=True)}
    for results in (
        run_onnxruntime(proto, feeds),
        run_openvino(proto, feeds),
        interpret(from_onnx(proto), *inputs),
    ):
        for actual, t, w in zip(results, truth, wide, strict=True):
            assert_close(actual, w, dtype=t.dtype, reduction=reduction)


def _wide(x: torch.Tensor) -> torch.Tensor:
    return x.double() if x.is_floating_point() else x


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    op, shapes = LAYERS[name]
    x, *weights = tensors(shapes)
    check_engines(built(op, [x], weights), [x])


# parameters of the functions that have some
PARAMS: dict[str, tuple[float, ...]] = {
    "clip": (-0.3, 0.4),
    "leaky_relu": (0.1,),
    "elu": (0.7, 1.3),
    "celu": (0.7,),
    "hard_sigmoid": (0.3, 0.4),
    "softplus": (2.0, 20.0),
    "hard_shrink": (0.4,),
    "soft_shrink": (0.4,),
    "shrink": (0.4, 0.1),
    "threshold": (0.2, -3.0),
}
# functions that are only defined on part of the line
DOMAINS = {"acos": (-0.9, 0.9), "asin": (-0.9, 0.9), "atanh": (-0.9, 0.9), "acosh": (1.1, 3.0)}
POSITIVE = ("log", "log2", "sqrt", "rsqrt", "reciprocal", "pow", "div", "floor_div", "trunc_div",
            "remainder", "fmod", "log1p")  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(function: str) -> None:
    low, high = DOMAINS.get(function, (0.2, 3.0) if function in POSITIVE else (-3.0, 3.0))
    shapes = [(2, 3, 4), (3, 1), (2, 3, 4)][: FUNCTIONS[function].arity]
    generator = torch.Generator().manual_seed(2)
    inputs = [torch.rand(s, generator=generator) * (high - low) + low for s in shapes]
    if function in ("and", "or", "xor", "not"):
        inputs = [x > 0 for x in inputs]
    elif function == "where":
        inputs = [inputs[0] > 0, *inputs[1:]]
    elif function in ("is_nan", "is_inf"):
        inputs[0][0, 0, :2] = torch.tensor([math.nan, math.inf])
    elif function == "round":
        inputs[0][0, 0] = torch.tensor([0.5, 1.5, -0.5, 2.5])
    elif function in ("equal", "not_equal", "less_equal", "greater_equal"):
        inputs = [x.round() for x in inputs]
    op = Elementwise(function, PARAMS.get(function, ()))
    if function in ("is_nan", "is_inf"):
        (truth,) = op.run(*inputs)
        proto = to_proto(built(op, inputs))
        assert torch.equal(run_onnxruntime(proto, {"x0": inputs[0].numpy()})[0], truth)
        return
    check_engines(built(op, inputs), inputs)


@pytest.mark.parametrize("function", ["add", "floor_div", "trunc_div", "remainder", "fmod", "div"])
def test_integers(function: str) -> None:
    inputs = [torch.tensor([7, -7, 7, -7, 6]), torch.tensor([3, 3, -3, -3, 3])]
    graph = built(Elementwise(function), inputs)
    feeds = {name: x.numpy() for name, x in zip(graph.inputs, inputs, strict=True)}
    (truth,) = interpret(graph, *inputs)
    (actual,) = run_onnxruntime(to_proto(graph), feeds)
    assert actual.dtype == truth.dtype
    assert torch.equal(actual, truth)


def test_number_formats_are_made_one() -> None:
    """A whole number added to real ones, as torch promotes them."""
    inputs = [torch.tensor([0.5, 1.5]), torch.tensor([1, 2])]
    check_engines(built(Elementwise("add"), inputs), inputs)
    check_engines(built(Concat(0), inputs), inputs)
    check_engines(built(Cast(torch.int32), inputs[:1]), inputs[:1])


def test_indices_of_maxima_and_back() -> None:
    b = GraphBuilder("unpool")
    x = b.input("x", TensorType((2, 3, 6, 6)))
    y, index = b.add_many(Pool("max", G((2, 2), 2), indices=True), x, names=("y", "index"))
    z = b.add(MaxUnpool((6, 6)), y, index, name="z")
    graph = b.build([z, index])
    (image,) = tensors([(2, 3, 6, 6)])
    check_engines(graph, [image])
