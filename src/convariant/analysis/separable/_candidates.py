"""For one layer of a network: what could stand in its place, at what cost and what error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from convariant.analysis._convolution import Convolution, take_apart
from convariant.analysis._layers import Calls, Layer
from convariant.analysis.separable import _chains
from convariant.analysis.separable._chains import Form
from convariant.analysis.separable._decompositions import Decomposition, Ranks, offered
from convariant.errors import OptionError

MEASURED_RANKS = 8  # of each form, this many ranks are tried on activations


@dataclass(frozen=True)
class Candidate:
    """A chain that may replace a convolution; without `decomposition`, the convolution itself."""

    decomposition: Decomposition | None
    ranks: Ranks
    params: int
    macs: int
    error: float


@dataclass
class Site:
    """A convolution that may be replaced, and how it is called."""

    layer: Layer
    parts: Convolution
    input_sizes: list[tuple[int, ...]]
    note: str = ""
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def kept(self) -> Candidate:
        """The convolution as it is: no error."""
        chain = _chains.chain_of(self.parts)
        return Candidate(None, (), _chains.params(chain), self.macs(chain), 0.0)

    def candidate(
        self, decomposition: Decomposition, ranks: Ranks, error: float | None = None
    ) -> Candidate:
        """A chain in place of the convolution; its error is that of the weight unless given."""
        chain = decomposition.chain(ranks)
        lost = decomposition.error(ranks) if error is None else error
        return Candidate(decomposition, ranks, _chains.params(chain), self.macs(chain), lost)

    def macs(self, chain: Sequence[_chains.Link]) -> int:
        """Multiply-adds of a chain over all calls."""
        return sum(_chains.macs(chain, size) for size in self.input_sizes)


def make_site(layer: Layer, calls: Calls, operator: str) -> Site:
    """A layer with the sizes that it saw; a note says why it has to stay, if it does."""
    parts = take_apart(layer.module, f"{operator} of {layer.path or 'model'}")
    site = Site(layer, parts, [tuple(x.shape[2:]) for x in calls.inputs])
    if not calls.inputs:
        site.note = "not used by this input"
    elif not calls.plain:
        site.note = "called with an output size"
    elif any(x.dim() != parts.axes + 2 for x in calls.inputs):
        site.note = "called without a batch"
    return site


def add_candidates(site: Site, forms: Sequence[Form], calls: Calls | None) -> None:
    """Every chain that is cheaper than the convolution, with the error that it makes.

    Of the weight, or, where calls with real images are given, of the outputs they had.
    """
    if site.note:
        return
    dense = site.kept
    for decomposition in offered(site.parts, forms):
        chains = {ranks: decomposition.chain(ranks) for ranks in decomposition.choices()}
        cheaper = [
            ranks
            for ranks, chain in chains.items()
            if site.macs(chain) < dense.macs and _chains.params(chain) < dense.params
        ]
        for ranks in cheaper if calls is None else _thinned(cheaper):
            error = None if calls is None else output_error(decomposition.build(ranks), calls)
            site.candidates.append(site.candidate(decomposition, ranks, error))
    if not site.candidates:
        site.note = "no form of it is cheaper"


def _thinned(choices: list[Ranks]) -> list[Ranks]:
    """Some of the ranks, evenly from the least to the largest."""
    if len(choices) <= MEASURED_RANKS:
        return choices
    last = len(choices) - 1
    kept = sorted({round(i * last / (MEASURED_RANKS - 1)) for i in range(MEASURED_RANKS)})
    return [choices[i] for i in kept]


@torch.no_grad()
def output_error(chain: nn.Module, calls: Calls) -> float:
    """`|chain(x) - y| / |y|` over all calls."""
    wrong, whole = 0.0, 0.0
    for x, y in zip(calls.inputs, calls.outputs, strict=True):
        wrong += float((chain(x) - y).square().sum())
        whole += float(y.square().sum())
    return (wrong / whole) ** 0.5 if whole else wrong**0.5


def within_error(site: Site, error: float) -> Candidate:
    """The cheapest candidate that loses no more than this."""
    allowed = [c for c in site.candidates if c.error <= error]
    return min([*allowed, site.kept], key=lambda c: (c.macs, c.error))


def within_budget(sites: Sequence[Site], budget: float) -> list[Candidate]:
    """One candidate for each site, together within this share of the multiply-adds.

    From the convolutions as they are, again and again the step is taken that saves most
    multiply-adds for each bit of squared error, along the lower convex hull of every site. What is
    then left of the budget goes, one site after the other, where it lowers the error most.

    Raises OptionError where even the cheapest candidates exceed the budget.
    """
    hulls = [list(_hull([site.kept, *site.candidates])) for site in sites]
    total = sum(hull[0].macs for hull in hulls)
    least = sum(hull[-1].macs for hull in hulls)
    if least > budget * total:
        raise OptionError(
            f"factorize: no choice of ranks meets budget={budget:g}; the cheapest one still takes "
            f"{least / total:.3f} of the multiply-adds; ask for at least {_up(least / total)}"
        )
    place = [0] * len(hulls)
    steps = sorted(
        (_slope(hull[i], hull[i + 1]), site, i)
        for site, hull in enumerate(hulls)
        for i in range(len(hull) - 1)
    )
    for _, site, i in steps:  # along each hull the slopes rise, so its steps come in order
        if sum(hull[at].macs for hull, at in zip(hulls, place, strict=True)) <= budget * total:
            break
        place[site] = i + 1
    chosen = [hull[at] for hull, at in zip(hulls, place, strict=True)]
    return _spend(sites, chosen, int(budget * total) - sum(c.macs for c in chosen))


def _spend(sites: Sequence[Site], chosen: list[Candidate], left: int) -> list[Candidate]:
    """Exchange candidates for better ones while the multiply-adds that are left allow it."""
    while True:
        better = [
            (old.error**2 - new.error**2, at, new)
            for at, (site, old) in enumerate(zip(sites, chosen, strict=True))
            for new in [*site.candidates, site.kept]
            if new.error < old.error and new.macs - old.macs <= left
        ]
        if not better:
            return chosen
        _, at, new = max(better, key=lambda step: step[0])
        left -= new.macs - chosen[at].macs
        chosen = [*chosen[:at], new, *chosen[at + 1 :]]


def _hull(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """Those of the lower convex hull of squared error over multiply-adds, the dearest first."""
    hull: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (-c.macs, c.error)):
        if hull and candidate.macs == hull[-1].macs:
            continue
        while hull and candidate.error <= hull[-1].error:
            hull.pop()  # cheaper and no worse
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-2], candidate):
            hull.pop()
        hull.append(candidate)
    yield from hull


def _slope(dear: Candidate, cheap: Candidate) -> float:
    """Squared error that one saved multiply-add costs."""
    return (cheap.error**2 - dear.error**2) / (dear.macs - cheap.macs)


def _up(value: float) -> float:
    """The next two decimals above."""
    return min(int(value * 100 + 1) / 100, 1.0)
