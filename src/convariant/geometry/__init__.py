"""What a windowed operation is: kernel, stride, padding, dilation, output padding; pure integers.

Everything that slides a window over a grid (convolution, transposed convolution, pooling) reads its
sizes from here and from nowhere else. No tensors, no torch.
"""

from convariant.geometry._effective import EffectiveGeometry
from convariant.geometry._geometry import Geometry
from convariant.geometry._padding import PaddingLike
from convariant.geometry._receptive import ReceptiveField, receptive_field
from convariant.geometry._sizes import conv_output_size, conv_transpose_output_size
from convariant.geometry._solve import solve

__all__ = [
    "EffectiveGeometry",
    "Geometry",
    "PaddingLike",
    "ReceptiveField",
    "conv_output_size",
    "conv_transpose_output_size",
    "receptive_field",
    "solve",
]
