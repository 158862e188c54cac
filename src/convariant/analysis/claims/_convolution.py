"""Convolution: two conventions, two matrix views, what it does to shifts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from convariant import functional as cvf
from convariant.analysis.claims._claim import Fact, Topic, checked, fact
from convariant.geometry import Geometry
from convariant.reference import convolve, cross_correlate, im2patch, patch2im, toeplitz

topic = Topic("Convolution")


def integers(*shape: int, seed: int = 455) -> np.ndarray:
    """Whole numbers from -4 to 4, so that every sum is exact."""
    return np.random.default_rng(seed).integers(-4, 5, shape)


@topic(
    "true", 2, 3, 6,
    picture="toeplitz_conv_i4x4_k3x3.svg",
    docs="equivalences.md#matrices-and-what-they-keep",
)  # fmt: skip
def convolution_is_a_matrix_product() -> Iterator[Fact]:
    """Convolution is linear: y = W x, with a matrix W made of the filter, on any number of axes."""
    for size, stride, padding, shape in (
        ((4, 4), 1, 0, (4, 16)),
        ((5, 5), 2, 1, (9, 25)),
        ((6, 6), 2, 1, (9, 36)),
    ):
        matrix = toeplitz(integers(1, 1, 3, 3), Geometry(3, stride, padding), size)
        yield fact(
            f"W of a 3x3 filter on {size[0]}x{size[1]}, stride {stride}", matrix.shape, shape
        )
    for axes in (1, 2, 3):
        window = Geometry.of(axes, 3, 2, 1)
        x, weight = integers(1, 4, *[5] * axes), integers(6, 2, *[3] * axes)
        y = cross_correlate(x, weight, window, groups=2)
        product = toeplitz(weight, window, x.shape[2:], groups=2) @ x.ravel()
        wrong = int(np.count_nonzero(product != y.ravel()))
        yield fact(f"values of W x that differ, {axes} axes, 2 groups", wrong, 0)


@topic("true", 4, docs="lecture.md#invariance-and-equivariance-convolution")
def the_data_can_be_the_matrix() -> Iterator[Fact]:
    """Convolution is also a product with the data as the matrix: one column for each window
    (im2patch), times the filters as rows; the gradient adds every element back to where it came
    from (patch2im).
    """
    x, weight, window = integers(1, 3, 6, 6), integers(4, 3, 3, 3), Geometry(3, 2, 1)
    patches = im2patch(x, window)
    y = cross_correlate(x, weight, window).reshape(1, 4, -1)
    yield fact("shape of im2patch for 3 channels, 6x6, stride 2", patches.shape[1:], (27, 9))
    yield fact("values that differ", int((weight.reshape(4, -1) @ patches != y).sum()), 0)
    unfolded = F.unfold(torch.from_numpy(x).double(), 3, padding=1, stride=2).numpy()
    yield fact(
        "values that differ from torch.nn.functional.unfold", int((unfolded != patches).sum()), 0
    )
    p = integers(*patches.shape, seed=1)
    inner = int((patches * p).sum()), int((x * patch2im(p, window, (6, 6))).sum())
    yield fact("<im2patch(x), p> - <x, patch2im(p)>", inner[0] - inner[1], 0)


@topic("true", 6, docs="lecture.md#invariance-and-equivariance-convolution")
def two_conventions_of_convolution() -> Iterator[Fact]:
    """In mathematics convolution flips the kernel; in deep learning it does not, and is properly
    a cross-correlation. With learned weights only the order of storage differs.
    """
    x, weight = np.array([[[1, 2, 3, 4]]]), np.array([[[10, 1]]])
    yield fact(
        "1 2 3 4 with the kernel 10 1, not flipped",
        str(cross_correlate(x, weight, Geometry(2))[0, 0]),
        "[12 23 34]",
    )
    yield fact("the same, flipped", str(convolve(x, weight, Geometry(2))[0, 0]), "[21 32 43]")
    x, weight = integers(1, 2, 5, 5), integers(3, 2, 3, 3)
    flipped = np.flip(weight, (2, 3))
    differ = convolve(x, weight, Geometry(3)) != cross_correlate(x, flipped, Geometry(3))
    yield fact(
        "values that differ from the cross-correlation with the flipped kernel",
        int(differ.sum()),
        0,
    )


@topic(
    "true if", 5, 1, 40,
    remark="The shift must be a multiple of the stride, and the border must wrap round or stay "
    "out of reach; zero padding and odd shifts of a strided layer break it.",
    docs="symmetry.md#certify",
)  # fmt: skip
def convolution_is_translation_equivariant() -> Iterator[Fact]:
    """Shifting the input of a convolution shifts its output by as much."""
    x = torch.from_numpy(integers(1, 2, 8, 8)).double()
    weight = torch.from_numpy(integers(3, 2, 3, 3)).double()

    def moved(shift: int, stride: int, mode: cvf.PaddingMode) -> int:
        """Values by which shifting first and shifting last differ."""
        first = cvf.conv2d(x.roll(shift, 3), weight, stride=stride, padding=1, padding_mode=mode)
        last = cvf.conv2d(x, weight, stride=stride, padding=1, padding_mode=mode)
        return int((first != last.roll(shift // stride, 3)).sum())

    yield fact("differences, circular border, stride 1, shift 1", moved(1, 1, "circular"), 0)
    yield fact("differences, circular border, stride 2, shift 2", moved(2, 2, "circular"), 0)
    broken = moved(1, 2, "circular")
    yield checked("differences, circular border, stride 2, shift 1", broken, broken > 0)
    broken = moved(1, 1, "zeros")
    yield checked("differences, zero border, stride 1, shift 1", broken, broken > 0)


@topic("true", 7, picture="conv_i5x5_k3x3_s2_p1.svg", docs="geometry.md#forward-and-inverse")
def a_stride_makes_the_output_smaller() -> Iterator[Fact]:
    """A convolution can make its input smaller, for example with a stride above 1."""
    window = Geometry(3, stride=2, padding=1)
    yield fact("5x5 with stride 2 and padding 1", window.output_size((5, 5)), (3, 3))
    yield fact("224x224 with stride 2 and padding 1", window.output_size((224, 224)), (112, 112))
