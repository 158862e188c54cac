"""Each kind of operation: inferred types are those computed, and its reach is what it reads."""

from __future__ import annotations

import math

import pytest
import torch
from tests.support.compare import assert_close, assert_equal

from convariant.errors import GeometryError, GraphError, ShapeError
from convariant.geometry import Geometry
from convariant.graph import Dim, TensorType
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
    GroupNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MatMul,
    Op,
    Pad,
    Permute,
    Pool,
    Reduce,
    Reshape,
    Resize,
    Slice,
    Slot,
    Softmax,
    SpaceToDepth,
    Torch,
)

Shapes = tuple[tuple[int, ...], ...]
G = Geometry

# name -> operation, input shapes, whether each reach is exactly what is read (else a superset)
CASES: dict[str, tuple[Op, Shapes, bool]] = {
    "conv": (
        Conv(G((3, 2), (2, 1), ((1, 0), (0, 2)), (1, 2))), ((2, 3, 7, 6), (4, 3, 3, 2), (4,)), True,
    ),
    "conv same": (Conv(G((4, 3), 2, "same")), ((1, 2, 7, 6), (2, 2, 4, 3)), True),
    "conv groups": (Conv(G((3,)), 2), ((1, 4, 6), (6, 2, 3)), False),
    "transposed": (
        Conv(G((3, 2), (2, 3), ((1, 0), (0, 1)), (1, 2), (1, 2), transposed=True)),
        ((1, 3, 4, 3), (3, 4, 3, 2), (4,)),
        True,
    ),
    "transposed 1d": (Conv(G((2,), (3,), transposed=True)), ((1, 1, 4), (1, 1, 2)), True),
    "transposed same": (Conv(G((3,), (2,), "same", transposed=True)), ((1, 1, 4), (1, 1, 3)), True),
    "average pool": (Pool("avg", G((3, 2), 2, 1, ceil_mode=True)), ((1, 2, 6, 5),), True),
    "average pool bare": (Pool("avg", G((3, 2), 2, 1), False), ((1, 2, 6, 5),), True),
    "max pool": (Pool("max", G((3, 2), 2, ((1, 0), (0, 1)))), ((1, 2, 6, 5),), False),
    "lp pool": (Pool("lp", G((3,), 2, 1), p=3.0), ((1, 2, 6),), True),
    "adaptive pool": (AdaptivePool("avg", (4, 3)), ((1, 2, 7, 9),), True),
    "linear": (Linear(), ((2, 5, 3), (4, 3), (4,)), False),
    "matmul": (MatMul(), ((2, 1, 3, 4), (5, 4, 2)), True),
    "add": (Elementwise("add"), ((2, 3, 4), (3, 1)), True),
    "where": (Elementwise("where"), ((2, 3), (2, 3), (1, 3)), False),
    "clip": (Elementwise("clip", (-9.0, 9.0)), ((2, 3),), True),
    "cast": (Cast(torch.float64), ((2, 3),), True),
    "concat": (Concat(2), ((1, 2, 3), (1, 2, 4), (1, 2, 1)), True),
    "expand": (Expand((4, -1, 3)), ((2, 1),), True),
    "reshape": (Reshape((Axis(0), 2, -1, Axis(2))), ((3, 4, 5),), False),
    "flatten": (Reshape((Axis(0), -1)), ((3, 4, 5),), False),
    "permute": (Permute((2, 0, 1)), ((3, 4, 5),), True),
    "slice": (Slice(1, 5, None, -2), ((2, 7),), True),
    "slice plain": (Slice(-1, -4, -1), ((2, 7),), True),
    "pad": (Pad(((0, 0), (2, -1)), value=3.0), ((2, 5),), True),
    "pad crop": (Pad(((0, 0), (-2, 4))), ((2, 5),), True),
    "depth to space": (DepthToSpace(2), ((1, 8, 2, 3),), False),
    "depth to space, depth last": (DepthToSpace(2, depth_last=True), ((1, 8, 2, 3),), False),
    "space to depth": (SpaceToDepth(2), ((1, 2, 4, 6),), False),
    "resize nearest": (
        Resize("nearest", (7, 3), None, "asymmetric", "floor"), ((1, 2, 3, 6),), True,
    ),
    "resize linear": (Resize("linear", (7, 8)), ((1, 2, 3, 4),), False),
    "resize linear down": (Resize("linear", (5,)), ((1, 2, 15),), True),
    "resize corners": (Resize("linear", (7,), coordinates="align_corners"), ((1, 2, 4),), True),
    "resize cubic": (Resize("cubic", None, (1.5,)), ((1, 2, 12),), False),
    "reduce": (Reduce("mean", (1, -1)), ((2, 3, 4),), True),
    "reduce drop": (Reduce("sum", (0,), keepdim=False), ((2, 3, 4),), True),
    "softmax": (Softmax(1), ((2, 3, 4),), True),
    "batch norm": (BatchNorm(), ((2, 3, 4), (3,), (3,), (3,), (3,)), False),
    "instance norm": (GroupNorm(), ((2, 3, 4), (3,), (3,)), False),
    "group norm": (GroupNorm(2), ((2, 4, 3),), False),
    "layer norm": (LayerNorm(2), ((2, 3, 4), (3, 4), (3, 4)), False),
    "rms norm": (LayerNorm(1, rms=True), ((2, 3, 4), (4,), (4,)), False),
    "local response norm": (LocalResponseNorm(3), ((2, 5, 4),), False),
}  # fmt: skip


