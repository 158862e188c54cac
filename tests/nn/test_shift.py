"""Polyphase sampling follows circular shifts to the last bit; blurred sampling only nearly."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from convariant import GeometryError, ShapeError
from convariant.nn import (
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    PolyphasePool1d,
    PolyphasePool2d,
    PolyphasePool3d,
    PolyphaseUnpool1d,
    PolyphaseUnpool2d,
    PolyphaseUnpool3d,
)
from convariant.nn._blur import binomial
from support.compare import assert_close, assert_equal

POOLS = [
    pytest.param(PolyphasePool1d, PolyphaseUnpool1d, 2, (12,), id="1d"),
    pytest.param(PolyphasePool2d, PolyphaseUnpool2d, 2, (6, 8), id="2d, not square"),
    pytest.param(PolyphasePool2d, PolyphaseUnpool2d, (3, 2), (9, 4), id="2d, unequal strides"),
    pytest.param(PolyphasePool2d, PolyphaseUnpool2d, 1, (3, 5), id="2d, stride 1"),
    pytest.param(PolyphasePool3d, PolyphaseUnpool3d, 2, (4, 6, 2), id="3d"),
]


def all_shifts(size: tuple[int, ...]):
    return itertools.product(*(range(i) for i in size))


def is_circular_shift(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether some circular shift of the last axes turns a into b, bit by bit."""
    axes = tuple(range(2, a.dim()))
    return any(torch.equal(a.roll(shift, axes), b) for shift in all_shifts(a.shape[2:]))


@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
@pytest.mark.parametrize(("pool_type", "unpool_type", "stride", "size"), POOLS)
def test_shifts_of_the_input_shift_the_output_exactly(pool_type, unpool_type, stride, size, p):
    pool = pool_type(stride, p=p)
    x = torch.randn(1, 3, *size)
    y = pool(x)
    for shift in all_shifts(size):
        assert is_circular_shift(pool(x.roll(shift, tuple(range(2, x.dim())))), y)


@pytest.mark.parametrize(("pool_type", "unpool_type", "stride", "size"), POOLS)
def test_down_and_up_again_is_equivariant_exactly(pool_type, unpool_type, stride, size):
    pool, unpool = pool_type(stride, return_indices=True), unpool_type(stride)
    x = torch.randn(2, 3, *size)
    axes = tuple(range(2, x.dim()))
    back = unpool(*pool(x))
    assert_equal(back[back != 0], x[back != 0])
    for shift in all_shifts(size):
        assert_equal(unpool(*pool(x.roll(shift, axes))), back.roll(shift, axes))


@pytest.mark.parametrize(("pool_type", "unpool_type", "stride", "size"), POOLS)
def test_the_phase_of_largest_norm_is_kept(pool_type, unpool_type, stride, size):
    pool = pool_type(stride, return_indices=True)
    x = torch.randn(3, 2, *size)
    y, index = pool(x)
    strides = pool.stride
    for image, kept, number in zip(x, y, index, strict=True):
        phases = [
            image[(slice(None), *(slice(o, None, s) for o, s in zip(offset, strides, strict=True)))]
            for offset in itertools.product(*(range(s) for s in strides))
        ]
        norms = torch.stack([phase.norm() for phase in phases])
        assert number == norms.argmax()
        assert_equal(kept, phases[int(number)])


