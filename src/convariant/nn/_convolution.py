"""Convolution and transposed convolution as modules: torch's own, with more paddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from convariant import functional
from convariant.errors import GeometryError
from convariant.functional import PaddingMode
from convariant.functional._border import check_mode
from convariant.geometry import Geometry, PaddingLike

Ints: TypeAlias = int | Sequence[int]
Device: TypeAlias = torch.device | str | int | None


class _Convolution(torch.nn.Module):
    """What `Conv1d`, `Conv2d` and `Conv3d` put before torch's class of the same name."""

    _axes: ClassVar[int]
    _operator: ClassVar[Callable[..., Tensor]]
    weight: Tensor
    bias: Tensor | None
    padding: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: PaddingLike = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        window = Geometry.of(self._axes, kernel_size, stride, padding, dilation)
        check_mode(type(self).__name__, padding_mode)
        check_channels(in_channels, out_channels, groups)
        # torch's class refuses some of the paddings, so it is told of none
        super().__init__(
            in_channels,
            out_channels,
            window.kernel_size,
            window.stride,
            dilation=window.dilation,
            groups=groups,
            bias=bias,
            device=device,
            dtype=dtype,
        )
        self.padding = _kept(padding, window)
        self.padding_mode = padding_mode

    def forward(self, input: Tensor) -> Tensor:
        """`(n, ci, h, w)` or `(ci, h, w)` -> `(n, co, oh, ow)`."""
        return self._operator(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            padding_mode=self.padding_mode,
        )


class Conv1d(_Convolution, torch.nn.Conv1d):
    """`Conv2d` on one axis: `(n, ci, w) -> (n, co, ow)`.

    >>> Conv1d(2, 4, 3, stride=2, padding="same")(torch.zeros(1, 2, 7)).shape
    torch.Size([1, 4, 4])
    """

    _axes = 1
    _operator = staticmethod(functional.conv1d)


class Conv2d(_Convolution, torch.nn.Conv2d):
    """torch.nn.Conv2d with every padding of `functional.conv2d`: one-sided, 'same' at any stride.

    The same arguments, the same initial weights under the same seed and the same state_dict: each
    loads the other's. `groups` makes it grouped convolution (1 / groups of the weights, channels
    of different groups do not meet), and with groups = in_channels depthwise convolution.

    Shapes: `(n, ci, h, w) -> (n, co, oh, ow)`, also unbatched.

    Raises GeometryError for arguments that make no window, ShapeError at the call.

    >>> Conv2d(3, 8, 3, stride=2, padding=((0, 1), (0, 1)))
    Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=((0, 1), (0, 1)))

    Source: lecture, "Convolution", "Dilated Convolution", "Grouped Convolution".
    """

    _axes = 2
    _operator = staticmethod(functional.conv2d)


class Conv3d(_Convolution, torch.nn.Conv3d):
    """`Conv2d` on three axes: `(n, ci, d, h, w) -> (n, co, od, oh, ow)`.

    >>> Conv3d(1, 2, 3, padding="same")(torch.zeros(1, 1, 4, 5, 6)).shape
    torch.Size([1, 2, 4, 5, 6])
    """

    _axes = 3
    _operator = staticmethod(functional.conv3d)


