"""Pooling as modules: a window and any reducer."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import Module

from convariant.functional import Reducer, pool
from convariant.functional._reducers import check_reducer
from convariant.geometry import Geometry, PaddingLike
from convariant.nn._convolution import Ints


class _Pool(Module):
    """What the classes of 1, 2 and 3 axes share."""

    _axes: ClassVar[int]

    def __init__(
        self,
        reducer: Reducer,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: PaddingLike = 0,
        dilation: Ints = 1,
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        p: float = 2.0,
    ) -> None:
        super().__init__()
        check_reducer(reducer)
        stride = kernel_size if stride is None else stride
        window = Geometry.of(
            self._axes, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode
        )
        self.reducer = reducer
        self.kernel_size = window.kernel_size
        self.stride = window.stride
        self.padding = window.padding
        self.dilation = window.dilation
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """`(n, c, h, w)` or `(c, h, w)` -> `(n, c, oh, ow)`."""
        return pool(
            input,
            self.reducer,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
            p=self.p,
        )

    def extra_repr(self) -> str:
        """The reducer and the window, without what is at its default."""
        window = Geometry(
            self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )
        parts = [
            getattr(self.reducer, "__name__", str(self.reducer)),
            repr(window).removeprefix("Geometry(").removesuffix(")"),
        ]
        if not self.count_include_pad:
            parts.append("count_include_pad=False")
        if self.reducer == "lp":
            parts.append(f"p={self.p}")
        return ", ".join(parts)


class Pool1d(_Pool):
    """`Pool2d` on one axis: `(n, c, w) -> (n, c, ow)`.

    >>> import torch
    >>> Pool1d("median", 3)(torch.tensor([[[1.0, 9, 2, 4, 4, 0]]]))
    tensor([[[2., 4.]]])
    """

    _axes = 1


class Pool2d(_Pool):
    """Pooling with any reducer: 'max', 'min', 'mean', 'sum', 'median', 'lp' or a function.

    `functional.pool` tells all. A reducer that is itself a module is part of this one, with its
    parameters.

    Shapes: `(n, c, h, w) -> (n, c, oh, ow)`, also unbatched.

    Raises GeometryError for arguments that make no window, UnknownNameError for the reducer.

    >>> Pool2d("max", 3, stride=2, padding="same")
    Pool2d(max, kernel_size=(3, 3), stride=(2, 2), padding='same')

    Source: lecture, "Pooling": convolution with any operator for the weighted sum.
    """

    _axes = 2


class Pool3d(_Pool):
    """`Pool2d` on three axes: `(n, c, d, h, w) -> (n, c, od, oh, ow)`.

    >>> import torch
    >>> Pool3d("mean", 2)(torch.arange(8.0).reshape(1, 1, 2, 2, 2)).item()
    3.5
    """

    _axes = 3
