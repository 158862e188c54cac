"""The kinds of operation a graph is made of.

Each is a frozen dataclass that states in one place its types (`infer`), values (`run`), printed
form (`text`), arithmetic (`cost`) and receptive-field rule (`reach`).
"""

from convariant.graph.ops._base import Cost, Op, Reach, Taps
from convariant.graph.ops._conv import Conv
from convariant.graph.ops._depth import DepthToSpace, SpaceToDepth
from convariant.graph.ops._elementwise import FUNCTIONS, Cast, Elementwise
from convariant.graph.ops._linear import Linear, MatMul
from convariant.graph.ops._normalise import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm
from convariant.graph.ops._pad import Pad, PadMode
from convariant.graph.ops._pool import AdaptivePool, Pool
from convariant.graph.ops._reduce import REDUCTIONS, Reduce, Softmax
from convariant.graph.ops._resize import Resize
from convariant.graph.ops._shape import Axis, Concat, Expand, Permute, Reshape, Slice, Target
from convariant.graph.ops._torch import Slot, Torch
from convariant.graph.ops._unpool import Fold, MaxUnpool

__all__ = [
    "FUNCTIONS",
    "REDUCTIONS",
    "AdaptivePool",
    "Axis",
    "BatchNorm",
    "Cast",
    "Concat",
    "Conv",
    "Cost",
    "DepthToSpace",
    "Elementwise",
    "Expand",
    "Fold",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "MatMul",
    "MaxUnpool",
    "Op",
    "Pad",
    "PadMode",
    "Permute",
    "Pool",
    "Reach",
    "Reduce",
    "Reshape",
    "Resize",
    "Slice",
    "Slot",
    "Softmax",
    "SpaceToDepth",
    "Taps",
    "Target",
    "Torch",
]
