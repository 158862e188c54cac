"""What may happen to an image: moved, turned, scaled, squeezed, mirrored, disturbed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
from torch import Tensor

from convariant.analysis.symmetry._motion import Motion, move, quarter_matrix, rotation_matrix
from convariant.errors import DataError, OptionError, UnknownNameError

Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Transform(ABC):
    """One kind of change, by an amount; `background` fills what comes into view.

    `motion` is None for a change that moves nothing: a layer then should not change at all.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    neutral: ClassVar[float] = 0.0  # the amount that changes nothing
    circular: ClassVar[bool] = False

    background: float = 0.0

    @property
    @abstractmethod
    def amounts(self) -> tuple[float, ...]:
        """The amounts that are tried unless others are asked for."""

    @abstractmethod
    def motion(self, size: Size, amount: float) -> Motion | None:
        """How pixels of an image of this size move."""

    def apply(self, images: Tensor, amount: float) -> Tensor:
        """The changed images, `(n, c, h, w) -> (n, c, h, w)`."""
        motion = self.motion((images.shape[-2], images.shape[-1]), amount)
        if motion is None or motion == Motion():
            return images
        return move(images, motion, circular=self.circular, background=self.background)

    def check(self, size: Size, amounts: Sequence[float]) -> None:  # noqa: ARG002
        """Raise DataError or OptionError where images or amounts do not fit."""
        if not all(math.isfinite(a) for a in amounts):
            raise OptionError(f"{self.name} takes finite amounts, but got {list(amounts)}")

    def strength(self, amount: float) -> float:
        """How far from no change at all; what is searched for the least."""
        return abs(amount - self.neutral)

    def label(self, amount: float) -> str:
        """The amount with its unit."""
        return f"{amount:g}{self.unit}"


@dataclass(frozen=True)
class Shift(Transform):
    """Moved by so many pixels, broken ones too (bilinear); `both` moves along the diagonal."""

    name = "shift"
    unit = " px"
    axis: Literal["w", "h", "both"] = "w"

    @property
    def amounts(self) -> tuple[float, ...]:
        """Up to four pixels either way, half pixels near zero."""
        return (-4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4)

    def motion(self, size: Size, amount: float) -> Motion:  # noqa: ARG002
        """A step."""
        down = -amount if self.axis in ("h", "both") else 0.0
        right = -amount if self.axis in ("w", "both") else 0.0
        return Motion(offset=(down, right))

    def check(self, size: Size, amounts: Sequence[float]) -> None:
        """A known axis."""
        super().check(size, amounts)
        if self.axis not in ("w", "h", "both"):
            raise OptionError(f"shift takes axis 'w', 'h' or 'both', but got {self.axis!r}")


@dataclass(frozen=True)
class CircularShift(Shift):
    """Moved with what leaves on one side coming in on the other."""

    name = "circular_shift"
    circular = True


@dataclass(frozen=True)
class Rotation(Transform):
    """Turned counter-clockwise by so many degrees about the middle, bilinear."""

    name = "rotation"
    unit = "°"

    @property
    def amounts(self) -> tuple[float, ...]:
        """A full turn in steps of 15 degrees."""
        return tuple(float(a) for a in range(-180, 181, 15))

    def motion(self, size: Size, amount: float) -> Motion:
        """A rotation about the middle."""
        return Motion.about(_centre(size), rotation_matrix(amount))


@dataclass(frozen=True)
class QuarterTurn(Transform):
    """Turned counter-clockwise by quarters, to the last bit: `torch.rot90`. Square images only."""

    name = "quarter_turn"
    unit = " quarters"

    @property
    def amounts(self) -> tuple[float, ...]:
        """All four."""
        return (0, 1, 2, 3)

    def motion(self, size: Size, amount: float) -> Motion:
        """An exact rotation about the middle."""
        return Motion.about(_centre(size), quarter_matrix(int(amount), False))

    def check(self, size: Size, amounts: Sequence[float]) -> None:
        """Square images, whole quarters."""
        super().check(size, amounts)
        if size[0] != size[1]:
            side = max(size)
            raise DataError(
                f"quarter_turn maps only square images to themselves, but these are "
                f"{size[0]}x{size[1]}; pad them to {side}x{side}, or use 'rotation', which crops"
            )
        if any(a != int(a) for a in amounts):
            raise OptionError(
                f"quarter_turn takes whole quarters, but got {list(amounts)}; use 'rotation'"
            )


@dataclass(frozen=True)
class Scale(Transform):
    """Enlarged (above 1) or reduced about the middle, bilinear."""

    name = "scale"
    unit = "×"
    neutral = 1.0

    @property
    def amounts(self) -> tuple[float, ...]:
        """Half to double."""
        return (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0)

    def motion(self, size: Size, amount: float) -> Motion:
        """A magnification of both axes."""
        return Motion.about(_centre(size), ((1 / amount, 0.0), (0.0, 1 / amount)))

    def check(self, size: Size, amounts: Sequence[float]) -> None:
        """Positive factors."""
        super().check(size, amounts)
        if any(a <= 0 for a in amounts):
            raise OptionError(f"{self.name} takes factors above 0, but got {list(amounts)}")

    def strength(self, amount: float) -> float:
        """Half is as far as double."""
        return abs(math.log(amount))


