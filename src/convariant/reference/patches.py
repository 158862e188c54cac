"""Convolution as one matrix product with the data as the matrix and the weights as the vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convariant.errors import ShapeError
from convariant.geometry import Geometry
from convariant.reference._checks import check_numbers, check_size, window_on
from convariant.reference.border import PaddingMode, pad, unpad
from convariant.reference.convolution import tap_region


def im2patch(
    x: np.ndarray, geometry: Geometry, *, padding_mode: PaddingMode = "zeros"
) -> np.ndarray:
    """Write every window as a column: `(n, ci, h, w) -> (n, ci kh kw, oh ow)`, 1 to 3 axes.

    A convolution is then `weight.reshape(co, -1) @ im2patch(x)`. The order is torch.nn.Unfold's:
    channel, then kernel position; columns in the order of the outputs.

    Raises GeometryError where the window does not fit.

    >>> im2patch(np.array([[[1, 2, 3, 4]]]), Geometry(2)).tolist()
    [[[1, 2, 3], [2, 3, 4]]]
    >>> for size in (5, 6):
    ...     print(im2patch(np.ones((1, 1, size, size)), Geometry(3, stride=2, padding=1)).shape)
    (1, 9, 9)
    (1, 9, 9)

    Source: lecture, "Matrix Multiplication Views" and "im2patch (data -> Toeplitz matrix)".
    """
    check_numbers(x, "im2patch", "x")
    size = x.shape[2:]
    if not size:
        raise ShapeError(
            f"reference.im2patch: x of size {list(x.shape)} is no batch of images; give (n, ci, h, "
            "w), or as many axes as the window has"
        )
    full = window_on(size, geometry, "im2patch")
    out_size = full.output_size(size)
    padded = pad(x, full.explicit(size).pads(size), padding_mode)
    columns = [padded[tap_region(tap, full, out_size)] for tap in np.ndindex(*full.kernel_size)]
    patches = np.stack(columns, axis=2)  # (n, ci, taps, oh, ow)
    n, channels = x.shape[:2]
    return patches.reshape(n, channels * len(columns), int(np.prod(out_size)))


def patch2im(
    patches: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    *,
    padding_mode: PaddingMode = "zeros",
) -> np.ndarray:
    """The adjoint of `im2patch`: every element is added to the input element that it came from.

    `<im2patch(x), p> = <x, patch2im(p)>`. Inputs of 5x5 and of 6x6 have the same 9x9 patches under
    a 3x3 kernel of stride 2 and padding 1, so the patches cannot tell `input_size`.

    Shapes: `(n, ci kh kw, oh ow) -> (n, ci, h, w)`, 1 to 3 axes.

    Raises GeometryError where the window does not fit, ShapeError for patches of another geometry.

    >>> patch2im(np.ones((1, 2, 3), int), Geometry(2), (4,)).tolist()
    [[[1, 2, 2, 1]]]

    Source: lecture, "2D Transposed Convolution": the gradient of im2patch.
    """
    check_numbers(patches, "patch2im", "patches")
    if patches.ndim != 3:
        raise ShapeError(
            f"reference.patch2im: patches of size {list(patches.shape)} are not those of im2patch; "
            "give (n, ci kh kw, oh ow)"
        )
    size = tuple(input_size)
    full = window_on(size, geometry, "patch2im")
    out_size = full.output_size(size)
    taps = int(np.prod(full.kernel_size))
    n, rows, columns = patches.shape
    wanted = (rows - rows % taps, int(np.prod(out_size)))
    check_size((rows, columns), wanted, "patch2im", "patches (rows, columns)")
    pads = full.explicit(size).pads(size)
    padded_size = tuple(i + b + e for i, (b, e) in zip(size, pads, strict=True))
    x = np.zeros((n, rows // taps, *padded_size), patches.dtype)
    by_tap = patches.reshape(n, rows // taps, taps, *out_size)
    for number, tap in enumerate(np.ndindex(*full.kernel_size)):
        x[tap_region(tap, full, out_size)] += by_tap[:, :, number]
    return unpad(x, pads, padding_mode)
