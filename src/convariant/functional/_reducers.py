"""Pooling in general: a window and any reducer that does not care about order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from convariant.errors import GeometryError, ShapeError, UnknownNameError
from convariant.functional._checks import Ints
from convariant.functional._pooling import average, maximum, pooling_window
from convariant.functional._windows import along_axes, reduce_elements
from convariant.geometry import Geometry, PaddingLike

Reducer: TypeAlias = str | Callable[[Tensor], Tensor]

_REDUCERS = ("lp", "max", "mean", "median", "min", "sum")


def pool(
    input: Tensor,
    reducer: Reducer,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: PaddingLike = 0,
    dilation: Ints = 1,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    p: float = 2.0,
) -> Tensor:
    """A convolution with any operator in place of the weighted sum, channel by channel.

    `reducer` is 'max', 'min', 'mean', 'sum', 'median' (the mean of the two middle ones where their
    number is even), 'lp' (the norm of order `p`), or a function that takes the elements of the
    windows, `(n, c, oh, ow, elements)`, and reduces the last axis. Elements outside the input are
    not among them, so windows at the border have fewer; in a window with none at all a maximum is
    minus infinity, a sum 0, and a median or a function is refused. Only 'mean' asks
    `count_include_pad`: as in torch's average pooling, padding counts with value 0 by default.
    Of whole numbers, sums have 64 bits as torch.sum's, and means are cut towards zero.

    A reducer that does not depend on the order of its elements makes pooling invariant to
    permutations inside a window, and to no other.

    One kernel size stands for all axes after (n, c); one per axis also allows (c, h, w).

    Shapes: `(n, c, h, w) -> (n, c, oh, ow)`, 1 to 3 axes.

    Raises GeometryError where the window does not fit, UnknownNameError for an unknown reducer,
    ShapeError for a function that returns another shape, or whole numbers without a median.

    >>> import torch
    >>> x = torch.tensor([[[[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]]]])
    >>> pool(x, "median", 2)
    tensor([[[[2.0000, 2.5000],
              [4.0000, 6.0000]]]])
    >>> pool(x, lambda elements: elements.amax(-1) - elements.amin(-1), 2)
    tensor([[[[4., 3.],
              [6., 6.]]]])

    Source: lecture, "Pooling": convolution with any operator for the weighted sum.
    """
    axes = len(kernel_size) if isinstance(kernel_size, Sequence) else input.dim() - 2
    if not 1 <= axes <= 3:
        raise ShapeError(
            f"pool: one kernel size for an input of size {list(input.shape)} means {axes} axes, "
            "which must be 1 to 3; write one kernel size per axis"
        )
    given = (axes, input, kernel_size, stride, padding, dilation, ceil_mode)
    window = pooling_window("pool", *given, any_type=callable(reducer))
    check_reducer(reducer)
    if callable(reducer):
        return reduce_elements(input, window, _checked(reducer), "pool")
    if reducer == "mean":
        return average(input, window, count_include_pad)
    if reducer in ("lp", "median") and not input.is_floating_point():
        raise ShapeError(
            f"pool: {reducer!r} of whole numbers ({input.dtype}) need not be a whole number; "
            "convert the input with .float()"
        )
    if reducer == "lp":
        return _norm(input, window, p)
    return _NAMED[reducer](input, window)


def check_reducer(reducer: Reducer) -> None:
    if not callable(reducer) and reducer not in _REDUCERS:
        raise UnknownNameError("reducer", str(reducer), _REDUCERS)


def _norm(x: Tensor, window: Geometry, p: float) -> Tensor:
    if not p > 0:
        raise GeometryError(f"pool: p={p} is not the order of a norm; it must be positive")
    # the norm over the columns of the norms over the rows is the norm over all
    return along_axes(x, window, lambda taps: torch.linalg.vector_norm(torch.stack(taps), p, dim=0))


def _median(values: Tensor) -> Tensor:
    count = values.shape[-1]
    return values.sort(-1).values[..., (count - 1) // 2 : count // 2 + 1].mean(-1)


def _reversed(x: Tensor) -> Tensor:
    """The same numbers in reverse order of size; -x of a whole number may not exist."""
    return -x if x.is_floating_point() else ~x


_NAMED: dict[str, Callable[[Tensor, Geometry], Tensor]] = {
    "max": maximum,
    "min": lambda x, window: _reversed(maximum(_reversed(x), window)),
    "sum": lambda x, window: average(x, window, divisor_override=1),
    "median": lambda x, window: reduce_elements(x, window, _median, "pool"),
}


def _checked(reducer: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def reduce(values: Tensor) -> Tensor:
        result = reducer(values)
        if not isinstance(result, Tensor) or result.shape != values.shape[:-1]:
            got = list(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise ShapeError(
                f"pool: the reducer was given elements of size {list(values.shape)} and must "
                f"return a tensor of size {list(values.shape[:-1])}, but returned {got}; reduce "
                "the last axis, as in lambda elements: elements.amax(-1)"
            )
        return result

    return reduce
