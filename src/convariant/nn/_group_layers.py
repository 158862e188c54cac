"""Layers between group convolutions: pooling over the group and over space, normalisation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from convariant.errors import ShapeError
from convariant.geometry import Geometry
from convariant.nn._group_table import GroupName, order


def check_turns(name: str, window: Geometry, size: tuple[int, ...]) -> None:
    """Refuse an input on which the last window ends early: turned, other rows would be skipped."""
    window.output_size(size)
    for axis, (i, (begin, end)) in enumerate(zip(size, window.pads(size), strict=True)):
        stride = window.stride[axis]
        left_over = (i + begin + end - window.extent[axis]) % stride
        if left_over:
            raise ShapeError(
                f"{name} with stride {window.stride} leaves {left_over} of the {i} rows on axis "
                f"{axis} of its input {size} unread, so it would not turn with the image; use a "
                f"size of {i - left_over} or {i - left_over + stride}, or pool evenly instead"
            )


class GroupPool2d(nn.Module):
    """The maximum or mean over the group: what remains turns like an ordinary feature map.

    Followed by a global spatial pooling it makes the output invariant.

    Shape: `(n, c * |G|, h, w) -> (n, c, h, w)`.
    """

    def __init__(
        self, reduction: Literal["max", "mean"] = "max", *, group: GroupName = "p4"
    ) -> None:
        super().__init__()
        self.reduction, self.group, self.order = reduction, group, order(group)

    def forward(self, x: Tensor) -> Tensor:
        """One plane for each feature."""
        planes = x.unflatten(1, (-1, self.order))
        return planes.amax(2) if self.reduction == "max" else planes.mean(2)

    def extra_repr(self) -> str:
        """The reduction and the group."""
        return f"{self.reduction}, group={self.group!r}"


class GroupBatchNorm2d(nn.BatchNorm3d):
    """Batch normalisation with one mean, variance, weight and bias for all planes of a feature.

    Shape: `(n, c * |G|, h, w) -> (n, c * |G|, h, w)`; `num_features` is c.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        *,
        group: GroupName = "p4",
    ) -> None:
        super().__init__(num_features, eps, momentum)
        self.group, self.order = group, order(group)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised planes."""
        return super().forward(input.unflatten(1, (-1, self.order))).flatten(1, 2)

    def to_norm(self) -> nn.BatchNorm2d:
        """The plain batch normalisation with the same outputs in eval mode."""
        norm = nn.BatchNorm2d(self.num_features * self.order, self.eps, self.momentum)
        norm.to(self.weight)
        with torch.no_grad():
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).copy_(getattr(self, name).repeat_interleave(self.order))
        return norm.train(self.training)


class GroupMaxPool2d(nn.MaxPool2d):
    """Max pooling of each plane that refuses an input on which it would not turn with the image.

    Shape: `(n, c * |G|, h, w) -> (n, c * |G|, oh, ow)`. Raises: ShapeError.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The maximum of each window."""
        window = Geometry.of(2, self.kernel_size, self.stride, self.padding, self.dilation)
        check_turns("GroupMaxPool2d", window, tuple(input.shape[-2:]))
        return super().forward(input)

    def to_pool(self) -> nn.MaxPool2d:
        """The plain pooling with the same outputs, which refuses nothing."""
        return nn.MaxPool2d(
            self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )


class GroupAvgPool2d(nn.AvgPool2d):
    """Average pooling of each plane that refuses an input on which it would not turn.

    Shape: `(n, c * |G|, h, w) -> (n, c * |G|, oh, ow)`. Raises: ShapeError.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        window = Geometry.of(2, self.kernel_size, self.stride, self.padding)
        check_turns("GroupAvgPool2d", window, tuple(input.shape[-2:]))
        return super().forward(input)

    def to_pool(self) -> nn.AvgPool2d:
        """The plain pooling with the same outputs, which refuses nothing."""
        return nn.AvgPool2d(
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