def tensors(op: Op, shapes: Shapes, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    made = [torch.rand(s, generator=generator, dtype=dtype) + 0.1 for s in shapes]
    if isinstance(op, Elementwise) and op.function == "where":
        made[0] = made[0] > 0.6
    return made


@pytest.mark.parametrize("name", CASES)
def test_inferred_types_are_those_computed(name: str) -> None:
    op, shapes, _ = CASES[name]
    inputs = tensors(op, shapes, torch.float32)
    expected = op.infer(*map(TensorType.of, inputs))
    assert tuple(map(TensorType.of, op.run(*inputs))) == expected


@pytest.mark.parametrize("name", CASES)
def test_reach_is_what_the_derivative_shows(name: str) -> None:
    op, shapes, exact = CASES[name]
    inputs = tensors(op, shapes)
    types = tuple(map(TensorType.of, inputs))
    outputs = op.infer(*types)
    reaches = op.reach(types, outputs)
    layers = (Conv, Linear, BatchNorm, GroupNorm, LayerNorm)  # of their weights nothing is said
    for i, x in enumerate(inputs[:1] if isinstance(op, layers) else inputs):
        if not x.is_floating_point():
            continue

        def output(value: torch.Tensor, i: int = i) -> torch.Tensor:
            return op.run(*inputs[:i], value, *inputs[i + 1 :])[0]

        jacobian = torch.autograd.functional.jacobian(output, x)
        read = jacobian.reshape(*outputs[0].sizes, *x.shape) != 0
        stated = _stated(reaches[i], outputs[0].sizes, tuple(x.shape))
        assert not (read & ~stated).any(), "reads what its reach does not state"
        if exact:
            assert (read == stated).all(), "states what it does not read"


def _stated(reach: tuple, out: tuple[int, ...], size: tuple[int, ...]) -> torch.Tensor:
    """What a reach states, as a boolean (*out, *size)."""
    stated = torch.ones((*out, *size), dtype=torch.bool)
    for axis, taps in enumerate(reach):
        if taps is None:
            continue
        allowed = torch.zeros(out[axis], size[taps.axis], dtype=torch.bool)
        for o in range(out[axis]):
            for t in taps.at(o):
                if 0 <= t < size[taps.axis]:
                    allowed[o, t] = True
        shape = [1] * (len(out) + len(size))
        shape[axis], shape[len(out) + taps.axis] = allowed.shape
        stated = stated & allowed.reshape(shape)
    return stated


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_table(name: str) -> None:
    row = FUNCTIONS[name]
    op = Elementwise(name, (0.5,) * len(row.params))
    for dtype in (torch.float32, torch.float64):
        inputs = [torch.rand(2, 3).to(dtype) for _ in range(row.arity)]
        if name in ("where",):
            inputs[0] = inputs[0] > 0.5
        y = op.run(*inputs)[0]
        assert TensorType.of(y) == op.infer(*map(TensorType.of, inputs))[0]
        assert y.shape == (2, 3)


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reduction_table(name: str) -> None:
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    expected = {
        "mean": 2, "sum": 6, "max": 3, "min": 1, "prod": 6, "l1": 6, "l2": math.sqrt(14),
        "sum_square": 14, "log_sum": math.log(6), "log_sum_exp": 3.4076059644,
    }[name]  # fmt: skip
    assert Reduce(name, (1,)).run(x)[0][0].item() == pytest.approx(expected, rel=1e-6)
    assert Reduce(name, (), keepdim=False).run(x)[0].shape == (2, 3)


def test_pool_values() -> None:
    x = torch.tensor([[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]])[None, None]
    assert Pool("max", G(2, 2).on_axes(2)).run(x)[0][0, 0].tolist() == [[4, 5], [7, 9]]
    assert Pool("avg", G(2, 2).on_axes(2)).run(x)[0][0, 0].tolist() == [[2, 3], [4, 6]]
    y, where = Pool("max", G((2, 2), 2, ((1, 1), (1, 1))), indices=True).run(x)
    assert y[0, 0].tolist() == [[1, 3, 5], [3, 4, 9], [5, 8, 4]]
    assert where[0, 0].tolist() == [[0, 2, 3], [4, 5, 11], [12, 14, 15]]


def test_integer_pooling_pads_with_the_least_integer() -> None:
    x = torch.full((1, 1, 2), -7, dtype=torch.int8)
    assert Pool("max", G((2,), 1, ((1, 1),))).run(x)[0].tolist() == [[[-7, -7, -7]]]


def test_lrn_matches_torch_also_at_even_sizes() -> None:
    x = torch.randn(2, 7, 3)
    for size in (1, 2, 5, 6):
        expected = torch.nn.functional.local_response_norm(x, size, 0.1, 0.7, 2.0)
        assert_close(LocalResponseNorm(size, 0.1, 0.7, 2.0).run(x)[0], expected, reduction=16)


def test_group_norm_of_single_elements() -> None:
    x = torch.randn(2, 3, 1)
    y = GroupNorm().run(x, torch.ones(3), torch.arange(3.0))[0]
    assert_equal(y, torch.arange(3.0).view(1, 3, 1).expand(2, 3, 1))


def test_cost_counts() -> None:
    def cost(op: Op, *shapes: tuple[int, ...]) -> tuple[int, int, int]:
        inputs = tuple(TensorType(s) for s in shapes)
        c = op.cost(inputs, op.infer(*inputs))
        return c.macs, c.bias, c.other

    dense = Conv(G((3, 3), 1, 1))
    assert cost(dense, (1, 512, 14, 14), (512, 512, 3, 3)) == (462_422_016, 0, 0)
    depthwise = Conv(G((3, 3), 1, 1), 512)
    pointwise = Conv(G((1, 1)))
    assert (
        cost(depthwise, (1, 512, 14, 14), (512, 1, 3, 3))[0]
        + cost(pointwise, (1, 512, 14, 14), (512, 512, 1, 1))[0]
        == 52_283_392
    )
    # transposed: each input element meets the kernel, whatever the stride makes of the output
    up = Conv(G((2, 2), 2, transposed=True), 2)
    assert cost(up, (1, 4, 5, 5), (4, 3, 2, 2), (6,)) == (25 * 4 * 3 * 4, 600, 0)
    assert cost(Linear(), (2, 5), (3, 5), (3,)) == (30, 6, 0)
    assert cost(MatMul(), (2, 3, 4), (4, 5)) == (120, 0, 0)
    assert cost(Pool("max", G((3, 3), 2)), (1, 1, 5, 5)) == (0, 0, 36)
    assert cost(AdaptivePool("avg", (2, 3)), (1, 1, 3, 4)) == (0, 0, 24)
    assert cost(BatchNorm(), (1, 2, 3), (2,), (2,)) == (0, 0, 12)
    assert cost(Resize("linear", (4, 4)), (1, 1, 2, 2)) == (0, 0, 128)
    assert cost(Concat(0), (1, 2), (3, 2)) == (0, 0, 0)
    assert not Torch(torch.sort).cost((), ()).known


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (Conv(G((3, 3))), ((1, 3, 8, 8), (4, 5, 3, 3)), "to have 5 channels, but got 3"),
        (Conv(G((3, 3))), ((3, 8, 8), (4, 3, 3, 3)), "Expected 3D .unbatched. or 4D"),
        (Conv(G((3,)), 4), ((1, 8, 8), (6, 2, 3)), "do not divide into groups=4; use groups=2"),
        (Conv(G((3,))), ((1, 2, 8), (6, 2, 5)), "does not have the kernel size"),
        (Conv(G((3,))), ((1, 2, 8), (6, 2, 3), (5,)), r"expected bias of size \(6,\)"),
        (Pool("max", G((3, 3))), ((1, 2, 8),), "pooling over 2 axes"),
        (AdaptivePool("avg", (1,)), ((1, 2),), "adaptive pooling"),
        (Linear(), ((2, 3), (4, 5)), "cannot be multiplied.*set in_features=3"),
        (Linear(), ((2, 5), (4, 5), (5,)), "expected bias"),
        (MatMul(), ((2, 3), (4, 5)), "mat1 and mat2 shapes cannot be multiplied"),
        (Elementwise("add"), ((2, 3), (4,)), "do not broadcast: on axis -1 they have 3 and 4"),
        (Elementwise("add"), ((2, 3),), "add takes 2 inputs"),
        (Reshape((2, -1)), ((3, 5),), "is invalid for input of size 15"),
        (Reshape((2, 5)), ((3, 5),), "is invalid for input of size 15"),
        (Permute((0, 0)), ((3, 5),), "does not name each axis"),
        (Slice(3, 0, 1), ((3, 5),), "Dimension out of range"),
        (Concat(0), ((3, 5), (3, 4)), "Sizes of tensors must match except in dimension 0"),
        (Expand((4, 5)), ((3, 5),), "expanded size 4 must match the existing size 3"),
        (Expand((5,)), ((3, 5),), "fewer axes"),
        (Pad(((1, 1),)), ((3, 5),), "1 pairs for the 2 axes"),
        (Pad(((0, 0), (5, 0)), "reflect"), ((3, 5),), "Padding size should be less.*the most is 4"),
        (Pad(((0, 0), (-3, -3))), ((3, 5),), "crops more than"),
        (DepthToSpace(2), ((1, 3, 2, 2),), "divisible by the square of upscale_factor"),
        (SpaceToDepth(2), ((1, 3, 3, 2),), "divisible by downscale_factor"),
        (Resize("linear"), ((1, 3, 3, 2),), "needs a size or a scale"),
        (Resize("linear", None, (2.0,)), ((1, 3, 3, 2),), "1 scales for 2 spatial axes"),
        (Reduce("mean", (4,)), ((1, 3),), "Dimension out of range"),
        (BatchNorm(), ((1, 3, 2), (4,), (4,)), "set num_features=3"),
        (GroupNorm(2), ((1, 3, 2),), "divisible by num_groups"),
        (LayerNorm(1), ((1, 3), (4,)), "set normalized_shape"),
        (LocalResponseNorm(3), ((1, 3),), "Expected 3D or higher"),
        (LocalResponseNorm(0), ((1, 3, 4),), "norm over 0 channels; its window has at least one"),
    ],
)  # fmt: skip
def test_shape_errors(op: Op, shapes: Shapes, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        op.infer(*(TensorType(s) for s in shapes))


def test_window_that_does_not_fit() -> None:
    with pytest.raises(GeometryError, match="Kernel size can't be greater"):
        Conv(G((9,))).infer(TensorType((1, 1, 4)), TensorType((1, 1, 9)))


def test_unknown_names_and_parameters() -> None:
    with pytest.raises(GraphError, match="no element-wise function is named 'relv'"):
        Elementwise("relv")
    with pytest.raises(GraphError, match=r"clip takes the parameters \(low, high\)"):
        Elementwise("clip", (1.0,))
    with pytest.raises(GraphError, match="no reduction is named 'median'"):
        Reduce("median", (0,))


def test_open_batch_passes_through() -> None:
    x = TensorType((Dim(), 4, 6, 6))
    weight = TensorType((8, 4, 3, 3))
    y = Conv(G((3, 3))).infer(x, weight)[0]
    assert str(y) == "f32[N,8,4,4]"
    assert str(Reshape((Axis(0), -1)).infer(y)[0]) == "f32[N,128]"
    assert str(Reshape((-1, 64)).infer(y)[0]) == "f32[2N,64]"
    assert str(Concat(0).infer(y, y)[0]) == "f32[2N,8,4,4]"
    assert str(Elementwise("add").infer(y, TensorType((8, 1, 1)))[0]) == "f32[N,8,4,4]"
    assert str(Slice(0, 0, None).infer(y)[0]) == "f32[N,8,4,4]"
    with pytest.raises(ShapeError, match="cuts the open batch axis"):
        Slice(0, 0, 1).infer(y)
    with pytest.raises(ShapeError, match="pads the open batch axis"):
        Pad(((1, 0), (0, 0), (0, 0), (0, 0))).infer(y)
    with pytest.raises(ShapeError, match="do not divide by 384 for every batch"):
        Reshape((-1, 384)).infer(y)
    with pytest.raises(ShapeError, match="batch of .* is still open"):
        y.numel  # noqa: B018


def test_torch_node_infers_new_shapes_with_torch() -> None:
    roll = Torch(torch.roll, (Slot(0), 1), {}, "no node kind")
    assert str(roll.infer(TensorType((Dim(), 3)))[0]) == "f32[N,3]"
    assert str(roll.infer(TensorType((5, 3)))[0]) == "f32[5,3]"
    with pytest.raises(GraphError, match="does not tell its output shape"):
        Torch(torch.nonzero, (Slot(0),)).infer(TensorType((5,)))
