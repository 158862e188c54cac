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
from convariant.graph.ops import Elementwise, Op

__all__ = [
    "ChannelNorm",
    "ChannelShuffle",
    "Fused",
    "Link",
    "Mask",
    "Strip",
    "Unpool",
    "explain_passes",
    "op_title",
    "run_passes",
    "split_batch",
]


# Every pass and the reason for it, in the order they run.
_PASSES: dict[Callable[[Graph], Graph], str] = {
    fold_constants: "what depends on weights alone is the same in every run",
    masks_as_numbers: "kernels compute with numbers, and fuse what they compute",
    equal_ranks: "an operand with fewer axes lies as one with axes of size 1",
    fold_batch_norms: "a convolution can scale and shift its outputs for nothing",
    absorb_padding: "halos give padding for nothing, a separate pad copies the tensor",
    flattened_linear_as_conv: (
        "a convolution reads blocked channels where flattening would move them"
    ),
    means_as_pools: "a mean over the plane is a pool with one window",
    recognise_shuffles: "kernels pick channels from blocks, which reshaping would take apart",
    unpool_by_windows: (
        "a window can be searched again for its maximum, so that no index goes through memory"
    ),
    neighbouring_axes: "kernels walk along one line of memory",
    norms_as_pools: "a norm of windows is a sum of powers",
    channels_first: (
        "kernels read channels side by side, also where the network has them as its last axis"
    ),
    sink_reshapes: "behind the arithmetic, a reshape is not in the way of an epilogue",
    fuse_epilogues: (
        "a result still in registers takes bias, residual and activation without touching memory"
    ),
    join_strips: (
        "what a depthwise layer gives, a pointwise one reads at once: it need not go to memory"
    ),
}


def run_passes(
    graph: Graph,
    *,
    skip: Collection[str] = (),
    watch: Callable[[str, Graph], None] | None = None,
) -> Graph:
    """The graph after every pass, each verified; `watch` sees the name and result of each."""
    before = None
    for rewrite in _PASSES:
        if rewrite.__name__ in skip:
            continue
        graph = rewrite(graph)
        verify(graph, before)
        before = graph
        if watch is not None:
            watch(rewrite.__name__, graph)
    return graph


def explain_passes(graph: Graph) -> str:
    """What each pass changes in a graph, and why it is there, in 80 columns."""
    return dump_passes(graph, run_passes, {p.__name__: why for p, why in _PASSES.items()})


def op_title(op: Op) -> str:
    """What an operation is: its kind and settings, where these do not name it already.

    >>> from convariant.graph.ops import Linear
    >>> op_title(Linear()), op_title(Elementwise("relu"))
    ('Linear', 'relu')
    """
    named = isinstance(op, (Fused, Strip, Elementwise))
    return op.text() if named else f"{op.kind} {op.text()}".strip()
