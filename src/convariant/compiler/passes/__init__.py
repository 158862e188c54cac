"""The rewrites between the graph as captured and the graph as planned, in the order they run."""

from __future__ import annotations

from collections.abc import Callable, Collection

from convariant.compiler.passes._channels import ChannelNorm, channels_first
from convariant.compiler.passes._dump import dump_passes
from convariant.compiler.passes._fold import fold_batch_norms, fold_constants
from convariant.compiler.passes._fuse import fuse_epilogues
from convariant.compiler.passes._fused import Fused, Link
from convariant.compiler.passes._masks import Mask, masks_as_numbers
from convariant.compiler.passes._rounds import split_batch
from convariant.compiler.passes._shape import (
    absorb_padding,
    equal_ranks,
    flattened_linear_as_conv,
    means_as_pools,
    neighbouring_axes,
    norms_as_pools,
    sink_reshapes,
)
from convariant.compiler.passes._shuffle import ChannelShuffle, recognise_shuffles
from convariant.compiler.passes._strip import Strip, join_strips
from convariant.compiler.passes._unpool import Unpool, unpool_by_windows
from convariant.graph import Graph, verify

__all__ = [
    "ChannelNorm",
    "ChannelShuffle",
    "Fused",
    "Link",
    "Mask",
    "Strip",
    "Unpool",
    "dump_passes",
    "run_passes",
    "split_batch",
]


def run_passes(
    graph: Graph,
    *,
    skip: Collection[str] = (),
    watch: Callable[[str, Graph], None] | None = None,
) -> Graph:
    """The graph after every pass, each verified; `watch` sees the name and result of each."""
    passes: list[Callable[[Graph], Graph]] = [
        # what depends on weights alone is the same in every run
        fold_constants,
        # kernels compute with numbers, and fuse what they compute
        masks_as_numbers,
        # an operand with fewer axes lies as one with axes of size 1
        equal_ranks,
        # a convolution can scale and shift its outputs for nothing
        fold_batch_norms,
        # halos give padding for nothing, a separate pad copies the tensor
        absorb_padding,
        # a convolution reads blocked channels where flattening would move them
        flattened_linear_as_conv,
        # a mean over the plane is a pool with one window
        means_as_pools,
        # kernels pick channels from blocks, which reshaping would take apart
        recognise_shuffles,
        # a window can be searched again for its maximum, so that no index goes through memory
        unpool_by_windows,
        # kernels walk along one line of memory
        neighbouring_axes,
        # a norm of windows is a sum of powers
        norms_as_pools,
        # kernels read channels side by side, also where the network has them as its last axis
        channels_first,
        # behind the arithmetic, a reshape is not in the way of an epilogue
        sink_reshapes,
        # a result still in registers takes bias, residual and activation without touching memory
        fuse_epilogues,
        # what a depthwise layer gives, a pointwise one reads at once: it need not go to memory
        join_strips,
    ]
    for rewrite in passes:
        if rewrite.__name__ in skip:
            continue
        graph = rewrite(graph)
        verify(graph)
        if watch is not None:
            watch(rewrite.__name__, graph)
    return graph
