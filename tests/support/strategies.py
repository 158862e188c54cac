"""Hypothesis strategies: valid window configurations of 1 to 3 axes, small enough to check."""

from __future__ import annotations

from hypothesis import strategies as st

from convariant.errors import GeometryError
from convariant.geometry import Geometry
from support.configs import Config, PoolConfig


@st.composite
def convolutions(draw: st.DrawFn, axes: int | None = None) -> Config:
    """Any convolution whose window fits: also strides beyond the kernel and one-sided padding."""
    n = draw(st.integers(1, 3)) if axes is None else axes
    kernel_size, stride, dilation = (draw(_per_axis(n, 1, high)) for high in (4, 3, 3))
    padding = draw(_paddings(n))
    groups, batch = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    smallest = _smallest_input(Geometry.of(n, kernel_size, stride, padding, dilation))
    return Config(
        "drawn",
        tuple(draw(st.integers(i, i + 3)) for i in smallest),
        kernel_size,
        stride,
        padding,
        dilation,
        groups=groups,
        in_channels=groups * draw(st.integers(1, 2)),
        out_channels=groups * draw(st.integers(1, 2)),
        batch=batch,
        bias=draw(st.booleans()),
    )


@st.composite
def transposed(draw: st.DrawFn, axes: int | None = None) -> Config:
    """Any transposed convolution with something left after cropping."""
    n = draw(st.integers(1, 3)) if axes is None else axes
    kernel_size, stride, dilation = (draw(_per_axis(n, 1, high)) for high in (4, 3, 3))
    padding = draw(_paddings(n))
    same = isinstance(padding, str) and padding != "valid"
    extra = tuple(
        0 if same else draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(stride, dilation, strict=True)
    )
    groups, batch = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    geometry = Geometry.of(n, kernel_size, stride, padding, dilation, extra, transposed=True)
    return Config(
        "drawn",
        tuple(draw(st.integers(i, i + 2)) for i in _smallest_input(geometry)),
        kernel_size,
        stride,
        padding,
        dilation,
        extra,
        groups=groups,
        in_channels=groups * draw(st.integers(1, 2)),
        out_channels=groups * draw(st.integers(1, 2)),
        batch=batch,
        bias=draw(st.booleans()),
        transposed=True,
    )


@st.composite
def pools(draw: st.DrawFn, axes: int | None = None, torch_accepts: bool = False) -> PoolConfig:
    """Any pooling window, dilated too; `torch_accepts` keeps to padding that torch's pools take."""
    n = draw(st.integers(1, 3)) if axes is None else axes
    kernel_size, stride = (draw(_per_axis(n, 1, high)) for high in (4, 5))
    if torch_accepts:
        dilation = (1,) * n
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel_size)
        smallest = kernel_size  # avg_pool3d takes no less, whatever the padding
    else:
        dilation, padding = draw(_per_axis(n, 1, 2)), draw(_paddings(n))
        smallest = _smallest_input(Geometry.of(n, kernel_size, stride, padding, dilation))
    ceil_mode = draw(st.booleans())
    return PoolConfig(
        "drawn",
        tuple(draw(st.integers(i, i + 4)) for i in smallest),
        kernel_size,
        stride,
        padding,
        dilation,
        ceil_mode,
        batch=draw(st.integers(0, 2)),
        channels=draw(st.integers(1, 2)),
    )


def _per_axis(n: int, low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * n)


def _paddings(n: int) -> st.SearchStrategy:
    pair = st.tuples(st.integers(0, 3), st.integers(0, 3))
    return st.one_of(
        st.integers(0, 3),
        _per_axis(n, 0, 3),
        st.tuples(*[pair] * n),
        st.sampled_from(["valid", "same", "same_upper", "same_lower"]),
    )


def _smallest_input(geometry: Geometry) -> tuple[int, ...]:
    """The least input size, on every axis, from which something comes out."""
    roomy = [99] * geometry.axes

    def fits(axis: int, i: int) -> bool:
        try:
            geometry.output_size((*roomy[:axis], i, *roomy[axis + 1 :]))
        except GeometryError:
            return False
        return True

    return tuple(next(i for i in range(1, 99) if fits(axis, i)) for axis in range(geometry.axes))
