"""Transposed convolution: shapes, whose gradient it is, what it costs, whose its arguments are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from time import thread_time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from convariant import nn as extended
from convariant.analysis._timing import modules_in_turn
from convariant.analysis.claims._claim import Fact, Topic, checked, fact, measured
from convariant.analysis.claims._convolution import integers
from convariant.analysis.claims._counts import multiply_adds
from convariant.analysis.equivalent import insert_zeros, prove, split_phases
from convariant.geometry import Geometry
from convariant.reference import (
    cross_correlate,
    deconvolve,
    im2patch,
    spectrum,
    toeplitz,
    transposed_by_gradient,
    transposed_by_scatter,
    transposed_by_zero_insertion,
)

topic = Topic("Transposed convolution")
ADJOINT = "operators.md#transposed-convolution-the-true-adjoint"
# the lecture's four examples: the convolution, its input size
EXAMPLES = (
    (Geometry(3), (4, 4)),
    (Geometry(3, stride=2, padding=1), (5, 5)),
    (Geometry(3, stride=2, padding=1), (6, 6)),
)


def effective(size: tuple[int, int], window: Geometry) -> str:
    """The numbers under the lecture's pictures."""
    view = window.transpose(size).effective()
    return (
        f"stride 1, {view.zeros_inserted[0]} zeros inserted, padding {view.padding[0][0]}, "
        f"{view.extra[0]} more at the end"
    )


def check_shapes(
    window: Geometry, size: tuple[int, int], small: tuple[int, int], view: str
) -> Iterator[Fact]:
    """Forward, back, and the effective convolution, by the operators themselves."""
    x, weight = integers(1, 1, *size), integers(1, 1, 3, 3)
    y = cross_correlate(x, weight, window)
    back = transposed_by_gradient(y, weight, window.transpose(size))
    yield fact(f"{size[0]}x{size[1]} becomes", y.shape[2:], small)
    yield fact("and returns to", back.shape[2:], size)
    yield fact("the effective convolution", effective(size, window), view)
    stuffed = transposed_by_zero_insertion(y, weight, window.transpose(size))
    yield fact(
        "values that differ from the effective convolution's", int((back != stuffed).sum()), 0
    )


@topic(
    "true if", 7,
    remark="Padding enlarges too, by a border of at most k - 1; by a factor, only the transposed "
    "convolution does.",
    docs="geometry.md#the-transposed-window",
)  # fmt: skip
def only_transposed_convolution_enlarges() -> Iterator[Fact]:
    """To enlarge its input, one needs another operator: transposed convolution."""
    yield fact(
        "4x4 by a convolution with padding 2", Geometry(3, padding=2).output_size((4, 4)), (6, 6)
    )
    up = Geometry(4, stride=2, padding=1, transposed=True)
    yield fact("4x4 by a transposed convolution, stride 2", up.output_size((4, 4)), (8, 8))
    most = Geometry(3, padding=2).output_size((100, 100))
    yield fact("100x100 by a 3x3 convolution with all padding that meets data", most, (102, 102))


@topic("true", 8, picture="conv_transpose_i2x2_k3x3.svg", docs="geometry.md#the-transposed-window")
def from_2x2_back_to_4x4() -> Iterator[Fact]:
    """A 3x3 convolution maps 4x4 to 2x2; its transposed convolution maps 2x2 to 4x4, and looks like
    a convolution with stride 1 and padding 2.
    """
    view = "stride 1, 0 zeros inserted, padding 2, 0 more at the end"
    yield from check_shapes(*EXAMPLES[0], (2, 2), view)


@topic(
    "true", 11,
    picture="conv_transpose_i3x3_k3x3_s2_p1.svg",
    docs="geometry.md#the-transposed-window",
)  # fmt: skip
def from_3x3_back_to_5x5() -> Iterator[Fact]:
    """With stride 2 and padding 1, 5x5 becomes 3x3; the transposed convolution returns to 5x5, as a
    convolution with stride 1 and padding 1 of the input with a zero between its elements.
    """
    view = "stride 1, 1 zeros inserted, padding 1, 0 more at the end"
    yield from check_shapes(*EXAMPLES[1], (3, 3), view)


@topic(
    "true", 16, 17,
    picture="conv_transpose_i3x3_k3x3_s2_p1_op1.svg",
    docs="geometry.md#the-transposed-window",
)  # fmt: skip
def from_3x3_back_to_6x6() -> Iterator[Fact]:
    """6x6 becomes 3x3 under the same convolution as 5x5; output padding, on one side only, tells
    the transposed convolution to return to 6x6.
    """
    view = "stride 1, 1 zeros inserted, padding 1, 1 more at the end"
    yield from check_shapes(*EXAMPLES[2], (3, 3), view)
    window = EXAMPLES[2][0]
    found = tuple(window.transpose(size).output_padding[0] for size in ((5, 5), (6, 6)))
    yield fact("output padding for 5x5 and for 6x6", str(found), "(0, 1)")
    y = transposed_by_scatter(
        np.ones((1, 1, 3, 3), int), np.ones((1, 1, 3, 3), int), window.transpose((6, 6))
    )
    yield fact("its extra row, all ones", str(y[0, 0, 5]), "[1 2 1 2 1 1]")


