"""A stream of small networks: what is called exact is, to the last bit; what broken, shows it.

Weights and images are small whole numbers, which float64 adds without rounding, so that the
networks can be held to their certificates with tolerance zero.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from convariant.analysis.symmetry import Certificate, certify, make_shift_invariant
from convariant.nn._group_table import order, turn, turn_features

MODES = ("circular", "circular", "zeros", "reflect")


class Residual(nn.Module):
    def __init__(self, channels: int, stride: int, mode: str) -> None:
        super().__init__()
        self.body = nn.Conv2d(channels, channels, 3, stride, 1, padding_mode=mode)
        self.shortcut = nn.Conv2d(channels, channels, 1, stride)

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Total(nn.Module):
    def forward(self, x):
        return x.sum((2, 3))


class Largest(nn.Module):
    def forward(self, x):
        return x.amax((2, 3))


@st.composite
def layers(draw, channels: int) -> tuple[nn.Module, int]:
    """A layer that keeps whole numbers (or halves of them) what they are, and its channels."""
    kind = draw(st.sampled_from(("conv",) * 4 + ("max", "mean", "up", "back", "residual", "relu")))
    k, s = draw(st.integers(1, 4)), draw(st.sampled_from((1, 1, 2, 3)))
    mode = draw(st.sampled_from(MODES))
    if kind == "conv":
        d, wide = draw(st.integers(1, 2)), draw(st.sampled_from((2, 4, 8)))
        pad = draw(st.sampled_from(((k - 1) * d // 2, 0)))
        return nn.Conv2d(channels, wide, k, s, pad, d, padding_mode=mode), wide
    if kind == "max":
        return nn.MaxPool2d(k, s, draw(st.sampled_from((0, k // 2)))), channels
    if kind == "mean":
        return nn.AvgPool2d(2, draw(st.integers(1, 2))), channels
    if kind == "up":
        return nn.Upsample(scale_factor=draw(st.integers(2, 3))), channels
    if kind == "back":
        return nn.ConvTranspose2d(channels, channels, s, s), channels
    if kind == "residual":
        return Residual(channels, s, mode), channels
    return nn.ReLU(), channels


@st.composite
def networks(draw, *, square: bool = False) -> tuple[nn.Module, tuple[int, ...]]:
    """One to four layers, and after them a map, a sum, a maximum, or a linear layer."""
    h = draw(st.sampled_from((4, 5, 6, 8, 9)))
    size = (1, 1, h, h if square else draw(st.sampled_from((h, 4, 6, 7))))
    model, channels = nn.Sequential(), 1
    for _ in range(draw(st.integers(1, 4))):
        layer, channels = draw(layers(channels))
        model.append(layer)
    end = draw(st.sampled_from(("map", "map", "sum", "maximum", "linear")))
    if end == "linear":
        model.append(nn.Flatten())
    elif end != "map":
        model.append(Total() if end == "sum" else Largest())
    seed = draw(st.integers(0, 100))
    try:
        y = model(torch.zeros(size))
    except RuntimeError:  # a window larger than its map
        assume(False)
    assume(y.numel() > 0 and y.numel() < 2000)
    if end == "linear":
        model.append(nn.Linear(y.shape[1], 2))
    return in_whole_numbers(model, seed), size


def in_whole_numbers(model: nn.Module, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randint(-2, 3, p.shape, generator=generator))
    return model


def images(size: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(-3, 4, (2, *size[1:]), generator=generator).double()


def is_roll(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Whether any circular shift of the map, or for other outputs none, makes one the other."""
    if before.dim() < 4:
        return torch.equal(before, after)
    places = itertools.product(*(range(n) for n in before.shape[2:]))
    return any(torch.equal(before.roll(p, (2, 3)), after) for p in places)


def check_example(model: nn.Module, certificate: Certificate, alike) -> None:
    """A broken verdict has an image; `alike` says of its two outputs whether they follow."""
    example = certificate.counterexample
    assert example is not None
    assert example.pixels > 0
    assert not alike(model(example.image), model(example.moved))


