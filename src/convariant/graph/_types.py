"""What is known of a value before it exists: its shape and its number format."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import torch

from convariant.errors import ShapeError

DTYPE_NAMES = {
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.int16: "i16",
    torch.int8: "i8",
    torch.uint8: "u8",
    torch.bool: "bool",
    torch.complex64: "c64",
    torch.complex128: "c128",
}


@dataclass(frozen=True)
class Dim:
    """A size left open: `factor` times the batch size.

    >>> print(Dim() * 4, (Dim() * 4) // 2, Dim().at(8))
    4N 2N 8
    """

    factor: int = 1

    def at(self, batch: int) -> int:
        """The size for a batch of this many."""
        return self.factor * batch

    def __mul__(self, number: int) -> Dim:
        return Dim(self.factor * number)

    __rmul__ = __mul__

    def __add__(self, other: Dim | int) -> Dim:
        if isinstance(other, int):
            raise ShapeError(
                f"sizes {self} and {other} do not add up to a multiple of the batch N; fix the "
                "batch by capturing with dynamic_batch=False"
            )
        return Dim(self.factor + other.factor)

    __radd__ = __add__

    def __floordiv__(self, number: int) -> Dim:
        if self.factor % number:
            raise ShapeError(
                f"{self} entries do not divide by {number} for every batch size N; "
                "fix the batch by capturing with dynamic_batch=False"
            )
        return Dim(self.factor // number)

    def __str__(self) -> str:
        return "N" if self.factor == 1 else f"{self.factor}N"


Size: TypeAlias = int | Dim
Shape: TypeAlias = tuple[Size, ...]


def at_batch(shape: Shape, batch: int) -> tuple[int, ...]:
    """The shape with every open size filled in."""
    return tuple(d.at(batch) if isinstance(d, Dim) else d for d in shape)


def product(shape: Shape) -> Size:
    """The number of elements, `(N, 3, 2) -> 6N`."""
    fixed = math.prod(d for d in shape if not isinstance(d, Dim))
    open_sizes = [d for d in shape if isinstance(d, Dim)]
    if len(open_sizes) > 1:
        raise ShapeError(
            f"shape {shape_text(shape)} has the batch in two axes, so its size is no multiple of "
            "the batch; fix the batch by capturing with dynamic_batch=False"
        )
    return open_sizes[0] * fixed if open_sizes else fixed


def shape_text(shape: Shape) -> str:
    """`(Dim(), 3, 8) -> '(N, 3, 8)'`, for messages."""
    comma = "," if len(shape) == 1 else ""
    return f"({', '.join(str(d) for d in shape)}{comma})"


@dataclass(frozen=True)
class TensorType:
    """Shape and number format of a value.

    >>> print(TensorType((Dim(), 3, 224, 224), torch.float32))
    f32[N,3,224,224]
    """

    shape: Shape
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(cls, tensor: torch.Tensor) -> TensorType:
        """The type of a tensor that exists."""
        return cls(tuple(tensor.shape), tensor.dtype)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape where no size is open; raises ShapeError where one is."""
        if any(isinstance(d, Dim) for d in self.shape):
            raise ShapeError(
                f"the batch of {self} is still open; fix it with graph.at_batch(1) first"
            )
        return at_batch(self.shape, 0)

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes behind batch and channels, `(n, c, h, w) -> (h, w)`."""
        return at_batch(self.shape[2:], 0)

    @property
    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self.sizes)

    @property
    def nbytes(self) -> int:
        """The bytes that the value takes."""
        return self.numel * self.dtype.itemsize

    def with_shape(self, shape: Shape) -> TensorType:
        """The same number format in another shape."""
        return TensorType(shape, self.dtype)

    def at(self, batch: int) -> TensorType:
        """The type for a batch of this many."""
        return TensorType(at_batch(self.shape, batch), self.dtype)

    def __str__(self) -> str:
        name = DTYPE_NAMES.get(self.dtype, str(self.dtype).removeprefix("torch."))
        return f"{name}[{','.join(str(d) for d in self.shape)}]"
