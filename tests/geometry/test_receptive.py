"""Receptive fields against the inputs that really reach an output."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convariant import Geometry, GeometryError
from convariant.geometry import receptive_field

links = st.builds(
    lambda k, s, p, d, transposed: Geometry(k, s, min(p, k - 1), d, transposed=transposed),
    *[st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans()],
)


def inputs_reached(chain: list[Geometry], output_index: int, length: int) -> set[int]:
    """The inputs behind one output, by walking every single tap back through the chain."""
    sizes = [length]
    for geometry in chain:
        sizes.extend(geometry.output_size((sizes[-1],)))
    reached = {output_index}
    for geometry, size in zip(reversed(chain), reversed(sizes[:-1]), strict=True):
        reached = {i for o in reached for i, _ in geometry.taps(0, o, (size,))}
    return reached


@given(st.lists(links, min_size=1, max_size=4), st.integers(0, 50))
def test_region_is_the_hull_of_the_inputs_reached(chain: list[Geometry], offset: int) -> None:
    """In the middle of a long line, where no padding interferes."""
    length = 300
    try:
        size = length
        for geometry in chain:
            (size,) = geometry.output_size((size,))
    except GeometryError:
        return
    output_index = size // 2 + offset % max(size // 4, 1)
    reached = inputs_reached(chain, output_index, length)
    (region,) = receptive_field(chain).region((output_index,))
    if reached:
        # dilation leaves holes, so the walk may touch fewer, never more and never wider
        assert min(reached) >= region.start
        assert max(reached) < region.stop
    if all(not g.transposed and g.dilation == (1,) and g.kernel_size >= g.stride for g in chain):
        assert reached == set(region)


def test_recurrence_of_resnet18() -> None:
    """Stem, pool, then 16 convolutions: 435 / 32 / 217 (facts of the field)."""
    chain = [Geometry(7, 2, 3), Geometry(3, 2, 1)]
    for stage in range(4):
        for block in range(2):
            chain += [Geometry(3, 2 if stage and not block else 1, 1), Geometry(3, 1, 1)]
    field = receptive_field([g.on_axes(2) for g in chain])
    assert field.size == field.smallest == (435, 435)
    assert field.jump == (32, 32)
    assert field.padding == (217, 217)
    assert field.centre((0, 0)) == (0, 0)


def test_unet_output_sees_188_or_204_pixels_by_position() -> None:
    double = [Geometry(3), Geometry(3)]
    down = [*double, Geometry(2, 2)]
    up = [Geometry(2, 2, transposed=True), *double]
    field = receptive_field([*(down * 4), *double, *(up * 4)])
    assert (field.smallest, field.size, field.jump) == ((188,), (204,), (1,))
    bottom = receptive_field([*(down * 4), *double])
    assert (bottom.size, bottom.jump) == ((140,), (16,))


def test_enlarging_chain_has_a_fractional_jump() -> None:
    field = receptive_field([Geometry(4, 2, 1, transposed=True)])
    assert field.jump == (Fraction(1, 2),)
    assert (field.smallest, field.size) == ((2,), (2,))
    gaps = receptive_field([Geometry(1, 2, transposed=True)])
    assert (gaps.smallest, gaps.size) == ((0,), (1,))


def test_same_is_resolved_along_the_path() -> None:
    """TensorFlow-padded ResNet-50 reaches 483 with 239 elements of padding (published)."""
    chain = [Geometry(7, 2, "same"), Geometry(3, 2, "same")]
    with pytest.raises(GeometryError, match="depends on the input size.*input_size="):
        receptive_field(chain)
    field = receptive_field(chain, input_size=(224,))
    assert (field.size, field.jump, field.padding) == ((11,), (4,), (2,))
    assert receptive_field([Geometry(3, padding="same")]).padding == (1,)


def test_gradient_reaches_exactly_the_region() -> None:
    layers = torch.nn.Sequential(
        torch.nn.Conv1d(1, 1, 3, stride=2, padding=1), torch.nn.ConvTranspose1d(1, 1, 4, 2, 1)
    ).double()
    for layer in layers:
        torch.nn.init.ones_(layer.weight)
    x = torch.ones(1, 1, 40, dtype=torch.float64, requires_grad=True)
    field = receptive_field([Geometry(3, 2, 1), Geometry(4, 2, 1, transposed=True)])
    for o in (16, 17, 18):
        (grad,) = torch.autograd.grad(layers(x)[0, 0, o], x)
        (region,) = field.region((o,))
        assert grad.flatten().nonzero().flatten().tolist() == list(region)


def test_bad_input() -> None:
    with pytest.raises(GeometryError, match="chain is empty"):
        receptive_field([])
    with pytest.raises(GeometryError, match="has 1 axes, the chain has 2"):
        receptive_field([Geometry((3, 3))]).region((0,))
