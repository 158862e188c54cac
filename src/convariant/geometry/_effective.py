"""A transposed convolution seen as the ordinary convolution that it equals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EffectiveGeometry:
    """Zeros inserted between the inputs, then a convolution of stride 1 with the flipped kernel.

    Between neighbouring inputs stand `zeros_inserted` zeros; around them `padding` more (negative:
    cropped); after the last `extra`, on the end side only; then the kernel, flipped in space and
    with its channels swapped, slides with stride 1. These are the numbers printed under the
    pictures of transposed convolution: they are not the arguments of the operator.

    Source: Dumoulin and Visin 2016, https://arxiv.org/abs/1603.07285, relationships 8 to 14.
    """

    kernel_size: tuple[int, ...]
    dilation: tuple[int, ...]
    zeros_inserted: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    extra: tuple[int, ...]

    @property
    def stride(self) -> tuple[int, ...]:
        """Always 1 on every axis: the fraction is in the inserted zeros."""
        return (1,) * len(self.kernel_size)

    def stuffed_size(self, input_size: tuple[int, ...]) -> tuple[int, ...]:
        """The size after zeros are inserted, padded and appended: what the kernel slides over."""
        return tuple(
            (i - 1) * (z + 1) + 1 + b + e + x
            for i, z, (b, e), x in zip(
                input_size, self.zeros_inserted, self.padding, self.extra, strict=True
            )
        )

    def output_size(self, input_size: tuple[int, ...]) -> tuple[int, ...]:
        """The output size, which equals that of the transposed geometry it came from."""
        return tuple(
            n - d * (k - 1)
            for n, d, k in zip(
                self.stuffed_size(input_size), self.dilation, self.kernel_size, strict=True
            )
        )
