"""The truth: slow, obvious NumPy, one file per operation, written from the definition.

Arrays are `(n, channels, *size)` with 1 to 3 axes; integers stay integers and are exact. Every
operator of `convariant.functional` and every kernel of the compiler is tested against these.
"""

from convariant.reference.border import PaddingMode, pad, source_index, unpad
from convariant.reference.convolution import convolve, cross_correlate
from convariant.reference.deconvolve import Deconvolution, deconvolve
from convariant.reference.patches import im2patch, patch2im
from convariant.reference.pooling import pool
from convariant.reference.separable import depthwise_separable, spatially_separable
from convariant.reference.spectrum import Spectrum, null_space, spectrum
from convariant.reference.toeplitz import toeplitz, toeplitz_operator
from convariant.reference.tolerance import tolerance
from convariant.reference.transposed import (
    transposed_by_gradient,
    transposed_by_scatter,
    transposed_by_zero_insertion,
)

__all__ = [
    "Deconvolution",
    "PaddingMode",
    "Spectrum",
    "convolve",
    "cross_correlate",
    "deconvolve",
    "depthwise_separable",
    "im2patch",
    "null_space",
    "pad",
    "patch2im",
    "pool",
    "source_index",
    "spatially_separable",
    "spectrum",
    "toeplitz",
    "toeplitz_operator",
    "tolerance",
    "transposed_by_gradient",
    "transposed_by_scatter",
    "transposed_by_zero_insertion",
    "unpad",
]
