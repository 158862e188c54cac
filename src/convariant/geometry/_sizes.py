"""Output sizes along one axis. The formulas stand here once; everything else calls them.

Letters: i input, o output, k kernel, s stride, d dilation, b / e padding at the beginning / end,
op output padding, extent = d(k - 1) + 1, the length that a dilated kernel covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convariant.errors import GeometryError

if TYPE_CHECKING:
    from convariant.geometry._geometry import Geometry


def ceil_div(a: int, b: int) -> int:
    """The quotient rounded up, for integers of any sign and b > 0."""
    return -(-a // b)


def conv_size(i: int, extent: int, s: int, b: int, e: int) -> int:
    """`o = floor((i + b + e - extent) / s) + 1`; less than 1 where the kernel does not fit."""
    return (i + b + e - extent) // s + 1


def conv_size_ceil(i: int, extent: int, s: int, b: int, e: int) -> int:
    """Torch's ceil_mode: round up, but no window may start beyond the input, in its end padding."""
    o = ceil_div(i + b + e - extent, s) + 1
    return o - 1 if (o - 1) * s >= i + b else o


def conv_transpose_size(i: int, extent: int, s: int, b: int, e: int, op: int) -> int:
    """`o = (i - 1)s - b - e + extent + op`."""
    return (i - 1) * s - b - e + extent + op


def conv_output_size(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> int | tuple[int, ...]:
    """The output size of a convolution, as an int for an int and a tuple for a tuple.

    `o = floor((i + 2p - d(k - 1) - 1) / s) + 1` on every axis (torch.nn.Conv2d's formula).

    Raises GeometryError where the kernel does not fit.

    >>> conv_output_size(224, 7, stride=2, padding=3)
    112
    >>> conv_output_size((5, 6), 3, stride=2, padding=1)
    (3, 3)
    """
    from convariant.geometry._geometry import Geometry

    geometry = Geometry(kernel_size, stride, padding, dilation)
    return _scalar_or_tuple(geometry, input_size)


def conv_transpose_output_size(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> int | tuple[int, ...]:
    """The output size of a transposed convolution, in torch.nn.ConvTranspose2d's argument order.

    `o = (i - 1)s - 2p + d(k - 1) + output_padding + 1` on every axis.

    Raises GeometryError where nothing would be left.

    >>> conv_transpose_output_size(3, 3, stride=2, padding=1, output_padding=1)
    6
    """
    from convariant.geometry._geometry import Geometry

    geometry = Geometry(kernel_size, stride, padding, dilation, output_padding, transposed=True)
    return _scalar_or_tuple(geometry, input_size)


def _scalar_or_tuple(geometry: Geometry, size: int | Sequence[int]) -> int | tuple[int, ...]:
    if isinstance(size, Sequence):
        return geometry.output_size(tuple(size))
    if geometry.axes > 1:
        raise GeometryError(
            f"input_size={size} is one number but the window has {geometry.axes} axes; "
            f"write input_size=({', '.join([str(size)] * geometry.axes)})"
        )
    return geometry.output_size((size,))[0]
