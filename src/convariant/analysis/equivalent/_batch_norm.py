"""Batch normalisation of an evaluated network, folded into the convolution beside it.

Sources: Ioffe and Szegedy 2015, arXiv 1502.03167; Jacob et al. 2018, arXiv 1712.05877, section 3.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution, check_finite, take_apart
from convariant.errors import OptionError, ShapeError

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class BorderedConvolution(nn.Module):
    """A convolution plus what a constant input would give: a bias that differs at the border.

    Zeros that pad a normalised image are zeros behind the normalisation, so folding it makes the
    constant part of the result smaller where the window reaches into the padding. `border`
    convolves one channel of ones and so gives that part for any size.

    Shape: `(n, ci, h, w) -> (n, co, oh, ow)`.
    """

    def __init__(self, conv: nn.Module, border: nn.Module) -> None:
        super().__init__()
        self.conv, self.border = conv, border

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of the image and that of ones."""
        return self.conv(x) + self.border(x.new_ones(1, 1, *x.shape[2:]))


def fold_batch_norm(conv: nn.Module, norm: nn.Module) -> nn.Module:
    """A convolution and the batch normalisation behind it -> one convolution with bias.

    `W' = W scale`, `b' = (b - mean) scale + shift`, by output channel; also for grouped transposed
    convolutions, whose output channels lie in the second axis of each group's weight (where
    torch.nn.utils.fusion.fuse_conv_bn_eval fails).

    Raises OptionError for a normalisation without running statistics, ShapeError where the channels
    differ.

    >>> from convariant.analysis.equivalent import prove
    >>> conv, norm = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)
    >>> pair = nn.Sequential(conv, norm)
    >>> prove(pair, lambda pair: fold_batch_norm(*pair), (1, 3, 8, 8)).equal
    True
    """
    parts = take_apart(conv, "fold_batch_norm")
    scale, shift = affine(norm, parts.out_channels, "fold_batch_norm")
    g, co, *_ = parts.blocks.shape
    blocks = parts.blocks * scale.reshape(g, co, 1, *[1] * parts.axes)
    bias = shift if parts.bias is None else parts.bias * scale + shift
    return parts.with_blocks(blocks, bias=bias).module()


def fold_batch_norm_before(norm: nn.Module, conv: nn.Module) -> nn.Module:
    """A batch normalisation and the convolution behind it -> one convolution, exact at the border.

    The scale goes into the weight. The shift becomes a bias where every window lies inside; where
    zeros pad the image, or the convolution is transposed, windows see less of it near the border
    and a `BorderedConvolution` accounts for that.

    Raises as `fold_batch_norm`.

    >>> from convariant.analysis.equivalent import prove
    >>> norm, conv = nn.BatchNorm2d(3), nn.Conv2d(3, 8, 3, padding=1)
    >>> pair = nn.Sequential(norm, conv)
    >>> prove(pair, lambda pair: fold_batch_norm_before(*pair), (1, 3, 8, 8)).equal
    True
    """
    parts = take_apart(conv, "fold_batch_norm_before")
    scale, shift = affine(norm, parts.in_channels, "fold_batch_norm_before")
    g, _, ci, *_ = parts.blocks.shape
    over_inputs = (g, 1, ci, *[1] * parts.axes)
    scaled = parts.with_blocks(parts.blocks * scale.reshape(over_inputs))
    of_shift = (parts.blocks * shift.reshape(over_inputs)).sum(2)  # (g, co / g, *kernel)
    of_shift = of_shift.flatten(0, 1)  # (co, *kernel)
    pads = parts.geometry.padding
    pads_zeros = parts.padding_mode == "zeros" and (
        isinstance(pads, str) or any(pair != (0, 0) for pair in pads)
    )
    if not pads_zeros and not parts.transposed:
        bias = of_shift.flatten(1).sum(1)
        return scaled.replace(bias=bias if parts.bias is None else bias + parts.bias).module()
    border = Convolution(
        of_shift[None] if parts.transposed else of_shift[:, None],
        parts.bias,
        parts.geometry,
        padding_mode=parts.padding_mode,
    )
    return BorderedConvolution(scaled.replace(bias=None).module(), border.module())


def affine(norm: nn.Module, channels: int, operator: str) -> tuple[Tensor, Tensor]:
    """Scale and shift of an evaluated normalisation: `norm(x) = scale x + shift`."""
    if not isinstance(norm, _NORMS):
        raise OptionError(f"{operator} takes a BatchNorm1d, 2d or 3d, but got {norm}")
    layer: Any = norm
    if layer.running_mean is None:
        raise OptionError(
            f"{operator}: {norm} keeps no running statistics, so its result depends on the batch "
            "and cannot be folded; train it with track_running_stats=True"
        )
    if layer.num_features != channels:
        raise ShapeError(
            f"{operator}: {norm} has {layer.num_features} channels but the convolution has "
            f"{channels} there; fold the layers that follow each other"
        )
    scale = torch.rsqrt(layer.running_var + layer.eps)
    shift = -layer.running_mean * scale
    if layer.affine:
        scale, shift = scale * layer.weight, shift * layer.weight + layer.bias
    check_finite(torch.stack([scale, shift]), operator)
    return scale, shift