@torch.no_grad()
def check_circular(model: nn.Module, size: tuple[int, ...], *, chosen: bool = False) -> str:
    certificate = certify(model, size)
    if certificate.verdict == "broken":
        check_example(model, certificate, is_roll)
    if certificate.verdict not in ("exact", "exact modulo"):
        return certificate.verdict
    x = images(size)
    y = model(x)
    for axis, modulus in zip((2, 3), certificate.output.modulus, strict=True):
        for times in (1, 2, 3):
            moved = model(x.roll(modulus * times, axis))
            if chosen:  # content decides by how much a coarse map rolls
                assert all(is_roll(a, b) for a, b in zip(y.split(1), moved.split(1), strict=True))
                continue
            steps = 0 if y.dim() < 4 else modulus * times * y.shape[axis] // x.shape[axis]
            assert torch.equal(moved, y.roll(steps, axis) if y.dim() == 4 else y)
    return certificate.verdict


@settings(max_examples=25)
@given(networks())
def test_circular_shifts(drawn):
    check_circular(*drawn)


@pytest.mark.filterwarnings("ignore:make_shift_invariant")
@settings(max_examples=15)
@given(networks())
def test_circular_shifts_of_rewritten_networks(drawn):
    model, size = drawn
    size = (*size[:2], 12, 12 if size[2] == size[3] else 24)
    assume(not isinstance(model[-1], nn.Linear))
    made = make_shift_invariant(model, keep_sizes=False)
    try:
        made(torch.zeros(size, dtype=torch.float64))
    except (RuntimeError, ValueError):  # a stride does not divide what is left
        assume(False)
    assert check_circular(made, size, chosen=True) == "exact"


@settings(max_examples=25)
@given(networks())
@torch.no_grad()
def test_open_shifts(drawn):
    model, size = drawn
    certificate = certify(model, size, "shift")
    output = certificate.output
    if certificate.verdict == "broken":
        assert certificate.counterexample is not None
    if certificate.verdict not in ("exact", "exact modulo"):
        return
    for i, axis in enumerate((2, 3)):
        modulus, length = output.modulus[i], size[axis]
        scene = images(tuple(n + modulus * (a == axis) for a, n in enumerate(size)))
        first, second = (model(scene.narrow(axis, b, length)) for b in (0, modulus))
        inside = output.where[i] if output.where else range(first.shape[axis])
        step = round(modulus / output.stride[i])
        count = len(inside) - step
        if count > 0:
            before = first.narrow(axis, inside.start + step, count)
            assert torch.equal(second.narrow(axis, inside.start, count), before)


def turned(y: torch.Tensor, element: int) -> list[torch.Tensor]:
    """All ways in which an output may turn: planes in place, or permuted as a group's."""
    if y.dim() < 4:
        return [y]
    found = [turn(y, element)]
    for group in ("p4", "p4m"):
        if y.shape[1] % order(group) == 0 and (element < 4 or group == "p4m"):
            found.append(turn_features(y, element, group))
    return found


def symmetric(model: nn.Module) -> nn.Module:
    """Every kernel the sum of its turns and mirror images."""
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 4:
                p.copy_(sum(turn(p, element) for element in range(8)))
    return model


@settings(max_examples=40)
@given(networks(square=True), st.sampled_from(("flip", "p4", "p4m")), st.booleans())
@torch.no_grad()
def test_turns_and_mirrors(drawn, group, even):
    model, size = drawn
    model = symmetric(model) if even else model
    certificate = certify(model, size, group)
    elements = {"flip": (4,), "p4": (1, 2, 3), "p4m": range(8)}[group]
    if certificate.verdict == "exact":
        x = images(size)
        for element in elements:
            y = model(turn(x, element))
            assert any(torch.equal(y, way) for way in turned(model(x), element))
    if certificate.verdict == "broken":
        example = certificate.counterexample
        assert example is not None
        before, after = model(example.image), model(example.moved)
        ways = (way for element in elements for way in turned(before, element))
        assert not all(torch.equal(after, way) for way in ways)


@torch.no_grad()
def test_the_stream_has_all_verdicts():
    """Networks that a rule gives each verdict, so that no branch above is empty."""
    conv = nn.Conv2d(1, 2, 3, 2, 1, padding_mode="circular")
    made = in_whole_numbers(nn.Sequential(conv, Total()), 0)
    assert check_circular(made, (1, 1, 8, 6)) == "exact modulo"
    made = in_whole_numbers(nn.Sequential(nn.Conv2d(1, 2, 1), Largest()), 0)
    assert check_circular(made, (1, 1, 5, 6)) == "exact"
    made = in_whole_numbers(nn.Sequential(nn.Conv2d(1, 2, 3), Largest()), 0)
    assert check_circular(made, (1, 1, 5, 6)) == "broken"
