"""Invariance and equivariance of whole networks: what is measured, what is guaranteed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant import models
from convariant.analysis.claims._claim import Digits, Fact, Topic, fact, measured
from convariant.analysis.symmetry import certify, measure
from convariant.nn import (
    GroupLift2d,
    ScaleConv2d,
    SphericalConv,
    SphericalPool,
    random_rotation,
    rotate_sphere,
)

topic = Topic("Invariance and equivariance")
SHIFT = 4


@topic("true", 1, 40, docs="symmetry.md#certify")
def invariance_and_equivariance_are_two_things() -> Iterator[Fact]:
    """A map is equivariant if its output moves with its input, invariant if its output stays;
    global pooling makes the one of the other.
    """
    conv = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular").double()
    for parameter in conv.parameters():
        parameter.data = (parameter.data * 8).round()  # whole numbers: no rounding
    x = torch.randint(-4, 5, (1, 1, 8, 8)).double()
    moved, image = conv(x.roll(3, 3)), conv(x)
    yield fact("convolution: f(T x) - T f(x)", int((moved - image.roll(3, 3)).count_nonzero()), 0)
    differ = int((moved - image).count_nonzero())
    yield fact("convolution: f(T x) - f(x), values that differ", differ > 0, True)
    yield fact(
        "with global pooling: f(T x) - f(x)",
        int((moved.amax((2, 3)) - image.amax((2, 3))).count_nonzero()),
        0,
    )


@topic(
    "true if", 42,
    remark="The feature maps move along by whole steps of their stride; the scores change a "
    "little, for pooling and the border break exact invariance.",
    docs="symmetry.md#the-demonstration",
)  # fmt: skip
def the_maps_of_lenet_move_with_the_digit() -> Iterator[Fact]:
    """In the LeNet demonstration the feature maps shift with the digit, and the answer stays."""
    network = models.create("lenet5")
    certificate = certify(network, (32, 32), "shift", search=False)
    by_name = {layer.name: layer for layer in certificate.layers}
    for name, modulus in (("c1", (1, 1)), ("s2", (2, 2)), ("c3", (2, 2)), ("s4", (4, 4))):
        found = next(v for n, v in by_name.items() if n == name or n.startswith(f"{name}."))
        yield fact(f"{name} follows shifts that are multiples of", found.modulus, modulus)
    yield fact("the scores", certificate.output.verdict, "broken")


@topic("true", 43, 44, docs="symmetry.md#measure")
def vanilla_networks_do_not_follow_scale_and_rotation() -> Iterator[Fact]:
    """Vanilla CNNs are not equivariant to scaling, nor to rotations in two or three dimensions."""
    torch.manual_seed(455)
    images = _smooth_images()
    network = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 5, padding=2))
    for transform, amount in (
        ("shift", 2.0),
        ("rotation", 45.0),
        ("quarter_turn", 1.0),
        ("scale", 1.5),
    ):
        result = measure(network, images, transform, amounts=(amount,))
        error = result.layers[-1].error.mean[0]
        right = (error < 1e-3) == (transform == "shift")
        yield measured(f"relative error of the maps, {transform} by {amount:g}", error, holds=right)


@topic("true", 46, docs="symmetry.md#guarantee")
def rotation_can_be_guaranteed() -> Iterator[Fact]:
    """One can design networks that are guaranteed to follow rotations: a group convolution for
    quarter turns does so exactly, a plain one does not.
    """
    x = torch.randint(-4, 5, (1, 2, 7, 7)).double()
    lift = GroupLift2d(2, 3, 3, padding=1, group="p4", bias=False).double()
    plain = nn.Conv2d(2, 12, 3, padding=1, bias=False).double()
    for layer in (lift, plain):
        layer.weight.data = (layer.weight.data * 20).round()
    turned, image = lift(x.rot90(1, (2, 3))), lift(x)
    follows = image.reshape(1, 3, 4, 7, 7).rot90(1, (3, 4)).roll(1, 2).reshape(1, 12, 7, 7)
    yield fact(
        "p4: values that differ after a quarter turn", int((turned - follows).count_nonzero()), 0
    )
    differ = int((plain(x.rot90(1, (2, 3))) - plain(x).rot90(1, (2, 3))).count_nonzero())
    yield fact("plain: values that differ", differ > 0, True)
    verdicts = [
        certify(models.create(n), (28, 28), "p4", search=False).output.verdict
        for n in ("p4_lenet", "lenet5")
    ]
    yield fact("certificates of p4_lenet and of lenet5", ", ".join(verdicts), "exact, broken")


@topic("true", 47, docs="symmetry.md#guarantee")
def spherical_networks_follow_rotations_in_space() -> Iterator[Fact]:
    """Spherical CNNs are guaranteed to be equivariant to rotations in three dimensions."""
    band = 16
    noise = torch.randn(2, 1, band, 2 * band, dtype=torch.float64)
    signal = SphericalPool(band, band).double()(noise)  # nothing beyond the band limit
    round_ = SphericalConv(1, 4, band).double()
    flat = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular").double()
    for name, layer, exact in (("spherical", round_, True), ("planar", flat, False)):
        errors = []
        for seed in range(3):
            turn = random_rotation(seed)
            turned, after = layer(rotate_sphere(signal, turn)), rotate_sphere(layer(signal), turn)
            errors.append(_relative(turned, after))
        small = max(errors) < 1e-12
        yield fact(f"{name}: 3 random rotations followed to 12 digits", small, exact)
        yield measured(f"{name}: largest relative error", max(errors))


@topic(
    "true if", 48,
    remark="Approximately: sampled images cannot be scaled exactly, and the row of scales ends.",
    docs="symmetry.md#guarantee",
)  # fmt: skip
def scale_can_be_built_in() -> Iterator[Fact]:
    """One can design networks that follow scaling too."""
    x = _smooth_images()
    enlarged = _twice(x)
    pyramid = ScaleConv2d(1, 4, (1.0, 2.0), lift=True, bias=False)
    small = pyramid(x).unflatten(1, (4, 2))[:, :, 0]
    large = pyramid(enlarged).unflatten(1, (4, 2))[:, :, 1]
    error = _relative(large, _twice(small))
    yield measured("scale convolution, image enlarged twice: error", error, holds=error < 0.15)
    plain = nn.Conv2d(1, 4, 7, padding=3, bias=False)
    other = _relative(plain(enlarged), _twice(plain(x)))
    yield measured("plain convolution: error", other, holds=other > 2 * error)


@topic.on_digits(
    "true if", 45,
    remark="Approximately, for the transformations it was trained with, and at the price of "
    "training; nothing is guaranteed.",
    docs="symmetry.md#the-experiment",
)  # fmt: skip
def augmentation_gives_approximate_invariance(digits: Digits) -> Iterator[Fact]:
    """Data augmentation makes a network approximately invariant."""
    images, labels, held_out, truth = digits
    moved = _shifted(held_out, SHIFT)
    accuracies = {}
    for name, shift in (("plain", 0), ("augmented with shifts", SHIFT)):
        network = train_on(small_network(), images, labels, shift=shift)
        accuracies[name] = accuracy(network, moved, truth)
        yield measured(f"accuracy, {name}", accuracy(network, held_out, truth))
        yield measured(f"accuracy on digits shifted up to {SHIFT} pixels, {name}", accuracies[name])
    gain = accuracies["augmented with shifts"] - accuracies["plain"]
    yield measured("gained on shifted digits", gain, holds=gain > 0.05)


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).detach().norm() / wanted.detach().norm())


def _twice(x: Tensor) -> Tensor:
    """Enlarged to twice the size."""
    return F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)


def _smooth_images() -> Tensor:
    """Blurred noise away from the border, so that resampling loses little."""
    noise = F.avg_pool2d(torch.randn(4, 1, 40, 40), 7, 1, 3)
    window = torch.hann_window(40, periodic=False)
    return noise * window[:, None] * window


def small_network(classes: int = 10) -> nn.Sequential:
    """Convolution, pooling, convolution, pooling, linear: the slide's example."""
    torch.manual_seed(455)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 49, classes),
    )


