"""Singular values, rank and null space of a convolution: what it keeps of an image, and how much.

Small matrices are taken apart whole. A circular convolution is diagonal in the Fourier basis, so
its spectrum at any size is that of one small matrix per frequency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convariant.errors import DataError, GeometryError, ShapeError
from convariant.geometry import Geometry
from convariant.reference._checks import check_kinds, check_operands
from convariant.reference._fourier import is_circulant, transfer
from convariant.reference.border import PaddingMode
from convariant.reference.toeplitz import toeplitz

# dense matrices up to this many entries are factored whole: seconds, and 16 MB
DENSE_ENTRIES = 2_000_000


@dataclass(frozen=True)
class Spectrum:
    """The singular values of a convolution's matrix W and what follows from them.

    `values` are sorted from large to small, one for each of min(inputs, outputs) directions.
    """

    values: np.ndarray
    inputs: int
    outputs: int

    @property
    def rank(self) -> int:
        """The number of singular values above rounding."""
        if self.values.size == 0:
            return 0
        threshold = self.values[0] * max(self.inputs, self.outputs) * np.finfo(float).eps
        return int((self.values > threshold).sum())

    @property
    def nullity(self) -> int:
        """The number of independent inputs that the convolution turns into zero."""
        return self.inputs - self.rank

    @property
    def injective(self) -> bool:
        """Whether different inputs always give different outputs, so that values can return."""
        return self.nullity == 0

    @property
    def condition(self) -> float:
        """Largest over smallest singular value: how much noise grows on the way back, at most.

        Infinite where the convolution is not injective.
        """
        return float(self.values[0] / self.values[-1]) if self.injective else float("inf")


def spectrum(
    weight: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> Spectrum:
    """All singular values of the matrix of a convolution, plain or transposed, 1 to 3 axes.

    A circular convolution whose stride divides the input is decomposed by FFT at any size; every
    other one as a dense matrix.

    Shapes: weight `(co, ci / g, kh, kw)`, input_size `(h, w)`; transposed `(ci, co / g, kh, kw)`.

    Raises GeometryError where the dense matrix would be too large (2,000,000 entries), ShapeError
    where the parts do not fit, DataError for a weight with NaN or infinity.

    >>> spectrum(np.ones((1, 1, 3, 3)), Geometry(3), (4, 4)).nullity
    12
    >>> box, window = np.ones((1, 1, 3)), Geometry(3, padding=1)
    >>> [spectrum(box, window, (n,), padding_mode="circular").injective for n in (8, 9)]
    [True, False]

    Source: lecture, "Matrix Multiplication Views"; Sedghi et al. 2019, arXiv 1805.10408.
    """
    full, out_size = checked_window(weight, geometry, input_size, groups, "spectrum")
    size = tuple(input_size)
    ci, co = channels(weight, full, groups)
    inputs, outputs = ci * int(np.prod(size)), co * int(np.prod(out_size))
    if is_circulant(full, size, padding_mode):
        blocks = transfer(weight, full, size, groups)
    else:
        matrix = dense_matrix(weight, full, size, groups, padding_mode, "spectrum")
        blocks = matrix[None]
    values = np.sort(np.linalg.svd(blocks, compute_uv=False).ravel())[::-1]
    return Spectrum(values, inputs, outputs)


def null_space(
    weight: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    groups: int = 1,
    *,
    padding_mode: PaddingMode = "zeros",
) -> np.ndarray:
    """Orthonormal images that the convolution turns into zero: `(nullity, ci, h, w)`.

    Whatever is added of them to an input, no output shows it.

    Raises as `spectrum`; the matrix has to be small here in every case.

    >>> null_space(np.array([[[1.0, -1.0]]]), Geometry(2), (3,)).round(3).tolist()
    [[[0.577, 0.577, 0.577]]]
    """
    full, _ = checked_window(weight, geometry, input_size, groups, "null_space")
    size = tuple(input_size)
    matrix = dense_matrix(weight, full, size, groups, padding_mode, "null_space")
    _, values, directions = np.linalg.svd(matrix)
    rank = Spectrum(values, *reversed(matrix.shape)).rank
    basis = directions[rank:]
    # singular vectors have no sign of their own: make the largest entry positive
    largest = np.abs(basis).argmax(axis=1, keepdims=True) if len(basis) else np.zeros((0, 1), int)
    basis = basis * np.sign(np.take_along_axis(basis, largest, axis=1))
    ci, _ = channels(weight, full, groups)
    return basis.reshape(len(basis), ci, *size)


def dense_matrix(
    weight: np.ndarray,
    geometry: Geometry,
    size: tuple[int, ...],
    groups: int,
    padding_mode: PaddingMode,
    operator: str,
) -> np.ndarray:
    """The Toeplitz matrix with all its zeros, refused where it would be too large."""
    ci, co = channels(weight, geometry, groups)
    inputs, outputs = ci * int(np.prod(size)), co * int(np.prod(geometry.output_size(size)))
    if inputs * outputs > DENSE_ENTRIES:
        raise GeometryError(
            f"reference.{operator}: the matrix of this convolution is {outputs} x {inputs}, more "
            f"than {DENSE_ENTRIES} entries; use a smaller input_size than {size}, or "
            "padding_mode='circular' with padding='same', which is decomposed by FFT"
        )
    return toeplitz(
        weight.astype(float), geometry, size, groups, padding_mode=padding_mode
    ).toarray()


def checked_window(
    weight: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    groups: int,
    operator: str,
) -> tuple[Geometry, tuple[int, ...]]:
    """The window on the axes of the input, and its output size, after all checks."""
    check_kinds(operator, weight, geometry, input_size)
    full = geometry.on_axes(len(input_size))
    if weight.ndim < 2 or not weight.size:
        raise ShapeError(
            f"reference.{operator}: weight of size {list(weight.shape)} joins no channels; give "
            "(co, ci / g, *kernel_size), every one at least 1"
        )
    ci, _ = channels(weight, full, groups)
    check_operands(ci, weight, full, groups, operator)
    check_finite(weight, operator, "weight")
    return full, full.output_size(input_size)


def check_finite(values: np.ndarray, operator: str, what: str) -> None:
    """Refuse NaN and infinity, from which no answer comes back."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise DataError(
            f"reference.{operator}: {what} of size {list(values.shape)} has {bad} values that are "
            "NaN or infinite; replace them, for example with numpy.nan_to_num"
        )


def channels(weight: np.ndarray, geometry: Geometry, groups: int) -> tuple[int, int]:
    """Input and output channels that a weight joins."""
    first, second = weight.shape[:2]
    return (first, second * groups) if geometry.transposed else (second * groups, first)
