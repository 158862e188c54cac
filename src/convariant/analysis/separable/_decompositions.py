"""The three ways to write a weight as a chain of smaller ones, each from rank one to exact.

Sources: Jaderberg et al. 2014, arXiv 1405.3866 (spatial); Guo et al. 2018, arXiv 1808.05517
(depthwise separable); Kim et al. 2016, arXiv 1511.06530 (Tucker); Oseledets 2011 (tensor trains).
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from convariant.analysis._convolution import Convolution
from convariant.analysis.separable._chains import (
    Form,
    Link,
    build,
    depthwise_chain,
    is_pointwise,
    spatial_chain,
    tucker_chain,
)

Ranks: TypeAlias = tuple[int, ...]
LEVELS = 32  # where two ranks vary, this many pairs from coarse to exact are offered


class Decomposition(ABC):
    """One form of one weight, at every rank.

    `blocks` is the weight (g, co / g, ci / g, *kernel) in float64. `tails` holds, for every rank
    that can be chosen, the squared singular values beyond it: `tails[j][r]` is what rank r loses
    at cut j, and the last entry is 0.
    """

    form: ClassVar[Form]

    def __init__(self, parts: Convolution) -> None:
        self.parts = parts
        self.blocks = parts.blocks.detach().double()
        self.norm = float(self.blocks.norm())
        self.precise = parts.weight.dtype == torch.float64

    @functools.cached_property
    @abstractmethod
    def tails(self) -> list[Tensor]:
        """What each rank loses, squared, at each cut."""

    @abstractmethod
    def chain(self, ranks: Ranks) -> tuple[Link, ...]:
        """The shapes of the chain of these ranks."""

    @abstractmethod
    def factors(self, ranks: Ranks) -> list[Tensor]:
        """The weights of the chain, as blocks (g, co / g, ci / g, *kernel)."""

    @classmethod
    def cuts(cls, parts: Convolution) -> int:  # noqa: ARG003
        """How many ranks there are to choose."""
        return 1

    @classmethod
    @abstractmethod
    def applies(cls, parts: Convolution) -> bool:
        """Whether the form says anything about a convolution of this shape."""

    def error(self, ranks: Ranks) -> float:
        """The part of the weight, by Frobenius norm, that these ranks lose; at most, if several.

        One rank: exactly. Several: the root of the sum of squares, which no choice exceeds.
        """
        lost = sum(float(tail[r]) for tail, r in zip(self.tails, ranks, strict=True))
        return math.sqrt(max(lost, 0.0)) / self.norm if self.norm else 0.0

    def ranks_within(self, error: float) -> Ranks:
        """The least ranks that lose no more than this."""
        allowed = (error * self.norm) ** 2 / len(self.tails)
        # rounding of the singular values themselves is no loss
        allowed += (self.norm * rounding(self.parts.weight)) ** 2
        return tuple(max(int((tail > allowed).sum()), 1) for tail in self.tails)

    def choices(self) -> Iterator[Ranks]:
        """All ranks worth trying, from coarse to exact."""
        if len(self.tails) == 1:
            yield from ((r,) for r in range(1, len(self.tails[0])))
            return
        coarse = max(float(tail[1] if len(tail) > 1 else tail[0]) for tail in self.tails)
        start = math.sqrt(coarse * len(self.tails)) / self.norm if self.norm else 0.0
        seen = dict.fromkeys(
            self.ranks_within(start * (1 - level / LEVELS)) for level in range(LEVELS + 1)
        )
        yield from seen

    def build(self, ranks: Ranks) -> nn.Sequential:
        """The modules of the chain, with the best weights of these ranks."""
        weight = self.parts.weight
        factors = [f.to(weight.device, weight.dtype) for f in self.factors(ranks)]
        return build(self.chain(ranks), factors, self.parts.bias)


class Spatial(Decomposition):
    """Height, then width (then depth): kernels kh x 1 into r channels, kernels 1 x kw out of them.

    The weight, unfolded as the matrix (ci kh) x (kw co), must have rank r.
    """

    form = "spatial"

    @classmethod
    def applies(cls, parts: Convolution) -> bool:
        """At least two axes must have something to separate."""
        return sum(k > 1 for k in parts.geometry.kernel_size) > 1

    @classmethod
    def cuts(cls, parts: Convolution) -> int:
        """One between each two axes."""
        return parts.axes - 1

    @functools.cached_property
    def tails(self) -> list[Tensor]:
        """One cut between each two axes."""
        return [
            beyond(singular_values(unfold_at(self.blocks, axis), self.precise).square().sum(0))
            for axis in range(self.parts.axes - 1)
        ]

    def chain(self, ranks: Ranks) -> tuple[Link, ...]:
        """One convolution for each axis."""
        return spatial_chain(self.parts, ranks)

    def factors(self, ranks: Ranks) -> list[Tensor]:
        """Cut by cut, from the first axis on: singular vectors stay, the rest is cut further.

        Every cut sees orthonormal vectors before it, so that each loses only what it has to; at
        the end both sides of a cut carry the root of its singular values, and neither is tiny.
        """
        g, co, ci, *kernel = self.blocks.shape
        rest, factors, channels = unfold_at(self.blocks, 0), [], ci
        before = rest.new_ones(g, ci)
        for axis, rank in enumerate(ranks):
            rest = rest.reshape(g, channels * kernel[axis], -1)
            left, values, right = self._svd(rest, first=axis == 0)
            root = values[:, :rank].sqrt().clamp(min=torch.finfo(values.dtype).tiny)
            factor = left[..., :rank].reshape(g, channels, kernel[axis], rank)
            factor = factor * root[:, None, None] / before[..., None, None]
            factors.append(self._on_axis(factor.permute(0, 3, 1, 2), axis))
            rest, channels, before = right[:, :rank] * values[:, :rank, None], rank, root
        last = rest.reshape(g, channels, kernel[-1], co) / before[..., None, None]
        return [*factors, self._on_axis(last.permute(0, 3, 1, 2), len(kernel) - 1)]

    def _svd(self, matrix: Tensor, first: bool) -> tuple[Tensor, Tensor, Tensor]:
        return self._first_svd if first else svd(matrix, self.precise)

    @functools.cached_property
    def _first_svd(self) -> tuple[Tensor, Tensor, Tensor]:
        return svd(unfold_at(self.blocks, 0), self.precise)

    def _on_axis(self, factor: Tensor, axis: int) -> Tensor:
        """`(g, out, in, k) -> (g, out, in, 1, .., k, .., 1)`."""
        shape = [1] * self.parts.axes
        shape[axis] = factor.shape[-1]
        return factor.reshape(*factor.shape[:3], *shape)


class Depthwise(Decomposition):
    """Filters for each channel alone, then a 1x1 convolution: space x depth.

    For each input channel, its filters unfold as the matrix co x (kh kw); with a depth multiplier
    of m, each of them must have rank m.
    """

    form = "depthwise"

    @classmethod
    def applies(cls, parts: Convolution) -> bool:
        """The window must be larger than 1, and channels must be mixed."""
        return not is_pointwise(parts.geometry) and parts.blocks.shape[1] > 1

    @functools.cached_property
    def tails(self) -> list[Tensor]:
        """One multiplier for all channels."""
        _, values, _ = self._svd
        return [beyond(values.square().sum((0, 1)))]

    def chain(self, ranks: Ranks) -> tuple[Link, ...]:
        """The depthwise and the pointwise convolution."""
        return depthwise_chain(self.parts, ranks[0])

    def factors(self, ranks: Ranks) -> list[Tensor]:
        """Singular vectors of each channel: of space first, of depth second."""
        (m,) = ranks
        left, values, right = self._svd  # (g, ci, co, r), (g, ci, r), (g, ci, r, taps)
        g, ci, co, _ = left.shape
        root = values[..., :m].sqrt()
        space = (right[..., :m, :] * root[..., None]).reshape(
            g * ci, m, 1, *self.parts.geometry.kernel_size
        )
        depth = (left[..., :m] * root[..., None, :]).permute(0, 2, 1, 3).reshape(g, co, ci * m)
        return [space, depth.reshape(g, co, ci * m, *[1] * self.parts.axes)]

    @functools.cached_property
    def _svd(self) -> tuple[Tensor, Tensor, Tensor]:
        return svd(self.blocks.transpose(1, 2).flatten(3), self.precise)


class Tucker(Decomposition):
    """Fewer channels: a 1x1 convolution down, the window among few channels, a 1x1 up.

    The weight, unfolded as ci x (co kh kw) and as co x (ci kh kw), must have these two ranks. A 1x1
    convolution has one: that of its matrix.
    """

    form = "tucker"

    @classmethod
    def applies(cls, parts: Convolution) -> bool:
        """Some group must have several channels to compress."""
        return max(parts.blocks.shape[1:3]) > 1

    @classmethod
    def cuts(cls, parts: Convolution) -> int:
        """One for the inputs and one for the outputs; a 1x1 convolution has only one."""
        return 1 if is_pointwise(parts.geometry) else 2

    @functools.cached_property
    def tails(self) -> list[Tensor]:
        """One for the inputs and one for the outputs; a 1x1 convolution has only one."""
        ends = [self._of_outputs]
        if not is_pointwise(self.parts.geometry):
            ends.insert(0, self._of_inputs)
        return [beyond(values.square().sum(0)) for values, _ in ends]

    def chain(self, ranks: Ranks) -> tuple[Link, ...]:
        """Down, window, up."""
        return tucker_chain(self.parts, (ranks[0], ranks[-1]))

    def factors(self, ranks: Ranks) -> list[Tensor]:
        """The leading singular vectors of both unfoldings, and the weight seen in their bases."""
        g, co, ci, *kernel = self.blocks.shape
        ones = [1] * len(kernel)
        if is_pointwise(self.parts.geometry):
            left, values, right = svd(self.blocks.reshape(g, co, ci), self.precise)
            root = values[:, : ranks[0]].sqrt()
            down = right[:, : ranks[0]] * root[..., None]
            up = left[..., : ranks[0]] * root[:, None]
            return [down.reshape(g, -1, ci, *ones), up.reshape(g, co, -1, *ones)]
        r_in, r_out = ranks
        factors, core = [], self.blocks
        if r_in < ci:
            basis = self._of_inputs[1][..., :r_in]  # (g, ci, r_in)
            core = torch.einsum("goi...,gir->gor...", core, basis)
            factors.append(basis.transpose(1, 2).reshape(g, r_in, ci, *ones))
        after = []
        if r_out < co:
            basis = self._of_outputs[1][..., :r_out]  # (g, co, r_out)
            core = torch.einsum("goi...,gor->gri...", core, basis)
            after.append(basis.reshape(g, co, r_out, *ones))
        return [*factors, core, *after]

    @functools.cached_property
    def _of_inputs(self) -> tuple[Tensor, Tensor]:
        return leading(self.blocks.movedim(2, 1), self.precise)

    @functools.cached_property
    def _of_outputs(self) -> tuple[Tensor, Tensor]:
        return leading(self.blocks, self.precise)


DECOMPOSITIONS: tuple[type[Decomposition], ...] = (Spatial, Depthwise, Tucker)


def unfold_at(blocks: Tensor, axis: int) -> Tensor:
    """`(g, co, ci, *kernel) -> (g, ci k_0 .. k_axis, k_axis+1 .. co)`: the two sides of a cut."""
    g, _, ci, *kernel = blocks.shape
    order = blocks.permute(0, 2, *range(3, blocks.dim()), 1)  # (g, ci, *kernel, co)
    return order.reshape(g, ci * math.prod(kernel[: axis + 1]), -1)


def leading(blocks: Tensor, precise: bool) -> tuple[Tensor, Tensor]:
    """Singular values (g, r) and left singular vectors (g, c, r) of `(g, c, ...)` as matrices."""
    left, values, _ = svd(blocks.flatten(2), precise)
    return values, left


def beyond(squares: Tensor) -> Tensor:
    """`(s_1, s_2, s_3) -> (s_1 + s_2 + s_3, s_2 + s_3, s_3, 0)`: what rank 0, 1, 2, 3 lose."""
    sums = squares.flip(0).cumsum(0).flip(0)
    return torch.cat([sums, sums.new_zeros(1)])


def rounding(weight: Tensor) -> float:
    """The part of a weight's norm that its own number format cannot tell from zero."""
    largest = max(weight.shape[0], weight[0].numel())
    return torch.finfo(weight.dtype).eps * math.sqrt(largest)


