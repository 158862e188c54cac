"""Every refusal: torch's words first, then the operator, the sizes and a way out."""

import pytest
import torch
from torch import ones

from convariant import GeometryError, ShapeError, UnknownNameError
from convariant import functional as ours

X, W = ones(1, 4, 8, 8), ones(8, 4, 3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ours.conv2d(ones(2, 2), W),
            r"^Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of size: "
            r"\[2, 2\]; reshape it to \(n, channels, h, w\)$",
        ),
        (
            lambda: ours.conv_transpose3d(ones(1, 4, 8, 8, 8, 8), ones(4, 4, 3, 3, 3)),
            r"^Expected 4D \(unbatched\) or 5D \(batched\) input to conv_transpose3d.*d, h, w\)$",
        ),
        (
            lambda: ours.conv2d(ones(1, 4, 0, 8), W, padding=2),
            r"^Only zero batch or zero channel inputs are supported, but got input shape: "
            r"\[1, 4, 0, 8\]; conv2d needs at least one element",
        ),
        (
            lambda: ours.conv2d(X, ones(8, 4, 3)),
            r"^conv2d: weight of size \[8, 4, 3\] needs 4 axes; .*\(co, ci / groups, kh, kw\)$",
        ),
        (
            lambda: ours.conv_transpose1d(ones(1, 4, 8), ones(4, 3)),
            r"conv_transpose1d: weight of size \[4, 3\] needs 3 axes; .*\(ci, co / groups, kw\)$",
        ),
        (
            lambda: ours.conv2d(ones(1, 3, 8, 8), W),
            r"^Given groups=1, weight of size \[8, 4, 3, 3\], expected input\[1, 3, 8, 8\] to have "
            r"4 channels, but got 3 channels instead; give conv2d an input of 4 channels",
        ),
        (
            lambda: ours.conv_transpose2d(X, W),
            r"^Given transposed=1, weight of size \[8, 4, 3, 3\], expected input\[1, 4, 8, 8\] to "
            r"have 8 channels, but got 4 channels instead; give conv_transpose2d",
        ),
        (
            lambda: ours.conv2d(X, W, groups=0),
            r"^non-positive groups is not supported: conv2d got groups=0",
        ),
        (
            lambda: ours.conv2d(ones(1, 16, 8, 8), ones(8, 1, 3, 3), groups=16),
            r"^Given groups=16, expected weight to be at least 16 at dimension 0, but got weight "
            r"of size \[8, 1, 3, 3\] instead; give conv2d at most 8 groups",
        ),
        (
            lambda: ours.conv2d(X, W, groups=3),
            r"^Given groups=3, expected weight to be divisible by 3 at dimension 0, but got weight "
            r"of size \[8, 4, 3, 3\] instead; conv2d cuts 8 filters",
        ),
        (
            lambda: ours.conv2d(X, W, ones(4)),
            r"^Given weight of size \[8, 4, 3, 3\], expected bias to be 1-dimensional with 8 "
            r"elements, but got bias of size \[4\] instead; conv2d",
        ),
        (
            lambda: ours.conv_transpose2d(ones(1, 8, 4, 4), W, ones(4, 1)),
            r"expected bias to be 1-dimensional with 4 elements, but got bias of size \[4, 1\]",
        ),
        (
            lambda: ours.conv2d(X.double(), W),
            r"^Input type \(torch.float64\) and weight type \(torch.float32\) should be the same; "
            r"give conv2d an input .to\(torch.float32\)",
        ),
        (
            lambda: ours.conv2d(X, W, ones(8).double()),
            r"^Input type \(torch.float32\) and bias type \(torch.float64\) should be the same",
        ),
        (
            lambda: ours.conv2d(X, W.to("meta")),
            r"^Expected all tensors to be on the same device, but conv2d got an input on cpu and a "
            r"weight on meta; move one with .to\('cpu'\)",
        ),
        (
            lambda: ours.conv2d([[1.0]], W),
            r"^conv2d takes a torch.Tensor, but got list; convert it with torch.as_tensor$",
        ),
        (
            lambda: ours.max_pool2d(X.bool(), 2),
            r"^\"max_pool2d\" not implemented for torch.bool.*convert the input with .float\(\)$",
        ),
        (
            lambda: ours.pool(X.cfloat(), "mean", 2, 1, ((0, 1), (1, 0))),
            r"^\"pool\" not implemented for torch.complex64.*convert the input with .abs\(\)$",
        ),
        (
            lambda: ours.pool(X.long(), "median", 2),
            r"^pool: 'median' of whole numbers \(torch.int64\) need not be a whole number; convert",
        ),
        (lambda: ours.pool(X.byte(), "lp", 2), r"^pool: 'lp' of whole numbers \(torch.uint8\)"),
        (
            lambda: ours.max_pool2d(ones(4, 4), 2),
            r"^Expected 3D \(unbatched\) or 4D \(batched\) input to max_pool2d",
        ),
        (
            lambda: ours.pool(ones(4, 4), "max", 2),
            r"^pool: one kernel size for an input of size \[4, 4\] means 0 axes",
        ),
        (
            lambda: ours.pool(X, lambda values: values, 2),
            r"^pool: the reducer was given elements of size \[1, 4, 4, 4, 4\] and must return a "
            r"tensor of size \[1, 4, 4, 4\], but returned \[1, 4, 4, 4, 4\]",
        ),
        (
            lambda: ours.pool(X, lambda values: values.max(-1), 2),
            r"but returned max; reduce the last axis, as in lambda elements: elements.amax\(-1\)",
        ),
    ],
)
def test_tensors_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ours.conv2d(ones(1, 4, 2, 2), W),
            r"^Calculated padded input size per channel: \(2 x 2\). Kernel size: \(3 x 3\). Kernel "
            r"size can't be greater than actual input size.*\(conv2d, input of size \[1, 4, 2, 2\]",
        ),
        (
            lambda: ours.conv_transpose2d(ones(1, 8, 1, 1), W, padding=3),
            r"^Given input size per channel: \(1 x 1\). Calculated output size per channel: "
            r"\(-3 x -3\). Output size is too small.*\(conv_transpose2d, input of size",
        ),
        (
            lambda: ours.conv_transpose2d(ones(1, 8, 4, 4), W, output_padding=1),
            r"^output padding must be smaller than either stride or dilation.*conv_transpose2d",
        ),
        (lambda: ours.conv2d(X, W, stride=0), r"^non-positive stride is not supported"),
        (lambda: ours.conv2d(X, W, padding=-1), r"^negative padding is not supported"),
        (
            lambda: ours.conv_transpose2d(ones(1, 8, 4, 4), W, stride=2**31),
            r"^stride=2147483648 is not supported; the largest is 2147483647 \(conv_transpose2d",
        ),
        (lambda: ours.conv2d(X, W, padding=(1, 10**20)), r"^padding=\(1, 1000.*the largest is"),
        (lambda: ours.conv2d(X, W, padding="sme"), r"^Invalid padding string"),
        (
            lambda: ours.conv2d(X, W, padding_mode="mirror"),
            r"^padding_mode must be one of .*but got padding_mode='mirror' \(conv2d\)",
        ),
        (
            lambda: ours.conv2d(X, W, padding=8, padding_mode="reflect"),
            r"^Padding size should be less than the corresponding input dimension, but got: "
            r"padding \(8, 8\) on axis 0 of size \(8, 8\) \(conv2d\); reflection shows at most 7",
        ),
        (
            lambda: ours.conv2d(X, W, padding=((9, 0), (0, 0)), padding_mode="circular"),
            r"^Padding value causes wrapping around more than once: padding \(9, 0\) on axis 0",
        ),
        (
            lambda: ours.conv_transpose2d(
                ones(1, 8, 2, 2), W, padding=((2, 0), (0, 0)), padding_mode="reflect"
            ),
            r"^Padding size should be less .* \(conv_transpose2d\)",
        ),
        (
            lambda: ours.conv_transpose2d(ones(1, 8, 4, 4), W, stride=2, output_size=(20, 20)),
            r"^requested an output size of \(20, 20\), but valid sizes range from \[9, 9\] to "
            r"\[10, 10\] \(for an input of \[4, 4\]\)",
        ),
        (
            lambda: ours.conv_transpose2d(
                ones(1, 8, 4, 4), W, stride=2, padding="same", output_size=(6, 8)
            ),
            r"^requested an output size of \(6, 8\), but valid sizes range from \[7, 7\] to "
            r"\[8, 8\]",
        ),
        (
            lambda: ours.conv_transpose2d(ones(1, 8, 4, 4), W, stride=2, output_size=(9,)),
            r"^for 4D input, output_size must have 2 or 4 elements \(got 1\)",
        ),
        (
            lambda: ours.conv_transpose2d(
                ones(1, 8, 4, 4), W, stride=2, output_padding=1, output_size=(9, 9)
            ),
            r"^output_size=\(9, 9\) is asked for, but output_padding=\(1, 1\) gives \(10, 10\)",
        ),
        (
            lambda: ours.max_pool2d(X, 9),
            r"Kernel size can't be greater than actual input size.*\(max_pool2d, input of size",
        ),
        (lambda: ours.avg_pool2d(X, 2, divisor_override=0), r"^divisor must be not zero"),
        (lambda: ours.pool(X, "lp", 2, p=0), r"^pool: p=0 is not the order of a norm"),
        (
            lambda: ours.pool(X, "median", (2, 2), 1, 3),
            r"^pool: window 0 on axis 0 covers nothing of the input of size \(8, 8\)",
        ),
    ],
)
def test_windows_that_do_not_fit(call, message):
    with pytest.raises(GeometryError, match=message):
        call()


def test_an_unknown_reducer():
    with pytest.raises(UnknownNameError, match="no reducer is named 'meen'; did you mean 'mean'?"):
        ours.pool(X, "meen", 2)


def test_what_torch_raises_for_is_caught_by_the_same_except_clause():
    with pytest.raises(RuntimeError, match="^Given groups=1"):
        ours.conv2d(ones(1, 3, 8, 8), W)
    with pytest.raises(RuntimeError, match="^Given groups=1"):
        torch.nn.functional.conv2d(ones(1, 3, 8, 8), W)
