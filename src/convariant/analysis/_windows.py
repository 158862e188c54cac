"""What a window leaves unread: rows of its input, and padding."""

from __future__ import annotations

from convariant.geometry import Geometry


def unread_rows(geometry: Geometry, axis: int, size: int, output: int) -> int:
    """Rows at the end of the input that no window reaches, beyond those that every stride skips.

    >>> unread_rows(Geometry(2, stride=2), 0, 5, 2)
    1
    """
    extent, stride = geometry.extent[axis], geometry.stride[axis]
    begin = geometry.pads((size,) * geometry.axes)[axis][0]
    after_last = size + begin - ((output - 1) * stride + extent)
    return max(after_last - max(stride - extent, 0), 0)


def unread_padding(geometry: Geometry, axis: int, size: int, output: int) -> int:
    """Rows of padding at the end that no window reads.

    >>> unread_padding(Geometry(3, stride=2, padding=1), 0, 6, 3)
    1
    """
    begin, end = geometry.pads((size,) * geometry.axes)[axis]
    reached = (output - 1) * geometry.stride[axis] + geometry.extent[axis]
    return min(max(size + begin + end - reached, 0), end)
