"""Measuring how far a network, layer by layer, moves with its input or ignores a change of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from convariant.analysis._source import Network
from convariant.analysis.symmetry._measurement import Change, Curve, LayerCurve, Measurement
from convariant.analysis.symmetry._motion import Grid, Motion, move, seen
from convariant.analysis.symmetry._observe import OUTPUT, Observed, Observer, observe
from convariant.analysis.symmetry._transforms import Transform, transform_named
from convariant.errors import DataError, OptionError
from convariant.nn._group_table import GroupName, order, turn_features

Step = TypeVar("Step")

# planes count as those of a group only where this makes the error plainly smaller
_CLEARLY = 0.5


def measure(
    model: Network,
    images: Tensor,
    transform: str | Transform,
    per_layer: bool = True,
    *,
    amounts: Sequence[float] | None = None,
    labels: Tensor | None = None,
    batch_size: int = 32,
    progress: bool = False,
) -> Measurement:
    """Compare f(T x) with T f(x): at the output, and with `per_layer` at every layer.

    `model` is a module, a graph or the path of an ONNX file; `transform` a name (shift,
    circular_shift, rotation, quarter_turn, scale, squeeze, flip, noise, permutation) or a transform
    with options. A feature map should move as its positions do over the image; noise and
    permutations move nothing. Only positions are compared that come from inside both maps. Between
    its grid points a strided layer may follow a shift by the nearer whole step; after a quarter
    turn or mirror the planes of a group feature map may permute. The error is `|f(T x) - T f(x)|`
    over the larger of both, by image.

    Shape: images `(n, c, h, w)`, labels `(n,)`.
    Raises: DataError, OptionError, UnknownNameError for what does not fit; GraphError where a
    network cannot be captured (`per_layer=False` needs no capture).

    >>> import convariant as cv
    >>> images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> model = cv.models.create("p4_lenet")
    >>> result = measure(model, images, "quarter_turn")
    >>> max(result.output.mean) < 1e-4, result.consistency.mean, result.first_change
    (True, (1.0, 1.0, 1.0, 1.0), None)
    """
    transform = transform_named(transform)
    amounts = tuple(float(a) for a in (transform.amounts if amounts is None else amounts))
    observer = observe(model, images[: max(min(batch_size, len(images)), 1)], per_layer=per_layer)
    _check(images, transform, amounts, labels, batch_size)
    tally = _Tally(observer, transform, amounts, labels)
    starts = _starts(len(images), min(batch_size, len(images)))
    steps = list(itertools.product(starts, range(len(amounts))))
    for (first, new), i in tracked(steps, progress, "measuring"):
        tally.compare(images[first : first + batch_size], first, new, i)
    return tally.result(len(images))


class _Tally:
    """Errors of every layer, image and amount as they come in."""

    def __init__(
        self,
        observer: Observer,
        transform: Transform,
        amounts: tuple[float, ...],
        labels: Tensor | None,
    ) -> None:
        self.observer, self.transform, self.amounts = observer, transform, amounts
        self.labels = labels
        count = len(amounts)
        # layer -> representation -> amount -> one error for each image
        self.errors: dict[str, dict[str, list[list[float]]]] = {n: {} for n in observer.layers}
        self.same: list[list[float]] = [[] for _ in range(count)]
        self.right: list[list[float]] = [[] for _ in range(count)]
        self.changes: dict[int, Change] = {}
        self._base: tuple[int, dict[str, Tensor]] = (-1, {})

    def compare(self, batch: Tensor, first: int, new: int, i: int) -> None:
        """Add the last `new` images of a batch that begins with image `first`, at amount i."""
        if self._base[0] != first:
            self._base = (first, dict(self.observer.run(batch)))
        base = self._base[1]
        size = (batch.shape[-2], batch.shape[-1])
        motion = self.transform.motion(size, self.amounts[i])
        changed = self.transform.apply(batch, self.amounts[i])
        skip = len(batch) - new
        # what did not change need not be run again
        same = torch.equal(changed, batch)
        for name, after in base.items() if same else self.observer.run(changed):
            layer = self.observer.layers[name]
            for kind, error in self._errors(layer, base[name], after, motion).items():
                rows = self.errors[name].setdefault(kind, [[] for _ in self.amounts])
                rows[i] += error[skip:].tolist()
            if name == OUTPUT:
                self._predictions(batch, changed, base[name], after, motion, first, skip, i)

    def _errors(
        self, layer: Observed, before: Tensor, after: Tensor, motion: Motion | None
    ) -> dict[str, Tensor]:
        """The error of each image, by how the channels may have moved."""
        found = {}
        for kind in _representations(before, motion):
            candidates = [
                _relative(moved, after, mask)
                for moved, mask in _moved(layer.grid, before, motion, kind, self.transform.circular)
            ]
            found[kind] = torch.stack(candidates).amin(0)
        return found

    def _predictions(
        self,
        batch: Tensor,
        changed: Tensor,
        before: Tensor,
        after: Tensor,
        motion: Motion | None,
        first: int,
        skip: int,
        i: int,
    ) -> None:
        """Which predicted classes stay; of maps of classes, which part of the positions."""
        grid = self.observer.layers[OUTPUT].grid
        expected, mask = next(_moved(grid, before, motion, "plain", self.transform.circular))
        old, now = (
            y.flatten(2).argmax(1) if y.dim() > 2 else y.argmax(1) for y in (expected, after)
        )
        if old.dim() > 1:
            known = torch.ones_like(old[0]) if mask is None else mask.flatten().to(old)
            share = ((old == now) * known).sum(1) / known.sum().clamp(min=1)
            self.same[i] += share[skip:].tolist()
            return
        self.same[i] += (old == now)[skip:].double().tolist()
        if self.labels is not None:
            wanted = self.labels[first : first + len(batch)].to(now.device)
            self.right[i] += (now == wanted)[skip:].double().tolist()
        for k in range(skip, len(batch)):
            if old[k] != now[k]:
                change = Change(
                    first + k, self.amounts[i], int(old[k]), int(now[k]), batch[k], changed[k]
                )
                self._keep(change)

    def _keep(self, change: Change) -> None:
        known = self.changes.get(change.index)
        strength = self.transform.strength
        if known is None or strength(change.amount) < strength(known.amount):
            self.changes[change.index] = change

    def result(self, images: int) -> Measurement:
        """All of it as curves."""
        curves = {name: self._curve(name) for name in self.observer.layers}
        changes = sorted(
            self.changes.values(), key=lambda c: (self.transform.strength(c.amount), c.index)
        )
        return Measurement(
            transform=self.transform,
            amounts=self.amounts,
            images=images,
            layers=tuple(curve for name, curve in curves.items() if name != OUTPUT),
            output=curves[OUTPUT].error,
            consistency=Curve.of_shares(self.same),
            accuracy=Curve.of_shares(self.right) if self.right[0] else None,
            changes=tuple(changes),
        )

    def _curve(self, name: str) -> LayerCurve:
        layer = self.observer.layers[name]
        kinds = self.errors[name]
        chosen, errors = [], []
        for i in range(len(self.amounts)):
            means = {k: sum(rows[i]) / len(rows[i]) for k, rows in kinds.items() if rows[i]}
            best = min(means, key=lambda k: means[k])
            if means[best] >= _CLEARLY * means["plain"]:
                best = "plain"
            chosen.append(best)
            errors.append(kinds[best][i])
        return LayerCurve(name, layer.kind, Curve.of_errors(errors), tuple(chosen))


def _representations(x: Tensor, motion: Motion | None) -> list[str]:
    """How channels may move: in place, and as planes of p4 or p4m where the grid maps to itself."""
    turned = None if motion is None else motion.quarters
    if turned in (None, (0, False)) or x.dim() < 4:
        return ["plain"]
    planes = math.prod(x.shape[1:-2])
    kinds = ["plain"]
    if planes % 4 == 0 and not turned[1]:
        kinds.append("p4")
    if planes % 8 == 0:
        kinds.append("p4m")
    return kinds


def _moved(
    grid: Grid | None, x: Tensor, motion: Motion | None, kind: str, circular: bool
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """T f(x) and where it is known, in each way that counts as following."""
    if x.dim() < 4 or motion is None:
        yield x, None
        return
    x = x.flatten(1, -3)
    if grid is None or grid.size != tuple(x.shape[-2:]):
        yield _permuted(x, motion, kind), None
        return
    own = motion.on(grid)
    x = _permuted(x, motion, kind)
    for step in _steps(own):
        yield move(x, step, circular=circular), seen(step, grid.size, circular=circular)


def _permuted(x: Tensor, motion: Motion, kind: str) -> Tensor:
    """The planes of a group feature map in the order that the element gives them."""
    if kind == "plain":
        return x
    group: GroupName = "p4m" if kind == "p4m" else "p4"
    turns, mirrored = motion.quarters or (0, False)
    labels = torch.arange(x.shape[1], dtype=torch.float64).reshape(1, -1, 1, 1)
    source = turn_features(labels, turns + 4 * mirrored, group).flatten().long()
    assert len(source) % order(group) == 0
    return x[:, source.to(x.device)]


def _steps(motion: Motion) -> Iterator[Motion]:
    """The motion itself; a pure shift that falls between positions also by whole steps."""
    yield motion
    whole = [abs(o - round(o)) < 1e-9 for o in motion.offset]
    if motion.quarters == (0, False) and not all(whole):
        options = ({math.floor(o + 1e-9), math.ceil(o - 1e-9)} for o in motion.offset)
        for down, right in itertools.product(*options):
            yield Motion(offset=(float(down), float(right)))


def _relative(moved: Tensor, after: Tensor, mask: Tensor | None) -> Tensor:
    """`|after - moved|` over the larger of both, by image, where both are known; 0 for 0 and 0."""
    after = after.flatten(1, -3) if after.dim() >= 4 else after
    if mask is not None:
        moved, after = moved[..., mask.to(moved.device)], after[..., mask.to(after.device)]
    difference = (after - moved).double().flatten(1).norm(dim=1)
    size = torch.maximum(
        after.double().flatten(1).norm(dim=1), moved.double().flatten(1).norm(dim=1)
    )
    return torch.where(difference == 0, 0.0, difference / size.clamp(min=1e-300)).cpu()


def _starts(images: int, batch: int) -> list[tuple[int, int]]:
    """(first image, how many are new): the last batch is as long as all, and overlaps."""
    starts = [(first, batch) for first in range(0, images - batch + 1, batch)]
    rest = images % batch
    return [*starts, (images - batch, rest)] if rest else starts


def _check(
    images: Tensor,
    transform: Transform,
    amounts: tuple[float, ...],
    labels: Tensor | None,
    batch_size: int,
) -> None:
    if not amounts:
        raise OptionError("measure needs at least one amount, but got amounts=[]")
    if batch_size < 1:
        raise OptionError(f"measure takes a batch_size of at least 1, but got {batch_size}")
    transform.check((images.shape[-2], images.shape[-1]), amounts)
    if labels is not None and tuple(labels.shape) != (len(images),):
        raise DataError(
            f"measure got labels of size {list(labels.shape)} for {len(images)} images; give one "
            "class number for each"
        )


def tracked(steps: Sequence[Step], progress: bool, text: str) -> Iterable[Step]:
    """The steps, with a bar on standard error where one is wanted."""
    if not progress:
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, text, console=Console(stderr=True), transient=True)
