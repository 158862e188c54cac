"""Elements around a value: zeros, a constant, or its own repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.graph._types import Dim, Size, TensorType, shape_text
from convariant.graph.ops._base import Op, Reach, Taps, Types, expect
from convariant.graph.ops._conv import flat
from convariant.graph.ops._shape import bracket

PadMode: TypeAlias = Literal["constant", "reflect", "replicate", "circular"]


@dataclass(frozen=True)
class Pad(Op):
    """Elements before and after each axis; a negative number crops.

    `reflect` pads `1234 -> 32123432`, `replicate` `1111234444`, `circular` `34123412`, each by as
    much as asked.
    """

    pads: tuple[tuple[int, int], ...]
    mode: PadMode = "constant"
    value: float = 0.0

    def infer(self, x: TensorType) -> Types:
        """Every axis longer by its two numbers."""
        expect(
            len(self.pads) == x.rank,
            f"pad has {len(self.pads)} pairs for the {x.rank} axes of {shape_text(x.shape)}; "
            "give one (begin, end) per axis",
        )
        sizes: list[Size] = []
        for size, (b, e) in zip(x.shape, self.pads, strict=True):
            if isinstance(size, Dim):
                expect(b == e == 0, f"pad {self.pads} pads the open batch axis of {x}; use (0, 0)")
                sizes.append(size)
                continue
            limit = {"reflect": size - 1, "circular": size}.get(self.mode)
            expect(
                size + b + e >= 0 and (limit is None or max(b, e) <= limit),
                f"Padding size should be less than the corresponding input dimension, but got: "
                f"padding {(b, e)} for an axis of {size} in mode {self.mode!r}; the most is {limit}"
                if limit is not None
                else f"pad {(b, e)} crops more than the axis of {size} has; crop less",
            )
            sizes.append(size + b + e)
        return (x.with_shape(tuple(sizes)),)

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """F.pad for constants, else each axis gathered."""
        if self.mode == "constant":
            return (F.pad(x, flat(self.pads), value=self.value),)
        for axis, (b, e) in enumerate(self.pads):
            if (b, e) != (0, 0):
                source = torch.tensor(self.source(axis, x.shape[axis]), device=x.device)
                x = x.index_select(axis, source)
        return (x,)

    def source(self, axis: int, size: int) -> list[int]:
        """Where each element of a padded axis of that size comes from; -1 is the constant.

        >>> Pad(((2, 1),), "reflect").source(0, 4)
        [2, 1, 0, 1, 2, 3, 2]
        """
        begin, end = self.pads[axis]
        positions = range(-begin, size + end)
        if self.mode == "constant":
            return [p if 0 <= p < size else -1 for p in positions]
        if self.mode == "replicate":
            return [min(max(p, 0), size - 1) for p in positions]
        if self.mode == "circular":
            return [p % size for p in positions]
        period = max(2 * (size - 1), 1)
        return [size - 1 - abs(size - 1 - p % period) for p in positions]

    def text(self) -> str:
        """`[(0,0),(1,1)]`, the mode and value where they are not zeros."""
        pairs = bracket(tuple(f"({b},{e})" for b, e in self.pads))
        if self.mode != "constant":
            return f"{self.mode} {pairs}"
        return pairs + (f" of {self.value:g}" if self.value else "")

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:  # noqa: ARG002
        """The position before padding; what mirrored padding repeats is not followed."""
        return (tuple(Taps(axis, ((-b,),)) for axis, (b, _) in enumerate(self.pads)),)