def test_ties_are_broken_by_content_not_by_place():
    """Four phases of the same values in other orders: every norm is the same."""
    values = torch.arange(1.0, 17.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        x = torch.zeros(1, 1, 8, 8)
        for i, j in itertools.product(range(2), range(2)):
            mixed = values[torch.randperm(16, generator=generator)]
            x[0, 0, i::2, j::2] = mixed.reshape(4, 4)
        y = PolyphasePool2d(2)(x)
        for shift in all_shifts((8, 8)):
            assert is_circular_shift(PolyphasePool2d(2)(x.roll(shift, (2, 3))), y)


def test_constant_and_periodic_images_are_ties_that_do_not_matter():
    for x in (torch.ones(1, 2, 4, 4), torch.tensor([[0.0, 1], [1, 0]]).tile(1, 1, 2, 2)):
        y = PolyphasePool2d(2)(x)
        for shift in all_shifts((4, 4)):
            assert is_circular_shift(PolyphasePool2d(2)(x.roll(shift, (2, 3))), y)


def test_a_network_is_invariant_to_circular_shifts_exactly():
    """Whole numbers, so that convolution is exact too; plain striding fails the same test."""

    def network(down: nn.Module) -> nn.Sequential:
        torch.manual_seed(0)
        conv = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular").double()
        with torch.no_grad():
            conv.weight.copy_(torch.randint(-3, 4, conv.weight.shape))
            conv.bias.zero_()
        return nn.Sequential(conv, nn.ReLU(), down, nn.AdaptiveMaxPool2d(1))

    x = torch.randint(-9, 10, (2, 1, 8, 8)).double()
    exact, plain = network(PolyphasePool2d(2)), network(nn.MaxPool2d(1, 2))
    shifted = [x.roll(shift, (2, 3)) for shift in all_shifts((8, 8))]
    for s in shifted:
        assert_equal(exact(s), exact(x))
    assert any(not torch.equal(plain(s), plain(x)) for s in shifted)


def test_gradient_reaches_the_kept_phase_alone():
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    y, index = PolyphasePool2d(2, return_indices=True)(x)
    y.sum().backward()
    expected = PolyphaseUnpool2d(2)(torch.ones_like(y), index)
    assert_equal(x.grad, expected)


def test_export_batch_0_and_other_memory_formats():
    pool = PolyphasePool2d(2)
    x = torch.randn(2, 3, 6, 8)
    exported = torch.export.export(pool, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    assert_equal(exported.module()(torch.cat((x, -x))), pool(torch.cat((x, -x))))
    assert pool(x[:0]).shape == (0, 3, 3, 4)
    assert_equal(pool(x.contiguous(memory_format=torch.channels_last)), pool(x))
    assert_equal(pool(x.double()), pool(x).double())
    assert repr(pool) == "PolyphasePool2d(stride=(2, 2), p=2.0)"


class DownAndUp(nn.Module):
    def __init__(self, pool: nn.Module, unpool: nn.Module) -> None:
        super().__init__()
        self.pool, self.unpool = pool, unpool

    def forward(self, x):
        y, index = self.pool(x)
        return y, self.unpool(y, index)


@pytest.mark.parametrize(("pool_type", "unpool_type", "stride", "size"), POOLS)
def test_the_compiler_and_onnx_keep_the_same_phase(pool_type, unpool_type, stride, size, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from convariant import compile as compiled
    from convariant.graph import from_torch, to_onnx

    model = DownAndUp(pool_type(stride, return_indices=True), unpool_type(stride)).eval()
    x = torch.randn(3, 2, *size)
    expected = model(x)
    to_onnx(from_torch(model, x), tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    for mine, theirs, truth in zip(compiled(model, x)(x), found, expected, strict=True):
        assert_equal(mine, truth)
        assert_equal(torch.from_numpy(theirs), truth)


@pytest.mark.parametrize("kernel_size", range(1, 8))
def test_the_blur_is_a_row_of_pascals_triangle(kernel_size):
    row = torch.ones(1, dtype=torch.float64)
    for _ in range(kernel_size - 1):
        row = (torch.cat((row, row.new_zeros(1))) + torch.cat((row.new_zeros(1), row))) / 2
    assert_equal(binomial(kernel_size, 1).double(), row)
    assert_close(binomial(kernel_size, 2).double(), torch.outer(row, row))


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("pool_type", "size"), [(BlurPool1d, (9,)), (BlurPool2d, (8, 7)), (BlurPool3d, (5, 6, 7))]
)
def test_blur_pool_blurs_and_subsamples(pool_type, size, kernel_size):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    pool = pool_type(kernel_size, stride=2, padding_mode="circular")
    y = pool(x)
    blurred, axes = x, range(2, x.dim())
    for axis in axes:
        taps = binomial(kernel_size, 1).double()
        begin = (kernel_size - 1) // 2
        blurred = sum(t * blurred.roll(begin - i, axis) for i, t in enumerate(taps))
    every_second = blurred[(..., *(slice(None, None, 2) for _ in axes))]
    assert_close(y, every_second, reduction=kernel_size ** len(size))


def test_blur_makes_shifts_matter_less_but_not_nothing():
    torch.manual_seed(0)
    x = torch.rand(1, 1, 32, 32)

    def change(down: nn.Module) -> float:
        return float((down(x.roll(1, -1)) - down(x)).abs().mean())

    plain, blurred = change(nn.MaxPool2d(1, 2)), change(BlurPool2d(5, padding_mode="circular"))
    assert 0 < blurred < plain / 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PolyphasePool2d(2)(torch.rand(1, 1, 5, 6)), ShapeError, r"pad .* to \(6, 6\)"),
        (lambda: PolyphasePool2d(2)(torch.rand(1, 5, 6)), ShapeError, r"Expected 4D"),
        (lambda: PolyphasePool2d(2, p=0), GeometryError, "p=0 is not a norm"),
        (lambda: PolyphasePool2d(0), GeometryError, "non-positive stride"),
        (
            lambda: PolyphaseUnpool2d(2)(torch.rand(2, 1, 3, 3), torch.zeros(3).long()),
            ShapeError,
            r"one phase for each of 2 images.*size \[3\]",
        ),
        (lambda: BlurPool2d(0), GeometryError, "non-positive kernel_size"),
        (
            lambda: BlurPool2d(5)(torch.rand(1, 1, 2, 8)),
            GeometryError,
            "Padding size should be less than the corresponding input dimension",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        make()