@topic("true", 16, picture="conv_i6x6_k3x3_s2_p1.svg", docs="geometry.md#forward-and-inverse")
def both_sizes_have_the_same_patches() -> Iterator[Fact]:
    """The im2patch matrices of 5x5 and of 6x6 have one shape, so the gradient cannot tell the two
    sizes apart; one has to say which is meant.
    """
    window = EXAMPLES[1][0]
    for size in (5, 6):
        shape = im2patch(np.ones((1, 1, size, size)), window).shape[1:]
        yield fact(f"im2patch of {size}x{size}", shape, (9, 9))
    yield fact("input sizes that give 3x3", str(list(window.input_sizes((3, 3))[0])), "[5, 6]")


@topic("true", 9, docs=ADJOINT)
def inverse_in_shape_not_in_value() -> Iterator[Fact]:
    """A convolution and its transposed convolution invert each other's shapes, not their values."""
    window, size = EXAMPLES[0]
    x = np.arange(1, 17).reshape(1, 1, *size)
    weight = np.ones((1, 1, 3, 3), int)
    back = transposed_by_gradient(
        cross_correlate(x, weight, window), weight, window.transpose(size)
    )
    yield fact("shape that returns", back.shape[2:], size)
    same = int((back == x).sum())
    yield checked("values of 16 that return", same, same < 16)
    yield fact("first row 1 2 3 4 returns as", str(back[0, 0, 0].tolist()), "[54, 117, 117, 63]")


@topic(
    "true if", 10,
    remark="Only where the convolution is injective, as a circular one whose kernel has no zero "
    "in its spectrum. A map from 16 values to 4 has no inverse.",
    picture="deconvolution.svg",
    docs="equivalences.md#deconvolution",
)  # fmt: skip
def deconvolution_inverts_values() -> Iterator[Fact]:
    """Deconvolution, unlike transposed convolution, returns the values."""
    weight, window = np.array([[[1.0, 3.0, 1.0]]]), Geometry(3, padding=1)
    x = integers(1, 1, 9).astype(float)
    for mode in ("zeros", "circular"):
        y = cross_correlate(x, weight, window, padding_mode=mode)
        found = deconvolve(y, weight, window, (9,), padding_mode=mode)
        error = float(np.abs(found.x - x).max())
        yield fact(f"kernel 1 3 1, {mode} border: returned to 12 digits", error < 1e-12, True)
    box = spectrum(np.ones((1, 1, 3)), window, (9,), padding_mode="circular")
    yield fact("directions that a box of 3 loses on a circle of 9", box.nullity, 2)
    lost = spectrum(integers(1, 1, 3, 3), Geometry(3), (4, 4)).nullity
    yield fact("directions that 4x4 -> 2x2 loses, of 16", lost, 12)


@topic(
    "true",
    12,
    picture="conv_transpose_i3x3_k3x3_s2_p1.svg",
    docs="geometry.md#the-transposed-window",
)
def fractionally_strided_is_the_same() -> Iterator[Fact]:
    """Transposed convolution is also called fractionally strided: zeros are inserted between the
    inputs, then a convolution of stride 1 follows.
    """
    for stride, padding, extra in ((1, 0, 0), (2, 1, 0), (2, 1, 1)):
        module = nn.ConvTranspose2d(4, 6, 3, stride, padding, extra, groups=2)
        proof = prove(module, insert_zeros, (1, 4, 3, 3))
        named = f"stride {stride}, padding {padding}, output padding {extra}"
        yield fact(f"equal in float64, {named}", proof.equal, True)


@topic("true", 13, docs="equivalences.md#transposed-convolution-without-its-zeros")
def inserting_zeros_is_costly() -> Iterator[Fact]:
    """In practice nobody inserts zeros and then convolves: it costs too much."""
    module = nn.ConvTranspose2d(64, 64, 4, 2, 1, bias=False)
    x = torch.randn(1, 64, 32, 32)
    own, stuffed, phased = (
        multiply_adds(m, x) for m in (module, insert_zeros(module), split_phases(module))
    )
    yield fact(
        "multiply-adds of a 4x4 kernel, stride 2, 64 channels, 32x32 to 64x64", own, 67_108_864
    )
    yield fact("with zeros inserted", stuffed, 4 * own)
    yield fact("as 2x2 phases without zeros", phased, own)
    zeros, phases, own_ms = modules_in_turn(
        [insert_zeros(module), split_phases(module), module], x, clock=thread_time
    )
    yield measured("ms with zeros inserted", zeros)
    yield measured("ms as 2x2 phases without zeros", phases, holds=phases < zeros)
    yield measured("ms of torch's own operator", own_ms)


