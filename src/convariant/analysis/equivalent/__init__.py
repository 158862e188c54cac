"""Rewrites that change how a layer is computed and not what it computes.

Each is a function from a module to the module(s) that equal it, with its weights mapped, and most
have an inverse; the given module is never changed. `prove` compares two modules on random inputs in
float64, and `CATALOGUE` lists all rewrites.
"""

from convariant.analysis.equivalent._batch_norm import (
    BorderedConvolution,
    fold_batch_norm,
    fold_batch_norm_before,
)
from convariant.analysis.equivalent._catalogue import CATALOGUE, Rewrite
from convariant.analysis.equivalent._chain import merge_convolutions, merge_separable
from convariant.analysis.equivalent._dilation import dilate_kernel, stuff_kernel
from convariant.analysis.equivalent._groups import (
    SplitConvolution,
    densify,
    merge_groups,
    regroup,
    split_groups,
)
from convariant.analysis.equivalent._pointwise import (
    ChannelLinear,
    convolution_to_linear,
    linear_to_convolution,
    linear_to_pointwise,
    pointwise_to_linear,
)
from convariant.analysis.equivalent._pooling import (
    CountedMean,
    depthwise_to_pool,
    pool_to_depthwise,
)
from convariant.analysis.equivalent._prove import Proof, prove
from convariant.analysis.equivalent._resnext import concatenate_paths, group_paths, sum_paths
from convariant.analysis.equivalent._separable import separate_depthwise, separate_spatially
from convariant.analysis.equivalent._stride import (
    Subsample,
    stride_to_subsampling,
    subsampling_to_stride,
)
from convariant.analysis.equivalent._transposed import (
    PhasedConvolution,
    ZeroInsertion,
    insert_zeros,
    merge_phases,
    remove_zeros,
    split_phases,
)

__all__ = [
    "CATALOGUE",
    "BorderedConvolution",
    "ChannelLinear",
    "CountedMean",
    "PhasedConvolution",
    "Proof",
    "Rewrite",
    "SplitConvolution",
    "Subsample",
    "ZeroInsertion",
    "concatenate_paths",
    "convolution_to_linear",
    "densify",
    "depthwise_to_pool",
    "dilate_kernel",
    "fold_batch_norm",
    "fold_batch_norm_before",
    "group_paths",
    "insert_zeros",
    "linear_to_convolution",
    "linear_to_pointwise",
    "merge_convolutions",
    "merge_groups",
    "merge_phases",
    "merge_separable",
    "pointwise_to_linear",
    "pool_to_depthwise",
    "prove",
    "regroup",
    "remove_zeros",
    "separate_depthwise",
    "separate_spatially",
    "split_groups",
    "split_phases",
    "stride_to_subsampling",
    "stuff_kernel",
    "subsampling_to_stride",
    "sum_paths",
]
