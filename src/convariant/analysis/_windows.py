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


# a file may ask for padding of any size; more windows than this are not looked at one by one
_MOST_WINDOWS = 10**6


def windows_of_padding(geometry: Geometry, axis: int, size: int, output: int) -> int:
    """How many windows read nothing but padding.

    >>> windows_of_padding(Geometry(2, padding=3), 0, 6, 11)
    4
    """
    begin = geometry.pads((size,) * geometry.axes)[axis][0]
    kernel, stride = geometry.kernel_size[axis], geometry.stride[axis]
    dilation = geometry.dilation[axis]
    behind = max(output - _steps(size + begin, stride), 0)
    if dilation <= size:  # taps before and behind the input have one in it between them
        return behind + min(_steps(begin - (kernel - 1) * dilation, stride), output)
    starts = (o * stride - begin for o in range(min(_steps(begin, stride), output, _MOST_WINDOWS)))
    first = ((start, -(start // dilation)) for start in starts)  # the first tap past the padding
    return behind + sum(tap >= kernel or start + tap * dilation >= size for start, tap in first)


def _steps(length: int, stride: int) -> int:
    """How many windows begin within this length."""
    return max(-(-length // stride), 0)
