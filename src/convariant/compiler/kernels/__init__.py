"""Kernels: Python functions that emit the loop nest of one operation through the builder."""

from convariant.compiler.kernels._adaptive import AdaptivePool, window_table
from convariant.compiler.kernels._changed import Changed
from convariant.compiler.kernels._channel_norm import ChannelNorm
from convariant.compiler.kernels._copy import Copy
from convariant.compiler.kernels._direct import DirectConv
from convariant.compiler.kernels._elementwise import ClearHalo, Convert, Elementwise
from convariant.compiler.kernels._epilogue import Epilogue, Step
from convariant.compiler.kernels._functions import BINARY, FUNCTIONS, UNARY
from convariant.compiler.kernels._group_norm import GroupNorm
from convariant.compiler.kernels._grouped import GroupedConv, turns
from convariant.compiler.kernels._lines import (
    REDUCED,
    LineLogSumExp,
    LineNorm,
    LineReduce,
    Lines,
    LineSoftmax,
)
from convariant.compiler.kernels._map import Map
from convariant.compiler.kernels._matmul import MatMul
from convariant.compiler.kernels._matrices import winograd_matrices
from convariant.compiler.kernels._pack import Packs
from convariant.compiler.kernels._peak import PeakMultiplyAdds
from convariant.compiler.kernels._pick import Pick
from convariant.compiler.kernels._pool import Pool
from convariant.compiler.kernels._regroup import Regroup
from convariant.compiler.kernels._resize import Resize, resize_table
from convariant.compiler.kernels._softmax import Softmax
from convariant.compiler.kernels._strassen import Pairs, StrassenConv
from convariant.compiler.kernels._strip import Stage, StripConv, strip_layout
from convariant.compiler.kernels._tile import (
    Tile,
    choose_tile,
    rank_tiles,
    tile_cycles,
    vector_counts,
)
from convariant.compiler.kernels._unpool import Unpool
from convariant.compiler.kernels._winograd import (
    WinogradConv,
    winograd_tiles,
)

__all__ = [
    "BINARY",
    "FUNCTIONS",
    "REDUCED",
    "UNARY",
    "AdaptivePool",
    "Changed",
    "ChannelNorm",
    "ClearHalo",
    "Convert",
    "Copy",
    "DirectConv",
    "Elementwise",
    "Epilogue",
    "GroupNorm",
    "GroupedConv",
    "LineLogSumExp",
    "LineNorm",
    "LineReduce",
    "LineSoftmax",
    "Lines",
    "Map",
    "MatMul",
    "Packs",
    "Pairs",
    "PeakMultiplyAdds",
    "Pick",
    "Pool",
    "Regroup",
    "Resize",
    "Softmax",
    "Stage",
    "Step",
    "StrassenConv",
    "StripConv",
    "Tile",
    "Unpool",
    "WinogradConv",
    "choose_tile",
    "rank_tiles",
    "resize_table",
    "strip_layout",
    "tile_cycles",
    "turns",
    "vector_counts",
    "window_table",
    "winograd_matrices",
    "winograd_tiles",
]
