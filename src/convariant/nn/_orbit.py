"""Exact invariance around a network that stays as it is: average over the orbit, or one of it.

The orbit of an image is the set of its turned, mirrored or shifted copies. It is the same set for
every one of them; so is whatever is computed from the set alone.

Source: Murphy et al., Janossy pooling, 2019, https://arxiv.org/abs/1811.01900 (averages); Kaba et
al., Equivariance with learned canonicalization functions, 2023, https://arxiv.org/abs/2211.06489.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from convariant.errors import GeometryError, ShapeError, UnknownNameError
from convariant.nn._group_table import turn

OrbitName: TypeAlias = Literal["p4", "p4m", "shift"]


class OrbitAverage2d(nn.Module):
    """The mean of a network's outputs over all copies of each image, at |G| times the cost.

    `shift` averages over circular shifts; with `modulus` s only over those by less than s, which is
    enough for a network that is exact modulo s (`cv.symmetry.certify` says so), and over all of
    them without. Outputs are added in the order of their size, so that turned images give the same
    answer to the last bit wherever the network does the same with the same image.

    Shape: `(n, c, h, w) -> ` that of the network's output, which must not be a map.
    Raises: UnknownNameError, GeometryError, ShapeError for images that are not square (p4, p4m).

    >>> classifier = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval()
    >>> average, x = OrbitAverage2d(classifier, "p4"), torch.rand(2, 1, 4, 4)
    >>> average.passes((4, 4)), torch.equal(average(x), average(x.rot90(1, (2, 3))))
    (4, True)
    """

    def __init__(self, network: nn.Module, group: OrbitName, modulus: int | None = None) -> None:
        super().__init__()
        _check_group(group)
        if modulus is not None and modulus < 1:
            raise GeometryError(
                f"modulus={modulus} is no number of pixels; use the stride, or None"
            )
        self.network, self.group, self.modulus = network, group, modulus

    def passes(self, size: tuple[int, int]) -> int:
        """How many times the network runs for images of this size."""
        return len(_orbit(self.group, size, self.modulus))

    def forward(self, images: Tensor) -> Tensor:
        """The mean output."""
        _check_images(type(self).__name__, images, self.group)
        copies = _orbit(self.group, (images.shape[-2], images.shape[-1]), self.modulus)
        outputs = torch.stack([self.network(copy(images)) for copy in copies])
        if outputs.dim() > 3 and math.prod(outputs.shape[3:]) > 1:
            raise ShapeError(
                f"OrbitAverage2d averages answers, but the network gives maps of size "
                f"{list(outputs.shape[1:])}; pool them first"
            )
        return outputs.sort(0).values.mean(0)

    def extra_repr(self) -> str:
        """The group."""
        return repr(self.group) + ("" if self.modulus is None else f", modulus={self.modulus}")


class Canonical2d(nn.Module):
    """The network on one copy of each image that is the same for all its copies: exact, one pass.

    Of the turned copies that copy is taken whose weight lies furthest to the upper left; of the
    circular shifts the one whose rows and columns lie most in the middle. Copies that agree in this
    are compared pixel by pixel. A small change of the image may change the choice, so the answer
    jumps there; `OrbitAverage2d` does not jump.

    Shape: as the network's.
    Raises: UnknownNameError, ShapeError.

    >>> model, x = Canonical2d(nn.Flatten(), "p4m"), torch.rand(2, 1, 4, 4)
    >>> torch.equal(model(x), model(x.flip(-1).rot90(1, (2, 3))))
    True
    """

    def __init__(self, network: nn.Module, group: OrbitName) -> None:
        super().__init__()
        _check_group(group)
        self.network, self.group = network, group

    def forward(self, images: Tensor) -> Tensor:
        """The output for the canonical copies."""
        return self.network(self.canonical(images))

    def canonical(self, images: Tensor) -> Tensor:
        """The copies that are chosen, `(n, c, h, w) -> (n, c, h, w)`."""
        _check_images(type(self).__name__, images, self.group)
        choose = _centred if self.group == "shift" else self._turned
        return torch.stack([choose(image) for image in images]) if len(images) else images

    def _turned(self, image: Tensor) -> Tensor:
        h, w = image.shape[-2:]
        rows = torch.arange(h, 0, -1, dtype=torch.float64, device=image.device)
        columns = torch.arange(w, 0, -1, dtype=torch.float64, device=image.device)
        ramp = rows[:, None] + 0.618 * columns
        copies = [copy(image) for copy in _orbit(self.group, (h, w), None)]
        weights = [float((_weights(copy) * ramp).sum()) for copy in copies]
        best = max(weights)
        return _greatest([c for c, weight in zip(copies, weights, strict=True) if weight == best])

    def extra_repr(self) -> str:
        """The group."""
        return repr(self.group)


def _orbit(
    group: OrbitName, size: tuple[int, int], modulus: int | None
) -> list[Callable[[Tensor], Tensor]]:
    """What makes each copy of an image of this size."""
    if group != "shift":
        return [_turner(element) for element in range(4 if group == "p4" else 8)]
    rows, columns = (range(side if modulus is None else min(modulus, side)) for side in size)
    return [_roller(i, j) for i, j in itertools.product(rows, columns)]


def _turner(element: int) -> Callable[[Tensor], Tensor]:
    return lambda x: turn(x, element)


def _roller(down: int, right: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x.roll((down, right), (-2, -1))


def _centred(image: Tensor) -> Tensor:
    """The circular shift that brings most of the image's weight to its middle."""
    choices = [_best_rolls(image, axis) for axis in (-2, -1)]
    candidates = [
        image.roll((-i, -j), (-2, -1)) for i, j in itertools.product(choices[0], choices[1])
    ]
    return _greatest(candidates)


def _best_rolls(image: Tensor, axis: int) -> list[int]:
    """The shifts along one axis that bring most weight to the middle; several if they tie."""
    length = image.shape[axis]
    lines = _weights(image).movedim(axis, 0).flatten(1).sort(1).values.sum(1)
    place = torch.arange(length, dtype=torch.float64, device=image.device)
    bump = torch.cos((place - (length - 1) / 2) * (2 * math.pi / length))
    scores = [float((lines.roll(-i) * bump).sum()) for i in range(length)]
    best = max(scores)
    return [i for i, score in enumerate(scores) if score == best]


def _weights(image: Tensor) -> Tensor:
    """What each pixel weighs; one that is not finite weighs nothing, for it would hide the rest."""
    return image.abs().double().nan_to_num(0.0, posinf=0.0)


def _greatest(copies: list[Tensor]) -> Tensor:
    """The first in the order of a dictionary, from the greatest pixel down."""
    best = copies[0]
    for copy in copies[1:]:
        differs = (copy != best).flatten()
        if differs.any():
            first = int(differs.to(torch.uint8).argmax())
            if copy.flatten()[first] > best.flatten()[first]:
                best = copy
    return best


def _check_group(group: str) -> None:
    if group not in get_args(OrbitName):
        raise UnknownNameError("group", str(group), get_args(OrbitName))


def _check_images(name: str, images: Tensor, group: OrbitName) -> None:
    if images.dim() != 4:
        raise ShapeError(
            f"{name} takes images (n, c, h, w), but got input of size {list(images.shape)}"
        )
    h, w = images.shape[-2:]
    if group != "shift" and h != w:
        raise ShapeError(
            f"{name} turns only square images into themselves, but got {h}x{w}; pad them to "
            f"{max(h, w)}x{max(h, w)}"
        )
