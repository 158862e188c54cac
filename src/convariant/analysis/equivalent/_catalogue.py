"""The list of rewrites, with what each of them says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convariant.analysis.equivalent import (
    _batch_norm,
    _chain,
    _dilation,
    _groups,
    _pointwise,
    _pooling,
    _resnext,
    _separable,
    _stride,
    _transposed,
)


@dataclass(frozen=True)
class Rewrite:
    """Two ways to compute the same: `there` maps the first to the second, `back` the other way."""

    name: str
    statement: str
    there: Callable[..., Any]
    back: Callable[..., Any] | None

    def __str__(self) -> str:
        back = f", back by {self.back.__name__}" if self.back else ""
        return f"{self.name}: {self.statement} ({self.there.__name__}{back})"


CATALOGUE: tuple[Rewrite, ...] = (
    Rewrite(
        "grouped = split",
        "a convolution of g groups is g convolutions side by side",
        _groups.split_groups,
        _groups.merge_groups,
    ),
    Rewrite(
        "grouped = block-diagonal",
        "a grouped convolution is a dense one that is zero between groups",
        _groups.densify,
        _groups.regroup,
    ),
    Rewrite(
        "dilated = zero-stuffed",
        "a dilated kernel is a larger one with zeros between its weights",
        _dilation.stuff_kernel,
        _dilation.dilate_kernel,
    ),
    Rewrite(
        "transposed = zeros inserted",
        "a transposed convolution is a convolution of stride 1 of the input with zeros inserted",
        _transposed.insert_zeros,
        _transposed.remove_zeros,
    ),
    Rewrite(
        "transposed = phases",
        "a transposed convolution of stride s is s x s interleaved convolutions without any zeros",
        _transposed.split_phases,
        _transposed.merge_phases,
    ),
    Rewrite(
        "average pooling = depthwise",
        "the mean of a window is a depthwise convolution with equal weights",
        _pooling.pool_to_depthwise,
        _pooling.depthwise_to_pool,
    ),
    Rewrite(
        "1x1 = linear",
        "a 1x1 convolution is a linear layer over channels at every position",
        _pointwise.pointwise_to_linear,
        _pointwise.linear_to_pointwise,
    ),
    Rewrite(
        "linear = large convolution",
        "a linear layer behind flatten is a convolution as large as its input",
        _pointwise.linear_to_convolution,
        _pointwise.convolution_to_linear,
    ),
    Rewrite(
        "strided = subsampled",
        "a strided convolution is one of stride 1 of which every s-th result is kept",
        _stride.stride_to_subsampling,
        _stride.subsampling_to_stride,
    ),
    Rewrite(
        "spatially separable = dense",
        "one convolution for each axis is a dense one whose weight, unfolded, has low rank",
        _separable.separate_spatially,
        _chain.merge_separable,
    ),
    Rewrite(
        "depthwise separable = dense",
        "depthwise and pointwise are a dense convolution whose filters have low rank per channel",
        _separable.separate_depthwise,
        _chain.merge_separable,
    ),
    Rewrite(
        "ResNeXt (c) = (a)",
        "a block with a grouped convolution is the sum of separate paths",
        _resnext.sum_paths,
        _resnext.group_paths,
    ),
    Rewrite(
        "ResNeXt (c) = (b)",
        "a block with a grouped convolution is separate paths joined before the last 1x1",
        _resnext.concatenate_paths,
        _resnext.group_paths,
    ),
    Rewrite(
        "batch norm behind, folded",
        "an evaluated batch normalisation scales the filters before it and shifts their bias",
        _batch_norm.fold_batch_norm,
        None,
    ),
    Rewrite(
        "batch norm before, folded",
        "an evaluated batch normalisation scales the channels that the convolution behind reads; "
        "its shift is a bias that differs near padded borders",
        _batch_norm.fold_batch_norm_before,
        None,
    ),
)
