"""Deconvolution in the word's own sense: the input whose convolution was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

import numpy as np
from scipy.sparse.linalg import lsmr

from convariant.errors import OptionError
from convariant.geometry import Geometry
from convariant.reference._checks import check_numbers, check_size
from convariant.reference._fourier import frequencies, images, is_circulant, transfer
from convariant.reference.border import PaddingMode
from convariant.reference.spectrum import (
    DENSE_ENTRIES,
    Spectrum,
    channels,
    check_finite,
    checked_window,
    dense_matrix,
)
from convariant.reference.toeplitz import toeplitz_operator


@dataclass(frozen=True)
class Deconvolution:
    """An input that gives the output seen, and what is known of the ones that do too.

    `x` is the one of least norm. `residual` is `|W x - y| / |y|`: 0 where some input gives y
    exactly. `nullity` is the number of independent images that could be added to x without any
    effect on y; where the matrix was too large to decompose, `nullity_is_exact` is False, it is a
    lower bound, and `condition` an estimate from below.
    """

    x: np.ndarray
    residual: float
    nullity: int
    nullity_is_exact: bool
    condition: float
    method: Literal["fft", "direct", "lsmr"]
    iterations: int = 0

    @property
    def unique(self) -> bool:
        """Whether it is known that no other input gives this output."""
        return self.nullity == 0 and self.nullity_is_exact

    def __str__(self) -> str:
        least = "" if self.nullity_is_exact else "at least "
        if self.nullity:
            verdict = f"{least}{self.nullity} directions are lost: x is the input of least norm"
        elif self.nullity_is_exact:
            verdict = "no direction is lost: x is the only input"
        else:
            verdict = "not known whether a direction is lost"
        steps = f" in {self.iterations} iterations" if self.iterations else ""
        return (
            f"deconvolution by {self.method}{steps}: residual {self.residual:.1e}, "
            f"condition {least}{self.condition:.3g}; {verdict}"
        )


def deconvolve(
    y: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    input_size: Sequence[int],
    groups: int = 1,
    *,
    bias: np.ndarray | None = None,
    padding_mode: PaddingMode = "zeros",
    damping: float = 0.0,
    iterations: int = 1000,
) -> Deconvolution:
    """The inverse of a convolution in values: the x with `W x = y`, where there is one.

    Where W is injective and y an output of it, x is recovered; where it is not, x is the input of
    least norm among those that come closest to y. `damping` > 0 trades closeness for a small norm,
    `min |W x - y|^2 + damping^2 |x|^2`, which keeps the noise of a real y from growing.

    A circular convolution is inverted frequency by frequency, a small one by its singular values,
    any other by LSMR, which needs no matrix: only the convolution and its transpose, at most
    `iterations` times.

    Shapes: y `(n, co, oh, ow)` -> x `(n, ci, h, w)`, 1 to 3 axes; weight and geometry are those of
    the convolution, plain or transposed.

    Raises GeometryError or ShapeError where they do not fit, DataError for NaN, infinity and what
    is no array of real numbers, OptionError for a damping below 0 or no iteration.

    >>> from convariant.reference import cross_correlate
    >>> weight, window = np.array([[[1.0, 3.0, 1.0]]]), Geometry(3, padding=1)
    >>> y = cross_correlate(np.array([[[3.0, 1.0, 4.0, 1.0, 5.0]]]), weight, window)
    >>> found = deconvolve(y, weight, window, (5,))
    >>> found.x.round(9).tolist(), found.unique
    ([[[3.0, 1.0, 4.0, 1.0, 5.0]]], True)

    Sources: lecture, "Deconvolution"; Fong and Saunders 2011 (LSMR), arXiv 1006.0758.
    """
    full, out_size = checked_window(weight, geometry, input_size, groups, "deconvolve")
    size = tuple(input_size)
    ci, co = channels(weight, full, groups)
    check_numbers(y, "deconvolve", "y")
    check_size(y.shape[1:], (co, *out_size), "deconvolve", "y (channels, *size)")
    check_finite(y, "deconvolve", "y")
    _check_options(damping, iterations)
    weight = weight.astype(float)
    if bias is not None:
        check_numbers(bias, "deconvolve", "bias")
        check_size(bias.shape, (co,), "deconvolve", "bias")
        check_finite(bias, "deconvolve", "bias")
        y = y - bias.reshape(-1, *[1] * full.axes)
    if is_circulant(full, size, padding_mode):
        return _by_fourier(y, weight, full, size, groups, damping)
    inputs, outputs = ci * int(np.prod(size)), co * int(np.prod(out_size))
    if inputs * outputs <= DENSE_ENTRIES:
        matrix = dense_matrix(weight, full, size, groups, padding_mode, "deconvolve")
        return _by_singular_values(y, matrix, (ci, *size), damping)
    return _by_lsmr(y, weight, full, size, groups, padding_mode, damping, iterations)


def _check_options(damping: float, iterations: int) -> None:
    if not isinstance(damping, Real) or not 0 <= damping < np.inf:
        raise OptionError(
            f"reference.deconvolve: damping={damping!r} is no number from 0 on; give 0 for a clean "
            "y, about the noise of y over its size otherwise, such as 0.01"
        )
    if not isinstance(iterations, Integral) or iterations < 1:
        raise OptionError(
            f"reference.deconvolve: iterations={iterations!r} is no whole number from 1 on; give "
            "iterations=1000"
        )


def _by_singular_values(
    y: np.ndarray, matrix: np.ndarray, image: tuple[int, ...], damping: float
) -> Deconvolution:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    known = Spectrum(values, *reversed(matrix.shape))
    columns = y.reshape(len(y), len(matrix)).T
    x = right.T @ (_inverted(values, known.rank, damping)[:, None] * (left.T @ columns))
    residual = _relative(matrix @ x - columns, columns)
    return Deconvolution(
        x.T.reshape(len(y), *image), residual, known.nullity, True, known.condition, "direct"
    )


def _by_fourier(
    y: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    size: tuple[int, ...],
    groups: int,
    damping: float,
) -> Deconvolution:
    blocks = transfer(weight, geometry, size, groups)
    left, values, right = np.linalg.svd(blocks, full_matrices=False)
    one = (1,) * geometry.axes
    stride_of_x, stride_of_y = (
        (one, geometry.stride) if geometry.transposed else (geometry.stride, one)
    )
    columns = frequencies(y, groups, stride_of_y)
    # one threshold for all frequencies: a value is zero beside the largest of the whole matrix
    ci, co = channels(weight, geometry, groups)
    everything = np.sort(values.ravel())[::-1]
    known = Spectrum(everything, ci * int(np.prod(size)), co * int(np.prod(y.shape[2:])))
    least = everything[known.rank - 1] if known.rank else np.inf
    inverse = np.where(values >= least, values, 0)
    inverse = np.divide(inverse, inverse**2 + damping**2, where=inverse > 0, out=inverse * 0)
    found = right.conj().swapaxes(-1, -2) @ (
        inverse[..., None] * (left.conj().swapaxes(-1, -2) @ columns)
    )
    residual = _relative(blocks @ found - columns, columns)
    x = images(found, groups, stride_of_x, size)
    return Deconvolution(x, residual, known.nullity, True, known.condition, "fft")


def _by_lsmr(
    y: np.ndarray,
    weight: np.ndarray,
    geometry: Geometry,
    size: tuple[int, ...],
    groups: int,
    padding_mode: PaddingMode,
    damping: float,
    iterations: int,
) -> Deconvolution:
    operator = toeplitz_operator(weight, geometry, size, groups, padding_mode=padding_mode)
    found, steps, condition = [], 0, 1.0
    for image in y:
        x, _, count, _, _, _, estimate, _ = lsmr(
            operator, image.ravel(), damp=damping, atol=1e-13, btol=1e-13, conlim=0,
            maxiter=iterations,
        )  # fmt: skip
        found.append(x)
        steps, condition = max(steps, count), max(condition, float(estimate))
    outputs, inputs = operator.shape
    x = np.stack(found) if found else np.zeros((0, inputs))
    seen = y.reshape(len(y), outputs)
    residual = _relative(np.array([operator @ row for row in x]).reshape(seen.shape) - seen, seen)
    lost = max(inputs - outputs, _never_read(weight, geometry, size, groups, padding_mode))
    ci, _ = channels(weight, geometry, groups)
    return Deconvolution(
        x.reshape(len(y), ci, *size), residual, lost, False, condition, "lsmr", steps
    )


def _never_read(
    weight: np.ndarray,
    geometry: Geometry,
    size: tuple[int, ...],
    groups: int,
    padding_mode: PaddingMode,
) -> int:
    """The inputs that no output depends on: each one is a direction that is surely lost."""
    reach = toeplitz_operator(np.abs(weight), geometry, size, groups, padding_mode=padding_mode)
    return int((reach.T @ np.ones(reach.shape[0]) == 0).sum())


def _inverted(values: np.ndarray, rank: int, damping: float) -> np.ndarray:
    """`s -> s / (s^2 + damping^2)`, and 0 for those that are rounding."""
    inverse = np.zeros_like(values)
    kept = values[:rank]
    inverse[:rank] = kept / (kept**2 + damping**2)
    return inverse


def _relative(difference: np.ndarray, truth: np.ndarray) -> float:
    size = float(np.linalg.norm(truth))
    return float(np.linalg.norm(difference)) / size if size else float(np.linalg.norm(difference))