def offered(parts: Convolution, forms: Sequence[Form]) -> list[Decomposition]:
    """The decompositions among `forms` that say something about this convolution."""
    return [kind(parts) for kind in DECOMPOSITIONS if kind.form in forms and kind.applies(parts)]


def svd(matrix: Tensor, precise: bool) -> tuple[Tensor, Tensor, Tensor]:
    """`M = U diag(s) V` of (..., rows, columns) in float64.

    Where single precision is all that is asked, by the eigenvectors of the smaller of M M^T and
    M^T M: many times faster, and right to the root of float64's rounding.
    """
    if precise:
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        return left, values, right
    if matrix.shape[-2] > matrix.shape[-1]:
        right, values, left = svd(matrix.mT, precise)
        return left.mT, values, right.mT
    squares, vectors = torch.linalg.eigh(matrix @ matrix.mT)
    left, values = vectors.flip(-1), squares.flip(-1).clamp(min=0).sqrt()
    right = (left.mT @ matrix) / values.clamp(min=torch.finfo(values.dtype).tiny)[..., None]
    return left, values, right


def singular_values(matrix: Tensor, precise: bool) -> Tensor:
    """The singular values alone, as `svd` has them."""
    if precise:
        return torch.linalg.svdvals(matrix)
    wide = matrix if matrix.shape[-2] <= matrix.shape[-1] else matrix.mT
    return torch.linalg.eigvalsh(wide @ wide.mT).flip(-1).clamp(min=0).sqrt()