def train_on(
    network: nn.Module, images: Tensor, labels: Tensor, *, rate: float = 3e-3, shift: int = 0
) -> nn.Module:
    """Two epochs, enough to tell networks apart; digits may be shifted at random."""
    generator = torch.Generator().manual_seed(455)
    optimizer = torch.optim.AdamW(network.parameters(), rate)
    batches = [
        batch
        for _ in range(2)
        for batch in torch.randperm(len(images), generator=generator).split(32)
    ]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=len(batches), pct_start=0.2
    )
    network.train()
    for batch in batches:
        x = _shifted(images[batch], shift, generator) if shift else images[batch]
        optimizer.zero_grad()
        F.cross_entropy(network(x), labels[batch]).backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The part of the answers that is right."""
    return float((network(images).argmax(1) == labels).double().mean())


def _shifted(images: Tensor, most: int, generator: torch.Generator | None = None) -> Tensor:
    """Every image moved by a random whole number of pixels, zeros behind it."""
    generator = generator or torch.Generator().manual_seed(455)
    h, w = images.shape[2:]
    padded = F.pad(images, [most] * 4)
    starts = torch.randint(0, 2 * most + 1, (len(images), 2), generator=generator).tolist()
    return torch.stack(
        [x[:, i : i + h, j : j + w] for x, (i, j) in zip(padded, starts, strict=True)]
    )