@dataclass(frozen=True)
class Squeeze(Scale):
    """The width alone enlarged (above 1) or reduced."""

    name = "squeeze"

    def motion(self, size: Size, amount: float) -> Motion:
        """A magnification of the columns."""
        return Motion.about(_centre(size), ((1.0, 0.0), (0.0, 1 / amount)))


_FLIPS = {0: "none", 1: "left-right", 2: "up-down", 3: "both"}


@dataclass(frozen=True)
class Flip(Transform):
    """Mirrored: amount 1 left to right, 2 upside down, 3 both."""

    name = "flip"
    unit = ""

    @property
    def amounts(self) -> tuple[float, ...]:
        """All of them."""
        return (0, 1, 2, 3)

    def motion(self, size: Size, amount: float) -> Motion:
        """A reflection of one axis or two."""
        rows = -1.0 if int(amount) & 2 else 1.0
        columns = -1.0 if int(amount) & 1 else 1.0
        return Motion.about(_centre(size), ((rows, 0.0), (0.0, columns)))

    def check(self, size: Size, amounts: Sequence[float]) -> None:
        """One of the four."""
        super().check(size, amounts)
        if any(a not in _FLIPS for a in amounts):
            raise OptionError(
                f"flip takes 0 (none), 1 (left-right), 2 (up-down) or 3 (both), but got "
                f"{list(amounts)}"
            )

    def label(self, amount: float) -> str:
        """In words."""
        return _FLIPS[int(amount)]


@dataclass(frozen=True)
class Noise(Transform):
    """Independent normal noise of this deviation added to every pixel."""

    name = "noise"
    unit = " σ"
    seed: int = 0

    @property
    def amounts(self) -> tuple[float, ...]:
        """Up to half the range of images in 0..1."""
        return (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

    def motion(self, size: Size, amount: float) -> None:
        """Nothing moves."""

    def apply(self, images: Tensor, amount: float) -> Tensor:
        """The same noise for the same seed, whatever the amount."""
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(images.shape, generator=generator, dtype=torch.float64)
        return images + amount * noise.to(images)

    def check(self, size: Size, amounts: Sequence[float]) -> None:
        """No negative deviation."""
        super().check(size, amounts)
        if any(a < 0 for a in amounts):
            raise OptionError(f"noise takes deviations of at least 0, but got {list(amounts)}")


@dataclass(frozen=True)
class WindowPermutation(Transform):
    """The pixels inside each window of `amount` x `amount` in another order, one order for all."""

    name = "permutation"
    unit = " px windows"
    neutral = 1.0
    seed: int = 0

    @property
    def amounts(self) -> tuple[float, ...]:
        """From single pixels, which changes nothing, to 7x7."""
        return (1, 2, 4, 7)

    def motion(self, size: Size, amount: float) -> None:
        """A max pooling of the same windows should not see it."""

    def apply(self, images: Tensor, amount: float) -> Tensor:
        """Windows permuted; what is left over at the end of an axis stays."""
        side = int(amount)
        n, c, h, w = images.shape
        rows, columns = h // side, w // side
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(side * side, generator=generator).to(images.device)
        whole = images[..., : rows * side, : columns * side]
        windows = whole.reshape(n, c, rows, side, columns, side).transpose(3, 4).flatten(-2)
        mixed = windows[..., order].unflatten(-1, (side, side)).transpose(3, 4)
        result = images.clone()
        result[..., : rows * side, : columns * side] = mixed.reshape(whole.shape)
        return result

    def check(self, size: Size, amounts: Sequence[float]) -> None:
        """Whole windows that fit into the image."""
        super().check(size, amounts)
        if any(a != int(a) or not 1 <= a <= min(size) for a in amounts):
            raise OptionError(
                f"permutation takes window sides of 1 to {min(size)} whole pixels for images of "
                f"{size[0]}x{size[1]}, but got {list(amounts)}"
            )


TRANSFORMS: dict[str, type[Transform]] = {
    kind.name: kind
    for kind in (
        Shift,
        CircularShift,
        Rotation,
        QuarterTurn,
        Scale,
        Squeeze,
        Flip,
        Noise,
        WindowPermutation,
    )
}


def transform_named(transform: str | Transform) -> Transform:
    """The transform of this name with its defaults; a transform is returned as it is.

    Raises: UnknownNameError.
    """
    if isinstance(transform, Transform):
        return transform
    if transform not in TRANSFORMS:
        raise UnknownNameError("transform", str(transform), TRANSFORMS)
    return TRANSFORMS[transform]()


def _centre(size: Size) -> tuple[float, float]:
    return (size[0] - 1) / 2, (size[1] - 1) / 2