@topic("true", 14, picture="toeplitz_conv_transpose_i3x3_k3x3_s2_p1.svg", docs=ADJOINT)
def it_is_the_gradient_of_convolution() -> Iterator[Fact]:
    """What one does instead: y = W x has the derivative dy/dx = W, and transposed convolution is
    its product with the transpose, W^T y.
    """
    for window, size in EXAMPLES:
        x = torch.from_numpy(integers(1, 1, *size)).double().requires_grad_()
        weight = torch.from_numpy(integers(1, 1, 3, 3)).double()
        matrix = toeplitz(weight.numpy(), window, size).toarray()
        pads = tuple(b for b, _ in window.pads(size))

        def forward(image: torch.Tensor) -> torch.Tensor:
            return F.conv2d(image, weight, stride=window.on_axes(2).stride, padding=pads)  # noqa: B023

        y = forward(x)
        jacobian = torch.autograd.functional.jacobian(forward, x).reshape(matrix.shape)
        name = f"{size[0]}x{size[1]}"
        yield fact(f"dy/dx - W, {name}", int((jacobian.numpy() != matrix).sum()), 0)
        seen = torch.from_numpy(integers(*y.shape, seed=1)).double()
        (gradient,) = torch.autograd.grad(y, x, seen)
        ours = transposed_by_scatter(seen.numpy(), weight.numpy(), window.transpose(size))
        yield fact(
            f"gradient - transposed convolution, {name}", int((gradient.numpy() != ours).sum()), 0
        )
        inner = int((y * seen).sum()) - int((x * gradient).sum())
        yield fact(f"<W x, y> - <x, W^T y>, {name}", inner, 0)


@topic(
    "true if", 15,
    remark="1 is the stride of the effective convolution. The argument `stride` is that of the "
    "convolution one wants the gradient of, and so are padding and dilation.",
    docs="geometry.md#the-transposed-window",
)  # fmt: skip
def the_stride_of_a_transposed_convolution_is_one() -> Iterator[Fact]:
    """Of a transposed convolution the stride is always 1; what one specifies are stride and padding
    of the convolution.
    """
    for stride, size in ((1, 4), (2, 7), (3, 10)):
        window = Geometry(3, stride, 1, transposed=True)
        yield fact(f"argument stride={stride}: effective stride", window.effective().stride, (1,))
        yield fact(f"argument stride={stride}: 4 become", window.output_size((4,)), (size,))


@topic(
    "true if", 8, 11, 18,
    remark="The paddings 2 and 1 under the pictures are those of the effective convolution, d (k "
    "- 1) - p; the arguments of the same operators are 0 and 1.",
    docs="geometry.md#the-transposed-window",
)  # fmt: skip
def paddings_printed_under_the_pictures() -> Iterator[Fact]:
    """The transposed convolutions of the pictures have padding 2 (from 2x2) and 1 (from 3x3)."""
    for (window, size), (argument, view) in zip(EXAMPLES[:2], ((0, 2), (1, 1)), strict=True):
        turned = window.transpose(size)
        yield fact(f"to {size[0]}x{size[1]}: argument padding", turned.pads((2, 2))[0][0], argument)
        yield fact(
            f"to {size[0]}x{size[1]}: effective padding", turned.effective().padding[0][0], view
        )


@topic("true", 18, 19, docs=ADJOINT)
def the_arguments_of_the_module() -> Iterator[Fact]:
    """ConvTranspose2d(in_channels, out_channels, kernel_size, stride, padding, output_padding,
    groups, bias, dilation, padding_mode): stride and padding are of the convolution, output padding
    is its own; where the output size is given, output padding follows from it.
    """
    theirs = list(inspect.signature(nn.ConvTranspose2d.__init__).parameters)
    ours = list(inspect.signature(extended.ConvTranspose2d.__init__).parameters)
    yield fact(
        "arguments of torch's module that ours has, in its order",
        ours[: len(theirs)] == theirs,
        True,
    )
    layer = extended.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    x = torch.zeros(1, 1, 3, 3)
    for side in (5, 6):
        found = layer(x, output_size=(side, side)).shape[2:]
        yield fact(f"asked for {side}x{side}", tuple(found), (side, side))
    for size, extra in (((5, 5), 0), ((6, 6), 1)):
        got = Geometry(3, 2, 1).transpose(size).output_padding
        yield fact(
            f"output padding that follows from {size[0]}x{size[1]}", got, (extra,) * len(got)
        )
