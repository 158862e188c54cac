"""Pooling: the slide's matrices, other reducers, and the two invariances it is said to give."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.analysis.claims._claim import Fact, Topic, fact
from convariant.analysis.equivalent import pool_to_depthwise, prove
from convariant.functional import pool
from convariant.nn import PolyphasePool2d

topic = Topic("Pooling")
REDUCERS = "operators.md#pooling-a-window-and-any-reducer"
MATRIX = torch.tensor([[1.0, 0, 3, 5], [3, 4, 2, 2], [1, 3, 3, 9], [5, 7, 8, 4]])[None, None]


def rows(x: Tensor) -> str:
    """A map as rows, whole numbers without a point: `[[2, 2.5], [4, 6]]`."""
    return (
        "[" + ", ".join(f"[{', '.join(f'{v:g}' for v in row)}]" for row in x[0, 0].tolist()) + "]"
    )


@topic("true", 34, picture="max_pool_i4x4_k2x2_s2.svg", docs=REDUCERS)
def max_pooling_of_the_slide() -> Iterator[Fact]:
    """2x2 max pooling with stride 2 turns the slide's 4x4 matrix into 4 5 / 7 9."""
    yield fact("F.max_pool2d", rows(F.max_pool2d(MATRIX, 2)), "[[4, 5], [7, 9]]")
    yield fact("pool(x, 'max')", rows(pool(MATRIX, "max", 2)), "[[4, 5], [7, 9]]")


@topic("true", 35, picture="mean_pool_i4x4_k2x2_s2.svg", docs=REDUCERS)
def mean_pooling_of_the_slide() -> Iterator[Fact]:
    """2x2 mean pooling with stride 2 turns it into 2 3 / 4 6."""
    yield fact("F.avg_pool2d", rows(F.avg_pool2d(MATRIX, 2)), "[[2, 3], [4, 6]]")
    yield fact("pool(x, 'mean')", rows(pool(MATRIX, "mean", 2)), "[[2, 3], [4, 6]]")


@topic("true", 36, docs=REDUCERS)
def pooling_is_convolution_with_another_operator() -> Iterator[Fact]:
    """Pooling is like convolution, with the weighted sum replaced by another operator such as the
    maximum or the mean; any reducer of a window will do.
    """
    for reducer, expected in (
        ("max", "[[4, 5], [7, 9]]"),
        ("min", "[[0, 2], [1, 3]]"),
        ("sum", "[[8, 12], [16, 24]]"),
        ("median", "[[2, 2.5], [4, 6]]"),
    ):
        yield fact(f"2x2 {reducer}", rows(pool(MATRIX, reducer, 2)), expected)
    spread = pool(MATRIX, lambda window: window.amax(-1) - window.amin(-1), 2)
    yield fact(
        "2x2 largest minus smallest, a function of our own", rows(spread), "[[4, 3], [6, 6]]"
    )
    mean = nn.AvgPool2d(3, 2, 1)
    depthwise = pool_to_depthwise(mean, 3, dtype=torch.float64)
    yield fact(
        "the mean is a convolution itself, in float64",
        prove(mean, depthwise, (1, 3, 9, 9)).equal,
        True,
    )


@topic(
    "true if", 37,
    remark="Within each window only. Elements that change windows change the result; permuting "
    "all of them leaves only global pooling as it is.",
    docs=REDUCERS,
)  # fmt: skip
def pooling_is_permutation_invariant() -> Iterator[Fact]:
    """Pooling gives invariance to permutations."""
    turned = MATRIX.reshape(1, 1, 2, 2, 2, 2).flip(3, 5).reshape(1, 1, 4, 4)  # within each 2x2
    for reducer in ("max", "mean"):
        same = torch.equal(pool(turned, reducer, 2), pool(MATRIX, reducer, 2))
        yield fact(f"{reducer}: same after turning each window round", same, True)
    exchanged = MATRIX.clone()
    exchanged[0, 0, 0, 1], exchanged[0, 0, 0, 2] = MATRIX[0, 0, 0, 2], MATRIX[0, 0, 0, 1]
    changed = rows(F.avg_pool2d(exchanged * 4, 2))
    yield fact("4 x mean before", rows(F.avg_pool2d(MATRIX * 4, 2)), "[[8, 12], [16, 24]]")
    yield fact(
        "4 x mean after two neighbours in different windows change places",
        changed,
        "[[11, 9], [16, 24]]",
    )
    shuffled = MATRIX.flatten()[torch.randperm(16, generator=torch.Generator().manual_seed(0))]
    kept = bool(shuffled.max() == MATRIX.max() and shuffled.mean() == MATRIX.mean())
    yield fact("global maximum and mean after any permutation: same", kept, True)


@topic(
    "true if", 39,
    remark="Only where the shift leaves every window's maximum in its window. For each stride "
    "above 1 some image breaks it; exact invariance takes adaptive polyphase sampling and "
    "a circular border, or global pooling of an equivariant map.",
    docs="symmetry.md#guarantee",
)  # fmt: skip
def pooling_gives_shift_invariance() -> Iterator[Fact]:
    """If only the foreground shifts and the background stays, pooling gives shift invariance."""
    inside = torch.tensor([[[[9.0, 0, 0, 0]]]])
    same = torch.equal(F.max_pool2d(inside, (1, 2)), F.max_pool2d(inside.roll(1, 3), (1, 2)))
    yield fact("9 0 0 0 shifted within its window of 2: same", same, True)
    outside = F.max_pool2d(inside.roll(2, 3), (1, 2)).flatten().int().tolist()
    yield fact("shifted out of it: 9 0 becomes", str(outside), "[0, 9]")
    smallest, before, after = _smallest_counterexample()
    yield fact("smallest row of windows of 2 that one step changes", str(smallest), "[0, 1, 0, 0]")
    yield fact(
        "what it pools to, before and after the step", f"{before}, {after}", "[1, 0], [0, 1]"
    )
    x = torch.randn(1, 4, 8, 8)
    conv = nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
    still = torch.allclose(
        conv(x).amax((2, 3)), conv(x.roll((3, 5), (2, 3))).amax((2, 3)), atol=1e-5
    )
    yield fact("circular convolution, then global maximum, any circular shift: same", still, True)
    polyphase = PolyphasePool2d(2)
    kept, moved = (polyphase(x.roll(s, 3)).flatten(2).sort().values for s in range(2))
    level = torch.equal(kept, moved)  # in some order: the map itself may shift along
    yield fact("polyphase pooling, shifts 0 and 1: same values", level, True)


def _smallest_counterexample() -> tuple[list[int], list[int], list[int]]:
    """The least row of whole windows on a background of zeros that one step changes when pooled.

    With what it is pooled to, before and after the step.
    """
    for windows in itertools.count(1):
        for row in itertools.product((0, 1), repeat=2 * windows - 1):
            x = torch.tensor([[[*row, 0]]], dtype=torch.float32)  # nothing falls off the end
            before, after = (F.max_pool1d(x.roll(step, 2), 2) for step in (0, 1))
            if not torch.equal(before, after):
                return [*row, 0], before.int().flatten().tolist(), after.int().flatten().tolist()
    raise AssertionError("unreachable: two windows are enough")