class _ConvolutionTransposed(torch.nn.Module):
    """What the transposed classes put before torch's class of the same name."""

    _axes: ClassVar[int]
    _operator: ClassVar[Callable[..., Tensor]]
    weight: Tensor
    bias: Tensor | None
    padding: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: PaddingLike = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: PaddingMode = "zeros",
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        output_size: Ints | None = None,
    ) -> None:
        window = Geometry.of(
            self._axes, kernel_size, stride, padding, dilation, output_padding, transposed=True
        )
        check_mode(type(self).__name__, padding_mode)
        check_channels(in_channels, out_channels, groups)
        if output_size is not None and any(window.output_padding):
            raise GeometryError(
                f"output_size={output_size} and output_padding={window.output_padding} both "
                "choose the output size; give one of them"
            )
        super().__init__(
            in_channels,
            out_channels,
            window.kernel_size,
            window.stride,
            output_padding=window.output_padding,
            groups=groups,
            bias=bias,
            dilation=window.dilation,
            device=device,
            dtype=dtype,
        )
        self.padding = _kept(padding, window)
        self.padding_mode = padding_mode
        self.output_size = (
            (output_size,) * self._axes if isinstance(output_size, int) else output_size
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """`(n, ci, h, w)` or `(ci, h, w)` -> `(n, co, oh, ow)`, of `output_size` where given.

        A size given here comes before the one of the constructor and before output_padding.
        """
        size = self.output_size if output_size is None else output_size
        return self._operator(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding if size is None else 0,
            self.groups,
            self.dilation,
            padding_mode=self.padding_mode,
            output_size=size,
        )

    def extra_repr(self) -> str:
        """Torch's line, and the output size where one was asked for."""
        size = "" if self.output_size is None else f", output_size={self.output_size}"
        return super().extra_repr() + size


class ConvTranspose1d(_ConvolutionTransposed, torch.nn.ConvTranspose1d):
    """`ConvTranspose2d` on one axis: `(n, ci, w) -> (n, co, ow)`.

    >>> ConvTranspose1d(2, 4, 3, stride=2, output_size=10)(torch.zeros(1, 2, 4)).shape
    torch.Size([1, 4, 10])
    """

    _axes = 1
    _operator = staticmethod(functional.conv_transpose1d)


class ConvTranspose2d(_ConvolutionTransposed, torch.nn.ConvTranspose2d):
    """torch.nn.ConvTranspose2d with every padding of `functional.conv_transpose2d`.

    It is the gradient of the convolution with the same stride, padding, dilation and groups: these
    are that convolution's arguments, not those of the sliding window one sees in pictures. Only
    `output_padding` is its own; `output_size`, here or at the call, finds it. 'same' gives
    input x stride; `padding_mode` is that of the convolution.

    The same initial weights under the same seed and the same state_dict as torch's.

    Shapes: `(n, ci, h, w) -> (n, co, oh, ow)`, also unbatched.

    Raises GeometryError for arguments that make no window, ShapeError at the call.

    >>> up = ConvTranspose2d(8, 3, 3, stride=2, padding=1)
    >>> up(torch.zeros(1, 8, 3, 3)).shape, up(torch.zeros(1, 8, 3, 3), (6, 6)).shape
    (torch.Size([1, 3, 5, 5]), torch.Size([1, 3, 6, 6]))

    Source: lecture, "2D Transposed Convolution".
    """

    _axes = 2
    _operator = staticmethod(functional.conv_transpose2d)


class ConvTranspose3d(_ConvolutionTransposed, torch.nn.ConvTranspose3d):
    """`ConvTranspose2d` on three axes: `(n, ci, d, h, w) -> (n, co, od, oh, ow)`.

    >>> ConvTranspose3d(2, 1, 2, stride=2, padding="same")(torch.zeros(1, 2, 2, 3, 4)).shape
    torch.Size([1, 1, 4, 6, 8])
    """

    _axes = 3
    _operator = staticmethod(functional.conv_transpose3d)


def _kept(padding: PaddingLike, window: Geometry) -> Any:
    """A name stays a name; numbers become torch's one per axis, or pairs where one-sided."""
    if isinstance(padding, str) or isinstance(window.padding, str):
        return padding
    if all(begin == end for begin, end in window.padding):
        return tuple(begin for begin, _ in window.padding)
    return window.padding


def check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups < 1:
        raise GeometryError(f"groups must be a positive integer, not {groups}; the least is 1")
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise GeometryError(
                f"{name} must be divisible by groups: {name}={channels}, groups={groups}; use "
                f"{name}={channels + groups - channels % groups}"
            )
