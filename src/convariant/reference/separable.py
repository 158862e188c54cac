"""The two meanings of separable convolution, as chains of plain ones."""

from __future__ import annotations

import numpy as np

from convariant.geometry import Geometry
from convariant.reference.convolution import cross_correlate


def depthwise_separable(
    x: np.ndarray, depthwise: np.ndarray, pointwise: np.ndarray, geometry: Geometry
) -> np.ndarray:
    """Space first, then channels: one filter per channel, then a 1x1 convolution that mixes them.

    Shapes: x `(n, c, h, w)`, depthwise `(c m, 1, kh, kw)` with depth multiplier m, pointwise
    `(co, c m, 1, 1)` -> `(n, co, oh, ow)`, 1 to 3 axes.

    Raises GeometryError or ShapeError where they do not fit.

    >>> x = np.array([[[1, 2, 3], [1, 1, 1]]])
    >>> depthwise, pointwise = np.array([[[1, 1]], [[5, 5]]]), np.array([[[1], [1]]])
    >>> depthwise_separable(x, depthwise, pointwise, Geometry(2)).tolist()
    [[[13, 15]]]

    Source: lecture, "Depthwise Separable Convolution"; https://arxiv.org/abs/1704.04861.
    """
    y = cross_correlate(x, depthwise, geometry, groups=x.shape[1])
    return cross_correlate(y, pointwise, Geometry(1))


def spatially_separable(
    x: np.ndarray, column: np.ndarray, row: np.ndarray, geometry: Geometry
) -> np.ndarray:
    """Height first, then width: kernels kh x 1 into r channels, then kernels 1 x kw out of them.

    With one channel and r = 1 this is the convolution by the rank-one kernel `column @ row`.

    Shapes: x `(n, ci, h, w)`, column `(r, ci, kh, 1)`, row `(co, r, 1, kw)` -> `(n, co, oh, ow)`.

    Raises GeometryError or ShapeError where they do not fit.

    >>> x = np.ones((1, 1, 3, 3), int)
    >>> column = np.array([3, 4, 5]).reshape(1, 1, 3, 1)
    >>> row = np.array([1, 2, 3]).reshape(1, 1, 1, 3)
    >>> spatially_separable(x, column, row, Geometry((3, 3))).tolist()
    [[[[72]]]]

    Source: lecture, "Spatially Separable Convolution".
    """
    full = geometry.explicit(x.shape[2:])
    (kh, kw), (sh, sw), (dh, dw) = full.kernel_size, full.stride, full.dilation
    ph, pw = full.pads(x.shape[2:])
    down = Geometry((kh, 1), (sh, 1), (ph, (0, 0)), (dh, 1))
    across = Geometry((1, kw), (1, sw), ((0, 0), pw), (1, dw))
    return cross_correlate(cross_correlate(x, column, down), row, across)
