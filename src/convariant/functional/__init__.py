"""The operators on torch tensors: torch's names and argument order, differentiable, any device.

Where torch has the operator, torch runs it; what it refuses (one-sided and 'same' padding at any
stride, padding modes of the transposed convolution, any reducer for pooling) is added here.
"""

from convariant.functional._border import PaddingMode
from convariant.functional._convolution import conv1d, conv2d, conv3d
from convariant.functional._pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from convariant.functional._reducers import Reducer, pool
from convariant.functional._transposed import (
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)

__all__ = [
    "PaddingMode",
    "Reducer",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "pool",
]
