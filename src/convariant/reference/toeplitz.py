"""Convolution as one matrix product with the filter as the matrix and the data as the vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import LinearOperator

from convariant.errors import GeometryError
from convariant.geometry import Geometry
from convariant.reference._checks import check_kinds, check_operands
from convariant.reference.border import PaddingMode, source_index
from convariant.reference.convolution import Index, cross_correlate
from convariant.reference.transposed import transposed_by_scatter

# three arrays of this many numbers make the matrix: some gigabytes
MOST_ENTRIES = 2**27


def toeplitz(
    weight: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> csr_array:
    """The sparse matrix W with `y.ravel() == W @ x.ravel()`, for any window on 1 to 3 axes.

    x is one image `(ci, h, w)`, y one result `(co, oh, ow)`. The matrix of a transposed geometry
    is the transpose of the matrix of the convolution that it is the gradient of.

    Shapes: weight `(co, ci / g, kh, kw)` -> W `(co oh ow, ci h w)`; transposed
    `(ci, co / g, kh, kw)` -> the same.

    Raises GeometryError or ShapeError where they do not fit or the matrix would have too many
    entries (2^27), DataError for what is no array of real numbers.

    >>> toeplitz(np.array([[[1, 2, 3]]]), Geometry(3), (5,)).toarray().tolist()
    [[1, 2, 3, 0, 0], [0, 1, 2, 3, 0], [0, 0, 1, 2, 3]]
    >>> toeplitz(np.ones((1, 1, 3, 3)), Geometry(3, stride=2, padding=1), (6, 6)).shape
    (9, 36)

    Source: lecture, "Matrix Multiplication Views".
    """
    full, size = _window(weight, geometry, input_size, groups, "toeplitz")
    if full.transposed:
        forward, wide, narrow = full.transpose(size), full.output_size(size), size
    else:
        forward, wide, narrow = full.explicit(size), size, full.output_size(size)
    matrix = _forward_matrix(weight, forward, wide, narrow, groups, padding_mode)
    return csr_array(matrix.T if full.transposed else matrix)


def toeplitz_operator(
    weight: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> LinearOperator:
    """The matrix of `toeplitz` without its entries: products with it and with its transpose.

    It convolves and convolves transposed, so it serves scipy's solvers (LSMR, SVDS) at sizes
    whose matrix would not fit in memory.

    Shapes, errors as `toeplitz`.

    >>> W = toeplitz_operator(np.array([[[1.0, 2, 3]]]), Geometry(3), (5,))
    >>> W.shape, (W @ np.ones(5)).tolist(), (W.T @ np.ones(3)).tolist()
    ((3, 5), [6.0, 6.0, 6.0], [1.0, 3.0, 6.0, 5.0, 3.0])
    """
    full, size = _window(weight, geometry, input_size, groups, "toeplitz_operator")
    channels = weight.shape[0] if full.transposed else weight.shape[1] * groups
    out_size = full.output_size(size)
    there, back = (
        (transposed_by_scatter, cross_correlate)
        if full.transposed
        else (cross_correlate, transposed_by_scatter)
    )
    out_channels = weight.shape[1] * groups if full.transposed else weight.shape[0]
    windows: Index = (..., *(slice(i) for i in size))

    def forward(x: np.ndarray) -> np.ndarray:
        image = x.reshape(1, channels, *size)
        return there(image, weight, full, groups=groups, padding_mode=padding_mode).ravel()

    def adjoint(y: np.ndarray) -> np.ndarray:
        image = y.reshape(1, out_channels, *out_size)
        turned = full.transpose(size)
        x = back(image, weight, turned, groups=groups, padding_mode=padding_mode)
        return x[windows].ravel()

    shape = (out_channels * int(np.prod(out_size)), channels * int(np.prod(size)))
    return LinearOperator(shape, matvec=forward, rmatvec=adjoint, dtype=weight.dtype)


def _window(
    weight: np.ndarray, geometry: Geometry, input_size: Sequence[int], groups: int, operator: str
) -> tuple[Geometry, tuple[int, ...]]:
    """The window on the axes of the input, and the input's size, after all checks."""
    check_kinds(operator, weight, geometry, input_size)
    full = geometry.on_axes(len(input_size))
    own = weight.shape[:2] if weight.ndim > 1 else (0, 0)
    channels = own[0] if full.transposed else own[1] * groups
    check_operands(channels, weight, full, groups, operator)
    return full, tuple(input_size)


def _forward_matrix(
    weight: np.ndarray,
    forward: Geometry,
    size: tuple[int, ...],
    out_size: tuple[int, ...],
    groups: int,
    padding_mode: PaddingMode,
) -> coo_array:
    """The matrix of a convolution with explicit padding, of its first `out_size` windows."""
    o, i, k = _links(forward, size, out_size, padding_mode)
    co, ci_of_group = weight.shape[:2]
    row = np.arange(co).reshape(-1, 1, 1)
    column = np.arange(ci_of_group).reshape(1, -1, 1)
    first_channel = row // (co // groups) * ci_of_group
    entries = co * ci_of_group * len(k)
    if entries > MOST_ENTRIES:
        raise GeometryError(
            f"reference.toeplitz: the matrix of this convolution has {entries:,} entries, more "
            f"than {MOST_ENTRIES:,}; use toeplitz_operator, which needs no matrix"
        )
    values = weight.reshape(co, ci_of_group, int(np.prod(forward.kernel_size)))[:, :, k]
    rows = np.broadcast_to(row * np.prod(out_size, dtype=int) + o, values.shape)
    columns = np.broadcast_to((first_channel + column) * np.prod(size, dtype=int) + i, values.shape)
    ci = ci_of_group * groups
    shape = (co * int(np.prod(out_size)), ci * int(np.prod(size)))
    return coo_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape)


def _links(
    forward: Geometry, size: tuple[int, ...], out_size: tuple[int, ...], mode: PaddingMode
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat indices (output, input, kernel) of every product in one channel."""
    per_axis = []
    for axis, (begin, end) in enumerate(forward.pads(size)):
        o, k = (index.ravel() for index in np.indices((out_size[axis], forward.kernel_size[axis])))
        shown = source_index(size[axis], begin, end, mode)
        i = shown[o * forward.stride[axis] + k * forward.dilation[axis]]
        per_axis.append(np.stack([o, i, k])[:, i >= 0])
    choice = np.indices([links.shape[1] for links in per_axis]).reshape(len(size), -1)
    chosen = [links[:, c] for links, c in zip(per_axis, choice, strict=True)]
    o, i, k = (
        np.ravel_multi_index([links[part] for links in chosen], shape)
        for part, shape in enumerate((out_size, size, forward.kernel_size))
    )
    return o, i, k
