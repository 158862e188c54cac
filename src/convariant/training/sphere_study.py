"""A spherical CNN beside a planar one on digits on the sphere, turned at random in space.

Both see the same signals: digits on the northern half, cut off at the band limit. Each is trained
on them upright, and turned, and asked about upright ones and about turned ones.

Source: Cohen, Geiger, Köhler and Welling, Spherical CNNs, 2018, https://arxiv.org/abs/1801.10130
(the protocol); Esteves et al. 2018, https://arxiv.org/abs/1711.06721 (the filters).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from convariant.analysis._table import table
from convariant.errors import OptionError
from convariant.nn import (
    SphericalCNN,
    SphericalTransform,
    image_on_sphere,
    random_rotation,
    rotate_sphere,
)
from convariant.training._digit_recipe import digits, fit_digits, spread
from convariant.training._report import Reporter
from convariant.training._seeds import check_seeds
from convariant.training._study_results import percent

BAND = 24
ROTATIONS = 1000  # different ones of the training images; those held out get others


def planar_network() -> nn.Sequential:
    """Plain convolutions on the grid of rings, which is closed to a circle along the rings."""

    def block(ci: int, co: int) -> tuple[nn.Module, ...]:
        conv = nn.Conv2d(ci, co, 3, padding=1, bias=False)
        return conv, nn.BatchNorm2d(co), nn.ReLU(), nn.MaxPool2d(2)

    return nn.Sequential(
        *(*block(1, 16), *block(16, 32), *block(32, 28)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(28, 10)),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "spherical": lambda: SphericalCNN(band=BAND, widths=(32, 64)),
    "planar": planar_network,
}


@dataclass(frozen=True)
class SphereTrial:
    """One network, trained on `upright` or `turned` digits.

    `upright` and `turned` are the accuracies on held-out digits, `same` the part of answers that
    turning leaves as they were, `error` the mean relative change of the outputs; `seconds` is
    processor time of the training.
    """

    network: str
    trained: str
    seed: int
    params: int
    seconds: float
    upright: float
    turned: float
    same: float
    error: float


@dataclass(frozen=True)
class SphereStudy:
    """All trials; prints as a table of means over the seeds with standard deviations."""

    trials: tuple[SphereTrial, ...]

    def __str__(self) -> str:
        rows = []
        for network, trained in dict.fromkeys((t.network, t.trained) for t in self.trials):
            own = [t for t in self.trials if (t.network, t.trained) == (network, trained)]
            cells = [percent([getattr(t, name) for t in own]) for name in _SHARES]
            seconds = statistics.mean(t.seconds for t in own)
            rows.append([network, trained, own[0].params, round(seconds), *cells])
        headings = ["network", "trained", "params", "s", *(f"{name} %" for name in _SHARES)]
        return table(headings, rows)

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {"band": BAND, "trials": [asdict(t) for t in self.trials]}


_SHARES = ("upright", "turned", "same", "error")


def run_sphere_study(
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 10,
    images: int = 500,
    learned: int | None = None,
    reporter: Reporter | None = None,
) -> SphereStudy:
    """Train both networks on upright and on turned digits with every seed.

    `images` of those held out are asked; `learned` is how many digits are trained on, by default
    all.

    Raises: OptionError, MissingDependencyError.
    """
    train, labels = digits("train", 28)
    learned = len(train) if learned is None else learned
    check_seeds(seeds)
    if min(epochs, images, learned) < 1:
        raise OptionError(
            f"the study takes at least one epoch and image, but got epochs={epochs}, "
            f"images={images}, learned={learned}"
        )
    reporter = reporter or Reporter()
    train, labels = spread(learned, train, labels)
    asked, answers = spread(images, *digits("held_out", 28))
    train, asked = _on_sphere(train), _on_sphere(asked)
    kinds = {"upright": train, "turned": _turned(train, 0)}
    turned = _turned(asked, 10_000)
    trials = []
    work = [(seed, trained, name) for seed in seeds for trained in kinds for name in NETWORKS]
    for done, (seed, trained, name) in enumerate(work):
        reporter.advance("networks", done, len(work))
        torch.manual_seed(seed)
        model = NETWORKS[name]()
        began = time.process_time()
        fit_digits(model, kinds[trained], labels, epochs)
        seconds = time.process_time() - began
        trials.append(_asked(model, name, trained, seed, seconds, asked, turned, answers))
        reporter.note(
            f"{name}, trained {trained}, seed {seed}: {trials[-1].upright:.1%} upright, "
            f"{trials[-1].turned:.1%} turned"
        )
    reporter.close()
    return SphereStudy(tuple(trials))


@torch.no_grad()
def _asked(
    model: nn.Module,
    name: str,
    trained: str,
    seed: int,
    seconds: float,
    upright: Tensor,
    turned: Tensor,
    answers: Tensor,
) -> SphereTrial:
    y, z = (torch.cat([model(part) for part in x.split(100)]) for x in (upright, turned))
    first, second = y.argmax(1), z.argmax(1)
    return SphereTrial(
        network=name,
        trained=trained,
        seed=seed,
        params=sum(p.numel() for p in model.parameters()),
        seconds=seconds,
        upright=_share(first == answers),
        turned=_share(second == answers),
        same=_share(first == second),
        error=float(((z - y).norm(dim=1) / y.norm(dim=1)).mean()),
    )


def _on_sphere(x: Tensor) -> Tensor:
    """Images as signals on the sphere below the band limit, `(n, 1, h, w) -> (n, 1, L, 2 L)`."""
    transform = SphericalTransform(BAND)
    return transform.inverse(transform(image_on_sphere(x, BAND)))


def _turned(x: Tensor, first: int) -> Tensor:
    """Each image by one of `ROTATIONS` rotations in space; neighbours, of one class, by others."""
    y = torch.empty_like(x)
    for i in range(min(ROTATIONS, len(x))):
        y[i::ROTATIONS] = rotate_sphere(x[i::ROTATIONS], random_rotation(first + i))
    return y


def _share(hits: Tensor) -> float:
    return float(hits.double().mean())
