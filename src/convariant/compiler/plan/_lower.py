"""Which rule lowers which kind of node."""

from __future__ import annotations

from collections.abc import Callable

import torch

from convariant.compiler.passes import ChannelNorm, ChannelShuffle, Fused, Mask, Strip, Unpool
from convariant.compiler.plan._convs import lower_conv, lower_linear
from convariant.compiler.plan._job import Context, Job
from convariant.compiler.plan._lines import (
    lower_channel_norm,
    lower_group_norm,
    lower_layer_norm,
    lower_matmul,
    lower_reduce,
    lower_softmax,
)
from convariant.compiler.plan._model import Lowering
from convariant.compiler.plan._moves import (
    lower_channel_shuffle,
    lower_concat,
    lower_depth_to_space,
    lower_expand,
    lower_pad,
    lower_permute,
    lower_reshape,
    lower_slice,
    lower_space_to_depth,
)
from convariant.compiler.plan._numbers import lower_elementwise
from convariant.compiler.plan._strips import lower_strip
from convariant.compiler.plan._windows import (
    lower_adaptive_pool,
    lower_pool,
    lower_resize,
    lower_unpool,
)
from convariant.graph import Node, ops

__all__ = ["lower"]

_RULES: dict[type[ops.Op], Callable[[Job], Lowering | str]] = {
    ops.AdaptivePool: lower_adaptive_pool,
    ops.Concat: lower_concat,
    ops.Conv: lower_conv,
    ops.DepthToSpace: lower_depth_to_space,
    ops.Elementwise: lower_elementwise,
    ops.Expand: lower_expand,
    ops.GroupNorm: lower_group_norm,
    ops.LayerNorm: lower_layer_norm,
    ops.Linear: lower_linear,
    ops.MatMul: lower_matmul,
    ops.Pad: lower_pad,
    ops.Permute: lower_permute,
    ops.Pool: lower_pool,
    ops.Reduce: lower_reduce,
    ops.Reshape: lower_reshape,
    ops.Resize: lower_resize,
    ops.Slice: lower_slice,
    ops.Softmax: lower_softmax,
    ops.SpaceToDepth: lower_space_to_depth,
    ChannelNorm: lower_channel_norm,
    ChannelShuffle: lower_channel_shuffle,
    Mask: lower_elementwise,
    Unpool: lower_unpool,
    Strip: lower_strip,
}

# What needs no notion of images and channels.
_ANY_RANK = (
    ops.Concat,
    ops.Elementwise,
    ops.Expand,
    ops.GroupNorm,
    ops.LayerNorm,
    ops.MatMul,
    ops.Pad,
    ops.Permute,
    ops.Reduce,
    ops.Reshape,
    ops.Slice,
    ops.Softmax,
)


def lower(context: Context, node: Node) -> Lowering | str:
    """How a node becomes kernels, or the reason why PyTorch has to run it."""
    op = node.op.op if isinstance(node.op, Fused) else node.op
    rule = _RULES.get(type(op))
    if rule is None:
        return getattr(op, "reason", "") or f"no kernel for {op.kind}"
    types = [context.graph.types[name] for name in (*node.inputs, *node.outputs)]
    if any(t.dtype != torch.float32 for t in types):
        return f"{op.kind} on {', '.join(sorted({str(t.dtype) for t in types}))}"
    rank = context.graph.types[node.name].rank
    if not isinstance(op, _ANY_RANK) and not 2 <= rank <= 5:
        return f"{op.kind} on a tensor of {rank} axes"
    if any(0 in t.sizes for t in types):
        return "an empty tensor"
    return rule(Job.of(context, node, node.op, node.inputs, context.sizes(node.name)))
